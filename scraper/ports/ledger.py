"""The ledger: credits reserved and settled, accounts and their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from scraper.core.subscriptions import Subscription, day_of

if TYPE_CHECKING:
    from scraper.core.auto_budget import Allowance, Spending
    from scraper.core.budget import Balance, Scope
    from scraper.core.clock_gap import ClockGap
    from scraper.core.events import Ending
    from scraper.core.jobs import Account, Job
    from scraper.core.outcomes import Outcome
    from scraper.core.pagination import PageFacts
    from scraper.core.rate_headers import Told
    from scraper.core.reconcile import BookedCharge, LedgerLine
    from scraper.core.requests import Request
    from scraper.core.retries import Failure
    from scraper.core.units import Credits


@dataclass(frozen=True, slots=True)
class Slot:
    """Durably reserved credits, and the instant at which the request may start."""

    attempt_id: int
    starts_at: datetime
    lateness: timedelta
    """The longest delay with which the request may start in this slot."""

    def is_over(self, now: datetime) -> bool:
        """Return whether another slot is needed; past midnight it is, as the credits are booked on the slot's day."""
        late = now - self.starts_at
        return late > self.lateness or (late > timedelta(0) and day_of(now) != day_of(self.starts_at))


@dataclass(frozen=True, slots=True)
class NoCredits:
    """A refusal by one of our limits: nothing is reserved, nothing may be sent."""

    scope: Scope
    resets_at: datetime | None
    """The renewal of the scope's credits; ``None`` for a run's budget."""
    outstanding: bool
    """The scope has reservations that may still be released."""


@dataclass(frozen=True, slots=True)
class AccountClosed:
    """A refusal because the vendor reported an exhausted quota; `until` is its statement, or assumed."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """No reservation is needed: a process that was replaced has stored the page since the run looked for it."""

    facts: PageFacts


Reserved: TypeAlias = Slot | NoCredits | AccountClosed | Stored


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of an attempt, stored in one transaction with the body that it paid for."""

    attempt_id: int
    outcome: Outcome
    ending: Ending
    sent_at: datetime | None
    """``None`` if it was never sent."""
    settled_at: datetime
    body: bytes | None = None
    """Unmodified; present if the attempt was charged, or may have been."""
    pause_account_until: datetime | None = None
    close_account_until: datetime | None = None
    told: Told | None = None
    """The remaining requests that the vendor reported, if fewer than the account's own limits allow."""
    arrived_at: datetime | None = None
    """The latest instant at which the vendor counted it (law 4); ``None``: before it was settled, and on the way for no
    longer than `core.arrivals` assumes."""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account's day and month."""

    account: str
    subscription: Subscription
    """As the account's last run stated it."""
    day: str
    day_balance: Balance
    month: str
    month_balance: Balance
    closed_until: datetime | None
    pace_percent: int = 100
    """Share of its rate; below 100 for some minutes after a 429."""


class LockKind(StrEnum):
    """The kinds of locks that keep an account from being used."""

    PAUSE = "pause"
    """The vendor asked to wait."""
    CLOSURE = "closure"
    """The vendor reported an exhausted quota."""
    CLOCK = "clock"
    """Requests are dated after now."""


@dataclass(frozen=True, slots=True)
class AccountLift:
    """A lock that the user has lifted."""

    kind: LockKind
    detail: str
    """Its end, and its reason."""
    lifted_at: datetime
    lifted_by: str


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account's balances and locks."""

    balance: AccountBalance
    day_resets_at: datetime
    month_resets_at: datetime
    paused_until: datetime | None
    """``None``: it is not paused now."""
    closed_because: str
    """The vendor's words; empty if it is not closed now."""
    clock: ClockGap | None
    lifts: tuple[AccountLift, ...]
    """The latest, newest first."""


class Ledger(Protocol):
    """Every attempt and its cost.

    One database with Runs and Journal: `settle` fills the spool that Journal drains, `reserve` reads the run's budget
    and begins its walks.

    A method returns once its change is durable, and raises StateError if the database cannot be used.
    """

    def headroom(self, job: str) -> AbstractContextManager[None]:
        """Reserve disk space for answers in flight, in case the disk fills up; StateError if there is none."""

    async def reserve(self, run_id: str, account: Account, request: Request, attempt: int) -> Reserved:
        """Reserve the worst price in every scope and a send slot, in one transaction (laws 1 and 4).

        Raises LeaseLostError if another process has taken the job over.
        """

    async def renew_slot(self, account: Account, attempt_id: int) -> Reserved:
        """Give a later slot to a reserved attempt that missed its own, or whose account was paused.

        A slot on another day is booked there; if that day's limit refuses, the old reservation stays. Raises
        LeaseLostError if another process has taken the job over.
        """

    async def settle(self, settlement: Settlement) -> None:
        """Settle an attempt and store its body in one transaction (law 3).

        An attempt that was given up as lost, as its process seemed dead, is settled by its real outcome.
        """

    async def paused_until(self, account: Account) -> datetime | None:
        """Return the end of the account's pause after a 429 in any process."""

    async def failures(self, run_id: str) -> Mapping[str, Sequence[Failure]]:
        """Return request key → its failed attempts that were sent, in order; retries are counted from them."""

    async def expire_dead(self) -> int:
        """Settle the reservations of dead processes as unknown; return the number of attempts."""

    async def unknown_attempts(self, account: Account) -> Sequence[LedgerLine]:
        """Return the attempts whose charge is unknown, oldest first."""

    async def lines_between(self, account: Account, since: datetime, until: datetime) -> Sequence[LedgerLine]:
        """Return the account's attempts that were sent in this span, or may have been; `until` is not part of it."""

    async def reconcile(self, settled: Mapping[int, BookedCharge], how: str, *, correct: bool = False) -> None:
        """Settle unknown attempts, with `correct` any attempt; `how` names the source."""

    async def note_spent_elsewhere(self, account: Account, month: str, spent: Credits, *, whole: bool) -> Credits:
        """Set a month's credits beyond the ledger to those in the vendor's billing records; return the change.

        `whole`: the records are known to be complete; otherwise earlier notes are not lowered.
        """

    async def month_to_hold(self, account: Account, now: datetime) -> str | None:
        """Return last month if the account was used in it and it was not compared with its statement yet."""

    async def note_statement(self, account: Account, month: str, message: str) -> None:
        """Note that a month was compared with the vendor's statement, and the result."""

    async def note_used(self, account: Account, used: Credits) -> Credits:
        """Adjust the month to its use as the vendor's console shows it; return the difference from the ledger."""

    async def note_accounts(self, known: Sequence[Account]) -> None:
        """Store the limits that these accounts have from now on."""

    async def account_balances(self, now: datetime) -> Sequence[AccountBalance]:
        """Return every account's balances of the day and month of this instant."""

    async def account_states(self, now: datetime) -> Sequence[AccountState]:
        """Return every account's balances of this instant, and what locks it."""

    async def lift(self, account_ids: Sequence[str], by: str, now: datetime) -> Mapping[str, Sequence[AccountLift]]:
        """End pauses, closures and clock gaps of these accounts, and note it; return account → what was lifted."""

    async def standings(self, job: str, accounts: Sequence[Account]) -> Mapping[str, Spending]:
        """Return account id → tonight's spending, as a job with ``budget = "auto"`` sees it."""

    async def grant(self, run_id: str, job: Job) -> Allowance:
        """Grant the run tonight's shares on top of what it has spent already.

        In one transaction, so that jobs that begin at the same time are not granted the same credits.
        """
