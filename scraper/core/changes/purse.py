"""The credits that each night of a replay may spend: a fixed number, or a job's under its accounts' limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from scraper.core.auto_budget import Spending, allowance
from scraper.core.jobs import Job
from scraper.core.subscriptions import day_of, month_of
from scraper.core.units import Credits


@dataclass(frozen=True, slots=True)
class Room:
    """The most that a night may spend."""

    credits: Credits
    by_vendor: Mapping[str, Credits] = field(default_factory=dict)
    """Vendors with a limit of their own."""


class Purse(Protocol):
    """Pays for the nights of a replay, one after the other."""

    def room(self, night: int) -> Room | None:
        """Return the most that a night may spend; ``None``: nothing is bought on it."""

    def pay(self, night: int, spent: Mapping[str, Credits]) -> None:
        """Deduct a night's spending, by vendor."""


class FixedPurse:
    """The same credits on each night."""

    def __init__(self, budgets: Sequence[Credits], every: int = 1) -> None:
        """`every`: nights from one purchase to the next."""
        self._budgets = budgets
        self._every = every

    def room(self, night: int) -> Room | None:
        return None if night % self._every else Room(self._budgets[night])

    def pay(self, night: int, spent: Mapping[str, Credits]) -> None:
        pass


class JobPurse:
    """A job's nights on a virtual clock: its budget, or with auto its share of the month, under its accounts' limits.

    The accounts count as the job's alone, and their first month as unused. A night that nothing else limits is limited
    by the highest price of all boards.
    """

    def __init__(self, job: Job, first: datetime, period: timedelta, every: int, prices: Mapping[str, Credits]) -> None:
        """`prices`: vendor → the price of all its boards. `every`: nights from one purchase to the next."""
        self._job = job
        self._first, self._period, self._every = first, period, every
        self._prices = prices
        self._of_month: defaultdict[tuple[str, str], Credits] = defaultdict(int)
        self._of_day: defaultdict[tuple[str, str], Credits] = defaultdict(int)
        metered = [vendor for vendor in job.vendors if job.accounts[vendor].subscription.credits_per_month is not None]
        crawls = tuple(crawl for crawl in job.crawls if crawl.endpoint.vendor in metered)
        self._metered = replace(job, crawls=crawls) if job.auto and crawls else None

    def room(self, night: int) -> Room | None:
        if night % self._every:
            return None
        now = self._first + night * self._period
        by_vendor = {vendor: self._limit(vendor, now) for vendor in self._prices}
        if self._metered is not None:
            spending = {self._job.accounts[vendor].id: self._spending(vendor, now) for vendor in self._metered.vendors}
            shares = allowance(self._metered, spending, now).by_vendor(self._metered)
            by_vendor = {vendor: min(limit, shares.get(vendor, limit)) for vendor, limit in by_vendor.items()}
        whole = sum(by_vendor.values())
        return Room(whole if self._job.auto else min(whole, self._job.budget), by_vendor)

    def pay(self, night: int, spent: Mapping[str, Credits]) -> None:
        now = self._first + night * self._period
        for vendor, credits in spent.items():
            self._of_month[vendor, self._month(vendor, now)] += credits
            self._of_day[vendor, day_of(now)] += credits

    def usd(self) -> Decimal:
        """Return the dollars of a month: the plans' prices, and the mean overage of the months that were used."""
        whole = Decimal(0)
        for vendor in self._prices:
            subscription = self._job.accounts[vendor].subscription
            months = [used for (of, _), used in self._of_month.items() if of == vendor]
            overage = sum((subscription.overage_usd(used) for used in months), Decimal(0))
            whole += (subscription.usd_per_month or Decimal(0)) + overage / max(1, len(months))
        return whole

    def _spending(self, vendor: str, now: datetime) -> Spending:
        today = self._of_day[vendor, day_of(now)]
        return Spending(this_month=self._of_month[vendor, self._month(vendor, now)], today=today, own=today)

    def _month(self, vendor: str, now: datetime) -> str:
        return month_of(now, self._job.accounts[vendor].subscription.month_starts_on)

    def _limit(self, vendor: str, now: datetime) -> Credits:
        """Return the credits that the account still allows, at most the price of all boards."""
        subscription, limits = self._job.accounts[vendor].subscription, [self._prices[vendor]]
        if subscription.month_limit is not None:
            limits.append(subscription.month_limit - self._of_month[vendor, self._month(vendor, now)])
        if subscription.credits_per_day is not None:
            limits.append(subscription.credits_per_day - self._of_day[vendor, day_of(now)])
        return max(0, min(limits))
