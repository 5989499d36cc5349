"""The metered account behind one key of a played vendor: pure arithmetic, the instant is always passed in.

Documented (vendors' pages, read 2026-11-21): a price per request, charged on 2xx only; credits a month, a daily cap in
UTC days, requests a minute. Not documented: how the minute is counted; here it slides. Chosen here: a request counts
when it arrives, whatever its answer; credits are held from arrival to answer, so that concurrent requests cannot pass
a limit.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypedDict

from scraper.core.subscriptions import Subscription, day_ends_at, day_of, month_ends_at, month_of
from scraper.core.units import Credits

MINUTE, SECOND = timedelta(seconds=60), timedelta(seconds=1)


class Limit(Enum):
    """A limit that can reject a request."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


class RateRule(Protocol):
    """A way to count requests; instants never go back."""

    def take(self, at: datetime) -> datetime | None:
        """Count a request; return ``None`` if it may start, else the instant from which the next one may."""

    def left(self, at: datetime) -> int:
        """Return the number of requests that may still start at this instant."""


class Sliding:
    """At most `allowed` in the last window; rejected requests count as well."""

    def __init__(self, allowed: int, window: timedelta) -> None:
        self._allowed, self._window = allowed, window
        self._arrivals: deque[datetime] = deque(maxlen=allowed + 1)
        """The last arrivals; earlier ones no longer matter."""

    def take(self, at: datetime) -> datetime | None:
        self._forget(at)
        self._arrivals.append(at)
        if len(self._arrivals) <= self._allowed:
            return None
        return (self._arrivals[-self._allowed] if self._allowed else at) + self._window

    def left(self, at: datetime) -> int:
        self._forget(at)
        return max(0, self._allowed - len(self._arrivals))

    def _forget(self, at: datetime) -> None:
        while self._arrivals and self._arrivals[0] <= at - self._window:
            self._arrivals.popleft()


def sliding_minute(allowed: int) -> RateRule:
    """Return the rule that counts the requests of the last 60 seconds."""
    return Sliding(allowed, MINUTE)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejection: by which limit, until when, and the account's usage."""

    limit: Limit
    resets_at: datetime
    wait_s: int
    """Whole seconds until `resets_at`, rounded up, at least 1."""
    credit_cost: Credits
    used_this_month: Credits
    used_today: Credits
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits held for an admitted request, booked on the day and month of its arrival."""

    credits: Credits
    day: str
    month: str


@dataclass(frozen=True, slots=True)
class PlanUsage:
    """Used and remaining credits of a plan. Held credits count as remaining; ``None`` means unlimited."""

    subscription: Subscription
    used_this_month: Credits
    left_this_month: Credits | None
    used_today: Credits
    left_today: Credits | None
    day: str
    """The UTC day: `2026-11-21`."""
    month: str
    """The first UTC day of the billing month."""
    month_ends_at: datetime


class AccountPage(TypedDict):
    """An account's usage, as `GET /_sandbox/account` returns it."""

    vendor: str
    plan: str
    credits_charged: Credits
    credits_today: Credits
    credits_this_month: Credits
    requests: int
    """All requests for the vendor, including wrong keys and unknown paths, but not its account routes."""
    requests_by_status: dict[str, int]
    charged_requests: int
    most_starts_in_a_minute: int
    """Most requests with the right key that arrived in any 60 seconds, including rejected ones."""


class Meter:
    """The usage of one key, and its limits.

    A window contains the arrivals *after* the instant 60 (or 1) seconds ago; the clock is assumed never to run
    backwards. Of the arrivals, only the last 60 seconds are kept.
    """

    def __init__(
        self,
        vendor: str,
        subscription: Subscription,
        credit_cost: Credits,
        per_minute: Callable[[int], RateRule] = sliding_minute,
    ) -> None:
        """`per_minute`: makes the rule that counts a minute's requests."""
        self._vendor = vendor
        self._subscription = subscription
        self._credit_cost = credit_cost
        self._rates: list[tuple[Limit, RateRule]] = []
        """The widest window first, so that the wait it states is enough."""
        if subscription.requests_per_minute is not None:
            self._rates.append((Limit.MINUTE, per_minute(subscription.requests_per_minute)))
        if subscription.requests_per_second is not None:
            self._rates.append((Limit.SECOND, Sliding(subscription.requests_per_second, SECOND)))
        self._arrivals: deque[datetime] = deque()
        self._most_starts = 0
        self._charged_by_day: Counter[str] = Counter()
        self._charged_by_month: Counter[str] = Counter()
        self._held_by_day: Counter[str] = Counter()
        self._held_by_month: Counter[str] = Counter()
        self._charged_requests = 0
        self._statuses: Counter[int] = Counter()

    def arrive(self, at: datetime) -> Rejected | None:
        """Count a request with the right key against the rates; return the rejection if it is over one of them."""
        while self._arrivals and self._arrivals[0] <= at - MINUTE:
            self._arrivals.popleft()
        self._arrivals.append(at)
        self._most_starts = max(self._most_starts, len(self._arrivals))
        met = [(limit, rate.take(at)) for limit, rate in self._rates]  # each of them counts it
        return next((self._rejected(limit, at, free_at) for limit, free_at in met if free_at is not None), None)

    def admit(self, at: datetime) -> Hold | Rejected:
        """Admit a billable request and hold its credits, or reject it."""
        turned_away = self.arrive(at) or self._too_dear(at)
        if turned_away is not None:
            return turned_away
        hold = Hold(self._credit_cost, day_of(at), self._month(at))
        self._held_by_day[hold.day] += hold.credits
        self._held_by_month[hold.month] += hold.credits
        return hold

    def settle(self, hold: Hold, *, charged: bool) -> None:
        """Charge or release the credits held for a request that was answered."""
        self._held_by_day[hold.day] -= hold.credits
        self._held_by_month[hold.month] -= hold.credits
        if charged:
            self._charged_requests += 1
            self._charged_by_day[hold.day] += hold.credits
            self._charged_by_month[hold.month] += hold.credits

    def answered(self, status: int) -> None:
        self._statuses[status] += 1

    @property
    def month_starts_on(self) -> int:
        """Return the UTC day on which its billing months begin."""
        return self._subscription.month_starts_on

    @property
    def charged_months(self) -> Mapping[str, Credits]:
        """Return the credits charged by billing month: its first UTC day → credits."""
        return dict(self._charged_by_month)

    def starts_left(self, at: datetime) -> int | None:
        """Return the number of requests that may still start in this second, or in this minute without a limit a
        second.
        """
        return self._rates[-1][1].left(at) if self._rates else None

    def credits_left(self, at: datetime) -> Credits | None:
        """Return the credits left of the current month, including overage; held credits count as left."""
        return credits_left(self._subscription.month_limit, self._charged_by_month[self._month(at)])

    def standing(self, at: datetime) -> PlanUsage:
        """Return used and remaining credits at this instant, in the terms of the plan."""
        used_this_month, used_today = self._charged_by_month[self._month(at)], self._charged_by_day[day_of(at)]
        return PlanUsage(
            subscription=self._subscription,
            used_this_month=used_this_month,
            left_this_month=credits_left(self._subscription.month_limit, used_this_month),
            used_today=used_today,
            left_today=credits_left(self._subscription.credits_per_day, used_today),
            day=day_of(at),
            month=self._month(at),
            month_ends_at=month_ends_at(at, self._subscription.month_starts_on),
        )

    def page(self, at: datetime) -> AccountPage:
        return {
            "vendor": self._vendor,
            "plan": self._subscription.name,
            "credits_charged": self._charged_by_day.total(),
            "credits_today": self._charged_by_day[day_of(at)],
            "credits_this_month": self._charged_by_month[self._month(at)],
            "requests": self._statuses.total(),
            "requests_by_status": {str(status): n for status, n in sorted(self._statuses.items())},
            "charged_requests": self._charged_requests,
            "most_starts_in_a_minute": self._most_starts,
        }

    def _month(self, at: datetime) -> str:
        return month_of(at, self._subscription.month_starts_on)

    def _too_dear(self, at: datetime) -> Rejected | None:
        day, month = day_of(at), self._month(at)
        this_month = self._charged_by_month[month] + self._held_by_month[month] + self._credit_cost
        today = self._charged_by_day[day] + self._held_by_day[day] + self._credit_cost
        if self._subscription.month_limit is not None and this_month > self._subscription.month_limit:
            return self._rejected(Limit.MONTH, at, month_ends_at(at, self._subscription.month_starts_on))
        if self._subscription.credits_per_day is not None and today > self._subscription.credits_per_day:
            return self._rejected(Limit.DAY, at, day_ends_at(at))
        return None

    def _rejected(self, limit: Limit, at: datetime, resets_at: datetime) -> Rejected:
        return Rejected(
            limit=limit,
            resets_at=resets_at,
            wait_s=max(1, math.ceil((resets_at - at).total_seconds())),
            credit_cost=self._credit_cost,
            used_this_month=self._charged_by_month[self._month(at)],
            used_today=self._charged_by_day[day_of(at)],
            subscription=self._subscription,
        )


def credits_left(limit: Credits | None, used: Credits) -> Credits | None:
    """Return the credits that a limit leaves; ``None`` without a limit."""
    return None if limit is None else max(0, limit - used)
