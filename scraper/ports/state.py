"""The state, as the use cases see it: ledger, runs, spool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from scraper.core.auto_budget import Allowance, Spending
from scraper.core.budget import Balance, Scope
from scraper.core.catalogue import Charge
from scraper.core.drift.findings import Finding
from scraper.core.events import Ending, RunStatus
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import Outcome
from scraper.core.pagination import Guard, PageFacts, WalkState, Why
from scraper.core.planning import History
from scraper.core.reconcile import UnknownAttempt
from scraper.core.requests import Progress, Request, Walk
from scraper.core.retries import Failure
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits
from scraper.ports.archive import Compaction, Part, SpooledPage, Written
from scraper.ports.coverage import AccountRows, RunAccount


@dataclass(frozen=True, slots=True)
class Slot:
    """Credits are reserved, durably, and this is when the request may start."""

    attempt_id: int
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class NoCredits:
    """A limit of ours refuses: nothing is reserved, nothing may be sent."""

    scope: Scope
    resets_at: datetime | None
    """When the scope is renewed; ``None`` for a run's budget."""
    outstanding: bool
    """Reservations stand against the scope that may yet be released."""


@dataclass(frozen=True, slots=True)
class AccountClosed:
    """The vendor has refused for want of quota, and the time that it named (or that we assume) has not come."""

    until: datetime
    reason: str


Reserved: TypeAlias = Slot | NoCredits | AccountClosed


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended: goes into the ledger in one transaction with the body that it paid for."""

    attempt_id: int
    outcome: Outcome
    ending: Ending
    sent_at: datetime | None
    """``None``: it was never sent."""
    settled_at: datetime
    body: bytes | None = None
    """As it came, where it was charged or may have been."""
    pause_account_until: datetime | None = None
    close_account_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the state knows it."""

    run_id: str
    job: str
    status: RunStatus
    budget: Credits
    started_at: datetime
    ended_at: datetime | None
    elapsed_s: float
    """Over all its processes."""
    next_at: datetime | None
    message: str
    auto: bool = False
    """Its budget is made of tonight's shares."""
    weight: int = 1
    shares: Mapping[str, Credits] = field(default_factory=dict)
    """Account → what the run may spend there; an account without one has the run's budget only."""


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What a run has come to, over all its processes."""

    balance: Balance
    endings: Mapping[Ending, int]
    walks: Mapping[WalkState, int]
    reused: int
    rows: Mapping[str, int]
    """By table, in the archive."""
    retried: Credits = 0
    """Of the balance: paid for, or presumed to be, for nothing, and bought again."""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account's day and month."""

    account: str
    subscription: Subscription
    """As the account's last run was told."""
    day: str
    day_balance: Balance
    month: str
    month_balance: Balance
    closed_until: datetime | None
    pace_percent: int = 100
    """Of its rate: less for some minutes after a 429."""


@dataclass(frozen=True, slots=True)
class WalkRecord:
    """How far a walk of a run has come."""

    walk_id: str
    endpoint: str
    params: str
    """JSON object, as text."""
    state: WalkState
    why: Why | None
    pages: int
    rows: int
    snapshot_at: datetime | None
    reused_from: str | None
    overlaps: int = 0
    """Records that another page of the walk had listed before."""
    gaps: int = 0
    """Pages that were asked for and never landed."""
    notes: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Drain:
    """A journalled move of pages from the spool into the archive."""

    drain_id: int
    run_id: str
    pages: int


@dataclass(frozen=True, slots=True)
class DriftRecord:
    """Something that drifted, over all drains or over those of a run."""

    endpoint: str
    finding: Finding
    count: int
    """Records that it was met in; pages, where the kind is of pages."""
    of: int
    """Records, or pages, that were ever looked at of this endpoint."""
    first_at: datetime
    last_at: datetime
    run_id: str
    request_key: str
    """With its run: a page that it was met in, of the last drain that met it."""
    first_run_id: str
    """The run that met this kind at this path first."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the state says must be there."""

    parts: Sequence[Part]
    stored: Mapping[tuple[str, str], int]
    """(run_id, request_key) → answers that the archive holds."""
    spooled: int
    """Answers that wait to be archived."""
    spool_faults: Sequence[str]
    """Of those, each whose body is not what was paid for, and why."""
    unkept: Mapping[str, int]
    """Run → attempts that were paid and answered, and of which no page was kept."""
    opened: Sequence[str]
    """What was begun and neither finished nor undone: ``drain 17``."""


class State(Protocol):
    """One database that holds ledger, runs and spool. What a method returns from is committed and durable.

    Every method raises StateError where the database cannot be used.
    """

    def hold(self, job: str) -> AbstractContextManager[None]:
        """Keeps the same job from running twice; UsageError names the process that holds it. Freed by a crash."""

    def headroom(self, job: str) -> AbstractContextManager[None]:
        """Space kept back for answers in flight, in case that the disk fills; StateError where there is none."""

    async def last_run(self, job: str) -> RunRecord | None:
        """The run of this job that began last."""

    async def create_run(self, run: RunRecord) -> None:
        """A new run."""

    async def reopen_run(self, run_id: str, ceiling: Credits | None) -> None:
        """The run goes on; what a dead process had reserved becomes unknown.

        `ceiling`: a total in place of its budget and shares; ``None``: they stay.
        """

    async def standings(self, job: str, accounts: Sequence[Account]) -> Mapping[str, Spending]:
        """Account id → how it stands tonight for a job with auto."""

    async def grant(self, run_id: str, job: Job) -> Allowance:
        """Tonight's shares become what the run may spend from now on, besides what it has spent already.

        One transaction: jobs that begin at the same time are given nothing twice.
        """

    async def end_run(
        self,
        run_id: str,
        status: RunStatus,
        ended_at: datetime,
        elapsed_s: float,
        next_at: datetime | None,
        message: str,
    ) -> None:
        """One process of the run has ended; `elapsed_s` is added to what stood there."""

    async def runs(self, limit: int) -> Sequence[RunRecord]:
        """The last runs, newest first."""

    async def run(self, run_id: str) -> RunRecord:
        """One run; UsageError where there is none of that id."""

    async def totals(self, run_id: str) -> RunTotals:
        """What a run has come to."""

    async def failures(self, run_id: str) -> Mapping[str, Sequence[Failure]]:
        """Request key → its attempts that were sent and failed, in order: what its retries are counted from."""

    async def coverage(self, run_id: str) -> Sequence[WalkRecord]:
        """Every walk of a run."""

    async def note_accounts(self, accounts: Sequence[Account]) -> None:
        """The limits that these accounts have from now on."""

    async def account_balances(self, now: datetime) -> Sequence[AccountBalance]:
        """Every account's day and month that hold this instant."""

    async def reserve(self, run_id: str, account: Account, request: Request, attempt: int) -> Reserved:
        """Law 1 and law 4 in one transaction: worst price against every scope, and a send slot."""

    async def paused_until(self, account: Account) -> datetime | None:
        """Until when a 429 that any process met pauses the account."""

    async def renew_slot(self, account: Account, attempt_id: int) -> Reserved:
        """Another slot for an attempt that missed its own, or that a pause has overtaken.

        On another day it is booked there; where that day's limit refuses, the attempt is still reserved on the old one.
        """

    async def settle(self, settlement: Settlement) -> None:
        """Law 3: credits settled and body durable, in one transaction."""

    async def expire_dead(self) -> int:
        """What processes that are no more had reserved, of jobs that nobody runs: unknown from now on. How many."""

    async def unknown_attempts(self, account: Account) -> Sequence[UnknownAttempt]:
        """Attempts that were sent, or may have been, and never answered."""

    async def answered_ids(self, account: Account, since: datetime) -> frozenset[str]:
        """The vendor's own ids of the account's answered attempts since then."""

    async def reconcile(self, charges: Mapping[int, Charge], how: str) -> None:
        """Unknown attempts become charged or free; `how` says on whose word."""

    async def tell_used(self, account: Account, used: Credits) -> Credits:
        """The vendor's console says what the month has used; gives how far the ledger was from it."""

    async def stored_pages(self, run_id: str) -> Mapping[str, PageFacts]:
        """Request key → facts of every page of the run that has landed."""

    async def reusable_pages(self, walk: Walk, since: datetime) -> tuple[str, Mapping[str, PageFacts]] | None:
        """A whole complete walk that began after `since`, at least as deep: its run and its pages."""

    async def leftovers(self, job: str) -> Sequence[str]:
        """Ids of the walks that the job's last run did not complete for want of credits, stalest first."""

    async def cover(self, run_id: str, walks: Sequence[Progress], reused_from: Mapping[str, str]) -> None:
        """Writes down how far walks have come; `reused_from`: walk id → run whose pages were taken."""

    def history(self) -> History:
        """What earlier runs have shown, as of now. Its methods block."""

    async def open_drain(self, opened_at: datetime, most_bytes: int, after: int = 0) -> Drain | None:
        """An unfinished drain, else a new one of pages of one run; ``None`` where the spool is empty.

        A new one's number is above `after`: files bear it, also those that an older state has never heard of.
        """

    def drain_pages(self, drain: Drain) -> Iterator[SpooledPage]:
        """The members of a drain in `drain_order`. Blocks: call it in a thread."""

    async def finish_drain(self, drain: Drain, written: Written, finished_at: datetime) -> None:
        """Marks the members stored, frees their bodies, notes the parts and the drift."""

    async def drift(self, run_id: str | None = None) -> Sequence[DriftRecord]:
        """What has drifted, by endpoint, kind and path: ever, or in one run."""

    async def parts(self, partition: str | None = None) -> Sequence[Part]:
        """Every file of the archive, or of one partition of all tables, as noted."""

    async def note_parts(self, parts: Sequence[Part]) -> None:
        """Files that are in the archive, and were not known."""

    async def audit(self) -> Audit:
        """Ledger, spool and notes, to hold the archive against."""

    async def open_compaction(self) -> Compaction | None:
        """A compaction that was neither finished nor undone."""

    async def begin_compaction(
        self, partition: str, groups: Sequence[Sequence[str]], offline: bool, opened_at: datetime
    ) -> Compaction:
        """A new compaction of a partition's noted parts; `groups` as `core.compact.groups` gives them."""

    async def note_built(self, compaction: Compaction, parts: Sequence[Part]) -> Compaction:
        """Its new directories are whole, durable and verified: they will be exchanged, whatever happens."""

    async def finish_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Notes the new parts in the place of the old ones."""

    async def undo_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Nothing of it was exchanged, and nothing will be. Its id, part of its files' names, is never given again."""

    async def select_hashes(self) -> Mapping[str, frozenset[str]]:
        """Table → hashes of the SELECTs that its parts were made with."""

    async def begin_rebuild(self, sources: Mapping[str, Sequence[str]], opened_at: datetime) -> None:
        """Table → pages parts from which its parts are to be made anew."""

    async def open_rebuild(self) -> Mapping[str, Sequence[str]]:
        """What of that is left to do."""

    async def note_rebuilt(self, table: str, sources: Sequence[str], written: Written) -> None:
        """The table's parts of these pages have been made anew."""

    async def drop_rebuild(self, table: str) -> None:
        """What is left to do of it will not be done."""

    async def note_select(self, table: str, select_hash: str) -> None:
        """Every part of the table is now made with this SELECT, or is not ours to make."""

    async def recount(self, run_id: str) -> bool:
        """The archive's coverage and ledger of the run are to be written anew, by the next run; False: no such run."""

    async def unaccounted_runs(self) -> Sequence[str]:
        """Runs whose coverage and ledger the archive does not hold as they are, oldest first.

        Without those whose pages still wait in the spool: of a walk whose rows are not in the archive, it must not say
        that it is complete.
        """

    async def run_account(self, run_id: str) -> RunAccount:
        """How a run's coverage and ledger stand now."""

    def account_rows(self, run_id: str) -> AccountRows:
        """Its coverage and its ledger, read as they are asked for. Blocks: call it in a thread."""

    async def note_account(self, account: RunAccount, parts: Sequence[Part]) -> None:
        """These files of the archive hold it. It is done with unless it has changed since, or the run is still open."""

    async def close(self) -> None:
        """Lets go of the database."""
