"""What the use cases need of the world. `io` implements these; `wiring` chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from scraper.core.budget import Balance, Scope
from scraper.core.catalogue import Charge, OutcomeKind, Vendor
from scraper.core.events import Ending, Event, RunStatus
from scraper.core.jobs import Account
from scraper.core.outcomes import Outcome, Reply
from scraper.core.pagination import PageFacts, Progress, WalkState, Why
from scraper.core.reconciliation import UnknownAttempt
from scraper.core.requests import Request, Walk
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits

# --- the archive ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpooledPage:
    """One paid answer on its way into the archive."""

    page_id: int
    vendor: str
    endpoint: str
    """Full name: ``crawlora.hashtags``."""
    run_id: str
    walk_id: str
    request_key: str
    snapshot_at: datetime
    """When the walk's first request was reserved: aware, UTC. Its UTC day is the partition's date."""
    observed_at: datetime
    """When this answer had been received: aware, UTC."""
    country: str | None
    """The walk's country parameter, upper case; ``None`` where the walk has none."""
    period_days: int | None
    page: int
    """1-based place of the answer in its walk."""
    parameters: str
    """JSON object of the request's parameters, as text."""
    http_status: int
    outcome: OutcomeKind
    body: bytes
    """As it came."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of the archive."""

    table: str
    path: str
    """Relative to the archive: ``hashtags/vendor=crawlora/date=2026-11-21/part-17-0.parquet``."""
    rows: int
    size_bytes: int
    select_hash: str
    """Of the SELECT that made it; of the pages' own schema for `pages`."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a drain or a rebuild has put into the archive."""

    parts: tuple[Part, ...]
    unreadable: Mapping[int, str]
    """page_id → why no SELECT could read this page. Its bytes are in `pages` all the same."""
    rows_without_key: Mapping[str, int]
    """Table → records that lack a key column: kept in `pages` only."""

    def rows(self) -> dict[str, int]:
        """Rows written, by table."""
        counts: dict[str, int] = {}
        for part in self.parts:
            counts[part.table] = counts.get(part.table, 0) + part.rows
        return counts


class Archive(Protocol):
    """The Parquet archive. Every method but the properties blocks: call them in a thread."""

    @property
    def select_hashes(self) -> Mapping[str, str]:
        """Table → hash of the SELECT that it is made with now."""

    def lock(self) -> AbstractContextManager[None]:
        """Waits for, and holds, the one lock under which files come and go (over processes; freed by a crash)."""

    def write(self, drain_id: int, pages: Iterable[SpooledPage]) -> Written:
        """Writes the pages and the tables made from them; repeated for a drain, it leaves the same files.

        Nothing is visible to a reader before it is whole and durable. `pages` must come sorted by `drain_order`.
        Raises ArchiveError (disk full, not writable …); files already renamed in are replaced by the next try.
        """

    def rebuild(self, table: str) -> Written:
        """Makes every part of one table anew from the pages, each exchanged in one step."""


def drain_order(page: SpooledPage) -> tuple[str, str, str, str, int, str, int]:
    """Rows lie in the archive by vendor, day, endpoint, country, period, walk and page."""
    day = page.snapshot_at.date().isoformat()
    return page.vendor, day, page.endpoint, page.country or "", page.period_days or 0, page.walk_id, page.page


# --- the state: ledger, runs, spool -----------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What a run has come to, over all its processes."""

    balance: Balance
    endings: Mapping[Ending, int]
    walks: Mapping[WalkState, int]
    reused: int
    rows: Mapping[str, int]
    """By table, in the archive."""


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


@dataclass(frozen=True, slots=True)
class Drain:
    """A journalled move of pages from the spool into the archive."""

    drain_id: int
    run_id: str
    pages: int


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

    async def reopen_run(self, run_id: str, budget: Credits) -> None:
        """The run goes on under this total ceiling; what a dead process had reserved becomes unknown."""

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

    async def open_drain(self, opened_at: datetime, most_bytes: int) -> Drain | None:
        """An unfinished drain, else a new one of pages of one run; ``None`` where the spool is empty."""

    def drain_pages(self, drain: Drain) -> Iterator[SpooledPage]:
        """The members of a drain in `drain_order`. Blocks: call it in a thread."""

    async def finish_drain(self, drain: Drain, written: Written, finished_at: datetime) -> None:
        """Marks the members stored, frees their bodies, notes the parts."""

    async def select_hashes(self) -> Mapping[str, frozenset[str]]:
        """Table → hashes of the SELECTs that its parts were made with."""

    async def note_rebuilt(self, table: str, select_hash: str, parts: Sequence[Part]) -> None:
        """Every part of the table is now made with this SELECT; these have been made anew."""

    async def close(self) -> None:
        """Lets go of the database."""


# --- the rest of the world --------------------------------------------------------------------------------------------


class Books(Protocol):
    """A vendor's own list of what it billed."""

    async def billing_events(self, vendor: Vendor, since: datetime, until: datetime) -> Reply:
        """The vendor's answer about this time. Raises nothing that a network or a vendor can do."""


class Transport(Protocol):
    """Sends one request, once: no retry, no redirect."""

    async def send(self, request: Request) -> Reply:
        """What came back, or that nothing did. Raises nothing that a network or a vendor can do."""


class Pacer(Protocol):
    """Smooths the starts of one account inside this process; the guarantee is the ledger's slots."""

    async def turn(self) -> None:
        """Returns when the next request may ask for a slot."""


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float:
        """Seconds, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""


class Listener(Protocol):
    """Hears what happens in a run: log, progress."""

    def hear(self, event: Event) -> None:
        """Must not raise and must not block."""
