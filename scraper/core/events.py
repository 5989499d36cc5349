"""What happens in a run, named once: the ledger, the log and the progress display all listen to these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.units import Credits, iso_utc


class RunStatus(StrEnum):
    """How a run stands. The exit code says the same."""

    OPEN = "open"
    COMPLETE = "complete"
    BUDGET = "budget"
    QUOTA = "quota"
    REFUSED = "refused"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    """A vendor gave no page for a minute: stays open, since nothing is known to be wrong with what was asked."""
    ERROR = "error"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> int:
        """0 complete · 3 budget or quota · 4 refused · 5 error · 6 failed or unreachable · 130 interrupted."""
        return _EXIT_CODES[self]

    @property
    def closes(self) -> bool:
        """A closed run is not gone on with by the next `scraper run`; any other is."""
        return self in {RunStatus.COMPLETE, RunStatus.BUDGET, RunStatus.FAILED}


_EXIT_CODES = {
    RunStatus.OPEN: 1,
    RunStatus.COMPLETE: 0,
    RunStatus.BUDGET: 3,
    RunStatus.QUOTA: 3,
    RunStatus.REFUSED: 4,
    RunStatus.ERROR: 5,
    RunStatus.FAILED: 6,
    RunStatus.UNREACHABLE: 6,
    RunStatus.INTERRUPTED: 130,
}


class Ending(StrEnum):
    """What an attempt counts as in a run's result; every attempt that was sent counts as exactly one."""

    OK = "ok"
    EMPTY = "empty"
    RETRIED = "retried"
    """Answered, to no use, and asked again."""
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"
    NOT_SENT = "not_sent"
    """No connection: not counted as sent."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, or goes on."""

    run_id: str
    job: str
    budget: Credits
    resumed: bool
    spent: Credits
    """Credits that stand against the budget already: of earlier processes of the run."""
    share: str = ""
    """With ``budget = "auto"``: how the budget came about, in words."""


@dataclass(frozen=True, slots=True)
class RequestSettled:
    """An attempt has ended, and its credits and bytes are durable."""

    label: str
    vendor: str
    endpoint: str
    page: int
    attempt: int
    outcome: OutcomeKind
    ending: Ending
    charge: Charge
    credits: Credits
    rows: int
    size_bytes: int
    elapsed_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is sent for a while."""

    vendor: str
    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Dispatch has ended for a vendor, or for the run: why, in words."""

    vendor: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Drained:
    """Pages have moved from the spool into the archive."""

    pages: int
    rows: Mapping[str, int]
    unreadable: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run's result, over all its processes."""

    result: RunResult


Event: TypeAlias = RunStarted | RequestSettled | Waiting | Stopped | Drained | RunEnded


@dataclass(frozen=True, slots=True)
class RunResult:
    """What `scraper run --format json` prints."""

    run_id: str
    job: str
    status: RunStatus
    budget: Credits
    charged: Credits
    presumed: Credits
    unknown: Credits
    requests: Mapping[Ending, int]
    reused: int
    walks: Mapping[str, int]
    rows: Mapping[str, int]
    elapsed_s: float
    retried: Credits = 0
    """Of those: credits of answers that gave nothing and were bought again."""
    next_at: datetime | None = None
    message: str = ""
    """Why it ended so, what is kept, how to go on; empty for a complete run."""
    warnings: tuple[str, ...] = ()
    sandbox_charged: Mapping[str, Credits] | None = None
    """With the sandbox of this process: what each vendor's own account was charged, to hold the ledger against."""
    sandbox_faults: Mapping[str, int] | None = None
    """With faults planned there: how many requests each kind of fault hit."""

    @property
    def left(self) -> Credits:
        """Credits of the budget that nothing stands against."""
        return self.budget - self.charged - self.presumed - self.unknown

    @property
    def sent(self) -> int:
        """Attempts that reached out: ok + empty + retried + refused + failed + lost."""
        return sum(count for ending, count in self.requests.items() if ending is not Ending.NOT_SENT)

    def to_json(self) -> dict[str, Any]:
        """The object of INTERFACE: whole numbers, seconds, UTC."""
        endings = [ending for ending in Ending if ending is not Ending.NOT_SENT]
        return {
            "run_id": self.run_id,
            "job": self.job,
            "status": self.status.value,
            "credits": {
                "budget": self.budget,
                "charged": self.charged,
                "presumed": self.presumed,
                "unknown": self.unknown,
                "left": self.left,
                "retried": self.retried,
            },
            "requests": {
                "sent": self.sent,
                **{ending.value: self.requests.get(ending, 0) for ending in endings},
                "reused": self.reused,
            },
            "walks": dict(self.walks),
            "rows": dict(self.rows),
            "elapsed_s": round(self.elapsed_s, 1),
            "next": None if self.next_at is None else iso_utc(self.next_at),
            "message": self.message,
            "warnings": list(self.warnings),
            **({} if self.sandbox_charged is None else {"sandbox_charged": dict(self.sandbox_charged)}),
            **({} if self.sandbox_faults is None else {"sandbox_faults": dict(self.sandbox_faults)}),
        }
