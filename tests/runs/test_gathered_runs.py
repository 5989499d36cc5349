"""Run tables of a day in one file: the same rows, whatever becomes of a run afterwards."""

from __future__ import annotations

import pytest

from scraper.io.archive import ParquetArchive
from scraper.ports import Journal
from scraper.runs.check import Checked, check
from scraper.runs.coverage import write_run_tables
from tests.databases import database_in
from tests.runs.harness import Heard
from tests.runs.mortal import ledger
from tests.runs.test_compact import compacted
from tests.runs.upkeep import Place, found_by_views, rows_by_glob, strange_files

pytestmark = pytest.mark.own_instant


def written_again(place: Place, *run_ids: str) -> None:
    async def write(journal: Journal, archive: ParquetArchive) -> None:
        for run_id in run_ids:
            assert await journal.mark_run_outdated(run_id)
        assert await write_run_tables(journal, archive, place.clock) == ()

    place.use(write)


def runs_of(place: Place) -> list[str]:
    return [run_id for (run_id,) in ledger(place.data, "SELECT run_id FROM runs ORDER BY run_id")]


def test_the_runs_of_a_day_become_one_file_of_each_run_table(place: Place) -> None:
    before = {table: rows_by_glob(place.data, table) for table in ("coverage", "requests")}
    compacted(place)
    assert [len(place.parts(table)) for table in before] == [2, 2]
    assert {table: rows_by_glob(place.data, table) for table in before} == before
    assert found_by_views(place.data).keys() >= before.keys()


def test_a_run_that_changes_later_is_written_inside_the_file_that_it_was_gathered_in(place: Place) -> None:
    compacted(place)
    before, files = found_by_views(place.data), sorted(place.parts())
    first, *_, last = runs_of(place)
    written_again(place, first, last)
    assert (found_by_views(place.data), sorted(place.parts())) == (before, files)
    database_in(place.data).change("UPDATE runs SET message = 'told otherwise' WHERE run_id = ?", first)
    written_again(place, first)
    told = rows_by_glob(place.data, "coverage")
    assert sum("told otherwise" in row for row in told) == sum(first in row for row in told)
    assert found_by_views(place.data)["requests"] == before["requests"]
    assert strange_files(place) == []


def test_a_damaged_file_of_gathered_runs_is_written_again_from_the_ledger(place: Place) -> None:
    before = found_by_views(place.data)
    compacted(place)
    [gathered] = place.parts("coverage", "crawlora")
    gathered.write_bytes(b"PAR1")

    async def repaired(journal: Journal, archive: ParquetArchive) -> Checked:
        return await check(journal, archive, place.clock, Heard(), repair=True)

    done = place.use(repaired)
    assert ([each.kind for each in done.repaired], done.findings) == (["damaged"], [])
    assert found_by_views(place.data) == before
    assert len(place.parts("coverage", "crawlora")) == 3, "each in a file of its own, until the next compaction"
    assert compacted(place)
    assert found_by_views(place.data) == before


def test_run_files_of_an_older_version_stay_as_they_are(place: Place) -> None:
    database_in(place.data).change("UPDATE parts SET select_hash = 'older' WHERE table_name = 'coverage'")
    compacted(place)
    assert [len(place.parts("coverage")), len(place.parts("requests"))] == [7, 2]
