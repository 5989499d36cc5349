"""Signals stop a run in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scraper.cli.signals import to_its_end

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Crawl:
    """A crawl that ends when it is stopped."""

    def __init__(self) -> None:
        self.stops = 0
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self.stops += 1
        self._stopped.set()

    async def run(self) -> int:
        await self._stopped.wait()
        return self.stops


@contextmanager
def ignoring(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


def sent(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOPS)
def test_the_first_signal_lets_what_is_in_flight_land(number: signal.Signals) -> None:
    async def begin(begun: Callable[[Any], None]) -> int:
        crawl = Crawl()
        begun(crawl)
        sent(number)
        return await crawl.run()

    assert to_its_end(begin) == 1


def test_signals_of_one_moment_count_as_one() -> None:
    async def begin(begun: Callable[[Any], None]) -> int:
        crawl = Crawl()
        begun(crawl)
        for number in STOPS:
            sent(number)
        return await crawl.run()

    assert to_its_end(begin) == 1


def test_a_hangup_that_nohup_has_ignored_stops_nothing() -> None:
    async def begin(begun: Callable[[Any], None]) -> int:
        crawl = Crawl()
        begun(crawl)
        sent(signal.SIGHUP)
        await asyncio.sleep(0)
        met = crawl.stops
        crawl.stop()
        await crawl.run()
        return met

    with ignoring(signal.SIGHUP):
        assert to_its_end(begin) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
