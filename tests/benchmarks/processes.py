"""Measured processes: wall and CPU time and the peak memory of a command, its children included."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02
LONGEST_S = 300
"""A command that takes longer hangs."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a command took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    """Resident memory of the command and its children together, looked at 50 times a second (Linux): of the children
    without what they map of files, as libraries, which the command has mapped too. Elsewhere the command's own highest,
    which a process inherits from the one that starts it: no less than that one's."""


def compiled_once() -> dict[str, str]:
    """This process's environment without the variable by which every start would compile the program again.

    An installed program is compiled when it is installed. In a clone, with that variable, each start of `scraper plan`
    would spend half a second on it, while a script of installed libraries would not.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(words: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end; raise CalledProcessError, with what it said, where it fails.

    `environment`: default: `compiled_once`.
    """
    said = directory / "said.txt"
    with said.open("wb") as told:
        began = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=directory, env=environment or compiled_once(), stdin=subprocess.DEVNULL, stdout=told, stderr=told
        )
        watch = _Watcher(process.pid)
        ending = threading.Timer(LONGEST_S, process.kill)
        ending.start()
        _, status, own = os.wait4(process.pid, 0)
        ending.cancel()
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = watch.stop()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(words), said.read_bytes().decode()[-4000:])
    return Used(wall_s, own.ru_utime + own.ru_stime, peak or own.ru_maxrss * 1024)


class _Watcher:
    """Looks at the memory of a process tree until told to stop."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            first, *others = _tree(self._pid)
            resident = _resident(first) + sum(_resident(each, of_files=False) for each in others)
            self._peak = max(self._peak, resident)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            for thread in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        except (OSError, ValueError):
            continue
    return found


def _resident(pid: int, *, of_files: bool = True) -> int:
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident if of_files else resident - shared) * resource.getpagesize()
    except (OSError, ValueError):
        return 0
