"""A sandbox on a thread of its own, beside the program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox, serve
from scraper.wiring.sandboxes import sandbox_urls
from tests.clock import ShiftedClock
from tests.runs.harness import KEYS


@dataclass(slots=True)
class SandboxBeside:
    """A sandbox under way."""

    sandbox: Sandbox
    url: str = ""
    stops: list[Callable[[], object]] = field(default_factory=list)

    @property
    def vendor_urls(self) -> list[str]:
        """The options that lead there."""
        return [word for name, url in sandbox_urls(self.url).items() for word in ("--vendor-url", f"{name}={url}")]


@contextmanager
def sandbox_beside() -> Iterator[SandboxBeside]:
    subscriptions = {vendor: Subscription("test") for vendor in KEYS}
    made = SandboxBeside(Sandbox(subscriptions=subscriptions, keys=KEYS, clock=ShiftedClock().now))
    begun = threading.Event()

    async def served() -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        async with serve(made.sandbox) as made.url:
            made.stops.append(lambda: loop.call_soon_threadsafe(stopped.set))
            begun.set()
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(served()))
    thread.start()
    try:
        assert begun.wait(10)
        yield made
    finally:
        for stop in made.stops:
            stop()
        thread.join(10)
