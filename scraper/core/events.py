"""The events of a run, for the ledger, the log and the progress display."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.errors import UsageError
from scraper.core.units import Credits, iso_utc


class RunStatus(StrEnum):
    """The status of a run; each has an exit code."""

    OPEN = "open"
    """A process executes it, or died unnoticed: its job's lock distinguishes the two (`Runs.is_running`)."""
    COMPLETE = "complete"
    BUDGET = "budget"
    QUOTA = "quota"
    REFUSED = "refused"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    """A vendor gave no page for a minute; the run stays open, since its requests may be right."""
    ERROR = "error"
    INTERRUPTED = "interrupted"
    DIED = "died"
    """Its process ended without storing a status (killed, or the machine stopped); the next process notices it."""

    @property
    def exit_code(self) -> int:
        """0 complete · 3 budget · 4 refused · 5 error · 6 failed or unreachable · 7 quota · 130 interrupted.

        Unreachable is 6, because a vendor that does not answer states no time at which it will; 7 is for those that do.
        A process that died left no code; like an interrupt, its end came from outside.
        """
        return _EXIT_CODES[self]

    @property
    def closes(self) -> bool:
        """True if a run with this status is over: the next `scraper run` does not resume it."""
        return self in {RunStatus.COMPLETE, RunStatus.BUDGET, RunStatus.FAILED}


_EXIT_CODES = {
    RunStatus.OPEN: 1,
    RunStatus.COMPLETE: 0,
    RunStatus.BUDGET: 3,
    RunStatus.QUOTA: 7,
    RunStatus.REFUSED: 4,
    RunStatus.ERROR: 5,
    RunStatus.FAILED: 6,
    RunStatus.UNREACHABLE: 6,
    RunStatus.INTERRUPTED: 130,
    RunStatus.DIED: 130,
}


class Ending(StrEnum):
    """The category of an attempt in a run's result; every attempt that was sent has exactly one."""

    OK = "ok"
    EMPTY = "empty"
    RETRIED = "retried"
    """Answered without a usable page, and retried."""
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"
    NOT_SENT = "not_sent"
    """No connection; not counted as sent."""


@dataclass(frozen=True, slots=True)
class ProjectInUse:
    """The places that a run uses, as absolute paths: the first event."""

    project: str
    """Empty outside any project."""
    data: str
    configs: str
    accounts: str
    """The file that states the accounts of all jobs; empty if there is none."""
    state: str = ""
    """URL of a state outside the data directory, else empty."""
    archive: str = ""
    """Directory or ``s3://`` URL of an archive outside the data directory, else empty."""
    new_ledger: str = ""
    """If this run begins a ledger: the spending that it cannot know, in words."""


@dataclass(frozen=True, slots=True)
class LedgerSettled:
    """Ledger and archive were brought in line before a run."""

    message: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins or resumes."""

    run_id: str
    job: str
    budget: Credits
    resumed: bool
    spent: Credits
    """Credits of the budget that earlier processes of the run have committed."""
    share: str = ""
    """The computation of the budget in words, with ``budget = "auto"``."""
    access: str = ""
    """For each vendor the variable of its key and the host that gets it; none in a sandbox."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A note on the choice of the run: its id, changes of the job, or the reason for doing nothing."""

    sentence: str


@dataclass(frozen=True, slots=True)
class RequestSettled:
    """An attempt has ended; its credits and body are durable."""

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
    """Requests to a vendor pause."""

    vendor: str
    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class StateLocked:
    """Another program has locked the state database; writes wait."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Dispatch has ended for a vendor, or (``None``) for the run."""

    vendor: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Drained:
    """Pages have been moved from the spool into the archive."""

    pages: int
    rows: Mapping[str, int]
    unreadable: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run's result, over all its processes."""

    result: RunResult


Event: TypeAlias = (
    ProjectInUse
    | LedgerSettled
    | RunStarted
    | Noted
    | RequestSettled
    | Waiting
    | StateLocked
    | Stopped
    | Drained
    | RunEnded
)


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run over all its processes, as `scraper run --format json` prints it."""

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
    """Credits, among those, of attempts that brought nothing and were retried."""
    next_at: datetime | None = None
    message: str = ""
    """The reason for its end, what is kept, how to continue; empty for a complete run."""
    warnings: tuple[str, ...] = ()
    asks: bool = False
    """True if nothing was done, since a complete one-off job is bought again only with --new."""
    sandbox_charged: Mapping[str, Credits] | None = None
    """Vendor → credits that it charged, to compare with the ledger; only with a sandbox in this process."""
    sandbox_faults: Mapping[str, int] | None = None
    """Kind of fault → requests that it hit, with injected faults."""
    sandbox_at_rate_s: int | None = None
    """Seconds that this process would have taken at the accounts' rates, with a sandbox that lifts them."""
    notes: tuple[str, ...] = ()
    """The warnings about the choice of this run."""
    elsewhere: bool = False
    """True if another process carried it out, while this one stood by."""

    @property
    def exit_code(self) -> int:
        """The status's code; 2 if the command `asks`.

        A timer that starts a job without ``every`` would otherwise buy nothing, night after night, and exit with 0.
        """
        return UsageError.exit_code if self.asks else self.status.exit_code

    @property
    def left(self) -> Credits:
        """Uncommitted credits of the budget."""
        return self.budget - self.charged - self.presumed - self.unknown

    @property
    def sent(self) -> int:
        """Attempts that were sent: ok + empty + retried + refused + failed + lost."""
        return sum(count for ending, count in self.requests.items() if ending is not Ending.NOT_SENT)

    def to_json(self) -> dict[str, Any]:
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
            **({} if self.sandbox_at_rate_s is None else {"sandbox_at_rate_s": self.sandbox_at_rate_s}),
        }
