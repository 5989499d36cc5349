"""The account that a played vendor keeps of one key: pure arithmetic, the instant is always passed in.

Documented (vendors' pages, read 2026-11-21): a price per request, charged on 2xx only; credits a month, a daily cap in
UTC days, requests a minute. Not documented, so chosen here: the minute slides; a request counts in it when it arrives,
whatever it is answered; credits are held from arrival to answer, so that requests side by side cannot pass a limit.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import takewhile
from typing import TypedDict

from scraper.core.subscriptions import Subscription, day_ends_at, day_of, month_ends_at, month_of
from scraper.core.units import Credits

MINUTE, SECOND = timedelta(seconds=60), timedelta(seconds=1)


class Limit(Enum):
    """Which limit turned a request away."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Turned away: by which limit, until when, and how the account stood."""

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
    """Credits set aside for a request that was let in, booked on the day and month of its arrival."""

    credits: Credits
    day: str
    month: str


class AccountPage(TypedDict):
    """What an account shows of itself, as `GET /_sandbox/account` writes it."""

    vendor: str
    plan: str
    credits_charged: Credits
    credits_today: Credits
    credits_this_month: Credits
    requests: int
    """Everything that arrived for the vendor, wrong keys and unknown paths included."""
    requests_by_status: dict[str, int]
    charged_requests: int
    most_starts_in_a_minute: int
    """Most requests with the right key that arrived in any 60 seconds, those turned away included."""


class Account:
    """What one key has used, and whether it may go on.

    A window holds the arrivals *after* the instant 60 (or 1) seconds ago; the clock is taken never to run backwards.
    """

    def __init__(self, vendor: str, subscription: Subscription, credit_cost: Credits) -> None:
        self._vendor = vendor
        self._subscription = subscription
        self._credit_cost = credit_cost
        self._arrivals: deque[datetime] = deque()
        self._most_starts = 0
        self._charged_by_day: Counter[str] = Counter()
        self._charged_by_month: Counter[str] = Counter()
        self._held_by_day: Counter[str] = Counter()
        self._held_by_month: Counter[str] = Counter()
        self._charged_requests = 0
        self._statuses: Counter[int] = Counter()

    def arrive(self, at: datetime) -> None:
        """A request with the right key has arrived: it counts in the windows."""
        while self._arrivals and self._arrivals[0] <= at - MINUTE:
            self._arrivals.popleft()
        self._arrivals.append(at)
        self._most_starts = max(self._most_starts, len(self._arrivals))

    def admit(self, at: datetime) -> Hold | Rejected:
        """A request that would be charged has arrived: let in with its credits set aside, or turned away."""
        self.arrive(at)
        turned_away = self._too_fast(at) or self._too_dear(at)
        if turned_away is not None:
            return turned_away
        hold = Hold(self._credit_cost, day_of(at), self._month(at))
        self._held_by_day[hold.day] += hold.credits
        self._held_by_month[hold.month] += hold.credits
        return hold

    def settle(self, hold: Hold, *, charged: bool) -> None:
        """The request was answered: what was set aside is charged, or free again."""
        self._held_by_day[hold.day] -= hold.credits
        self._held_by_month[hold.month] -= hold.credits
        if charged:
            self._charged_requests += 1
            self._charged_by_day[hold.day] += hold.credits
            self._charged_by_month[hold.month] += hold.credits

    def answered(self, status: int) -> None:
        """Any answer that left, for the statistics."""
        self._statuses[status] += 1

    def starts_left(self, at: datetime) -> int | None:
        """Requests that may still start in this second, or in this minute where the plan states no second."""
        for limit, window in (
            (self._subscription.requests_per_second, SECOND),
            (self._subscription.requests_per_minute, MINUTE),
        ):
            if limit is not None:
                return max(0, limit - self._arrived_since(at - window))
        return None

    def page(self, at: datetime) -> AccountPage:
        """How the account stands at this instant."""
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

    def _arrived_since(self, start: datetime) -> int:
        if not self._arrivals or self._arrivals[0] > start:
            return len(self._arrivals)
        return sum(1 for _ in takewhile(lambda arrival: arrival > start, reversed(self._arrivals)))

    def _too_fast(self, at: datetime) -> Rejected | None:
        """The widest window that is over its limit, so that the wait it states is enough."""
        for limit, allowed, window in (
            (Limit.MINUTE, self._subscription.requests_per_minute, MINUTE),
            (Limit.SECOND, self._subscription.requests_per_second, SECOND),
        ):
            if allowed is not None and self._arrived_since(at - window) > allowed:
                frees_at = self._arrivals[-allowed] + window if allowed else at + window
                return self._rejected(limit, at, frees_at)
        return None

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
