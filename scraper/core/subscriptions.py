"""Limits of accounts: a vendor plan, and the limits stated on top of it.

Configuration and output say *plan*, as the vendors do; code says Subscription, so that a plan is always a crawl plan.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from scraper.core.units import Credits


@dataclass(frozen=True, slots=True)
class Subscription:
    """The limits of one vendor plan, or of one account. ``None``: no such limit is known."""

    name: str
    credits_per_month: Credits | None = None
    credits_per_day: Credits | None = None
    requests_per_minute: int | None = None
    requests_per_second: int | None = None
    usd_per_month: Decimal | None = None
    overage_usd_per_1000: Decimal | None = None
    """Price of 1,000 credits past the month's, if the vendor sells them."""
    month_starts_on: int = 1
    """UTC day on which credits are renewed, 1 to 31; the last day of a shorter month."""
    reserve: Credits = 0
    """Credits of the month that ``budget = "auto"`` never spends."""
    overage: bool = False
    max_overage_usd: Decimal | None = None
    assumed: tuple[str, ...] = ()
    """Names of fields neither documented nor stated: labelled as assumed wherever they are used."""

    @property
    def without_rate(self) -> Subscription:
        """The same credits, and any number of requests a second and a minute."""
        return replace(self, requests_per_minute=None, requests_per_second=None)

    @property
    def month_limit(self) -> Credits | None:
        """Credits of a month, allowed overage included; ``None`` if no limit is known."""
        if self.credits_per_month is None or not self.overage:
            return self.credits_per_month
        if not self.overage_usd_per_1000 or self.max_overage_usd is None:
            return self.credits_per_month
        return self.credits_per_month + int(self.max_overage_usd * 1000 // self.overage_usd_per_1000)

    def overage_credits(self, used: Credits) -> Credits:
        """Return the credits beyond the plan's month."""
        return 0 if self.credits_per_month is None else max(0, used - self.credits_per_month)

    def overage_usd(self, used: Credits) -> Decimal:
        """Return the exact price of those in dollars."""
        over = self.overage_credits(used)
        return over * self.overage_usd_per_1000 / 1000 if over and self.overage_usd_per_1000 else Decimal(0)

    @property
    def starts_per_second(self) -> float | None:
        """The stricter of the two rates, in requests per second."""
        rates = []
        if self.requests_per_minute is not None:
            rates.append(self.requests_per_minute / 60)
        if self.requests_per_second is not None:
            rates.append(float(self.requests_per_second))
        return min(rates, default=None)


def day_of(moment: datetime) -> str:
    """Return the UTC day of an instant: ``2026-11-21``."""
    return moment.astimezone(UTC).date().isoformat()


def day_ends_at(moment: datetime) -> datetime:
    """Return the next UTC midnight."""
    tomorrow = moment.astimezone(UTC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), UTC)


def _month_start(year: int, month: int, starts_on: int) -> datetime:
    day = min(starts_on, calendar.monthrange(year, month)[1])
    return datetime(year, month, day, tzinfo=UTC)


def month_of(moment: datetime, starts_on: int) -> str:
    """Return the first UTC day of an instant's billing month: ``2026-11-14``."""
    now = moment.astimezone(UTC)
    start = _month_start(now.year, now.month, starts_on)
    if now < start:
        start = _month_start(now.year - (now.month == 1), (now.month - 2) % 12 + 1, starts_on)
    return start.date().isoformat()


def month_ends_at(moment: datetime, starts_on: int) -> datetime:
    """Return the instant at which the next billing month begins."""
    now = moment.astimezone(UTC)
    start = _month_start(now.year, now.month, starts_on)
    if now < start:
        return start
    return _month_start(now.year + (now.month == 12), now.month % 12 + 1, starts_on)
