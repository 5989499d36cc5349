"""Compare the ledger with the vendor's billing records: settle unknown attempts, and check a month line by line.

On request, by the user's statement or the vendor's account pages; at a month's end automatically.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, TypeAlias

from scraper.core.catalogue import Charge, Vendor
from scraper.core.errors import StorageError
from scraper.core.events import Noted
from scraper.core.jobs import Account, Job
from scraper.core.reconcile import (
    LONGEST_ANSWER,
    SLACK,
    BillingEvent,
    BillingPeriod,
    BookedCharge,
    EntryKind,
    LedgerLine,
    MonthHeld,
    Route,
    hold,
    month_held,
)
from scraper.core.subscriptions import month_ends_at, month_of
from scraper.core.units import Credits
from scraper.ports import BillingSource, Clock, Ledger
from scraper.runs.account_pages import AccountReader, Unread
from scraper.runs.context import RunContext

BY_HAND: Final = "settle them with --assume charged or --assume free, or state the console's figure with --used"
Last: TypeAlias = Literal["last"] | None
AT_RUNS_END_S: Final = 60
"""Time for which a finished run waits for the vendor's pages."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The result for one account."""

    account: str
    charged: Credits = 0
    free: Credits = 0
    still_unknown: Credits = 0
    adjusted: Credits | None = None
    """Credits added to the month beyond the ledger's: by the console's figure, or spent by others according to the
    records."""
    message: str = ""
    """The reason why attempts are still unknown, and what to do."""
    month: MonthHeld | None = None
    unread: Unread | None = None
    """The reason why the vendor's billing records could not be read, if its file describes any."""

    @property
    def is_settled(self) -> bool:
        """True if nothing is unknown and the month adds up."""
        return not self.still_unknown and self.unread is None and (self.month is None or self.month.adds_up)

    def to_json(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "charged": self.charged,
            "free": self.free,
            "still_unknown": self.still_unknown,
            "adjusted": self.adjusted,
            "message": self.message,
            "month": None if self.month is None else self.month.to_json(),
        }


@dataclass(frozen=True, slots=True)
class _Read:
    """The part of a vendor's billing records that was read."""

    period: BillingPeriod
    events: Sequence[BillingEvent]
    lines: Sequence[LedgerLine]


async def assume(account: Account, ledger: Ledger, charge: Charge) -> Reconciled:
    """Settle all unknown attempts of an account as the user states."""
    await ledger.expire_dead()
    unknown = await ledger.unknown_attempts(account)
    free = charge is Charge.FREE
    settled = {each.attempt_id: BookedCharge(charge, 0 if free else each.credits) for each in unknown}
    await ledger.reconcile(settled, f"assumed {charge.value} by the user")
    credits = sum(each.credits for each in unknown)
    return Reconciled(account.id, charged=0 if free else credits, free=credits if free else 0)


async def note_used(account: Account, used: Credits, ledger: Ledger) -> Reconciled:
    """Set the ledger's month to the use that the vendor's console shows."""
    adjusted = await ledger.note_used(account, used)
    unknown = await ledger.unknown_attempts(account)
    left = sum(attempt.credits for attempt in unknown)
    message = ""
    if left:
        requests = f"{len(unknown):,} request{'' if len(unknown) == 1 else 's'}"
        message = (
            f"the month is now {used:,} credits, as stated; {left:,} credits of {requests} stay unknown, because a "
            "month's figure does not say which requests were charged, and count against their run's budget: settle "
            "them by the vendor's billing events (without --used), or with --assume charged or --assume free"
        )
    return Reconciled(account.id, still_unknown=left, adjusted=adjusted, message=message)


async def without_books(account: Account, ledger: Ledger) -> Reconciled:
    """Return the unknown credits of an account in a sandbox of its own process."""
    await ledger.expire_dead()
    left = sum(attempt.credits for attempt in await ledger.unknown_attempts(account))
    message = "not compared: a sandbox's billing events end with its process"
    message = f"{message}; {BY_HAND}" if left else message
    return Reconciled(account.id, still_unknown=left, message=message)


async def reconcile(
    account: Account, vendor: Vendor, ledger: Ledger, books: BillingSource, clock: Clock, month: date | Last = None
) -> Reconciled:
    """Compare an account with its vendor's billing records. `month`: a UTC day of it; ``None``: the current one.

    If the records cannot be read, nothing changes and the message says why.
    """
    await ledger.expire_dead()
    unknown = await ledger.unknown_attempts(account)
    waiting = sum(attempt.credits for attempt in unknown)
    if vendor.billing_events is None:
        message = f"{vendor.name} describes no billing events: {BY_HAND}" if unknown else ""
        if month is not None and not unknown:
            message = f"{vendor.name} describes no billing events: compare the month with its console by hand"
        return Reconciled(account.id, still_unknown=waiting, message=message)
    read = await _read(account, vendor, ledger, AccountReader(vendor, books, clock), unknown, month)
    if isinstance(read, Unread):
        message = f"{read.sentence(vendor)}{f': {BY_HAND}' if unknown else ''}"
        return Reconciled(account.id, still_unknown=waiting, message=message, unread=read)
    return await _held(account, vendor, ledger, AccountReader(vendor, books, clock), read)


async def _read(
    account: Account,
    vendor: Vendor,
    ledger: Ledger,
    reader: AccountReader,
    unknown: Sequence[LedgerLine],
    month: date | Last,
) -> _Read | Unread:
    """Read a period, with all events and ledger lines of it and of unknown attempts."""
    now = reader.clock.now()
    period = await _period(account, vendor, reader, month)
    if isinstance(period, Unread):
        return period
    listed: Sequence[BillingEvent] | None = None
    if vendor.statements is not None and period.ends <= now:
        statement = await reader.statement(period)
        if isinstance(statement, Unread):
            return statement
        used, listed = statement
        period = BillingPeriod(period.key, period.starts, period.ends, period.used if used is None else used)
    since = min([period.starts, *(each.sent_at for each in unknown)]) - SLACK
    until = min(max([period.ends, *(each.deadline for each in unknown)]), now) + SLACK
    events = await reader.events(since, until, period.used)
    if isinstance(events, Unread):
        return events
    known = {event.request_id for event in events}
    events += [event for event in listed or () if event.request_id not in known]
    return _Read(period, events, await ledger.lines_between(account, since, until))


async def _period(
    account: Account, vendor: Vendor, reader: AccountReader, month: date | Last
) -> BillingPeriod | Unread:
    """Return the vendor's period that contains a day; the account's own month if no page states one."""
    day = None if month is None or month == "last" else datetime.combine(month, time(12), UTC)
    if vendor.statements is None:
        current = _own_month(account, reader.clock.now())
        return _own_month(account, day or (current.starts - _MOMENT if month == "last" else current.starts))
    shown = await reader.current_period()
    if isinstance(shown, Unread) or month is None or (day is not None and shown.holds(day)):
        return shown
    return await reader.period_at(day or shown.starts - _MOMENT)


_MOMENT = timedelta(seconds=1)


def _own_month(account: Account, at: datetime) -> BillingPeriod:
    starts_on = account.subscription.month_starts_on
    month = month_of(at, starts_on)
    return BillingPeriod(month, datetime.fromisoformat(month).replace(tzinfo=UTC), month_ends_at(at, starts_on))


async def _held(account: Account, vendor: Vendor, ledger: Ledger, reader: AccountReader, read: _Read) -> Reconciled:
    """Compare, settle by the records, and record the spending of others."""
    routes = [Route(each.full_name, each.path, each.cost) for each in vendor.endpoints]
    found = hold(read.lines, read.events, routes=routes, now=reader.clock.now())
    await ledger.reconcile(found.settled, "billing events", correct=True)
    own = _own_month(account, max(read.period.starts, read.period.ends - timedelta(days=1)))
    held = month_held(found, read.period, our_start=own.starts)
    if not held.adds_up and vendor.statements is not None and vendor.statements.days is not None:
        days = await reader.days(read.period.starts, min(read.period.ends, reader.clock.now()))
        if not isinstance(days, Unread):
            held = month_held(found, read.period, our_start=own.starts, days=days)
    adjusted = None
    if own.starts == read.period.starts:
        adjusted = await ledger.note_spent_elsewhere(account, own.key, held.theirs_alone, whole=held.adds_up)
    unknown = {line.attempt_id: line for line in read.lines if line.charge is Charge.UNKNOWN and not line.in_flight}
    settled = [(unknown[key], each) for key, each in found.settled.items() if key in unknown]
    left = sum(line.credits for key, line in unknown.items() if key not in found.settled)
    message = ""
    if left:
        strange = [entry for entry in found.entries if entry.kind is EntryKind.THEIRS_ALONE]
        message = (
            f"{left:,} credits stay unknown: the vendor may not have billed the latest attempts yet; try again in ten "
            f"minutes{', or look among the billed requests that match no endpoint here' if strange else ''}"
        )
    return Reconciled(
        account.id,
        charged=sum(each.credits for _, each in settled),
        free=sum(line.credits - each.credits for line, each in settled),
        still_unknown=left,
        adjusted=adjusted or None,
        message=message,
        month=held,
    )


async def hold_last_months(job: Job, vendors: Mapping[str, Vendor], context: RunContext) -> tuple[str, ...]:
    """Compare last month with the vendors' statements, once for each of a job's accounts; return what needs attention.

    Only vendors whose file describes statements are compared. A failure changes nothing and is reported in a sentence;
    the next run tries again, unless the vendor refused the key for these pages.
    """
    books, ledger, clock = context.books, context.stores.ledger, context.clock
    told: list[str] = []
    for name in job.vendors:
        account, vendor = job.accounts[name], vendors[name]
        if vendor.statements is None or books is None or not context.keeps_books:
            continue
        try:
            async with asyncio.timeout(AT_RUNS_END_S):
                sentence = await _hold_last_month(account, vendor, ledger, books, clock, context)
        except StorageError as failure:
            sentence = f"{account.id}: last month was not compared with the vendor's statement: {failure}"
        except TimeoutError:
            late = f"its pages took more than {AT_RUNS_END_S} s; scraper reconcile --month last waits for them"
            sentence = f"{account.id}: last month was not compared with the vendor's statement: {late}"
        if sentence:
            told.append(sentence)
    return tuple(told)


async def _hold_last_month(
    account: Account, vendor: Vendor, ledger: Ledger, books: BillingSource, clock: Clock, context: RunContext
) -> str:
    now = clock.now()
    month = await ledger.month_to_hold(account, now)
    if month is None or now < _own_month(account, now).starts + LONGEST_ANSWER + SLACK:
        return ""
    done = await reconcile(account, vendor, ledger, books, clock, date.fromisoformat(month))
    if done.month is None:
        failed = f"{account.id}: the month of {month} was not compared with the vendor's statement: {done.message}"
        if done.unread is not None and done.unread.refused:
            await ledger.note_statement(account, month, done.message)
        return failed
    sentence = f"{account.id}: {done.month.sentence()}"
    await ledger.note_statement(account, month, sentence)
    if done.month.agrees and not done.still_unknown:
        context.listener.hear(Noted(f"{sentence} Every line agrees."))
        return ""
    return f"{sentence} scraper reconcile --month last lists them."
