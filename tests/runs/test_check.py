"""The ledger held against the archive: each damage is named, what can be mended is, and no page is ever touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from scraper.core.catalogue import Records
from scraper.io.archive import ParquetArchive
from scraper.ports import Journal
from scraper.runs.check import Checked, check
from scraper.runs.compact import compact
from scraper.runs.rebuild import rebuild
from scraper.runs.resume import Opening
from scraper.wiring.upkeep import check_archive
from tests.core.builders import catalogue_of
from tests.databases import database_in
from tests.examples import combined
from tests.runs.harness import Bench, Heard, on_bench
from tests.runs.mortal import Instant, Life, committed
from tests.runs.upkeep import ENDPOINTS, JOB, TABLES, Place, found_by_glob, found_by_views, strange_files

pytestmark = pytest.mark.own_instant


def checked(place: Place, *, repair: bool = False, quick: bool = False, deep: bool = False) -> Checked:
    async def whole(journal: Journal, archive: ParquetArchive) -> Checked:
        return await check(journal, archive, place.clock, Heard(), repair=repair, quick=quick, deep=deep)

    return place.use(whole)


def named(found: Checked) -> list[tuple[str, str]]:
    """Kind, and the table or directory that the path begins with."""
    return [(each.kind, each.path.removeprefix("archive/").split("/")[0]) for each in found.findings]


def changed(data: Path, sql: str, *values: object) -> None:
    database_in(data).change(sql, *values)


def no_footer(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-20])


def no_bytes(part: Path) -> None:
    part.write_bytes(b"")


def a_flipped_bit(part: Path) -> None:
    """Anywhere in the middle: footer, size and number of rows are as they were."""
    written = bytearray(part.read_bytes())
    written[len(written) // 2] ^= 1
    part.write_bytes(written)


def gone(part: Path) -> None:
    part.unlink()


def another_file(part: Path) -> None:
    """Parquet, with other rows than were written."""
    table = pq.ParquetFile(part).read()
    pq.write_table(table.slice(1), part)


DAMAGES = [
    (no_footer, "damaged"),
    (no_bytes, "damaged"),
    (a_flipped_bit, "damaged"),
    (gone, "missing"),
    (another_file, "changed"),
]

# --- what is sound ----------------------------------------------------------------------------------------------------


def test_an_archive_that_nobody_touched_is_sound(place: Place) -> None:
    found = checked(place, deep=True)
    rows = {table: count for table, (count, _) in found_by_glob(place.data).items()}
    assert found == Checked([], (), len(place.parts()), sum(rows.values()), rows["pages"], 0)


def test_pages_that_wait_in_the_spool_are_no_fault_and_a_repair_archives_them(place: Place) -> None:
    before = found_by_glob(place.data)
    [last] = [path for path in place.parts("pages", "keyapi") if path.name.startswith("part-3-")]
    body = pq.ParquetFile(last).read(columns=["body", "request_key"]).to_pylist()[0]
    for part in place.parts(vendor="keyapi"):
        if part.name == last.name:
            part.unlink()
    changed(place.data, "DELETE FROM parts WHERE path LIKE '%keyapi%' AND path LIKE ?", f"%{last.name}")
    changed(
        place.data,
        "UPDATE pages SET stored = 0, drain_id = NULL, body = ? WHERE drain_id = 3 AND request_key = ?",
        zstandard.compress(body["body"]),
        body["request_key"],
    )
    found = checked(place)
    assert (found.findings, found.spooled) == ([], 1)
    assert checked(place, repair=True).spooled == 0
    assert found_by_glob(place.data) == before


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damaged", "table"),
    [*combined(DAMAGES, ["hashtags", "posts"]), *combined(DAMAGES[1:4], ["coverage", "requests"])],
)
def test_a_tables_damaged_part_is_named_and_made_anew(
    place: Place, damaged: tuple[Callable[[Path], None], str], table: str
) -> None:
    damage, kind = damaged
    before = found_by_glob(place.data)
    part = place.parts(table)[-1]
    damage(part)
    [finding] = checked(place).findings
    assert (finding.kind, finding.path, finding.repairable) == (kind, f"archive/{part.relative_to(place.root)}", True)
    mended = checked(place, repair=True)
    assert (mended.findings, [each.kind for each in mended.repaired]) == ([], [kind])
    assert found_by_glob(place.data) == found_by_views(place.data) == before
    assert strange_files(place) == []


@pytest.mark.parametrize(("damage", "kind"), DAMAGES)
def test_a_damaged_part_of_pages_is_named_and_never_touched(
    place: Place, damage: Callable[[Path], None], kind: str
) -> None:
    tables = {name: found for name, found in found_by_glob(place.data).items() if name != "pages"}
    part = place.parts("pages", "crawlora")[1]
    damage(part)
    damaged = part.read_bytes() if part.exists() else None
    mended = checked(place, repair=True)
    of_file = next(finding for finding in mended.findings if finding.path)
    assert (of_file.kind, of_file.path, of_file.repairable) == (kind, f"archive/{part.relative_to(place.root)}", False)
    assert "restore it from a backup" in of_file.text
    if damage is not a_flipped_bit:  # which of its answers that one has hit, nobody can tell
        assert [finding.kind for finding in mended.findings] == [kind, "lost"]
        assert "paid answers of run night-" in mended.findings[-1].text
    assert (part.read_bytes() if part.exists() else None) == damaged
    shutil.rmtree(place.root / "pages")
    assert found_by_glob(place.data) == tables


def test_a_quick_check_sees_sizes_and_footers_but_no_flipped_bit(place: Place) -> None:
    a_flipped_bit(place.parts("hashtags")[0])
    no_footer(place.parts("hashtags")[1])
    assert named(checked(place, quick=True)) == [("damaged", "hashtags")]
    assert named(checked(place)) == [("damaged", "hashtags")] * 2


def test_strange_files_and_leftovers_go_to_the_trash_and_stay_there(place: Place) -> None:
    partition = place.parts("hashtags")[0].parent
    mine = [place.root / "notes.txt", place.root / "hashtags" / "mine.parquet", partition / "mine.parquet"]
    for path in mine:
        path.write_text("mine")
    (place.data / "tmp" / "compaction-99").mkdir()
    (place.data / "tmp" / "sql-1").mkdir()  # of a process that is there
    found = checked(place)
    assert sorted(each.path for each in found.findings if each.kind == "stray") == sorted(
        str(path.relative_to(place.data)) for path in mine
    )
    assert [each.path for each in found.findings if each.kind == "leftover"] == ["tmp/compaction-99"]
    assert checked(place, repair=True).findings == []
    kept = [path for path in (place.data / "trash").rglob("*") if path.is_file()]
    assert sorted(path.name for path in kept) == ["mine.parquet", "mine.parquet", "notes.txt"]
    assert (place.data / "tmp" / "sql-1").is_dir()


def test_parts_that_the_state_has_forgotten_are_noted_again(place: Place) -> None:
    before = found_by_glob(place.data)
    changed(place.data, "DELETE FROM parts WHERE path LIKE '%vendor=keyapi%'")
    assert set(named(checked(place))) == {("unknown", table) for table in ("pages", "hashtags", "coverage", "requests")}
    assert checked(place, repair=True).findings == []
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


def test_a_part_that_was_copied_has_its_rows_twice_and_the_copy_goes(place: Place) -> None:
    before = found_by_glob(place.data)
    for table in ("pages", "hashtags"):
        part = place.parts(table, "keyapi")[0]
        shutil.copy(part, part.with_name("part-77-0.parquet"))
    assert sorted(named(checked(place))) == [("doubled", "pages"), ("unknown", "hashtags")]
    assert checked(place, repair=True).findings == []
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


def test_a_part_of_an_older_select_is_named_and_made_anew(place: Place) -> None:
    before = found_by_glob(place.data)
    old = [replace(table, sql=table.sql.replace("FROM places", "1 AS one FROM places"), hash="old") for table in TABLES]

    async def as_it_was(journal: Journal, _: ParquetArchive) -> None:
        archive = ParquetArchive(
            place.data, [table for table in old if table.name == "hashtags"], catalogue_of(ENDPOINTS)
        )
        async for _done in rebuild(journal, archive, place.clock, ["hashtags"]):
            pass

    place.use(as_it_was)
    assert named(checked(place)) == [("outdated", "hashtags")] * 6
    assert checked(place, repair=True).findings == []
    assert found_by_glob(place.data) == before


def test_deep_finds_rows_that_the_select_gives_no_more(place: Place) -> None:
    before = found_by_glob(place.data)
    known = ENDPOINTS["keyapi.hashtags"]
    wrong = {**ENDPOINTS, "keyapi.hashtags": replace(known, records=Records("data.list.0.creators", "hashtag_id"))}

    async def written_by_another(journal: Journal, _: ParquetArchive) -> None:
        archive = ParquetArchive(place.data, TABLES, catalogue_of(wrong))
        await journal.note_rebuilt("hashtags", [], archive.rebuild("hashtags", archive.sources()))

    place.use(written_by_another)
    assert checked(place).findings == []
    mended = checked(place, repair=True, deep=True)
    assert (mended.findings, [each.kind for each in mended.repaired]) == ([], ["differs"] * 3)
    assert found_by_glob(place.data) == before


# --- the state --------------------------------------------------------------------------------------------------------


def test_an_open_drain_is_named_and_finished(place: Place) -> None:
    before = found_by_glob(place.data)
    changed(place.data, "UPDATE drains SET finished_at = NULL WHERE drain_id = 3")
    assert [each.kind for each in checked(place).findings] == ["open"]
    assert found_by_glob(place.data) == before


def test_a_stopped_compaction_is_named_and_finished(place: Place) -> None:
    async def compacted(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in compact(journal, archive, place.clock, today_too=True):
            pass

    before = found_by_glob(place.data)
    assert place.die_in(compacted, Life(Instant("exchange", 3, after=True)))
    assert "open" in {each.kind for each in checked(place).findings}
    assert checked(place, repair=True).findings == []
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


@pytest.mark.parametrize("exchanged", [2, 3, 4])
def test_a_compaction_that_a_repair_finishes_loses_no_row_that_only_another_job_directory_knows(
    place: Place, exchanged: int
) -> None:
    async def compacted(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in compact(journal, archive, place.clock, today_too=True):
            pass

    async def repaired(journal: Journal, _: ParquetArchive) -> Checked:
        of_keyapi = {name: endpoint for name, endpoint in ENDPOINTS.items() if endpoint.vendor == "keyapi"}
        archive = ParquetArchive(place.data, TABLES, catalogue_of(of_keyapi))
        return await check(journal, archive, place.clock, Heard(), repair=True)

    before = found_by_glob(place.data)
    assert place.die_in(compacted, Life(Instant("exchange", exchanged, after=True)))
    assert place.use(repaired).findings == []
    assert found_by_glob(place.data) == before


def test_a_body_in_the_spool_that_cannot_be_read_is_named_and_stops_nothing_but_its_drain(place: Place) -> None:
    changed(place.data, "UPDATE pages SET stored = 0, drain_id = NULL, body = x'00' WHERE page_id = 1")
    found = checked(place, repair=True)
    assert {each.kind for each in found.findings} >= {"undecodable", "refused"}
    assert any("page 1 of night-" in each.text and "cannot be decompressed" in each.text for each in found.findings)


def test_answers_that_only_one_of_ledger_and_archive_knows_are_counted_by_run(place: Place) -> None:
    changed(place.data, "DELETE FROM pages WHERE page_id IN (1, 2)")
    told = {each.kind: each.text for each in checked(place, repair=True).findings}
    assert set(told) == {"unkept", "unpaid"}
    assert told["unkept"].startswith("2 paid answers of run night-")
    assert "state.db may be an old copy" in told["unpaid"]


def test_a_state_restored_from_an_older_backup_costs_no_file_that_the_archive_has(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(JOB)
        await bench.run(job, opening=Opening.NEW)
        backup = (bench.data / "state.db").read_bytes()
        await bench.run(job, opening=Opening.NEW)
        kept = {path: path.read_bytes() for path in bench.data.rglob("*.parquet")}
        (bench.data / "state.db").write_bytes(backup)
        await bench.run(job, opening=Opening.NEW)
        assert {path: path.read_bytes() for path in bench.data.rglob("*.parquet") if path in kept} == kept
        found = await check_archive(bench.settings, job.parent, repair=False, quick=False, deep=True)
        assert found.findings == []
        assert committed(bench.data) == bench.charged()

    on_bench(tmp_path, use)
