"""A sandbox in a process of its own, that counts what reaches it: ``python -m tests.crash.server --help``."""

from __future__ import annotations

import argparse
import asyncio
import bisect
import collections
import json
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from urllib.request import ProxyHandler, build_opener

from aiohttp import web

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox
from scraper.sandbox.server import utc_now

ROOT = Path(__file__).parents[2]
KEYS = {"crawlora": "crawlora-test-key", "keyapi": "sk_live_test"}
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

Hits = collections.Counter[tuple[str, str]]
"""(path, its parameters as sorted JSON) → times that it was asked for."""


def canonical(params: Mapping[str, str]) -> str:
    return json.dumps(dict(params), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a sandbox process can be asked."""

    url: str

    def account(self, vendor: str) -> dict[str, Any]:
        return dict(self._get(f"/_sandbox/account?vendor={vendor}"))

    def charged(self) -> int:
        return sum(self.account(vendor)["credits_charged"] for vendor in KEYS)

    def hits(self) -> Hits:
        return collections.Counter({(path, params): times for path, params, times in self._get("/_test/hits")})

    def under_way(self) -> int:
        return int(self._get("/_test/under_way"))

    def most_in_a_minute(self) -> int:
        """Requests that arrived in the fullest minute."""
        arrivals = list[float](self._get("/_test/arrivals"))
        return max(bisect.bisect_left(arrivals, at + 60) - place for place, at in enumerate(arrivals))

    def quiet(self) -> bool:
        """Nothing that arrived is still to be answered."""
        return self.under_way() == 0

    def _get(self, path: str) -> Any:
        with build_opener(ProxyHandler({})).open(self.url + path, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def sandbox_process(*, latency_ms: float, stands_still: bool = False, **limits: int) -> Iterator[Address]:
    """The process, up and listening; ended with the block."""
    words = [sys.executable, "-m", "tests.crash.server", "--latency-ms", str(latency_ms)]
    words += ["--stands-still"] if stands_still else []
    words += [f"--limit={name}={value}" for name, value in limits.items()]
    with Popen(words, cwd=ROOT, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Address(process.stdout.readline().strip())
        finally:
            process.send_signal(signal.SIGTERM)


def application_of(sandbox: Sandbox, latency_s: float) -> web.Application:
    application = sandbox.application()
    hits: Hits = collections.Counter()
    arrivals = list[float]()
    under_way = 0

    @web.middleware
    async def slowed(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        nonlocal under_way
        if request.path == "/_test/hits":
            return web.json_response([[*what, times] for what, times in hits.items()])
        if request.path == "/_test/arrivals":
            return web.json_response(arrivals)
        if request.path == "/_test/under_way":
            return web.json_response(under_way)
        if request.path.startswith("/_sandbox"):
            return await handler(request)
        hits[request.path, canonical(request.query)] += 1
        arrivals.append(asyncio.get_running_loop().time())
        under_way += 1
        try:
            await asyncio.sleep(latency_s * random.uniform(0.2, 1))
            answer = await handler(request)  # charged here, and on its way back afterwards
            await asyncio.sleep(latency_s * random.uniform(0.2, 1))
        finally:
            under_way -= 1
        return answer

    application.middlewares.insert(0, slowed)
    return application


async def serve(latency_s: float, stands_still: bool, limits: Mapping[str, Any]) -> None:
    clock = (lambda: NOON) if stands_still else utc_now
    subscriptions = {vendor: Subscription("test", **limits) for vendor in KEYS}
    sandbox = Sandbox(subscriptions=subscriptions, keys=KEYS, clock=clock)
    runner = web.AppRunner(application_of(sandbox, latency_s), access_log=None, shutdown_timeout=0.2)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=20.0, help="Longest way to the vendor, and back.")
    parser.add_argument("--stands-still", action="store_true", help="Its time does: two runs get the same rows.")
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=N", help="Of a Subscription.")
    options = parser.parse_args(arguments)
    limits = {name: int(value) for name, _, value in (each.partition("=") for each in options.limit)}
    asyncio.run(serve(options.latency_ms / 1000, options.stands_still, limits))


if __name__ == "__main__":
    main()
