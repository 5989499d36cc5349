"""Whole runs on a moved clock, against a vendor that answers by a timetable: minutes pass in a moment.

The wiring is the program's own, but for the transport and for an archive that swallows its pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from scraper.core.events import RunResult
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.pagination import WalkState, Why
from scraper.core.requests import Request
from scraper.io.pacing import SmoothPacer
from scraper.ports import RunEnd, RunRecord, Start, WalkRecord, at_once
from scraper.runs.context import RunContext
from scraper.runs.execute import execute
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from tests.clock import begins_at
from tests.databases import database_in
from tests.runs.counting import Discarded
from tests.runs.harness import Heard
from tests.runs.moved_time import MovedClock, MovedTimeLoop, on_moved_time

LATENCY_S = 0.8
ROWS = 60
"""Of every board: three pages of KeyAPI, one of Crawlora; two of posts."""

TIMED_OUT = NoAnswer(sent=True, reason="no answer within 60 s")
REFUSED = NoAnswer(sent=False, reason="connection refused")


def status(code: int, **headers: str) -> Answer:
    return Answer(code, headers, orjson.dumps({"code": code, "message": "not now", "msg": "not now"}))


Timetable = Callable[[Request, float], Reply | None]
"""What is answered to a request at a second of the run; ``None``: the page."""


class Inline(ThreadPoolExecutor):
    """Work for a thread is done at once: a loop whose time is moved can wait for no thread."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **named))
        except BaseException as failure:
            done.set_exception(failure)
        return done


def page(request: Request) -> Answer:
    """The page of a board, or of a hashtag's posts, of so many rows, in the vendor's envelope."""
    pagination = request.endpoint.pagination
    size = pagination.rows_per_page
    listed = range((request.page - 1) * size, min(request.page * size, ROWS))
    rows = [{request.endpoint.records.id: f"{request.walk.walk_id}-{row}"} for row in listed]
    if "cursor" in pagination.fields:
        posts = {"statusCode": 0, "itemList": rows, "cursor": str(request.page * size), "hasMore": request.page < 2}
        return Answer(200, {}, orjson.dumps({"code": 200, "msg": "OK", "data": posts}))
    told = {"page": request.page, "size": size, "limit": size, "total": ROWS, "total_count": ROWS}
    told["has_more"] = request.page * size < ROWS
    of_list = {request.endpoint.records.path.rpartition(".")[2]: rows, "pagination": told}
    if request.endpoint.vendor == "keyapi":
        return Answer(200, {}, orjson.dumps({"code": 0, "message": "success", "data": of_list}))
    return Answer(200, {}, orjson.dumps({"code": 200, "msg": "OK", "data": {"code": 0, "msg": "OK", "data": of_list}}))


@dataclass(slots=True)
class Outage:
    """A transport that answers by a timetable, and remembers when it was asked for what."""

    clock: MovedClock
    timetable: Timetable
    sent: list[tuple[float, Request]] = field(default_factory=list)

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        if not await start():
            return NoAnswer(sent=False, reason="its slot is gone")
        began = self.clock.monotonic()
        self.sent.append((began, request))
        reply = self.timetable(request, began)
        await asyncio.sleep(60.0 if reply is TIMED_OUT else LATENCY_S)
        return page(request) if reply is None else reply


@dataclass(slots=True)
class Night:
    """A run that has ended."""

    result: RunResult
    sent: list[tuple[float, Request]]
    walks: list[WalkRecord]
    took_s: float

    def asked(self, **params: str) -> list[int]:
        """Pages of the walks with these parameters, in the order in which they were asked for."""
        return [r.page for _, r in self.sent if params.items() <= dict(r.params).items()]

    def stood(self) -> set[tuple[str, WalkState, Why | None]]:
        return {(walk.endpoint, walk.state, walk.why) for walk in self.walks}


def night(
    directory: Path,
    job_text: str,
    timetable: Timetable,
    opening: Opening = Opening.GO_ON,
    begins_s: float = 0.0,
    begun: Callable[[Any], None] = lambda _: None,
    ceiling: int | None = None,
    heard: Heard | None = None,
) -> Night:
    """One process of a run of the job in this directory; seconds count from one instant for all of them."""
    path = directory / "night.toml"
    path.write_text(f'name = "night"\n{job_text}')
    job, catalogue = load_job(path, ceiling)

    async def whole(loop: MovedTimeLoop) -> Night:
        loop.set_default_executor(Inline())
        loop.moving.moved_s = begins_s
        clock = MovedClock(loop)
        transport = Outage(clock, timetable)
        pacers = {vendor: SmoothPacer(job.accounts[vendor].subscription) for vendor in job.vendors}
        with database_in(directory / "data").opened(clock.now, threaded=False) as stores:
            context = RunContext(stores, Discarded(), transport, pacers, clock, heard or Heard(), lambda: 0.5)
            result = await execute(
                job, catalogue.vendors, context, opening=opening, ceiling=ceiling, suffix="0000",
                command="scraper run night", begun=begun,
            )  # fmt: skip
            walks = list(await stores.runs.coverage(result.run_id))
        return Night(result, transport.sent, walks, clock.monotonic() - begins_s)

    return on_moved_time(whole)


class Killed(BaseException):
    """The process is no more."""


def killed_night(
    directory: Path, job_text: str, begins_s: float, after: int, answers: Timetable = lambda _, __: None
) -> None:
    """A process that is killed with its request number `after` + 1 in flight: it says nothing of how it ended."""
    left = [after]

    def dying(request: Request, second: float) -> Reply | None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return answers(request, second)

    try:
        night(directory, job_text, dying, begins_s=begins_s)
    except BaseExceptionGroup as ends:
        if ends.split(Killed)[1] is not None:
            raise


def runs_in(directory: Path) -> Sequence[RunRecord]:
    """All runs of the directory, the first one first."""

    async def read() -> Sequence[RunRecord]:
        with database_in(directory / "data").opened(begins_at, threaded=False) as stores:
            return list(await stores.runs.latest_runs(1_000))[::-1]

    return asyncio.run(read())


def ends_in(directory: Path, run_id: str) -> Sequence[RunEnd]:
    """How the processes of a run ended."""

    async def read() -> Sequence[RunEnd]:
        with database_in(directory / "data").opened(begins_at, threaded=False) as stores:
            return await stores.runs.ends(run_id)

    return asyncio.run(read())
