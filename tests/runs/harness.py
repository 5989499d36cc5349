"""Running jobs for real: the real wiring, state and archive in a directory, against a sandbox on loopback."""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from duckdb import DuckDBPyConnection

from scraper.core.events import Event, RequestSettled, RunResult
from scraper.core.subscriptions import Subscription
from scraper.io.query import open_archive
from scraper.ports import Archive
from scraper.runs.resume import Opening
from scraper.sandbox import Sandbox
from scraper.wiring.files import load_job, load_tables, load_views
from scraper.wiring.run import RunOrder, run_job
from scraper.wiring.sandboxes import sandbox_urls
from scraper.wiring.settings import Settings
from tests import statements
from tests.clock import begins_at as tests_begin_at
from tests.databases import StateDatabase, database_in

T = TypeVar("T")

statements.share()

KEYS = {"crawlora": "crawlora-test-key", "keyapi": "sk_live_test"}
FAST = 60_000
"""Requests a minute that no test waits for."""

ACCOUNTS = f"""
[accounts.crawlora]
requests_per_minute = {FAST}
credits_per_month = 100_000
credits_per_day = 50_000
[accounts.keyapi]
requests_per_minute = {FAST}
credits_per_month = 100_000
"""

ALL_FIVE = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"], period = 7 }
max_pages = 1
[[crawl]]
endpoint = "crawlora.creators"
params = { creator_country = "US" }
[[crawl]]
name = "posts"
endpoint = "crawlora.hashtag_posts"
each = "keyapi.hashtags"
top = 3
max_items = 60
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = "US" }
max_pages = 2
[[crawl]]
endpoint = "keyapi.videos"
params = { region = "GB" }
max_pages = 2
"""


class Heard:
    """A listener that remembers, and can act on what it hears."""

    def __init__(self, on: Callable[[Event], None] = lambda _: None) -> None:
        self.events: list[Event] = []
        self._on = on

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self._on(event)

    @property
    def settled(self) -> list[RequestSettled]:
        return [event for event in self.events if isinstance(event, RequestSettled)]


class HurriedClock:
    """A clock at the machine's own speed, but for waiting: that moves it on at once."""

    def __init__(self, begins_at: datetime | None = None) -> None:
        self.go_to(tests_begin_at() if begins_at is None else begins_at)

    def now(self) -> datetime:
        return self._zero + timedelta(seconds=time.monotonic())

    def go_to(self, moment: datetime) -> None:
        self._zero = moment - timedelta(seconds=time.monotonic())

    def set_back(self, **by: float) -> None:
        self._zero -= timedelta(**by)

    def monotonic(self) -> float:
        return self.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        self._zero += timedelta(seconds=max(0.0, seconds))
        await asyncio.sleep(0)


@dataclass(slots=True)
class Bench:
    """A sandbox under way, and a directory to run jobs in."""

    directory: Path
    sandbox: Sandbox
    url: str
    keys: Mapping[str, str] = field(default_factory=lambda: dict(KEYS))
    hits: collections.Counter[str] = field(default_factory=collections.Counter)
    """Requests that reached the sandbox, by path and query."""
    clock: HurriedClock = field(default_factory=HurriedClock)
    unreachable: frozenset[str] = frozenset()
    """Vendors at whose address nobody listens."""
    state: str | None = None
    """URL of the state; ``None``: in the data directory."""
    archive_place: str | None = None
    """The archive; ``None``: in the data directory."""

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def database(self) -> StateDatabase:
        return database_in(self.data)

    def write_job(
        self, text: str, *, name: str = "night", budget: int | str = 10_000, accounts: str = ACCOUNTS
    ) -> Path:
        path = self.directory / "configs" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'name = "{name}"\nbudget = {budget}\n{text_before_tables(text)}{accounts}{tables_of(text)}')
        return path

    @property
    def settings(self) -> Settings:
        environment = {f"{vendor.upper()}_API_KEY": key for vendor, key in self.keys.items()}
        urls = sandbox_urls(self.url) | dict.fromkeys(self.unreachable, "http://127.0.0.1:9")
        return Settings(
            data=self.data,
            state=self.state,
            archive=self.archive_place,
            vendor_urls=urls,
            environment=environment,
            clock=self.clock,
        )

    async def run(
        self,
        job: Path,
        *,
        opening: Opening = Opening.GO_ON,
        ceiling: int | None = None,
        heard: Heard | None = None,
        begun: Callable[[Any], None] = lambda _: None,
        archive: Archive | None = None,
    ) -> RunResult:
        found, catalogue = load_job(job, ceiling)
        order = RunOrder(found, catalogue, job.parent, opening, ceiling, f"scraper run {job.name}", archive)
        return await run_job(order, self.settings, heard or Heard(), begun)

    def archive(self, sql: str | None = None, *, views: bool = True) -> closing[DuckDBPyConnection]:
        """The archive as it is now, with all relations or those that `sql` reads; without `views`, tables alone."""
        chosen = load_views(None) if views else ()
        return closing(open_archive(self.data, load_tables(None), chosen, sql))

    def rows(self, sql: str, *, views: bool = True) -> list[tuple[Any, ...]]:
        """What one query finds there."""
        with self.archive(sql, views=views) as connection:
            return connection.execute(sql).fetchall()

    def charged(self) -> int:
        """What the sandbox says that it has charged, both vendors together."""
        return sum(self.sandbox.account(vendor)["credits_charged"] for vendor in KEYS)


def text_before_tables(text: str) -> str:
    return text[: text.index("[[crawl]]")]


def tables_of(text: str) -> str:
    return text[text.index("[[crawl]]") :]


Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Answers in the vendor's place, or lets the vendor's answer stand."""


@asynccontextmanager
async def bench(
    directory: Path,
    *,
    fault: Fault | None = None,
    after: Fault | None = None,
    limits: Mapping[str, int] | None = None,
    moment: datetime | None = None,
    clock: HurriedClock | None = None,
) -> AsyncIterator[Bench]:
    """A bench whose sandbox has these limits at both vendors.

    `fault` may answer before a vendor has been asked, `after` when the vendor has answered, and charged.
    `moment`: the sandbox's time stands still there, so that two runs get the same rows. `clock`: what both go by, the
    program and the sandbox; of many nights nothing that was served is remembered.
    """
    subscriptions = {vendor: replace(Subscription("test"), **dict[str, Any](limits or {})) for vendor in KEYS}
    remembers, clock = clock is None, clock or HurriedClock()
    sandbox_now = clock.now if moment is None else lambda: moment
    sandbox = Sandbox(subscriptions=subscriptions, keys=KEYS, clock=sandbox_now, remember_served=remembers)
    application = sandbox.application()
    hits: collections.Counter[str] = collections.Counter()

    @web.middleware
    async def counted(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        hits[request.path_qs] += 1
        replaced = await fault(request) if fault is not None else None
        if replaced is not None:
            return replaced
        answered = await handler(request)
        cut = await after(request) if after is not None else None
        return answered if cut is None else cut

    application.middlewares.insert(0, counted)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield Bench(directory, sandbox, f"http://127.0.0.1:{port}", hits=hits, clock=clock)
    finally:
        await runner.cleanup()


def on_bench(
    directory: Path,
    use: Callable[[Bench], Awaitable[T]],
    *,
    fault: Fault | None = None,
    after: Fault | None = None,
    limits: Mapping[str, int] | None = None,
    clock: HurriedClock | None = None,
) -> T:
    """Runs `use` with a bench, on an event loop of its own."""

    async def used() -> T:
        async with bench(directory, fault=fault, after=after, limits=limits, clock=clock) as made:
            return await use(made)

    return asyncio.run(used())


ROUTES = {
    "/api/v1/tiktok/popular-trend/hashtag": ("crawlora.hashtags", "hashtag_id"),
    "/api/v1/tiktok/popular-trend/creator": ("crawlora.creators", "user_id"),
    "/api/v1/tiktok/hashtags": ("crawlora.hashtag_posts", "id"),
    "/v1/tiktok/trending/hashtags": ("keyapi.hashtags", "hashtag_id"),
    "/v1/tiktok/trending/videos": ("keyapi.videos", "item_id"),
}
