"""A job's past nights under different terms: another budget, vendor plan, cadence or order. Spends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from scraper.core.changes.known_boards import KnownBoard, read_share
from scraper.core.changes.order import Order, order_of
from scraper.core.changes.purse import JobPurse
from scraper.core.changes.replay import Replay, VendorOrders, WorldBoard, replay
from scraper.core.jobs import Job, OrderName
from scraper.core.subscriptions import Subscription

ENOUGH: Final = 0.9
"""Least share of the archive's entries that the cheapest plan has to see."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a job that a replay may change."""

    job: Job
    """The job, with its budget and its accounts' plans."""
    order: OrderName
    every: int = 1
    """Nights from one purchase to the next."""
    every_words: str = "day"

    @property
    def budget_words(self) -> str:
        return "auto" if self.job.auto else f"{self.job.budget:,}"

    @property
    def plans(self) -> Mapping[str, str]:
        """Vendor → its plan."""
        return {vendor: self.job.accounts[vendor].subscription.name for vendor in self.job.vendors}


@dataclass(frozen=True, slots=True)
class Past:
    """The known nights of a job's boards."""

    boards: Sequence[WorldBoard]
    halves: tuple[Sequence[WorldBoard], Sequence[WorldBoard]]
    """The same past from either half of the reads."""
    begins_at: datetime
    """The time at which the first replayed night's boards are bought."""
    period: timedelta
    """From one night to the next."""
    nights: int
    learn: int
    """Nights at the start that do not count."""
    read_share: float
    """The share of board-nights with a read; on the others a board is assumed not to change."""

    def at(self, night: int) -> datetime:
        return self.begins_at + night * self.period


def past_of(
    boards: Sequence[KnownBoard], first_at: datetime, period: timedelta, first: int, end: int, learn: int
) -> Past:
    """Return the past from the night `first` to before `end`, counted from the one bought at `first_at`."""
    one, other = ([board.half(which) for board in boards] for which in (0, 1))
    whole, *halves = ([board.between(first, end) for board in known] for known in (boards, one, other))
    return Past(
        boards=whole,
        halves=(halves[0], halves[1]),
        begins_at=first_at + first * period,
        period=period,
        nights=end - first,
        learn=learn,
        read_share=read_share(boards, first, end),
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """A replay on given terms, and how certain it is."""

    terms: Terms
    replay: Replay
    usd: Decimal
    """Dollars a month: the plans' prices and the overage; a plan without a known price counts as free."""
    thinned: tuple[float, ...]
    """Shares of entries seen by either half of the reads."""

    @property
    def share(self) -> float:
        """The share of the archive's entries that are seen; 1 without entries."""
        return _share(self.replay)

    @property
    def by_half(self) -> float:
        """The share by half of the reads that differs most from the share by all."""
        return max(self.thinned, key=lambda share: abs(share - self.share), default=self.share)

    def to_json(self) -> dict[str, Any]:
        return {
            **self.replay.to_json(),
            "budget": "auto" if self.terms.job.auto else self.terms.job.budget,
            "plan": dict(self.terms.plans),
            "every": self.terms.every_words,
            "usd_per_month": str(self.usd.normalize()) if self.usd else "0",
            "thinned": [round(share, 4) for share in self.thinned],
        }


def trial(past: Past, terms: Terms) -> Trial:
    """Replay a job's past on given terms, and again from either half of its reads."""
    found, usd = _replayed(past, past.boards, terms)
    return Trial(terms, found, usd, tuple(_share(_replayed(past, half, terms)[0]) for half in past.halves))


def _replayed(past: Past, boards: Sequence[WorldBoard], terms: Terms) -> tuple[Replay, Decimal]:
    prices: dict[str, int] = {}
    for board in boards:
        prices[board.vendor] = prices.get(board.vendor, 0) + board.board.cost
    purse = JobPurse(terms.job, past.begins_at, past.period, terms.every, prices)
    longest = None if terms.job.max_staleness is None else max(1, terms.job.max_staleness // past.period)
    order: Order | VendorOrders = order_of(terms.order, [board.board for board in boards], longest)
    if terms.job.auto and len(prices) > 1:
        order = VendorOrders(boards, lambda ranked: order_of(terms.order, ranked, longest))
    return replay(terms.order.value, boards, order, purse, past.learn), purse.usd()


def _share(found: Replay) -> float:
    return found.entries.seen / found.entries.all if found.entries.all else 1.0


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The cheapest plans that see enough."""

    tried: tuple[Trial, ...]
    """Trials of plans, the cheapest first."""
    found: Trial | None
    """``None``: no plan sees enough."""
    sure: bool
    """Either half of the reads names the same plans."""

    def to_json(self) -> dict[str, Any] | None:
        if self.found is None:
            return None
        found = self.found.to_json()
        return {name: found[name] for name in ("plan", "usd_per_month", "entries", "credits")} | {"sure": self.sure}


def cheapest(
    past: Past, terms: Terms, plans: Mapping[str, Sequence[Subscription]], known: Sequence[Trial] = ()
) -> Cheapest:
    """Return the cheapest of a vendor's plans whose share of each night sees `ENOUGH`, at ``budget = "auto"``.

    `plans`: vendor → its plans with a price; other vendors keep theirs. They are tried from the cheapest on, until one
    sees enough by each half of the reads as well. `known`: replays that need not be repeated.
    """
    choices: list[Job] = [replace(terms.job, auto=True)]
    for vendor, priced in plans.items():
        choices = [with_plan(job, vendor, plan) for job in choices for plan in priced]
    tried: list[Trial] = []
    for job in sorted(choices, key=_price):
        wanted = replace(terms, job=job)
        tried.append(next((one for one in known if one.terms == wanted), None) or trial(past, wanted))
        if all(share >= ENOUGH for share in (tried[-1].share, *tried[-1].thinned)):
            break
    found = _first_enough([one.share for one in tried])
    named = {_first_enough([one.thinned[half] for one in tried]) for half in range(2)} | {found}
    return Cheapest(tuple(tried), None if found is None else tried[found], sure=len(named) == 1)


def _first_enough(shares: Sequence[float]) -> int | None:
    return next((place for place, share in enumerate(shares) if share >= ENOUGH), None)


def _price(job: Job) -> Decimal:
    prices = [job.accounts[vendor].subscription.usd_per_month or Decimal(0) for vendor in job.vendors]
    return sum(prices, Decimal(0))


def with_plan(job: Job, vendor: str, plan: Subscription) -> Job:
    """Return the job with another plan of a vendor; the start of its month and its reserve stay."""
    account = job.accounts[vendor]
    reserve = min(account.subscription.reserve, plan.credits_per_month or 0)
    limits = replace(plan, month_starts_on=account.subscription.month_starts_on, reserve=reserve)
    return replace(job, accounts={**job.accounts, vendor: replace(account, subscription=limits)})
