"""The calendar of a job: its credits by UTC day, under the account's caps and at its rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from scraper.core.jobs import Account
from scraper.core.planning.history import AccountStanding
from scraper.core.subscriptions import Subscription, day_ends_at, day_of, month_ends_at, month_of
from scraper.core.units import Credits

LATENCY_S = 1.0
"""Latency of one response in seconds: assumed until a run has been observed."""
LONGEST = timedelta(days=3 * 366)
"""A longer plan counts as one without an end."""


@dataclass(frozen=True, slots=True)
class Day:
    """The part of a plan that one UTC day buys."""

    day: str
    credits: Credits
    requests: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """The days of one account."""

    days: tuple[Day, ...] = ()
    done_at: datetime | None = None
    """``None``: never, or later than `LONGEST`."""
    duration_s: int = 0
    """Seconds of sending, without the waits for another day."""


def schedule(
    account: Account, standing: AccountStanding, requests: int, cost: Credits, now: datetime, latency_s: float
) -> Schedule:
    """Schedule requests of one price from `now` on, as many a day as the caps, the month and the rate allow."""
    if requests == 0:
        return Schedule(done_at=now)
    subscription = account.subscription
    rate = subscription.starts_per_second
    days: list[Day] = []
    left, start = requests, max(now, standing.closed_until or now)
    at, month = start, month_of(now, subscription.month_starts_on)
    used_today, used_month = standing.day.committed, standing.month.committed
    if day_of(start) != day_of(now):
        used_today = 0
    while left and at - now < LONGEST:
        if month_of(at, subscription.month_starts_on) != month:
            month, used_month = month_of(at, subscription.month_starts_on), 0
        ends_at = day_ends_at(at)
        most = _affordable(subscription, used_today, used_month, cost)
        in_time = left if rate is None else int((ends_at - at).total_seconds() * rate) + 1
        bought = min(left, in_time, left if most is None else most)
        if bought:
            days.append(Day(day_of(at), bought * cost, bought))
            used_month += bought * cost
            left -= bought
        if not left:
            done_at = at + timedelta(seconds=seconds_of(bought, rate, latency_s))
            return Schedule(tuple(days), done_at, seconds_of(requests, rate, latency_s))
        at = _next_start(subscription, at, used_month, cost)
        used_today = 0
    return Schedule(tuple(days), None, seconds_of(requests, rate, latency_s))


def _affordable(subscription: Subscription, used_today: Credits, used_month: Credits, cost: Credits) -> int | None:
    rooms = []
    if subscription.credits_per_day is not None:
        rooms.append(subscription.credits_per_day - used_today)
    if subscription.month_limit is not None:
        rooms.append(subscription.month_limit - used_month)
    return max(0, min(rooms)) // cost if rooms else None


def _next_start(subscription: Subscription, at: datetime, used_month: Credits, cost: Credits) -> datetime:
    """Return the next midnight, or the start of the next month if this one is spent."""
    if subscription.month_limit is not None and subscription.month_limit - used_month < cost:
        return month_ends_at(at, subscription.month_starts_on)
    return day_ends_at(at)


def seconds_of(requests: int, rate: float | None, latency_s: float) -> int:
    """Return the seconds that so many requests take at a rate a second; ``None``: no rate limit."""
    if not requests:
        return 0
    return round(latency_s + (requests - 1) / rate) if rate else round(latency_s)


def at_rate_s(subscription: Subscription, requests: int) -> int:
    """Return the seconds that so many requests take at an account's rate; 0 if there is none."""
    rate = subscription.starts_per_second
    return 0 if rate is None else seconds_of(requests, rate, 0)


def merged(schedules: Sequence[Schedule]) -> Schedule:
    """Merge the schedules of accounts that work in parallel: credits add up, the slowest account ends last."""
    days: dict[str, Day] = {}
    for day in (day for one in schedules for day in one.days):
        known = days.get(day.day, Day(day.day, 0, 0))
        days[day.day] = Day(day.day, known.credits + day.credits, known.requests + day.requests)
    ends = [one.done_at for one in schedules]
    done_at = None if None in ends else max((end for end in ends if end is not None), default=None)
    duration_s = max((one.duration_s for one in schedules), default=0)
    return Schedule(tuple(days[name] for name in sorted(days)), done_at, duration_s)


def overage_usd(account: Account, standing: AccountStanding, credits: Credits) -> Decimal:
    """Return the dollars for credits past the month's quota, at most up to the overage limit."""
    subscription, used = account.subscription, standing.month.committed
    if subscription.month_limit is None:
        return Decimal(0)
    after = max(used, min(used + credits, subscription.month_limit))
    return subscription.overage_usd(after) - subscription.overage_usd(used)
