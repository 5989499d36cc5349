"""The process of a lane: performs the tasks that it is sent, until the pipe ends (`lanes`)."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from queue import SimpleQueue
from typing import Any

from scraper.core.errors import ScraperError
from scraper.io.archive.lanes import Place, Task
from scraper.io.archive.parquet import ParquetArchive


def main() -> None:
    """Answer each task with ``(failed, result or error)``; nothing else may write to the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    place: Place = pickle.load(sys.stdin.buffer)  # noqa: S301 - of the process that started this one
    archive = ParquetArchive(place.data, place.tables, place.catalogue)
    tasks: SimpleQueue[Task[Any]] = SimpleQueue()
    threading.Thread(target=_read, args=(tasks,), daemon=True).start()
    with archive.keeping_selects():
        while True:
            pickle.dump(_answered(tasks.get(), archive), answers)
            answers.flush()


def _read(tasks: SimpleQueue[Task[Any]]) -> None:
    """Read tasks while the main thread works; the end of the pipe is the end of whoever sent them."""
    while True:
        try:
            tasks.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - as above
        except (EOFError, OSError):
            os._exit(0)


def _answered(task: Task[Any], archive: ParquetArchive) -> tuple[bool, Any]:
    try:
        return False, task.perform(archive)
    except ScraperError as error:
        return True, error
    except Exception as error:
        return True, RuntimeError(f"{type(error).__name__}: {error}")
