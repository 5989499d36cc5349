"""Reads a vendor's pages about the account itself: its current period, statements, billing events, credits by day.

They are not billed and not in the ledger. The key that buys pages is sent there as well; if a vendor refuses it, no
second request is made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, TypeVar
from urllib.parse import quote

from scraper.core.bodies import Decoded, Json, at, decode
from scraper.core.catalogue import Charge, Statements, Vendor
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.reconcile import BillingEvent, BillingPeriod, read_events, read_periods
from scraper.core.reconcile.lines import credits_of
from scraper.core.units import Credits, iso_utc
from scraper.core.vendor_times import instant_of, wait_of
from scraper.ports import BillingSource, Clock

T = TypeVar("T")

TRIES: Final = 4
"""Most attempts at a page that is answered with a 429 or a 5xx, or whose answer is lost."""
WAIT_S: Final = 5.0
"""Wait before a retry, if the vendor states no time."""
LONGEST_WAIT_S: Final = 90.0
"""Longest wait, whatever the vendor states: a rate per minute is free again by then."""
SHORTEST: Final = timedelta(milliseconds=1)
"""A span of events that is not halved any further."""
MOST_PAGES: Final = 20_000
"""Most pages of events in one reading."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A page that could not be read."""

    path: str
    met: str
    refused: bool = False
    """True if the vendor denies this key access."""
    what: str = "could not be read"

    def sentence(self, vendor: Vendor) -> str:
        if self.refused:
            return (
                f"{vendor.name} does not open {self.path} to the key in {vendor.key_env} ({self.met}): "
                "its account pages may need another login than the API key"
            )
        return f"{self.path} of {vendor.name} {self.what} ({self.met})"


@dataclass(frozen=True, slots=True)
class AccountReader:
    """The account pages of one vendor."""

    vendor: Vendor
    books: BillingSource
    clock: Clock

    async def current_period(self) -> BillingPeriod | Unread:
        page = self._statements.account
        found = await self._read(page.path, {}, lambda document: read_periods(page, document))
        return found if isinstance(found, Unread) else found[0]

    async def period_at(self, moment: datetime) -> BillingPeriod | Unread:
        """Return the billing period that contains an instant, by the vendor's list of periods."""
        page = self._statements.periods
        limit = {} if page.limit_param is None else {page.limit_param: str(page.max_size)}
        found = await self._read(page.path, limit, lambda document: read_periods(page, document))
        if isinstance(found, Unread):
            return found
        holding = next((period for period in found if period.holds(moment)), None)
        return holding or Unread(page.path, f"{moment:%Y-%m-%d}", what="lists no such period")

    async def statement(self, period: BillingPeriod) -> tuple[Credits | None, Sequence[BillingEvent] | None] | Unread:
        """Return a period's total and its events; ``None`` for the events if the statement cannot list all."""
        page, described = self._statements.statement, self.vendor.billing_events
        path = page.path.replace("{period}", quote(period.key, safe=""))
        limit = {} if page.limit_param is None else {page.limit_param: str(page.max_size)}

        def read(document: Json) -> tuple[Credits | None, Sequence[BillingEvent] | None] | None:
            if not isinstance(document, dict):
                return None
            events = None if described is None else read_events(described, document, page.records)
            whole = events is not None and (page.max_size is None or len(events) < page.max_size)
            return credits_of(at(document, page.used)), events if whole else None

        return await self._read(path, {**dict(page.params), **limit}, read)

    async def days(self, since: datetime, until: datetime) -> Mapping[str, Credits] | Unread:
        """Return UTC day → credits."""
        page = self._statements.days
        if page is None or page.records is None:
            return {}
        span = {str(page.from_param): iso_utc(since), str(page.to_param): iso_utc(until)}
        records, starts = page.records, str(page.starts)

        def read(document: Json) -> Mapping[str, Credits] | None:
            found = at(document, records)
            if not isinstance(found, list):
                return None
            days = ((instant_of(at(each, starts)), credits_of(at(each, page.used))) for each in found)
            return {day.date().isoformat(): used for day, used in days if day is not None and used is not None}

        return await self._read(page.path, {**dict(page.params), **span}, read)

    async def events(self, since: datetime, until: datetime, total: Credits | None) -> list[BillingEvent] | Unread:
        """Return all billing events of a span.

        `total`: their expected sum. If they do not reach it, the vendor's pages may be smaller than its file states,
        and they are read again at the observed size.
        """
        described = self.vendor.billing_events
        if described is None:
            raise ValueError(f"{self.vendor.name} describes no billing events")
        pages = [page async for page in self._event_pages(since, until, described.max_size)]
        largest = max((len(page) for page in pages if not isinstance(page, Unread)), default=0)
        if total is not None and len(pages) == 1 and largest > 0 and _charged(pages) < total:
            again = [page async for page in self._event_pages(since, until, largest)]
            pages = again if not any(isinstance(page, Unread) for page in again) else pages
        failed = next((page for page in pages if isinstance(page, Unread)), None)
        return failed or list(chain.from_iterable(page for page in pages if not isinstance(page, Unread)))

    async def _event_pages(
        self, since: datetime, until: datetime, size: int | None
    ) -> AsyncIterator[list[BillingEvent] | Unread]:
        """Yield the events of a span, halved where an answer is full; ends with the first page that is not read."""
        described = self.vendor.billing_events
        if described is None:
            return
        limit = {} if described.limit_param is None else {described.limit_param: str(size)}
        waiting, asked = [(since, until)], 0
        edges: dict[datetime, set[BillingEvent]] = {}
        while waiting:
            begins, ends = waiting.pop()
            span = {described.from_param: iso_utc(begins), described.to_param: iso_utc(ends)}
            page = await self._read(
                described.path, {**span, **limit}, lambda document: read_events(described, document)
            )
            asked += 1
            if isinstance(page, Unread):
                yield page
                return
            if size is None or len(page) < size:
                known = edges.get(begins, set())  # a vendor may count the end of a span as part of it
                yield [event for event in page if event.at != begins or event not in known]
                edges[ends] = {event for event in page if event.at == ends}
                continue
            if ends - begins <= SHORTEST or asked > MOST_PAGES:
                yield Unread(
                    described.path, f"there are more than {size:,} events in a page, and no way to request the others"
                )
                return
            middle = begins + (ends - begins) / 2
            waiting += [(middle, ends), (begins, middle)]

    @property
    def _statements(self) -> Statements:
        if self.vendor.statements is None:
            raise ValueError(f"{self.vendor.name} describes no statements")
        return self.vendor.statements

    async def _read(self, path: str, params: Mapping[str, str], read: Callable[[Json], T | None]) -> T | Unread:
        """Return the content of a page; retry if the vendor fails or asks to wait."""
        for attempt in range(1, TRIES + 1):
            reply = await self.books.account_page(self.vendor, path, params)
            if attempt == TRIES or not _may_succeed_later(reply):
                break
            told = reply.headers.get("retry-after") if isinstance(reply, Answer) else None
            await self.clock.sleep(min(wait_of(told, self.clock.now()) or WAIT_S * attempt, LONGEST_WAIT_S))
        if isinstance(reply, NoAnswer):
            return Unread(path, reply.reason)
        if reply.status in {401, 403, 404}:
            return Unread(path, f"HTTP {reply.status}", refused=True)
        decoded = decode(reply.body) if 200 <= reply.status < 300 and reply.cut_short is None else None
        if not isinstance(decoded, Decoded):
            return Unread(path, f"HTTP {reply.status}{'' if reply.cut_short is None else f', {reply.cut_short}'}")
        found = read(decoded.value)
        return Unread(path, "its answer is not of the described form") if found is None else found


def _may_succeed_later(reply: Reply) -> bool:
    if isinstance(reply, NoAnswer):
        return reply.sent  # without a connection now, there will be none in some seconds
    return reply.status == 429 or reply.status >= 500


def _charged(pages: Sequence[list[BillingEvent] | Unread]) -> Credits:
    events = chain.from_iterable(page for page in pages if not isinstance(page, Unread))
    return sum(event.credits or 0 for event in events if event.charge is Charge.CHARGED)
