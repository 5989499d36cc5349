"""A night with planned faults: the real client against the faulty sandbox, and what both say of it afterwards."""

from __future__ import annotations

import asyncio
import collections
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from scraper.core.catalogue import OutcomeKind
from scraper.core.pagination import WalkState
from scraper.core.subscriptions import Subscription
from scraper.sandbox import FailedRequests, Sandbox, endpoints_played, read_injections, serve
from tests.runs.harness import FAST, KEYS, Bench, HurriedClock

T = TypeVar("T")

COUNTRY = {
    "crawlora.hashtags": "country_code",
    "crawlora.creators": "creator_country",
    "crawlora.hashtag_posts": "id",
    "keyapi.hashtags": "region",
    "keyapi.videos": "region",
}
"""The parameter that tells the walks of an endpoint apart."""

FEEDS = (
    *("36058491", "4046", "940838", "2415", "7504087717838392012", "78558375", "761163", "8526375362332"),
    *("2895690192866205320", "3050257370989493876", "6593693", "3194", "1820609", "8928293", "27464", "799167", "5657"),
)
"""Hashtags of the sandbox's seed 0, those with the fewest posts first: 71 in the first feed, three pages."""
COUNTRIES = ("US", "GB", *("AU", "BR", "CA", "EG", "FR", "DE", "ID", "IT", "JP", "MY", "SA", "SG", "KR", "TH", "TR"))
"""Of which each board is there."""


@asynccontextmanager
async def night(
    directory: Path, faults: Sequence[str] = (), failed_requests: FailedRequests = "free", seed: int = 0
) -> AsyncIterator[Bench]:
    """A sandbox with these faults, on the client's own hurried clock: no wait costs time."""
    clock = HurriedClock()
    sandbox = Sandbox(
        subscriptions=dict.fromkeys(KEYS, Subscription("test")),
        keys=KEYS,
        seed=seed,
        clock=clock.now,
        remember_served=True,
        faults=read_injections(faults, endpoints_played(KEYS)),
        failed_requests=failed_requests,
        sleep=clock.sleep,
    )
    async with serve(sandbox) as url:
        yield Bench(directory, sandbox, url, clock=clock)


def in_a_night(
    directory: Path,
    use: Callable[[Bench], Awaitable[T]],
    faults: Sequence[str] = (),
    failed_requests: FailedRequests = "free",
) -> T:
    """Runs `use` in such a night, on an event loop of its own."""

    async def used() -> T:
        async with night(directory, faults, failed_requests) as bench:
            return await use(bench)

    return asyncio.run(used())


def accounts(failed_requests: FailedRequests | None = None) -> str:
    """Accounts that nothing waits for; what is stated of KeyAPI's failures, if anything is."""
    stated = f'failed_requests = "{failed_requests}"' if failed_requests else ""
    return f"""
[accounts.crawlora]
requests_per_minute = {FAST}
credits_per_month = 1_000_000
credits_per_day = 1_000_000
[accounts.keyapi]
requests_per_minute = {FAST}
credits_per_month = 1_000_000
{stated}
"""


def crawl(endpoint: str, values: Sequence[str], limit: str = "") -> str:
    """A crawl with a walk for each value of the parameter that tells them apart."""
    params = f"{COUNTRY[endpoint]} = {json.dumps(list(values))}"
    return f'[[crawl]]\nendpoint = "{endpoint}"\nparams = {{ {params} }}\n{limit}\n'


# --- what the client's own books say ----------------------------------------------------------------------------------


def query(bench: Bench, sql: str) -> list[tuple[Any, ...]]:
    """The state database, as another reader sees it."""
    return bench.database.rows(sql)


def ledger(bench: Bench, vendor: str) -> collections.Counter[str]:
    """Credits by charge."""
    found = query(bench, f"SELECT charge, sum(credits) FROM requests WHERE endpoint LIKE '{vendor}.%' GROUP BY 1")
    return collections.Counter({charge: credits for charge, credits in found if credits})


def coverage(bench: Bench) -> dict[tuple[str, str], tuple[WalkState, str]]:
    """(endpoint, its country or id) → how the walk stands, and what its guards met."""
    found = query(bench, "SELECT endpoint, params, state, notes FROM walks")
    return {(endpoint, _value(endpoint, params)): (WalkState(state), notes) for endpoint, params, state, notes in found}


def outcomes(bench: Bench) -> dict[tuple[str, str], list[OutcomeKind]]:
    """(endpoint, its country or id) → what its attempts met, in order."""
    found: dict[tuple[str, str], list[OutcomeKind]] = collections.defaultdict(list)
    for endpoint, params, outcome in query(bench, "SELECT endpoint, params, outcome FROM requests ORDER BY attempt_id"):
        found[endpoint, _value(endpoint, params)].append(OutcomeKind(outcome))
    return dict(found)


def _value(endpoint: str, params: str) -> str:
    return str(json.loads(params)[COUNTRY[endpoint]])


# --- both sides -------------------------------------------------------------------------------------------------------


def hold_credits(bench: Bench) -> None:
    """What is booked as charged was taken, and no more was taken than is booked at all.

    Where a rule is known and every answer came, nothing is presumed or unknown, and both are the same.
    """
    for vendor in KEYS:
        booked, taken = ledger(bench, vendor), bench.sandbox.account(vendor)["credits_charged"]
        assert booked["charged"] <= taken <= booked.total(), (vendor, booked, taken)
        assert not booked["reserved"], (vendor, booked)
        assert vendor == "keyapi" or not booked["presumed"], (vendor, booked)
