"""Law 4: send slots, so that no window of an account has more starts than allowed.

Of an attempt we know when it may start and not when its vendor counts it. `requests.slot_at` is the latest instant for
that: until the attempt is settled the end of its slot and the way, afterwards the answer's arrival where that came
sooner. A new slot begins a whole window after the latest instant of the attempt N places before, so that N + 1 starts
never share a window, whatever the network did to each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, bindparam, func, select

from scraper.core.arrivals import ON_THE_WAY_S
from scraper.core.jobs import Account
from scraper.core.pace import FULL_PERCENT, pace_percent
from scraper.io.state.schema import Instant, requests

MINUTE, SECOND = timedelta(seconds=60), timedelta(seconds=1)

ON_THE_WAY = timedelta(seconds=ON_THE_WAY_S)
LATE = timedelta(seconds=0.15)
"""How late a slot of an account with a low rate may be used: inside `ON_THE_WAY`, which leaves 0.1 s for the way."""
VERY_LATE = timedelta(seconds=2)
"""The same for accounts of more than `FEW` a minute: of so many, the attempt N places before has its answer long since,
and the allowance costs no rate. A busy writer then makes no start too late for its slot."""
FEW = 60
ANY_LATENESS = timedelta(minutes=1)
"""The same without any rate: a later one may fall into another pause of the account."""
CLOCK_STEP = timedelta(milliseconds=2)
"""Two clocks that are right may differ by their resolution."""

ONE_A_SECOND = timedelta(seconds=1)
"""The full pace of an account without a known rate, once it has to slow down: assumed."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The slot of an attempt that was not sent: in no window."""
_NO_WINDOW = datetime(9999, 1, 1, tzinfo=UTC)

_slots = (
    select(requests.c.slot_at)
    .where(requests.c.account == bindparam("account"), requests.c.attempt_id != bindparam("but", type_=BigInteger))
    .order_by(requests.c.slot_at.desc())
)


def _window(name: str) -> Any:  # noqa: ANN401 - a Select of one instant
    """The slot N places before the next one; an earlier one than `since` has left the window."""
    within = _slots.where(requests.c.slot_at > bindparam(f"{name}_since", type_=Instant))
    return within.limit(1).offset(bindparam(f"{name}_before", type_=Integer)).scalar_subquery()


_last_sent = (
    select(requests.c.sent_at)
    .where(requests.c.account == bindparam("account"), requests.c.sent_at.is_not(None))
    .order_by(requests.c.slot_at.desc())
    .limit(1)
)
LOG = (
    _slots.limit(1).scalar_subquery().label("last_slot"),
    _last_sent.scalar_subquery().label("last_sent"),
    _window("minute").label("minute_slot"),
    _window("second").label("second_slot"),
)
"""What the next slot depends on, as columns of a SELECT with the parameters of `log_parameters`."""

_SEVERAL = _slots.where(requests.c.slot_at > bindparam("since", type_=Instant))
_SEVERAL = _SEVERAL.limit(bindparam("most", type_=Integer)).offset(bindparam("before", type_=Integer))


_SINCE = (
    select(func.count())
    .select_from(requests)
    .where(requests.c.account == bindparam("account"), requests.c.attempt_id != bindparam("but", type_=BigInteger))
    .where(requests.c.slot_at > bindparam("since", type_=Instant))
)
"""Requests that the vendor may not have counted yet, and the one whose answer reported what remains."""


def _rates(account: Account) -> tuple[tuple[str, int | None, timedelta], ...]:
    subscription = account.subscription
    return ("minute", subscription.requests_per_minute, MINUTE), ("second", subscription.requests_per_second, SECOND)


def lateness(account: Account) -> timedelta:
    """Return how long after its beginning a slot of the account may be used."""
    subscription = account.subscription
    if subscription.starts_per_second is None:
        return ANY_LATENESS
    if subscription.requests_per_second is None and (subscription.requests_per_minute or 0) > FEW:
        return VERY_LATE
    return LATE


def allowance(account: Account) -> timedelta:
    """Return the time from a slot's beginning to the latest arrival of its request; without a rate none is needed."""
    return ON_THE_WAY if account.subscription.starts_per_second is None else lateness(account) + ON_THE_WAY - LATE


def log_parameters(account: Account, now: datetime, but: int = 0) -> dict[str, Any]:
    """Bind the parameters of `LOG`; `but`: an attempt whose slot is renewed."""
    found: dict[str, Any] = {"account": account.id, "but": but}
    for name, most, window in _rates(account):
        found[f"{name}_before"] = 0 if most is None else most - 1
        found[f"{name}_since"] = _NO_WINDOW if most is None else now - window
    return found


def latest_arrival(sent_at: datetime, settled_at: datetime, arrived_at: datetime | None) -> datetime:
    """Return the latest instant at which the vendor counted a request; `arrived_at`: as its sender knows it."""
    if arrived_at is None:
        arrived_at = min(settled_at, sent_at + ON_THE_WAY)
    return max(sent_at, arrived_at) + CLOCK_STEP


@dataclass(frozen=True, slots=True)
class PacedAccount:
    """An account before the next slot: its pauses, its pace, what its vendor told, and `LOG`."""

    paused_until: datetime | None
    pace_percent: int
    told_at: datetime | None
    told_until: datetime | None
    told_remaining: int
    last_slot: datetime | None
    last_sent: datetime | None
    minute_slot: datetime | None
    second_slot: datetime | None


def next_slots(
    connection: Connection, account: Account, standing: PacedAccount, now: datetime, wanted: int, but: int = 0
) -> list[datetime]:
    """Return the earliest instants at which the next requests may start: so many, or as many as a window holds."""
    rates = [(name, most, window) for name, most, window in _rates(account) if most is not None]
    wanted = min([wanted, *(most for _, most, _ in rates)])
    left = _left(connection, account, standing, now, but)
    before = {name: _before(connection, account, standing, name, now, wanted, but) for name, _, _ in rates}
    began = [at for at in (standing.last_sent, _begins(standing.last_slot, account)) if at is not None]
    last = max(began, default=None)
    found: list[datetime] = []
    for nth in range(wanted):
        earliest = [now, *(at for at in (standing.paused_until, last) if at is not None)]
        earliest += [at + window for name, _, window in rates if (at := before[name][nth]) is not None]
        if left is not None and nth >= left and standing.told_until is not None:
            earliest.append(standing.told_until)
        percent = pace_percent(standing.pace_percent, standing.paused_until, max(earliest))
        if percent < FULL_PERCENT and last is not None:
            gap = max((window / most for _, most, window in rates), default=ONE_A_SECOND)
            earliest.append(last + gap * FULL_PERCENT / percent)
        last = max(earliest)
        found.append(last)
    return found


def _left(connection: Connection, account: Account, standing: PacedAccount, now: datetime, but: int) -> int | None:
    """Return what is left of the remaining requests that the vendor reported; ``None`` without a current report."""
    if standing.told_at is None or standing.told_until is None or standing.told_until <= now:
        return None
    values = {"since": standing.told_at, "account": account.id, "but": but}
    return standing.told_remaining + 1 - int(connection.execute(_SINCE, values).scalar_one())


def _begins(slot_at: datetime | None, account: Account) -> datetime | None:
    """Return the beginning of the newest slot; for a settled attempt, an instant before its start."""
    return None if slot_at is None else slot_at - allowance(account)


def _before(
    connection: Connection, account: Account, standing: PacedAccount, name: str, now: datetime, wanted: int, but: int
) -> Sequence[datetime | None]:
    """Return the slots N places before each of the next ones; ``None``: there is none within the window."""
    if wanted == 1:
        return (getattr(standing, f"{name}_slot"),)
    parameters = log_parameters(account, now, but)
    before = parameters[f"{name}_before"] - wanted + 1
    values = {"since": parameters[f"{name}_since"], "before": before, "most": wanted, "account": account.id, "but": but}
    newest_first = connection.execute(_SEVERAL, values).scalars().all()
    return (*(None,) * (wanted - len(newest_first)), *reversed(newest_first))
