"""A project with a nightly job whose `[notify]` leads to loopback, and the sandbox at its vendors' addresses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import click
from aiohttp import web

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox, endpoints_played, read_injections
from scraper.wiring.sandboxes import sandbox_urls
from tests.docs.place import said
from tests.io.test_notify import heard_on_loopback
from tests.runs.harness import FAST, KEYS, HurriedClock

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
FIRST = datetime(2026, 11, 1, 2, 15, tzinfo=UTC)
JOB = f"""
name = "night"
budget = 100
every = "day"
starts_at = "02:00"
max_wait = "10m"
[accounts.crawlora]
requests_per_minute = {FAST}
credits_per_day = 400
credits_per_month = 2_000
[accounts.keyapi]
requests_per_minute = {FAST}
credits_per_month = 2_000
failed_requests = "free"
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = ["US", "GB"], period = 7 }}
max_pages = 1
[[crawl]]
endpoint = "keyapi.videos"
params = {{ region = "US" }}
max_pages = 2
"""
NOBODY = [f"--vendor-url={vendor}=http://127.0.0.1:9" for vendor in KEYS]
KEY_VARIABLES = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived at the address of `[notify]`."""

    title: str
    body: str


class Loopback:
    """The vendors, and the address that is told of runs, in a thread of their own."""

    def __init__(self, clock: HurriedClock) -> None:
        self.messages: list[Message] = []
        self.pings: list[str] = []
        self.arrived: Callable[[], object] = lambda: None
        """Called when a request arrives at a vendor."""
        self._clock, self._loop = clock, asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self._hooks, self._vendors = AsyncExitStack(), AsyncExitStack()
        self.port = self._run(self._hooks.enter_async_context(heard_on_loopback(self._hear)))

    def sell(self, faults: Sequence[str]) -> list[str]:
        """Begin anew with these faults; return the options of ``scraper run`` that lead to the vendors."""
        self._run(self._vendors.aclose())
        url = self._run(self._vendors.enter_async_context(self._selling(faults)))
        return [f"--vendor-url={vendor}={each}" for vendor, each in sandbox_urls(url).items()]

    def close(self) -> None:
        self._run(self._vendors.aclose())
        self._run(self._hooks.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    @asynccontextmanager
    async def _selling(self, faults: Sequence[str]) -> AsyncIterator[str]:
        sandbox = Sandbox(
            subscriptions=dict.fromkeys(KEYS, Subscription("test")), keys=KEYS, clock=self._clock.now,
            faults=read_injections(faults, endpoints_played(KEYS)), sleep=self._clock.sleep,
        )  # fmt: skip

        @web.middleware
        async def seen(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.arrived()
            return await handler(request)

        application = sandbox.application()
        application.middlewares.insert(0, seen)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        text = await request.text()
        if request.path.startswith("/check"):
            self.pings.append(request.path.removeprefix("/check") or "/")
        else:
            told = json.loads(text)
            self.messages.append(Message(told["title"], told["message"]))
        return web.Response()


class Project:
    """A project on disk, and the nights of its job."""

    def __init__(self, place: Path) -> None:
        self.clock = HurriedClock(FIRST)
        self.loopback = Loopback(self.clock)
        self.place = place
        (place / "configs" / "tables").mkdir(parents=True)
        self.job = place / "configs" / "night.toml"
        (place / "scraper.toml").write_text(
            f'[notify]\nurls = ["json://127.0.0.1:{self.loopback.port}/word"]\n'
            f'ping = "http://127.0.0.1:{self.loopback.port}/check"\n'
        )
        self.state = place / "data" / "state.db"
        self.faults: Sequence[str] = ()
        self.keys = dict(KEY_VARIABLES)
        self.options: Sequence[str] = ()
        self.write_job()

    def write_job(self, **changes: str) -> None:
        """Write the job with other values of these keys."""
        text = JOB
        for key, value in changes.items():
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
        self.job.write_text(text)

    def run(self) -> int:
        """Start the job, as its timer does; return the exit code."""
        urls = [] if "--vendor-url" in " ".join(self.options) else self.loopback.sell(self.faults)
        with contextlib.chdir(self.place), environment(self.keys):
            try:
                return said(["run", "night", *urls, *self.options], self.clock).exit_code
            except click.ClickException as fault:
                return fault.exit_code

    def query_state(self, sql: str) -> None:
        with contextlib.closing(sqlite3.connect(self.state)) as connection, connection:
            connection.execute(sql)


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
