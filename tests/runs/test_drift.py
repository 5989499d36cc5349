"""Drift over runs: told once as news, counted once however often a drain is carried out, and found in one query."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner

from scraper.cli.main import cli
from scraper.core.drift.findings import DriftKind, Finding
from scraper.core.errors import ArchiveError
from scraper.core.events import RunResult, RunStatus
from scraper.io.archive import ParquetArchive
from scraper.ports import DriftRecord, SpooledPage, Written
from scraper.runs.drift import drift_warnings
from scraper.runs.resume import Opening
from scraper.wiring.files import load_catalogue, load_tables
from tests.clock import ShiftedClock
from tests.core.builders import NOON as NOW
from tests.runs.harness import ALL_FIVE, Bench, on_bench

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US" }
max_pages = 1
"""


def served(records: Iterable[Any]) -> web.Response:
    """A board of these records."""
    data = {"code": 0, "msg": "OK", "data": {"list": list(records), "pagination": {"page": 1, "has_more": False}}}
    return web.json_response({"code": 200, "msg": "OK", "data": data}, dumps=lambda value: orjson.dumps(value).decode())


def records(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"hashtag_id": f"{n}", "hashtag_name": f"t{n}", "rank": n, "publish_cnt": 5, **fields} for n in range(count)
    ]


def runs_of(place: Path, *boards: list[Any]) -> list[RunResult]:
    """A run for each board, one after the other, in one data directory."""
    waiting = list(boards)

    async def board(_: web.Request) -> web.Response:
        return served(waiting.pop(0))

    async def use(bench: Bench) -> list[RunResult]:
        job = bench.write_job(JOB)
        return [await bench.run(job, opening=Opening.NEW) for _ in boards]

    return on_bench(place, use, fault=board)


def drift_of(place: Path, *options: str) -> list[dict[str, Any]]:
    shown = CliRunner().invoke(
        cli, ["drift", "--data", str(place / "data"), "--format", "json", *options], obj=ShiftedClock()
    )
    assert shown.exit_code == 0, shown.output
    found = orjson.loads(shown.stdout)
    return found if isinstance(found, list) else found["rows"]


def test_a_run_of_the_sandbox_has_not_drifted(tmp_path: Path) -> None:
    result = on_bench(tmp_path, lambda bench: bench.run(bench.write_job(ALL_FIVE)))
    assert result.warnings == ()
    assert drift_of(tmp_path) == []


def test_drift_is_news_in_the_first_run_that_meets_it_and_is_counted_in_all(tmp_path: Path) -> None:
    plain, odd = records(30), records(30, extra=1, video_views=5.7)
    results = runs_of(tmp_path, plain, odd, odd, [{**record, "publish_cnt": None} for record in plain])
    told = "crawlora.hashtags has drifted: {}. Every page is kept: scraper drift"
    assert [result.warnings for result in results] == [
        (),
        (told.format("no column reads extra; changed by their column: video_views"),),
        (),
        (told.format("missing: publish_cnt"),),
    ]
    assert [(row["kind"], row["path"], row["what"], row["times"], row["of"]) for row in drift_of(tmp_path)] == [
        ("new", "extra", "integer", 60, 120),
        ("missing", "publish_cnt", "was in 90 of 90", 30, 120),
        ("coerced", "video_views", "number for BIGINT", 60, 120),
    ]


def test_the_page_of_a_drift_is_found_by_its_query(tmp_path: Path) -> None:
    runs_of(tmp_path, records(2), records(2, extra="met here"))
    [row] = drift_of(tmp_path)
    asked = ["sql", row["page"].replace("*", "decode(body) AS body"), "--data", str(tmp_path / "data")]
    shown = CliRunner().invoke(cli, [*asked, "--format", "ndjson"], obj=ShiftedClock())
    [page] = shown.stdout.splitlines()
    assert "met here" in page


def test_records_without_their_key_and_pages_that_cannot_be_read_are_told_in_every_run(tmp_path: Path) -> None:
    keyless = [*records(2), {"hashtag_id": "9", "hashtag_name": "no rank", "publish_cnt": 1}]
    results = runs_of(tmp_path, keyless, keyless)
    told = ("crawlora.hashtags: 1 record has no key and is not a row: scraper drift",)
    assert [result.warnings for result in results] == [told, told]
    [row] = drift_of(tmp_path)
    assert (row["kind"], row["times"], row["of"]) == ("without_key", 2, 6)


def test_a_table_that_has_come_to_read_a_path_settles_its_drift(tmp_path: Path) -> None:
    runs_of(tmp_path, records(2, extra=1))
    tables = tmp_path / "configs" / "tables"
    tables.mkdir()
    [own] = [table for table in load_tables(None) if table.name == "hashtags"]
    (tables / "hashtags.sql").write_text(
        own.sql.replace('"hashtag_id": "VARCHAR"', '"extra": "BIGINT", "hashtag_id": "VARCHAR"')
    )
    configs = ["--configs", str(tmp_path / "configs")]
    assert [row["path"] for row in drift_of(tmp_path)] == ["extra"]
    assert drift_of(tmp_path, *configs) == []
    assert [row["path"] for row in drift_of(tmp_path, *configs, "--all")] == ["extra"]


class Dying(ParquetArchive):
    """Writes its files, and then the process is gone before the state knows."""

    def write(self, drain_id: int, pages: Iterable[SpooledPage], token: str = "") -> Written:
        super().write(drain_id, pages, token)
        raise ArchiveError("gone")


@pytest.mark.parametrize("deaths", [1, 3])
def test_a_drain_that_is_carried_out_again_counts_once(deaths: int, tmp_path: Path) -> None:
    async def board(_: web.Request) -> web.Response:
        return served(records(30, extra=1))

    async def use(bench: Bench) -> RunResult:
        job = bench.write_job(JOB)
        for _ in range(deaths):
            died = await bench.run(job, archive=Dying(bench.data, load_tables(None), load_catalogue(None)))
            assert (died.status, died.warnings) == (RunStatus.ERROR, ())
        return await bench.run(job)

    result = on_bench(tmp_path, use, fault=board)
    assert len(result.warnings) == 1
    assert [(row["path"], row["times"], row["of"]) for row in drift_of(tmp_path)] == [("extra", 30, 30)]


def test_a_warning_names_what_rows_are_told_apart_by_first_and_then_the_most_frequent() -> None:
    def drifted(path: str, count: int) -> DriftRecord:
        finding = Finding(DriftKind.UNFIT, path, "string for BIGINT")
        return DriftRecord("crawlora.hashtags", finding, count, 100, NOW, NOW, "night", "k", "night")

    known = load_catalogue(None).endpoint("crawlora.hashtags")
    assert known is not None
    found = [drifted(path, 1) for path in ("a", "b", "c", "d", "e")]
    found += [drifted("rank", 2), drifted("often", 90), drifted("often", 3), drifted("hashtag_id", 1)]
    (warning,) = drift_warnings("night", found, [known])
    assert warning == (
        "crawlora.hashtags has drifted: did not fit their column: hashtag_id, rank, often, a, b and 3 more. "
        "Every page is kept: scraper drift"
    )
