"""A clock that all processes of a test share: the machine's, moved ahead by what a file says.

A night takes seconds; then the file is written anew, and for every worker, run and vendor it is the next night.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "TESTS_MOVED_CLOCK"
"""The path of the file."""


class MovedByFile:
    """The Clock port."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of_environment(cls) -> MovedByFile:
        return cls(Path(os.environ[VARIABLE]))

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._path.read_text()))

    def go_to(self, moment: datetime) -> None:
        """Make it that instant, for every process at once."""
        beside = self._path.with_suffix(".new")
        beside.write_text(repr((moment - datetime.now(UTC)).total_seconds()))
        beside.replace(self._path)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
