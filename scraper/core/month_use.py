"""The used part of an account's month, and the day on which it is used up at this pace.

Pure arithmetic over ledger balances.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from scraper.core.subscriptions import Subscription, month_ends_at, month_of
from scraper.core.units import Credits

THRESHOLDS_PERCENT = (95, 80)
_SHORTEST = timedelta(days=2)
"""A pace of fewer days says little: a first night may fetch more than later ones."""
_LEAST_USED = 0.2
"""Share of the month below which the pace is not reported."""


def month_warning(account: str, subscription: Subscription, used: Credits, now: datetime) -> str | None:
    """Return a warning about an account's month; ``None``: none is due, or its limit is not known."""
    limit = subscription.month_limit
    if not limit:
        return None
    ends_at = month_ends_at(now, subscription.month_starts_on)
    reached = next((percent for percent in THRESHOLDS_PERCENT if used * 100 >= limit * percent), None)
    dry_at = dry_on(subscription, used, now)
    if reached is None and dry_at is None:
        return None
    share = f"{account}: {used:,} of the month's {limit:,} credits are used ({used * 100 // limit} %)"
    if dry_at is None or dry_at <= now:
        return f"{share}; they are renewed on {ends_at:%Y-%m-%d}"
    return f"{share}: at this pace they run out on {dry_at:%Y-%m-%d}, and are renewed on {ends_at:%Y-%m-%d}"


def dry_on(subscription: Subscription, used: Credits, now: datetime) -> datetime | None:
    """Return the day on which the month's credits are used up at its pace so far; ``None``: not before its last day."""
    limit = subscription.month_limit
    if not limit or used < limit * _LEAST_USED:
        return None
    began_at = datetime.fromisoformat(month_of(now, subscription.month_starts_on)).replace(tzinfo=now.tzinfo)
    ran = now - began_at
    if ran < _SHORTEST:
        return None
    dry_at = now + ran * (max(0, limit - used) / used)
    last_day = month_ends_at(now, subscription.month_starts_on) - timedelta(days=1)
    return dry_at if dry_at < last_day else None
