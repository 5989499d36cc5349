"""Answers that a wrong vendor file misread: read again once it is corrected, for 0 credits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scraper.core.events import RunResult
from scraper.runs.check import Checked
from scraper.runs.rebuild import Rebuilt
from scraper.runs.resume import Opening
from scraper.wiring.upkeep import check_archive, rebuild_tables
from tests.runs.harness import Bench, on_bench

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP"] }
"""
COVERED = "SELECT run_id, country, state, why, pages, rows, decided_again_at IS NOT NULL FROM coverage ORDER BY ALL"


def tags(count: int) -> list[dict[str, Any]]:
    return [{"hashtag_id": f"{n}", "hashtag_name": f"t{n}", "rank": n + 1, "video_views": 9} for n in range(count)]


def renamed(_: web.Request) -> dict[str, Any]:
    """The list has another name."""
    pagination = {"page": 1, "size": 100, "total": 100, "has_more": False}
    return {"code": 200, "data": {"code": 0, "data": {"hashtags": tags(100), "pagination": pagination}}}


def bare(_: web.Request) -> dict[str, Any]:
    """The envelope is gone, and with it every word on what follows: a short page ends it."""
    return {"hashtags": tags(60)}


def sound(_: web.Request) -> dict[str, Any]:
    """An answer that the file for `bare` makes no page of."""
    pagination = {"page": 1, "size": 100, "total": 100, "has_more": False}
    data = {"code": 0, "data": {"list": tags(100), "pagination": pagination}}
    return {"code": 200, "data": data, "hashtags": "see data"}


def correct(bench: Bench, path: str) -> None:
    """The user's own vendor file says where the list is."""
    vendors = bench.directory / "configs" / "vendors"
    vendors.mkdir(exist_ok=True)
    (vendors / "crawlora.toml").write_text(f'[endpoints.hashtags.records]\npath = "{path}"\n')


async def rebuilt(bench: Bench) -> list[Rebuilt]:
    tables = rebuild_tables(bench.settings, bench.directory / "configs", "hashtags", None)
    return [each async for each in tables]


async def checked(bench: Bench, *, repair: bool = False) -> Checked:
    configs = bench.directory / "configs"
    return await check_archive(bench.settings, configs, repair=repair, quick=False, deep=False)


def told(bench: Bench) -> list[tuple[Any, ...]]:
    """The ledger and the last words of every run."""
    attempts = bench.database.rows("SELECT attempt_id, outcome, ending, charge, credits, rows, detail FROM requests")
    return attempts + bench.database.rows("SELECT run_id, status, message, ended_at FROM runs")


def misread(
    place: Path,
    answer: Callable[[web.Request], dict[str, Any]],
    use: Callable[[Bench, RunResult], Any],
    job: str = JOB,
) -> None:
    """A run whose answers are not as the vendor file has them, and what is done then."""
    serving = [answer]

    async def served(request: web.Request) -> web.Response:
        return web.json_response(serving[0](request))

    async def used(bench: Bench) -> None:
        result = await bench.run(bench.write_job(job))
        serving[0] = sound
        await use(bench, result)

    on_bench(place, used, fault=served)


@pytest.mark.parametrize(("answer", "path", "rows"), [(renamed, "data.data.hashtags", 100), (bare, "hashtags", 60)])
def test_a_corrected_path_gives_every_row_once_and_leaves_what_the_run_said(
    tmp_path: Path, answer: Callable[[web.Request], dict[str, Any]], path: str, rows: int
) -> None:
    async def use(bench: Bench, result: RunResult) -> None:
        assert bench.rows("SELECT count(*) FROM hashtags") == [(0,)]
        before, charged = told(bench), bench.charged()
        correct(bench, path)
        (finding,) = (await checked(bench)).findings
        assert (finding.kind, finding.repairable) == ("misread", True)
        assert finding.text.startswith("3 pages of crawlora.hashtags were booked as ")
        assert f"and have {3 * rows} records, not 0, by today's vendor file: scraper rebuild hashtags" in finding.text
        (table,) = await rebuilt(bench)
        assert (table.rows, table.unreadable_pages, table.decided_again) == (3 * rows, 0, 3)
        countries = ("GB", "JP", "US")
        expected = [(result.run_id, country, "complete", "end", 1, rows, True) for country in countries]
        assert bench.rows(COVERED) == expected
        assert bench.rows("SELECT country, count(*) FROM hashtags_latest GROUP BY ALL ORDER BY ALL") == [
            (country, rows) for country in countries
        ]
        assert (told(bench), bench.charged()) == (before, charged)
        assert (await checked(bench)).findings == []

    misread(tmp_path, answer, use)


def test_a_run_whose_list_is_elsewhere_says_where(tmp_path: Path) -> None:
    async def use(_: Bench, result: RunResult) -> None:
        advice = [warning for warning in result.warnings if "records.path" in warning]
        assert advice == [
            "crawlora.hashtags: no list at data.data.list; a list of 100 objects with hashtag_id is at "
            "data.data.hashtags: correct records.path in configs/vendors/crawlora.toml; then: scraper rebuild hashtags"
        ]

    misread(tmp_path, renamed, use)


def test_the_repair_of_a_check_reads_them_again_too(tmp_path: Path) -> None:
    async def use(bench: Bench, _: RunResult) -> None:
        correct(bench, "data.data.hashtags")
        mended = await checked(bench, repair=True)
        assert (mended.findings, [each.kind for each in mended.repaired]) == ([], ["misread"])
        assert bench.rows("SELECT count(*) FROM hashtags") == [(300,)]
        assert {row[2] for row in bench.rows(COVERED)} == {"complete"}

    misread(tmp_path, renamed, use)


def test_a_file_that_is_made_wrong_takes_the_rows_away_until_it_is_put_right(tmp_path: Path) -> None:
    async def use(bench: Bench, _: RunResult) -> None:
        correct(bench, "data.data.hashtags")
        await rebuilt(bench)
        good = bench.rows(COVERED)
        correct(bench, "data.data.pagination")  # an object: no list
        await rebuilt(bench)
        assert bench.rows("SELECT count(*) FROM hashtags") == [(0,)]
        assert {row[2:4] for row in bench.rows(COVERED)} == {("failed", "request_failed")}
        correct(bench, "data.data.hashtags")
        await rebuilt(bench)
        assert bench.rows(COVERED) == good
        assert bench.rows("SELECT count(*) FROM hashtags") == [(300,)]

    misread(tmp_path, renamed, use)


def test_an_answer_bought_again_in_a_resumed_run_has_its_rows_once(tmp_path: Path) -> None:
    one = JOB.replace('["US", "GB", "JP"]', '"US"')

    async def use(bench: Bench, first: RunResult) -> None:
        job = bench.directory / "configs" / "night.toml"
        again = await bench.run(job, opening=Opening.RESUME)
        assert again.run_id == first.run_id
        assert bench.rows("SELECT count(*), count(DISTINCT hashtag_id) FROM hashtags") == [(100, 100)]
        assert len(list(bench.data.glob("archive/pages/*/*/*.parquet"))) == 2
        correct(bench, "hashtags")
        assert "2 pages of crawlora.hashtags were booked as malformed or ok" in (await checked(bench)).findings[0].text
        await rebuilt(bench)  # the page that was right is none by this file, and the one that failed is
        assert bench.rows("SELECT count(*), count(DISTINCT hashtag_id) FROM hashtags") == [(60, 60)]
        (bench.directory / "configs/vendors/crawlora.toml").unlink()
        await rebuilt(bench)
        assert bench.rows("SELECT count(*), count(DISTINCT hashtag_id) FROM hashtags") == [(100, 100)]
        assert (await checked(bench)).findings == []

    misread(tmp_path, bare, use, one)


def test_walks_that_reuse_the_pages_are_covered_again_as_well(tmp_path: Path) -> None:
    async def use(bench: Bench, first: RunResult) -> None:
        job = bench.directory / "configs" / "night.toml"
        second = await bench.run(job, opening=Opening.NEW)
        if second.reused != 3:  # a walk that is known to be misread is bought again, not reused
            assert second.rows == {"hashtags": 300}
            return
        correct(bench, "data.data.hashtags")
        await rebuilt(bench)
        assert sorted({(row[0], *row[2:6]) for row in bench.rows(COVERED)}) == sorted(
            (run.run_id, "complete", "end", 1, 100) for run in (first, second)
        )

    misread(tmp_path, renamed, use, f'max_age = "20h"\n{JOB}')
