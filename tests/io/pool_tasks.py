"""Tasks of a worker pool, which a process that is started has to be able to import."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from scraper.core.errors import ArchiveError


@dataclass(frozen=True, slots=True)
class Number:
    """Tells who did it; in another process than `parent` it does what `there` says first."""

    number: int
    parent: int
    there: str = ""

    def perform(self, archive: object) -> tuple[int, str]:
        if os.getpid() != self.parent:
            match self.there:
                case "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "refused":
                    raise ArchiveError(f"{self.number} cannot be read. Nothing was changed.")
                case "broken":
                    raise ZeroDivisionError(self.number)
        return self.number, type(archive).__name__
