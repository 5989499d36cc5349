"""Tables made anew from the pages that are there, for no credits: the same rows, whatever stops it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scraper.core.catalogue import Records
from scraper.core.errors import ArchiveError, ConfigurationError, UsageError
from scraper.core.events import RunResult, RunStatus
from scraper.io.archive import ParquetArchive, partitions_where
from scraper.ports import Journal
from scraper.runs.compact import compact
from scraper.runs.drain import drain
from scraper.runs.rebuild import Rebuilt, rebuild
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from scraper.wiring.query import queried, table_columns
from scraper.wiring.run import RunOrder, run_job
from scraper.wiring.upkeep import compact_archive, rebuild_tables
from tests.core.builders import catalogue_of
from tests.examples import thorough
from tests.runs.harness import Bench, Heard, on_bench
from tests.runs.mortal import Instant, Life, ledger
from tests.runs.upkeep import (
    ENDPOINTS,
    TABLES,
    Place,
    copied,
    found_by_glob,
    found_by_views,
    rows_by_glob,
    strange_files,
)

pytestmark = pytest.mark.own_instant

ALL = tuple(table.name for table in TABLES)


def rebuilt(place: Place, tables: Sequence[str] = ALL, where: str | None = None) -> list[Rebuilt]:
    async def all_of_it(journal: Journal, archive: ParquetArchive) -> list[Rebuilt]:
        chosen = None if where is None else partial(partitions_where, where)
        return [each async for each in rebuild(journal, archive, place.clock, tables, chosen)]

    return place.use(all_of_it)


def made_at(place: Place) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in place.parts()}


# --- what it makes ----------------------------------------------------------------------------------------------------


def test_after_all_tables_were_deleted_their_rows_are_the_same_again(place: Place) -> None:
    before, words = found_by_glob(place.data), rows_by_glob(place.data, "posts")
    for table in ("hashtags", "posts"):
        shutil.rmtree(place.root / table)
    told = {each.table: (each.files, each.rows) for each in rebuilt(place)}
    rows = {table: count for table, (count, _) in before.items()}
    assert told == {
        **dict.fromkeys(ALL, (1, 0)),
        "hashtags": (6, rows["hashtags"]),
        "posts": (3, rows["posts"]),
    }
    assert found_by_glob(place.data) == found_by_views(place.data) == before
    assert rows_by_glob(place.data, "posts") == words
    assert strange_files(place) == []


def test_parts_that_the_present_select_has_made_are_made_anew_as_well(place: Place) -> None:
    before, times = found_by_glob(place.data), made_at(place)
    rebuilt(place, ["hashtags"])
    assert {path for path, at in made_at(place).items() if at != times[path]} == set(place.parts("hashtags"))
    assert found_by_glob(place.data) == before


def test_a_corrected_vendor_file_finds_the_records_that_were_missed(place: Place) -> None:
    before = found_by_glob(place.data)
    known = ENDPOINTS["keyapi.hashtags"]
    wrong = {**ENDPOINTS, "keyapi.hashtags": replace(known, records=Records("data.wrong", "hashtag_id"))}

    async def misled(journal: Journal, _: ParquetArchive) -> None:
        async for _done in rebuild(
            journal, ParquetArchive(place.data, TABLES, catalogue_of(wrong)), place.clock, ["hashtags"]
        ):
            pass

    covered = (
        "SELECT run_id, walk_id, state, why, pages, rows, overlaps, gaps, notes FROM walks ORDER BY run_id, walk_id"
    )
    coverage = ledger(place.data, covered)
    place.use(misled)
    assert place.parts("hashtags", "keyapi") == []
    assert strange_files(place) == []
    assert ledger(place.data, covered) != coverage
    rebuilt(place, ["hashtags"])
    assert ledger(place.data, covered) == coverage
    found = found_by_glob(place.data)
    assert found.pop("coverage") != before.pop("coverage")  # it says when it was decided again
    assert found == before


def test_where_limits_it_to_partitions(place: Place) -> None:
    times = made_at(place)
    rebuilt(place, ["hashtags"], "vendor = 'keyapi' AND date > DATE '2026-11-01'")
    assert {path for path, at in made_at(place).items() if at != times[path]} == set(place.parts("hashtags", "keyapi"))
    assert [each.files for each in rebuilt(place, ["hashtags"], "date < '2026-11-21'")] == [0]


@pytest.mark.parametrize(
    "condition", ["country = 'US'", "vendor =", "true) OR (SELECT true FROM '/etc/passwd'", "true); DROP TABLE x; --"]
)
def test_where_can_name_vendor_and_date_and_nothing_else(place: Place, condition: str) -> None:
    times = made_at(place)
    with pytest.raises(UsageError, match="--where can name vendor and date"):
        rebuilt(place, ["hashtags"], condition)
    assert made_at(place) == times


def test_a_table_whose_select_has_changed_is_not_made_anew_in_part(place: Place) -> None:
    place.tables = [replace(table, hash="changed") if table.name == "hashtags" else table for table in TABLES]
    times = made_at(place)
    with pytest.raises(UsageError, match="leave --where out"):
        rebuilt(place, ["hashtags"], "vendor = 'keyapi'")
    assert made_at(place) == times
    rebuilt(place, ["hashtags"])
    assert {path for path, at in made_at(place).items() if at != times[path]} == set(place.parts("hashtags"))
    assert strange_files(place) == []


def test_compacted_parts_are_rebuilt_to_the_same_rows(place: Place) -> None:
    before = found_by_glob(place.data)

    async def compacted(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in compact(journal, archive, place.clock, today_too=True):
            pass

    place.use(compacted)
    rebuilt(place)
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


# --- stopped or refused -----------------------------------------------------------------------------------------------


@pytest.mark.combined
def test_a_rebuild_stopped_at_any_step_is_finished_by_the_next_command(place: Place, tmp_path: Path) -> None:
    before, whole, life = found_by_glob(place.data), place.data, Life()

    async def hashtags(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in rebuild(
            journal, archive, place.clock, ["hashtags"], partial(partitions_where, "vendor='keyapi'")
        ):
            pass

    async def next_drain(journal: Journal, archive: ParquetArchive) -> None:
        await drain(journal, archive, place.clock, Heard())

    assert not copied(whole, tmp_path / "counted").die_in(hashtags, life)
    assert {"begin_rebuild", "note_rebuilt", "create", "replace"} <= set(life.steps)
    for late, (step, times) in enumerate(life.steps.items()):
        for number in {1, times} if thorough() else {times if late % 2 else 1}:
            dying = copied(whole, tmp_path / f"{step}-{number}")
            times_before = made_at(dying)
            assert dying.die_in(hashtags, Life(Instant(step, number, after=step == "begin_rebuild")))
            assert found_by_glob(dying.data) == before, step
            dying.use(next_drain)
            assert found_by_glob(dying.data) == found_by_views(dying.data) == before, step
            assert strange_files(dying) == [], step
            anew = {path for path, at in made_at(dying).items() if at != times_before[path]}
            begun = step != "begin_rebuild" or number == 1
            assert anew == set(dying.parts("hashtags", "keyapi")) or not begun, "it was finished, not forgotten"


def test_a_damaged_page_stops_a_rebuild_and_nothing_else(place: Place) -> None:
    before = rows_by_glob(place.data, "hashtags")
    place.parts("pages", "keyapi")[0].write_bytes(b"PAR1")
    with pytest.raises(ArchiveError, match="every part is whole"):
        rebuilt(place, ["hashtags"])
    assert rows_by_glob(place.data, "hashtags") == before
    assert ledger(place.data, "SELECT * FROM rebuilds") == []

    async def next_drain(journal: Journal, archive: ParquetArchive) -> tuple[str, ...]:
        return await drain(journal, archive, place.clock, Heard())

    assert place.use(next_drain) == ()


# --- tables of the user's own -----------------------------------------------------------------------------------------

BOARD = """
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = "US" }
max_pages = 1
"""
MY_TABLE = """-- A hashtag's name and its place, nothing else.
SELECT request_key, run_id, upper(record.hashtag_name) AS loud, -- the name, louder
       record.rank AS rank
FROM (SELECT *, unnest(from_json(records, '[{"hashtag_name": "VARCHAR", "rank": "BIGINT"}]')) AS record FROM pages)
"""


async def ran(bench: Bench, job: Path, *, rebuild: bool = True) -> RunResult:
    found, catalogue = load_job(job)
    order = RunOrder(found, catalogue, job.parent, Opening.NEW, rebuild=rebuild)
    return await run_job(order, bench.settings, Heard(), lambda _: None)


async def remade(bench: Bench, job: Path, table: str) -> list[Rebuilt]:
    return [each async for each in rebuild_tables(bench.settings, job.parent, table, None)]


def counted(bench: Bench, table: str) -> int:
    return sum(rows_by_glob(bench.data, table).values())


def test_a_table_of_the_users_own_that_came_later_gets_its_rows_from_old_pages(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARD)
        await ran(bench, job)
        (job.parent / "tables").mkdir()
        (job.parent / "tables" / "loud.sql").write_text(MY_TABLE)
        (job.parent / "vendors").mkdir()
        (job.parent / "vendors" / "keyapi.toml").write_text('[endpoints.hashtags]\ntable = "loud"\n')
        assert (await ran(bench, job)).rows == {"loud": 20}
        assert counted(bench, "loud") == 20, "old pages are not read by themselves"
        [told] = await remade(bench, job, "loud")
        assert (told.files, told.rows) == (2, 40)
        assert counted(bench, "loud") == 40
        with queried(bench.settings, job.parent, "SELECT min(loud), count(*) FROM loud") as answer:
            [(name, rows)] = [tuple(row.values()) for row in answer.read_all().to_pylist()]
        assert (name, rows) == (name.upper(), 40)
        assert [row["meaning"] for row in table_columns(bench.settings, job.parent, "loud")][4:] == [
            "the name, louder",
            "",
        ]
        compacted = [
            each
            async for each in compact_archive(bench.settings, job.parent, today_too=True, offline=False, dry_run=False)
        ]
        assert len(compacted) == 1
        assert counted(bench, "loud") == 40

    on_bench(tmp_path, use)


def test_with_no_rebuild_pages_wait_in_the_spool_where_a_select_has_changed(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARD)
        await ran(bench, job)
        (job.parent / "tables").mkdir()
        changed = next(table for table in TABLES if table.name == "hashtags").sql.replace(
            "FROM places", "1 AS one FROM places"
        )
        (job.parent / "tables" / "hashtags.sql").write_text(changed)
        result = await ran(bench, job, rebuild=False)
        assert result.status is RunStatus.COMPLETE
        [warning] = result.warnings
        assert warning.startswith("the SELECT of hashtags has changed: pages wait in the spool")
        assert counted(bench, "hashtags") == 20
        assert ledger(bench.data, "SELECT count(*) FROM pages WHERE NOT stored") == [(1,)]
        await remade(bench, job, "hashtags")
        assert (await ran(bench, job, rebuild=False)).warnings == ()
        assert counted(bench, "hashtags") == 60

    on_bench(tmp_path, use)


def test_a_table_file_that_duckdb_refuses_is_told_of_before_anything_is_sent(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARD)
        (job.parent / "tables").mkdir()
        (job.parent / "tables" / "loud.sql").write_text("SELECT nothing FROM pages")
        (job.parent / "tables" / "dated.sql").write_text("SELECT vendor, page FROM pages")
        with pytest.raises(ConfigurationError) as met:
            await ran(bench, job)
        told = {fault.where: fault.message for fault in met.value.faults}
        assert sorted(told) == ["tables/dated.sql", "tables/loud.sql"]
        assert "nothing" in told["tables/loud.sql"]
        assert told["tables/dated.sql"] == "vendor is in the path: leave the column out"
        assert not bench.hits

    on_bench(tmp_path, use)
