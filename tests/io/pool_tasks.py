"""Tasks of a worker pool, which a process that is started has to be able to import."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scraper.core.errors import ArchiveError

LONGEST_S: Final = 30.0
"""A process that never comes is waited for so long; the test fails then, and does not hang."""
_MET: Final[set[Path]] = set()
"""Pipes at which this process has met another."""


@dataclass(frozen=True, slots=True)
class Number:
    """Tells who did it; in another process than `parent` it does what `there` says first.

    `meeting`: a named pipe at which two processes wait for each other, so that neither takes every task.
    """

    number: int
    parent: int
    there: str = ""
    meeting: Path | None = None

    def perform(self, archive: object) -> tuple[int, str]:
        if self.meeting is not None and self.meeting not in _MET:
            _MET.add(self.meeting)
            _meet(self.meeting, reads=os.getpid() == self.parent)
        if os.getpid() != self.parent:
            match self.there:
                case "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "refused":
                    raise ArchiveError(f"{self.number} cannot be read. Nothing was changed.")
                case "broken":
                    raise ZeroDivisionError(self.number)
        return self.number, type(archive).__name__


def _meet(pipe: Path, *, reads: bool) -> None:
    if not reads:
        pipe.write_bytes(b"here")
        return
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        select.select([descriptor], [], [], LONGEST_S)
    finally:
        os.close(descriptor)
