"""Compaction through state and archive: the same rows in fewer files, whatever stops it, and readers never misled."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import duckdb
import orjson
import pyarrow.parquet as pq
import pytest

from scraper.core.errors import ArchiveError, UsageError
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.exchange import CannotExchangeError
from scraper.ports import Journal, drain_order
from scraper.runs.compact import Compacted, compact, compact_after_run
from scraper.runs.drain import drain
from tests.core.builders import catalogue_of
from tests.databases import database_in
from tests.examples import thorough
from tests.io.archive_fixtures import ENDPOINTS as FEW_ENDPOINTS
from tests.io.archive_fixtures import SNAPSHOT, board, hashtag, page
from tests.runs.harness import Heard
from tests.runs.mortal import Instant, Life
from tests.runs.upkeep import (
    ENDPOINTS,
    TABLES,
    Place,
    copied,
    found_by_glob,
    found_by_views,
    names,
    rows_by_glob,
    strange_files,
)

pytestmark = pytest.mark.own_instant


def compacted(place: Place, *, offline: bool = False, disk: Disk | None = None, more_than: int = 1) -> list[Compacted]:
    async def all_of_it(journal: Journal, archive: ParquetArchive) -> list[Compacted]:
        found = compact(journal, archive, place.clock, today_too=True, offline=offline, more_than=more_than)
        return [each async for each in found]

    return place.use(all_of_it, disk)


FILES = [(15 + 3, 5 + 1), (12, 4)]
"""Files before and after, of either partition. The first drain gave a part without rows to a table, whose it stays,
and to both run tables, where it is merged."""

# --- what it makes ----------------------------------------------------------------------------------------------------


def test_every_partition_becomes_one_part_of_the_same_rows(place: Place) -> None:
    before = {table: rows_by_glob(place.data, table) for table in names(place.data)}
    assert [(done.files_before, done.files_after) for done in compacted(place)] == FILES
    assert {table: rows_by_glob(place.data, table) for table in names(place.data)} == before
    made = [part for part in place.parts() if part.name.startswith("part-")]
    assert all(len(list(part.parent.iterdir())) == 1 for part in made)
    assert strange_files(place) == []


def test_a_second_compaction_changes_nothing(place: Place) -> None:
    compacted(place)
    once = {path: path.stat().st_mtime_ns for path in place.data.rglob("*.parquet")}
    assert compacted(place) == []
    assert {path: path.stat().st_mtime_ns for path in place.data.rglob("*.parquet")} == once


def test_a_state_that_counts_anew_gives_no_number_that_a_compacted_part_bears(place: Place) -> None:
    """As after a state.db was lost, and its parts were noted again."""
    before = {table: rows_by_glob(place.data, table) for table in names(place.data)}
    for part in place.root.rglob("part-1-*.parquet"):
        part.rename(part.with_name(part.name.replace("part-1-", "part-c1-")))
    database_in(place.data).change("UPDATE parts SET path = replace(path, 'part-1-', 'part-c1-')")
    assert [(done.files_before, done.files_after) for done in compacted(place)] == FILES
    assert {table: rows_by_glob(place.data, table) for table in names(place.data)} == before
    assert strange_files(place) == []


def test_a_rebuild_that_another_job_directory_left_open_goes_on_with_the_merged_parts(place: Place) -> None:
    before = found_by_glob(place.data)

    async def stopped(journal: Journal, archive: ParquetArchive) -> None:
        await journal.begin_rebuild({"posts": archive.sources()}, place.clock.now())

    async def compacted_elsewhere(journal: Journal, _: ParquetArchive) -> None:
        archive = ParquetArchive(
            place.data, [table for table in TABLES if table.name != "posts"], catalogue_of(ENDPOINTS)
        )
        assert len([each async for each in compact(journal, archive, place.clock, today_too=True)]) == 2

    place.use(stopped)
    place.use(compacted_elsewhere)
    assert compacted(place) == []
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


def test_tables_and_pages_bear_the_same_names_afterwards_and_a_rebuild_makes_the_same_file(place: Place) -> None:
    compacted(place)
    pages = {path.relative_to(place.root / "pages") for path in place.parts("pages")}

    async def rebuild(_: Journal, archive: ParquetArchive) -> None:
        for table in ("hashtags", "posts"):
            archive.rebuild(table, archive.outdated(table))

    for table in ("hashtags", "posts"):
        assert {path.relative_to(place.root / table) for path in place.parts(table)} <= pages
        for part in place.parts(table):
            lying = pq.ParquetFile(part).read()
            part.unlink()
            place.use(rebuild)
            assert pq.ParquetFile(part).read().equals(lying), "in the same order as well"


def test_rows_lie_by_endpoint_country_and_walk_over_all_that_was_merged(place: Place) -> None:
    compacted(place)
    columns = ["endpoint", "country", "period_days", "walk_id", "snapshot_at", "page"]
    for part in place.parts("pages"):
        rows = pq.ParquetFile(part).read(columns=columns).to_pylist()
        keys = [tuple(row[name] or "" for name in columns[:2]) + tuple(row.values())[2:] for row in rows]
        assert keys == sorted(keys, key=lambda key: (key[0], key[1], key[2] or 0, *key[3:]))


def test_past_days_only_unless_asked_for_today_as_well(place: Place) -> None:
    async def past(journal: Journal, archive: ParquetArchive) -> list[Compacted]:
        return [each async for each in compact(journal, archive, place.clock)]

    assert place.use(past) == []
    asyncio.run(place.clock.sleep(86_400))
    assert len(place.use(past)) == 2


def test_a_dry_run_tells_what_would_be_and_does_nothing(place: Place) -> None:
    async def dry(journal: Journal, archive: ParquetArchive) -> list[Compacted]:
        return [each async for each in compact(journal, archive, place.clock, today_too=True, dry_run=True)]

    files = sorted(place.data.rglob("*"))
    told = place.use(dry)
    assert sorted(place.data.rglob("*")) == files
    assert [(each.files_before, each.files_after) for each in told] == FILES
    assert {each.bytes_after for each in told} == {None}
    assert [each.files_after for each in compacted(place)] == [after for _, after in FILES]


def test_more_parts_than_are_open_at_once_are_merged_in_several_turns(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found_by_glob(place.data)
    monkeypatch.setattr("scraper.io.archive.merge.OPEN_AT_ONCE", 2)
    compacted(place)
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


# --- what it leaves alone ---------------------------------------------------------------------------------------------


def test_a_partition_that_holds_what_the_state_does_not_know_is_left_as_it_is(place: Place) -> None:
    partition = place.parts("hashtags", "keyapi")[0].parent
    (partition / "notes.txt").write_text("mine")
    done = {each.partition.split("/")[0]: each.left_because for each in compacted(place)}
    assert done == {
        "vendor=crawlora": None,
        "vendor=keyapi": f"hashtags/vendor=keyapi/{partition.name}/notes.txt is not known to the state: "
        "scraper check has details",
    }
    assert (partition / "notes.txt").read_text() == "mine"


def test_a_partition_with_a_missing_or_a_damaged_part_is_left_as_it_is(place: Place) -> None:
    place.parts("hashtags", "keyapi")[0].unlink()
    place.parts("pages", "crawlora")[0].write_bytes(b"PAR1")
    assert [str(each.left_because).split(": ")[0].split(" ", 1)[1] for each in compacted(place)] == [
        "cannot be read",
        "is missing",
    ]


def test_merged_rows_that_are_not_the_same_are_never_exchanged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = found_by_glob(place.data)
    monkeypatch.setattr("scraper.io.archive.merge._merged", lambda sources, _: iter([pq.read_table(sources[0])]))
    with pytest.raises(ArchiveError, match="Nothing was exchanged"):
        compacted(place)
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


class NoExchange(Disk):
    """A platform without RENAME_EXCHANGE."""

    def exchange(self, one: Path, other: Path) -> None:
        raise CannotExchangeError(38, "Function not implemented", str(one), None, str(other))


def test_where_directories_cannot_be_exchanged_it_is_refused_unless_offline(place: Place) -> None:
    before = found_by_glob(place.data)
    with pytest.raises(UsageError, match="scraper compact --offline"):
        compacted(place, disk=NoExchange())
    assert strange_files(place) == []
    assert len(compacted(place, disk=NoExchange(), offline=True)) == 2
    assert found_by_glob(place.data) == before
    assert strange_files(place) == []


# --- the trash --------------------------------------------------------------------------------------------------------


def test_the_old_directories_stay_in_the_trash_for_the_grace(place: Place) -> None:
    before = {path.name for path in place.parts()}
    compacted(place)
    mine = place.data / "trash" / "mine"
    mine.mkdir()
    assert {path.name for path in (place.data / "trash").rglob("*.parquet")} == before
    asyncio.run(place.clock.sleep(timedelta(minutes=14).total_seconds()))
    compacted(place)
    assert {path.name for path in (place.data / "trash").rglob("*.parquet")} == before
    asyncio.run(place.clock.sleep(timedelta(minutes=2).total_seconds()))
    compacted(place)
    assert list((place.data / "trash").iterdir()) == [mine]


# --- after a run ------------------------------------------------------------------------------------------------------


def test_a_run_compacts_by_itself_past_days_of_many_parts_only(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def after_a_run(journal: Journal, archive: ParquetArchive) -> tuple[str, ...]:
        return await compact_after_run(journal, archive, place.clock, lambda: False)

    asyncio.run(place.clock.sleep(86_400))
    assert place.use(after_a_run) == ()
    assert len(place.parts("pages")) == 6
    monkeypatch.setattr("scraper.runs.compact.PARTS_BY_ITSELF", 2)
    assert place.use(after_a_run, NoExchange())[0].startswith("the archive was not compacted: two directories")
    assert place.use(after_a_run) == ()
    assert len(place.parts("pages")) == 2


# --- readers ----------------------------------------------------------------------------------------------------------


DAYS = 5


def few_rows(data: Path, days: int) -> Place:
    """Two hashtags of each of so many days and drains; creators in one drain only: their part takes another name."""
    place = Place(data)
    creator = orjson.dumps({"data": {"data": {"creators": [{"user_id": "7"}]}}})

    async def write(journal: Journal, _: ParquetArchive) -> None:
        archive = ParquetArchive(data, TABLES, catalogue_of(FEW_ENDPOINTS))
        for drain_id in (1, 2, 3):
            pages = [
                page("crawlora.hashtags", board(hashtag(1), hashtag(2)), page_id=number, snapshot_at=SNAPSHOT - day)
                for number in range(days)
                for day in [timedelta(days=number)]
            ] + ([page("crawlora.creators", creator, page_id=days)] if drain_id == 2 else [])
            await journal.note_rebuilt("any", (), archive.write(drain_id, sorted(pages, key=drain_order)))

    place.use(write)
    return place


def test_readers_of_a_plain_glob_never_get_a_wrong_count_while_partitions_are_exchanged(tmp_path: Path) -> None:
    place = few_rows(tmp_path / "data", DAYS)
    right = {"pages": 3 * DAYS + 1, "hashtags": 6 * DAYS}
    answers: Counter[str] = Counter()
    done = threading.Event()

    def read(table: str) -> None:
        while not done.is_set():
            try:
                with duckdb.connect(config={"threads": 1}) as connection:
                    glob = f"{place.root}/{table}/**/*.parquet"
                    [(rows,)] = connection.execute(f"SELECT count(*) FROM read_parquet('{glob}')").fetchall()
            except duckdb.IOException:
                answers["missing file"] += 1
            else:
                answers["right" if rows == right[table] else f"{rows} of {right[table]} {table}"] += 1

    readers = [threading.Thread(target=read, args=(table,)) for table in right]
    for reader in readers:
        reader.start()
    try:
        assert len(compacted(place)) == DAYS
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert set(answers) <= {"right", "missing file"}, answers
    assert answers["right"] > 0
    assert len(place.parts("pages")) == DAYS


# --- stopped anywhere -------------------------------------------------------------------------------------------------


STATE_STEPS = ("begin_compaction", "note_built", "finish_compaction")
DISK_STEPS = ("make_directory", "sync_directory", "create", "sync_file", "link", "exchange", "replace", "remove_tree")


def deaths(life: Life, offline: bool) -> list[Instant]:
    """Files are written in sequence: after a step is before the next one there. Offline differs in its renames only."""
    assert set(STATE_STEPS) <= set(life.steps) <= {*STATE_STEPS, *DISK_STEPS}
    return [
        Instant(step, number, after)
        for late, (step, times) in enumerate(life.steps.items())
        if not offline or step == "replace"
        for number in (range(1, times + 1) if thorough() else (times if late % 2 else 1,))
        for after in ((False, True) if step in STATE_STEPS else (False,))
    ]


@pytest.mark.combined
@pytest.mark.parametrize("offline", [False, True])
def test_a_compaction_stopped_at_any_step_is_finished_or_undone_by_the_next_command(
    tmp_path: Path, offline: bool
) -> None:
    place = few_rows(tmp_path / "data", days=1)
    before, whole = found_by_glob(place.data), place.data
    life = Life()

    async def one_day(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in compact(journal, archive, place.clock, today_too=True, offline=offline):
            pass

    async def next_drain(journal: Journal, archive: ParquetArchive) -> None:
        await drain(journal, archive, place.clock, Heard())

    assert not copied(whole, tmp_path / "counted").die_in(one_day, life)
    for number, death in enumerate(deaths(life, offline)):
        dying = copied(whole, tmp_path / str(death))
        assert dying.die_in(one_day, Life(death)), death
        if not offline:
            assert found_by_glob(dying.data) == before, death
        if number % 2:
            dying.use(next_drain)
        else:
            compacted(dying)
        assert found_by_glob(dying.data) == found_by_views(dying.data) == before, death
        assert strange_files(dying) == [], death


def test_a_run_that_is_stopped_leaves_the_next_partitions_as_they_are(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scraper.runs.compact.PARTS_BY_ITSELF", 1)

    async def after_a_run(journal: Journal, archive: ParquetArchive) -> tuple[str, ...]:
        return await compact_after_run(journal, archive, place.clock, lambda: True)

    asyncio.run(place.clock.sleep(86_400))
    before = len(place.parts("pages"))
    assert place.use(after_a_run) == ()
    days = {path.parent for path in place.parts("pages")}
    assert len(days) < len(place.parts("pages")) < before
