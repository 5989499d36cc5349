"""A real state database, a clock moved by hand, and attempts of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending, RunStatus
from scraper.core.jobs import Account
from scraper.core.outcomes import Outcome
from scraper.core.pagination import PageFacts
from scraper.core.requests import Progress, Request, Walk, start
from scraper.ports import Reserved, RunRecord, Settlement, Slot, SpooledPage, Stores
from tests import statements
from tests.core.builders import C_HASHTAGS, K_VIDEOS, NOON, account, facts, walk_of
from tests.databases import StateDatabase

statements.share()


@dataclass(slots=True)
class HandClock:
    """A clock that stands still until it is moved."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


def run_record(run_id: str, budget: int = 1_000, job: str = "night", at: datetime = NOON) -> RunRecord:
    return RunRecord(run_id, job, RunStatus.OPEN, budget, at, None, 0.0, None, "")


def board(country: str, page: int = 1, max_pages: int | None = None) -> Request:
    """A request of 8 credits, or of 2 where the country is lower case."""
    if country.islower():
        return walk_of(K_VIDEOS, max_pages, region=country.upper()).request(page)
    return walk_of(C_HASHTAGS, max_pages, country_code=country).request(page)


OK = facts("1", has_more=False)


def spooled_bytes(database: StateDatabase) -> int:
    """Bytes of bodies that wait for a drain."""
    waiting = "SELECT coalesce(sum(size_bytes), 0) FROM pages WHERE NOT stored AND drain_id IS NULL"
    [(found,)] = database.rows(waiting)
    return int(found)


def outcome(
    charge: Charge = Charge.CHARGED,
    kind: OutcomeKind = OutcomeKind.OK,
    cost: int = 8,
    page: PageFacts | None = None,
) -> Outcome:
    landed = (page or OK) if kind in {OutcomeKind.OK, OutcomeKind.EMPTY} else None
    return Outcome(kind, charge, 0 if charge is Charge.FREE else cost, facts=landed, http_status=200)


def settlement(
    attempt_id: int, met: Outcome, at: datetime, body: bytes | None = None, sent_at: datetime | None = None
) -> Settlement:
    ending = Ending.NOT_SENT if met.kind is OutcomeKind.NOT_SENT else Ending.OK
    return Settlement(attempt_id, met, ending, sent_at, settled_at=at, body=body)


def slot(reserved: Reserved) -> Slot:
    assert isinstance(reserved, Slot)
    return reserved


async def bought(
    stores: Stores, clock: HandClock, run_id: str, account: Account, request: Request, page: PageFacts, body: bytes
) -> int:
    """One page, reserved, sent and settled; its attempt."""
    taken = slot(await stores.ledger.reserve(run_id, account, request, 1))
    met = outcome(page=page, cost=request.endpoint.cost)
    await stores.ledger.settle(settlement(taken.attempt_id, met, clock.now(), body, taken.starts_at))
    return taken.attempt_id


async def walked(
    stores: Stores,
    clock: HandClock,
    run_id: str,
    account: Account,
    walk: Walk,
    *answers: PageFacts,
    known: Sequence[str] = (),
) -> Progress:
    """A walk of a run, bought page by page and covered."""
    progress, request = start(walk)
    progress.know(known)
    queue = [request]
    for page in answers:
        request = queue.pop(0)
        await bought(stores, clock, run_id, account, request, page, b"{}")
        queue += progress.learn(request, page)
    await stores.runs.cover(run_id, [progress], {})
    return progress


def ledger_sums(database: StateDatabase) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(kind, scope) → charged, presumed, unknown, reserved: summed over the ledger's rows by SQL of our own."""
    query = """
        SELECT '{kind}', {scope},
          sum(CASE charge WHEN 'charged' THEN credits ELSE 0 END),
          sum(CASE charge WHEN 'presumed' THEN credits ELSE 0 END),
          sum(CASE charge WHEN 'unknown' THEN credits ELSE 0 END),
          sum(CASE charge WHEN 'reserved' THEN reserved ELSE 0 END)
        FROM requests GROUP BY {scope}"""
    scopes = {"run": "run_id", "share": "run_id || '|' || account"}
    scopes |= {"day": "account || '|' || day", "month": "account || '|' || month"}
    rows = database.rows(" UNION ALL ".join(query.format(kind=kind, scope=scope) for kind, scope in scopes.items()))
    return {(kind, scope): (charged, presumed, unknown, held) for kind, scope, charged, presumed, unknown, held in rows}


def kept_balances(database: StateDatabase) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """The balances as the database keeps them."""
    rows = database.rows("SELECT kind, scope, charged, presumed, unknown, reserved FROM balances")
    return {(kind, scope): (charged, presumed, unknown, held) for kind, scope, charged, presumed, unknown, held in rows}


T = TypeVar("T")
Script = Callable[[Stores, HandClock], Awaitable[T]]
FREELY = account()


def carried_out(database: StateDatabase, script: Script[T], clock: HandClock | None = None) -> T:
    """Carries out a script on a database, with a run `one` in it."""
    hand = clock or HandClock()

    async def work() -> T:
        with database.opened(hand.now) as stores:
            if await stores.runs.last_run("night") is None:
                await stores.runs.create_run(run_record("one"))
            return await script(stores, hand)

    return asyncio.run(work())


def drained(database: StateDatabase, most_bytes: int = 2**20) -> list[SpooledPage]:
    """The members of the next drain, which is left open."""

    async def script(stores: Stores, clock: HandClock) -> list[SpooledPage]:
        drain = await stores.journal.open_drain(clock.now(), most_bytes)
        return [] if drain is None else list(stores.journal.drain_pages(drain))

    return carried_out(database, script)
