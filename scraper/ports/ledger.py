"""The ledger, as the use cases see it: credits reserved and settled, accounts and their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from scraper.core.auto_budget import Allowance, Spending
from scraper.core.budget import Balance, Scope
from scraper.core.catalogue import Charge
from scraper.core.events import Ending
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import Outcome
from scraper.core.reconcile import UnknownAttempt
from scraper.core.requests import Request
from scraper.core.retries import Failure
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits


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


class Ledger(Protocol):
    """Every attempt and what it cost. A method returns once its change is committed and durable.

    Every method raises StateError where the database cannot be used.
    """

    def headroom(self, job: str) -> AbstractContextManager[None]:
        """Keep space back for answers in flight, in case the disk fills; StateError where there is none."""

    async def reserve(self, run_id: str, account: Account, request: Request, attempt: int) -> Reserved:
        """Reserve the worst price in every scope and a send slot, in one transaction (laws 1 and 4)."""

    async def renew_slot(self, account: Account, attempt_id: int) -> Reserved:
        """Give another slot to an attempt that missed its own, or that a pause has overtaken.

        On another day it is booked there; where that day's limit refuses, the attempt is still reserved on the old one.
        """

    async def settle(self, settlement: Settlement) -> None:
        """Settle the credits and store the body, in one transaction (law 3)."""

    async def paused_until(self, account: Account) -> datetime | None:
        """Return the end of the account's pause after a 429 that any process met."""

    async def failures(self, run_id: str) -> Mapping[str, Sequence[Failure]]:
        """Return request key → its failed attempts that were sent, in order: its retries are counted from them."""

    async def expire_dead(self) -> int:
        """Turn what dead processes had reserved, of jobs that nobody runs, into unknown; return how many attempts."""

    async def unknown_attempts(self, account: Account) -> Sequence[UnknownAttempt]:
        """Return the attempts that were sent, or may have been, and never answered; oldest first."""

    async def answered_ids(self, account: Account, since: datetime) -> frozenset[str]:
        """Return the vendor's own ids of the account's answered attempts since then."""

    async def reconcile(self, charges: Mapping[int, Charge], how: str) -> None:
        """Turn unknown attempts into charged or free ones; `how` names who said so."""

    async def tell_used(self, account: Account, used: Credits) -> Credits:
        """Take the month's use as the vendor's console shows it; return how far the ledger was from it."""

    async def note_accounts(self, known: Sequence[Account]) -> None:
        """Take down the limits that these accounts have from now on."""

    async def account_balances(self, now: datetime) -> Sequence[AccountBalance]:
        """Return every account's day and month that hold this instant."""

    async def standings(self, job: str, accounts: Sequence[Account]) -> Mapping[str, Spending]:
        """Return account id → how it stands tonight for a job with auto."""

    async def grant(self, run_id: str, job: Job) -> Allowance:
        """Let the run spend tonight's shares from now on, besides what it has spent already.

        One transaction: jobs that begin at the same time are given nothing twice.
        """
