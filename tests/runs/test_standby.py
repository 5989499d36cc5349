"""A process that stands by while another one runs the job, and what it outlasts meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scraper.core.errors import HeldElsewhereError, ScraperError, StateAwayError
from scraper.core.events import Noted
from scraper.ports.leases import HeldForGood
from scraper.runs.context import RunContext
from scraper.runs.standby import held

ELSEWHERE = HeldElsewhereError("job night is already run by process other:1", "wait")
AWAY = StateAwayError("the state db cannot be used: it restarts. Everything committed is kept; wait.")


class Meeting:
    """Runs whose job is held as soon as these errors are met; a clock that takes no time."""

    def __init__(self, *errors: ScraperError) -> None:
        self.errors, self.said = list(errors), list[str]()

    @contextmanager
    def hold(self, _: str) -> Iterator[HeldForGood]:
        if self.errors:
            raise self.errors.pop(0)
        yield HeldForGood()

    async def sleep(self, _: float) -> None:
        await asyncio.sleep(0)

    def hear(self, event: Noted) -> None:
        self.said.append(event.sentence)


async def held_by(meeting: Meeting) -> bool:
    """Hold the job as a standby; return whether another process held it before."""
    context = SimpleNamespace(stores=SimpleNamespace(runs=meeting), clock=meeting, listener=meeting, standby=True)
    job = cast("Any", SimpleNamespace(name="night"))
    async with held(job, cast("RunContext", context), lambda _: None) as found:
        return found.stood_by


def test_a_standby_outlasts_a_server_that_restarts_and_says_so_once() -> None:
    meeting = Meeting(ELSEWHERE, AWAY, AWAY, ELSEWHERE, AWAY)
    assert asyncio.run(held_by(meeting))
    by, away = f"{ELSEWHERE.met}; this process stands by", f"{AWAY} This process stands by until it answers"
    assert meeting.said == [by, away, away]


def test_a_server_that_does_not_answer_at_the_start_ends_a_standby() -> None:
    with pytest.raises(StateAwayError):
        asyncio.run(held_by(Meeting(AWAY)))
