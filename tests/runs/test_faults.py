"""What goes wrong on the way: each attempt is in the ledger, nothing paid is lost, nothing is bought needlessly."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import IO

import pytest
from aiohttp import web

from scraper.core.catalogue import OutcomeKind
from scraper.core.errors import ArchiveError
from scraper.core.events import Ending, RunStatus, Waiting
from scraper.io.archive import ParquetArchive
from scraper.io.archive.files import Disk
from scraper.runs.crawl import CrawlProcess
from scraper.wiring.files import load_job, load_tables
from tests.examples import spread
from tests.runs.harness import ALL_FIVE, Bench, Fault, Heard, on_bench
from tests.runs.test_crawl import archived_ids, served_ids

BOARDS = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP"] }
max_pages = 1
"""


def first(times: int, fault: Fault) -> Fault:
    """The fault for the first so many requests, then the vendor."""
    left = iter(range(times))

    async def sometimes(request: web.Request) -> web.StreamResponse | None:
        return await fault(request) if next(left, None) is not None else None

    return sometimes


def answer(status: int, body: str = "{}", **headers: str) -> Fault:
    async def answered(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type="application/json", headers=headers)

    return answered


async def hang_up(request: web.Request) -> web.StreamResponse | None:
    """The connection closes without an answer: nobody knows whether it was charged."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def test_a_free_failure_is_tried_again_and_costs_nothing(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.status is RunStatus.COMPLETE
        assert result.charged == bench.charged() == 24
        assert result.requests[Ending.RETRIED] == 2
        assert result.sent == 5
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use, fault=first(2, answer(500, '{"code":500,"msg":"oops"}')))


def test_a_429_pauses_for_as_long_as_the_vendor_says(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        heard = Heard()
        result = await bench.run(bench.write_job(BOARDS), heard=heard)
        assert result.status is RunStatus.COMPLETE
        assert [event.wait_s for event in heard.events if isinstance(event, Waiting)] == [7.0]

    on_bench(tmp_path, use, fault=first(1, answer(429, "{}", **{"Retry-After": "7"})))


def test_a_wait_that_is_too_long_ends_the_run_for_now_and_releases_what_was_reserved(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.status is RunStatus.QUOTA
        assert (result.charged, result.unknown) == (0, 0)
        assert result.next_at is not None

    on_bench(tmp_path, use, fault=answer(429, "{}", **{"Retry-After": "7200"}))


def test_an_answer_that_never_came_counts_as_unknown_and_the_page_is_bought_again(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.status is RunStatus.COMPLETE
        assert (result.charged, result.unknown) == (24, 8)
        assert result.requests[Ending.LOST] == 1
        assert result.left == result.budget - 32
        assert any("8 credits are unknown" in warning for warning in result.warnings)

    on_bench(tmp_path, use, fault=first(1, hang_up))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answer(200, '{"code":40101,"msg":"no permission"}'), OutcomeKind.IN_BAND_ERROR),
        (answer(200, "<html>busy</html>"), OutcomeKind.MALFORMED),
        (answer(200, ""), OutcomeKind.MALFORMED),
    ],
)
def test_a_paid_answer_that_gives_nothing_is_kept_counted_and_bought_again(
    tmp_path: Path, fault: Fault, kind: OutcomeKind
) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.status is RunStatus.COMPLETE
        assert result.charged == 24 + 8
        assert result.requests[Ending.RETRIED] == 1
        kept = bench.rows("SELECT outcome, count(*) FROM pages WHERE outcome <> 'ok' GROUP BY 1")
        assert kept == [(kind.value, 1)]
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use, fault=first(1, fault))


def test_a_request_that_is_never_answered_well_is_given_up_and_named(tmp_path: Path) -> None:
    async def japan_is_broken(request: web.Request) -> web.StreamResponse | None:
        return await answer(502)(request) if request.query.get("country_code") == "JP" else None

    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.status is RunStatus.FAILED
        assert result.walks == {"complete": 2, "truncated": 0, "empty": 0, "failed": 1, "not_attempted": 0}
        assert result.requests[Ending.FAILED] == 1
        assert "country_code=JP" in result.message
        assert "HTTP 502" in result.message

    on_bench(tmp_path, use, fault=japan_is_broken)


def test_a_vendor_that_cannot_be_reached_leaves_the_run_open_and_nothing_is_bought_twice(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE)
        bench.unreachable = frozenset({"keyapi"})
        outage = await bench.run(job)
        assert outage.status is RunStatus.UNREACHABLE
        assert outage.message.count("keyapi cannot be reached") == 1
        assert outage.message.endswith("Go on: scraper run night.toml")
        assert (outage.walks["failed"], outage.walks["complete"]) == (0, 3)
        bench.unreachable = frozenset()
        again = await bench.run(job)
        assert (again.status, again.run_id) == (RunStatus.COMPLETE, outage.run_id)
        assert set(bench.hits.values()) == {1}
        assert again.charged == bench.charged()

    on_bench(tmp_path, use)


@pytest.mark.parametrize("status", [429, 503])
def test_a_vendor_that_asks_for_an_hour_is_not_asked_again_before(tmp_path: Path, status: int) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.status is RunStatus.QUOTA
        assert sum(bench.hits.values()) == 1
        assert result.next_at is not None

    on_bench(tmp_path, use, fault=answer(status, "{}", **{"Retry-After": "3600"}))


def test_an_account_that_the_vendor_closed_is_open_again_under_another_plan(tmp_path: Path) -> None:
    closing = answer(402, "{}")
    accounts = "[accounts.crawlora]\nrequests_per_minute = 60000\nplan = "

    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS, accounts=accounts + '"starter"\n')
        assert (await bench.run(job)).status is RunStatus.QUOTA
        assert (await bench.run(job)).sent == 1
        bench.write_job(BOARDS, accounts=accounts + '"pro"\n')
        assert (await bench.run(job)).status is RunStatus.COMPLETE

    on_bench(tmp_path, use, fault=first(1, closing))


def test_an_endpoint_that_is_gone_is_asked_once_and_the_others_go_on(tmp_path: Path) -> None:
    async def hashtags_are_gone(request: web.Request) -> web.StreamResponse | None:
        return await answer(410)(request) if request.path.endswith("popular-trend/hashtag") else None

    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(ALL_FIVE))
        assert result.status is RunStatus.FAILED
        assert "crawlora.hashtags is no longer served by the vendor" in result.message
        assert sum("popular-trend/hashtag" in path for path in bench.hits) == 1
        assert result.rows["creators"] > 0
        assert result.rows["posts"] > 0

    on_bench(tmp_path, use, fault=hashtags_are_gone)


def test_an_empty_body_without_a_connection_retry_is_one_attempt_in_the_ledger(tmp_path: Path) -> None:
    """aiohttp by itself sends a GET again on a connection that was closed: every such attempt must be one of ours."""

    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert result.sent == sum(bench.hits.values())

    on_bench(tmp_path, use, fault=first(2, hang_up))


# --- a process that dies, a disk that fills ---------------------------------------------------------------------------


@pytest.mark.combined
@pytest.mark.parametrize("after", spread(range(0, 12, 2), 3))
def test_a_run_that_was_killed_buys_at_most_what_was_in_flight_again(tmp_path: Path, after: int) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE)
        crawls = list[CrawlProcess]()
        killed = asyncio.Event()
        heard = Heard(lambda _: killed.set() if len(heard.settled) >= after else None)
        run = asyncio.ensure_future(bench.run(job, heard=heard, begun=crawls.append))
        await killed.wait()
        run.cancel()  # no stop, no drain, no end of the run is written
        with pytest.raises(asyncio.CancelledError):
            await run
        result = await bench.run(job)
        assert result.status is RunStatus.COMPLETE
        assert result.charged + result.unknown >= bench.charged()
        bought_again = sum(times - 1 for times in bench.hits.values())
        assert bought_again * 2 <= result.unknown
        assert archived_ids(bench).keys() == served_ids(bench).keys()
        assert set(bench.rows("SELECT count(*) FROM pages GROUP BY run_id, request_key")) == {(1,)}

    on_bench(tmp_path, use)


class FillingDisk(Disk):
    """A disk on which there is room for so many files."""

    def __init__(self, room: int) -> None:
        self._left = iter(range(room))

    def create(self, path: Path) -> IO[bytes]:
        if next(self._left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().create(path)


@pytest.mark.parametrize("room", [0, 1])
def test_a_disk_that_is_full_at_the_start_stops_the_run_before_it_sends_anything(tmp_path: Path, room: int) -> None:
    """The archive's own record of the ledger has no room: its identity, or the run's mark."""

    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE)
        _, catalogue = load_job(job)
        archive = ParquetArchive(bench.data, load_tables(None), catalogue, FillingDisk(room))
        try:
            told = (await bench.run(job, archive=archive)).message
        except ArchiveError as failure:
            told = str(failure)
        assert "No space left on device" in told
        assert "nothing more is spent" in told
        assert bench.hits == {}
        assert (await bench.run(job)).status is RunStatus.COMPLETE

    on_bench(tmp_path, use)


@pytest.mark.combined
@pytest.mark.parametrize("room", spread([3, 4, 6], 2))
def test_a_full_disk_ends_the_run_as_an_error_and_the_next_one_archives_what_was_paid(
    tmp_path: Path, room: int
) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE)
        _, catalogue = load_job(job)
        archive = ParquetArchive(bench.data, load_tables(None), catalogue, FillingDisk(room))
        result = await bench.run(job, archive=archive)
        assert result.status is RunStatus.ERROR
        assert result.status.exit_code == 5
        assert "No space left on device" in result.message
        assert "The paid pages stay in the spool" in result.message
        hits = dict(bench.hits)
        again = await bench.run(job)
        assert again.status is RunStatus.COMPLETE
        assert again.run_id == result.run_id
        assert bench.hits == hits, "nothing was bought again"
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use)


def test_a_clock_that_jumps_back_an_hour_is_named_and_nothing_is_sent_until_it_is_right(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS, budget=16)
        assert (await bench.run(job)).status is RunStatus.BUDGET
        bench.clock.set_back(hours=1)
        behind = await bench.run(job)
        assert (behind.status, behind.sent) == (RunStatus.QUOTA, 0)
        assert "set the clock right" in behind.message
        bench.clock.set_back(hours=-1)
        assert (await bench.run(job)).charged == 16

    on_bench(tmp_path, use)
