"""Requests that are dated after now, on one connection."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select

from scraper.core.catalogue import OutcomeKind
from scraper.core.clock_gap import ClockGap
from scraper.io.state.schema import requests

CLOCK_JITTER = timedelta(minutes=1)
"""A clock set back by at most this is waited for; further back is an error that names it."""

_AT = func.coalesce(requests.c.sent_at, requests.c.reserved_at, type_=requests.c.sent_at.type)
_COUNTED = or_(
    requests.c.sent_at.is_not(None), requests.c.outcome.is_(None), requests.c.outcome != OutcomeKind.NOT_SENT.value
)
"""All attempts but those that were settled unsent: they hold no slot and no credits."""

NEWEST_START = (
    select(_AT)
    .where(requests.c.account == bindparam("account"), _COUNTED)
    .order_by(requests.c.slot_at.desc())
    .limit(1)
    .scalar_subquery()
)
"""The time at which the account's request with the latest slot was sent, or at least reserved."""


def clock_gap(connection: Connection, account_id: str, now: datetime) -> ClockGap | None:
    """Return the account's requests that are dated after now, if there are any."""
    ahead = dated_after(account_id, now + CLOCK_JITTER)
    attempts, first_at, last_at = connection.execute(
        select(func.count(), func.min(_AT, type_=_AT.type), func.max(_AT, type_=_AT.type)).where(ahead)
    ).one()
    if not attempts:
        return None
    before = select(_AT).where(requests.c.account == account_id, requests.c.slot_at <= now + CLOCK_JITTER)
    before_at = connection.execute(before.order_by(requests.c.slot_at.desc()).limit(1)).scalar_one_or_none()
    return ClockGap(account_id, now, attempts, first_at, last_at, before_at)


def dated_after(account_id: str, limit: datetime) -> ColumnElement[bool]:
    """Select the account's attempts that were reserved or sent later; a slot alone may be later, after a pause."""
    return and_(
        requests.c.account == account_id,
        requests.c.slot_at > limit,  # never before those two, and indexed
        or_(requests.c.reserved_at > limit, requests.c.sent_at > limit),
        _COUNTED,
    )
