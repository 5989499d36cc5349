"""The worker: a Python process that carries out functions, and never outlives its orders by more than the last."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.core.errors import UnreadableError
from scraper.io import posix
from scraper.io.worker import Worker, WorkerGoneError


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    one.close()


def test_it_carries_out_functions_in_one_other_process(worker: Worker) -> None:
    assert [worker.call(os.getpid) for _ in range(2)] == [worker.pid] * 2


def test_what_a_function_raises_is_raised_here_and_the_next_order_is_carried_out(worker: Worker) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        worker.call(int, "x")
    assert worker.call(int, "7") == 7


def test_an_error_comes_with_all_that_it_is_made_of(worker: Worker) -> None:
    with pytest.raises(FileNotFoundError) as met:
        worker.call(os.stat, "/nowhere")
    assert (met.value.errno, met.value.filename) == (errno.ENOENT, "/nowhere")
    with pytest.raises(UnreadableError, match="/here cannot be read: because"):
        worker.call(refuse, "/here", "because")


def refuse(place: str, reason: str) -> None:
    raise UnreadableError(place, reason)


def test_items_reach_the_function_one_by_one(worker: Worker) -> None:
    assert worker.call(sum, items=iter(range(1_000))) == 499_500


def test_a_function_that_leaves_items_over_is_answered_all_the_same(worker: Worker) -> None:
    with pytest.raises(TypeError):
        worker.call(sum, items=iter([1, "x", *range(1_000)]))
    assert worker.call(any, items=iter(range(1_000)))
    assert worker.call(len, "after") == 5


def test_an_error_of_the_items_is_raised_here_and_the_next_order_is_carried_out(worker: Worker) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        worker.call(list, items=items())
    assert worker.call(list, items=iter([1, 2])) == [1, 2]


def test_signals_that_end_a_run_leave_its_worker_alone(worker: Worker) -> None:
    for ends in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(worker.pid, ends)
    assert worker.call(os.getpid) == worker.pid
    assert worker.call(os.getsid, 0) == worker.pid, "a terminal's signals do not reach it"


def test_a_killed_worker_is_told_with_its_signal() -> None:
    one = Worker()

    def items() -> Iterator[int]:
        yield 1
        os.kill(one.pid, signal.SIGKILL)
        yield from range(10**9)

    with pytest.raises(WorkerGoneError, match="signal 9"):
        one.call(list, items=items())
    with pytest.raises(WorkerGoneError, match="signal 9"):
        one.call(os.getpid)
    one.close()


ORPHAN = """
import os, sys, signal
from scraper.io.worker import Worker
one, lock = Worker(), os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
from scraper.core.errors import UnreadableError
from scraper.io import posix
posix.lock(lock, wait=True)
one.call(os.getpid)  # it is ready
def items():
    print(one.pid, flush=True)
    sys.stdin.readline()
    yield 1
    os.kill(os.getpid(), signal.SIGKILL)
one.call(list, items=items(), descriptor=lock)
"""
"""A script without a guard, as a notebook is: its worker never runs it again."""


def test_an_orphan_holds_the_lock_it_was_given_until_it_ends_and_ends_at_once(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    script = tmp_path / "script.py"
    script.write_text(ORPHAN)
    with subprocess.Popen(
        [sys.executable, str(script), str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        os.kill(orphan, signal.SIGSTOP)  # as if it were busy when the other one dies
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait() == -signal.SIGKILL
    with file.open("rb") as opened:
        assert not posix.lock(opened.fileno(), wait=False), "it is held by the orphan"
        os.kill(orphan, signal.SIGCONT)
        assert posix.lock(opened.fileno(), wait=True)
