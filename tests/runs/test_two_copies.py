"""Two copies of a project, used apart: no file of one replaces a file of the other, and an older state is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scraper.core.errors import StateError
from scraper.io.archive import ParquetArchive
from scraper.ports import Journal
from scraper.runs.adopt import settle
from scraper.runs.resume import Opening
from tests.databases import database_in
from tests.runs.harness import Bench, on_bench
from tests.runs.mortal import ledger
from tests.runs.test_adopt import JOB, gone_on, lose
from tests.runs.test_compact import compacted
from tests.runs.upkeep import Place, found_by_glob, strange_files

pytestmark = pytest.mark.own_instant


def test_two_copies_that_went_on_apart_keep_every_paid_page_when_one_is_copied_over_the_other(
    three_runs: Path, tmp_path: Path
) -> None:
    bought: list[set[str]] = []

    async def use(made: Bench) -> None:
        gone_on(made, three_runs)
        await made.run(made.write_job(JOB.replace('max_age = "20h"', "")), opening=Opening.NEW)
        bought.append({run_id for (run_id,) in ledger(made.data, "SELECT DISTINCT run_id FROM pages")})

    for copy in ("one", "other"):
        on_bench(tmp_path / copy, use)
    one, other = (Place(next((tmp_path / copy).rglob("state.db")).parent) for copy in ("one", "other"))
    shutil.copytree(other.root, one.root, dirs_exist_ok=True)
    there = found_by_glob(one.data)["pages"][0]
    each = {len(ledger(place.data, "SELECT page_id FROM pages")) for place in (one, other)}
    [shared] = ledger(Place(three_runs).data, "SELECT count(*) FROM pages")
    assert bought[0] != bought[1]
    assert there == 2 * each.pop() - shared[0]
    with pytest.raises(StateError, match="have diverged"):
        one.use(lambda journal, archive: settle(journal, archive, one.clock))
    lose(one.data)  # as the manual has it: the union of both
    one.use(lambda journal, archive: settle(journal, archive, one.clock))
    assert ledger(one.data, "SELECT count(*) FROM pages") == [(there,)]


def test_a_state_from_before_a_compaction_is_told_before_anything_is_spent(place: Place, tmp_path: Path) -> None:
    async def settled(journal: Journal, archive: ParquetArchive) -> tuple[str, ...]:
        return await settle(journal, archive, place.clock)

    backup, rows = tmp_path / "backup", found_by_glob(place.data)
    database_in(place.data).change("VACUUM INTO ?", str(backup))
    compacted(place)
    for file in place.data.glob("state.db*"):
        file.unlink()
    shutil.copy(backup, place.data / "state.db")
    with pytest.raises(StateError, match="older than its archive"):
        compacted(place)
    [said] = place.use(settled)
    assert "state.db was older than its archive" in said
    assert strange_files(place) == []
    assert found_by_glob(place.data) == rows
    assert place.use(settled) == ()


def test_an_archive_of_which_nothing_is_left_but_its_identity_is_refused(place: Place) -> None:
    for table in [directory for directory in place.root.iterdir() if directory.name != "_ledger"]:
        table.rename(place.data / table.name)
    with pytest.raises(StateError, match=r"has no files any more, and state\.db knows [0-9]+: .* Nothing was"):
        place.use(lambda journal, archive: settle(journal, archive, place.clock))
    for name in ("hashtags", "pages", "coverage", "requests"):
        (place.data / name).rename(place.root / name)
    assert place.use(lambda journal, archive: settle(journal, archive, place.clock)) == ()
