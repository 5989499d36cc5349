"""State and archive side by side: deleted, older, foreign and doubled states, and the sandbox that counts charges."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.core.errors import StateError, UsageError
from scraper.core.events import RunStatus
from scraper.io.archive import ParquetArchive
from scraper.ports import Journal
from scraper.runs.adopt import settle
from scraper.runs.check import Checked
from scraper.runs.journals import locked
from scraper.runs.marks import REQUESTS_AHEAD
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from scraper.wiring.inspect import balances_of
from scraper.wiring.plan import plan_job
from scraper.wiring.reconcile import reconcile_job
from scraper.wiring.run import RunOrder
from scraper.wiring.status import StatusQuery, overview_of
from scraper.wiring.upkeep import check_archive
from tests.databases import database_in
from tests.runs.harness import Bench, on_bench
from tests.runs.mortal import Instant, Life, committed, ledger, live, rows_of, stray_files
from tests.runs.upkeep import NOON, Place, copied, found_by_glob

pytestmark = pytest.mark.own_instant

JOB = """
max_age = "20h"
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
[[crawl]]
endpoint = "crawlora.hashtag_posts"
each = "crawlora.hashtags"
top = 2
max_items = 30
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = "US" }
max_pages = 2
"""
PRICE = 8
SAID = "SELECT request_key, account, run_id, walk_id, day, month, charge, credits, ending, attempt_id FROM requests"
KNOWN = {
    "attempts": f"{SAID} ORDER BY attempt_id",
    "pages": "SELECT run_id, request_key, observed_at, outcome, facts, size_bytes, stored FROM pages ORDER BY 3, 2",
    "walks": "SELECT run_id, walk_id, crawls, state, why, pages, rows, params, snapshot_at FROM walks ORDER BY 1, 2",
    "runs": "SELECT run_id, job, status, budget, started_at, ended_at, accounted FROM runs ORDER BY 1",
    "what runs asked for": "SELECT run_id, elapsed_s, every_s, asked FROM runs ORDER BY 1",
    "balances": "SELECT * FROM balances ORDER BY kind, scope",
    "parts": "SELECT * FROM parts ORDER BY path",
    "boards": "SELECT * FROM boards ORDER BY walk_id",
}
"""What a ledger knows, without what nobody else can: drift, pauses, the processes."""


def known(data: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {name: ledger(data, sql) for name, sql in KNOWN.items()}


def lose(data: Path) -> None:
    for file in data.glob("state.db*"):
        file.unlink()


def kept_copy(data: Path, to: Path) -> Path:
    """A backup of the state, as SQLite's own command makes it."""
    database_in(data).change("VACUUM INTO ?", str(to))
    return to


def put_back(backup: Path, data: Path) -> None:
    lose(data)
    shutil.copy(backup, data / "state.db")


def hits(made: Bench) -> int:
    return sum(made.hits.values())


async def found(made: Bench, job: Path, *, repair: bool = False) -> Checked:
    return await check_archive(made.settings, job.parent, repair=repair, quick=False, deep=False)


async def _settle(journal: Journal, archive: ParquetArchive, place: Place) -> tuple[str, ...]:
    return await settle(journal, archive, place.clock)


async def settled(place: Place) -> tuple[str, ...]:
    with place.opened() as (journal, archive):
        return await _settle(journal, archive, place)


def gone_on(made: Bench, three_runs: Path) -> Path:
    """A job with three runs behind it, an hour later."""
    shutil.copytree(three_runs, made.data)
    made.clock.go_to(NOON + timedelta(hours=1))
    return made.write_job(JOB)


async def spends_nothing(made: Bench, job: Path, refused: type[Exception], said: str) -> None:
    before, of_archive = hits(made), found_by_glob(made.data)
    with pytest.raises(refused, match=said):
        await made.run(job)
    assert (hits(made), found_by_glob(made.data)) == (before, of_archive)


async def still_reads(made: Bench, job: Path) -> None:
    """Status, plan and SQL are fine whatever a run would say."""
    assert (await overview_of(made.settings, StatusQuery())).runs
    assert (await plan_job(load_job(job)[0], made.settings)).job == "night"
    assert made.rows("SELECT count(*) FROM hashtags", views=False)[0][0] > 0


# --- deleted ----------------------------------------------------------------------------------------------------------


def test_a_deleted_ledger_is_made_again_to_the_letter_and_nothing_is_bought_twice(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        job = made.write_job(JOB)
        first = await made.run(job)
        one = StatusQuery(first.run_id)
        before, status, bought = known(made.data), await overview_of(made.settings, one), hits(made)
        lose(made.data)
        [missing] = (await found(made, job)).findings
        assert (missing.kind, missing.repairable) == ("no_ledger", True)
        assert not (made.data / "state.db").exists()
        with pytest.raises(UsageError, match="recreates it from the archive"):
            await balances_of(made.settings)
        repaired = await found(made, job, repair=True)
        assert (repaired.findings, [each.kind for each in repaired.repaired]) == ([], ["no_ledger"])
        assert known(made.data) == before
        shown = await overview_of(made.settings, one)
        [(run, totals)] = shown.runs
        assert (totals, shown.details) == (status.runs[0][1], status.details)
        assert run.message == ""
        lose(made.data)
        again = await made.run(job, opening=Opening.NEW)
        assert (again.status, again.charged, hits(made)) == (RunStatus.COMPLETE, 0, bought)
        assert again.reused == first.sent
        assert "Adopted from the archive: 6 requests of 1 new run, 36 credits and 6 pages" in again.warnings[0]
        assert (await found(made, job)).findings == []

    on_bench(tmp_path, use)


def test_the_caps_of_day_and_month_outlive_the_ledger(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        limits = f"[accounts.crawlora]\nrequests_per_minute = 60_000\ncredits_per_day = {3 * PRICE}\n"
        job = made.write_job(JOB.replace('max_age = "20h"', ""), accounts=f"{limits}month_starts_on = 14\n")
        assert (await made.run(job)).status is RunStatus.QUOTA
        spent = made.charged()
        lose(made.data)
        again = await made.run(job, opening=Opening.NEW)
        [cap] = ledger(made.data, "SELECT charged FROM balances WHERE scope = 'crawlora/default|2026-11-21'")
        [month] = ledger(made.data, "SELECT charged FROM balances WHERE scope = 'crawlora/default|2026-11-14'")
        assert (again.status, cap, month) == (RunStatus.QUOTA, (3 * PRICE,), (3 * PRICE,))
        assert made.charged() == spent + again.charged

    on_bench(tmp_path, use)


@pytest.mark.parametrize(
    ("death", "archived"),
    [
        (Instant("settle", 4, after=True), 0),  # all in the spool
        (Instant("end_run", 1, after=False), 6),  # in files, without the run's coverage and ledger
    ],
    ids=str,
)
def test_a_run_that_dies_with_its_ledger_goes_on_and_counts_all_that_it_may_have_spent(
    tmp_path: Path, death: Instant, archived: int
) -> None:
    async def use(made: Bench) -> None:
        job, catalogue = load_job(made.write_job(JOB))
        assert await live(made, job, catalogue, Life(death)) is None
        lose(made.data)
        told = await made.run(made.write_job(JOB))
        assert told.status is RunStatus.COMPLETE
        assert committed(made.data) >= made.charged()
        assert told.unknown <= 2 * REQUESTS_AHEAD * PRICE
        assert f"{told.unknown:,} more credits may have been spent by {told.run_id}" in told.warnings[0]
        assert max(ledger(made.data, "SELECT count(*) FROM pages GROUP BY request_key")) == (1,)
        assert max(made.hits.values()) == (1 if archived else 2)
        assert stray_files(made.data) == []
        assert (await found(made, made.write_job(JOB))).findings == []
        before = known(made.data)
        lose(made.data)  # what nobody knows is in the archive by now
        assert (await found(made, made.write_job(JOB), repair=True)).findings == []
        assert {name: known(made.data)[name] for name in ("attempts", "balances")} == {
            name: before[name] for name in ("attempts", "balances")
        }
        order = RunOrder(job, catalogue, made.directory / "configs")
        await made.clock.sleep(3600)
        left = {account.account: account for account in await reconcile_job(order, made.settings)}
        settled, month = left["crawlora/default"], left["crawlora/default"].month
        assert month is not None
        assert (settled.still_unknown, month.theirs_alone, month.difference) == (0, 0, 0), "nothing else explains them"
        by_hand = left["keyapi/default"]
        assert settled.charged + settled.free + by_hand.still_unknown == told.unknown
        assert bool(by_hand.still_unknown) is ("keyapi describes no billing events" in by_hand.message)

    on_bench(tmp_path, use)


# --- older ------------------------------------------------------------------------------------------------------------


def test_an_older_ledger_learns_what_was_spent_since(three_runs: Path, tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        job = gone_on(made, three_runs)
        backup = kept_copy(made.data, tmp_path / "backup")
        spent = committed(made.data)
        assert (await made.run(made.write_job(JOB.replace('max_age = "20h"', "")), opening=Opening.NEW)).charged > 0
        before, rows, bought = known(made.data), rows_of(made.data), hits(made)
        put_back(backup, made.data)
        assert [(each.kind, each.repairable) for each in (await found(made, job)).findings] == [("older", True)]
        await still_reads(made, job)
        assert known(made.data)["attempts"] != before["attempts"]
        told = await made.run(made.write_job(JOB))
        assert (hits(made), rows_of(made.data)) == (bought, rows)
        assert "state.db was older than its archive" in told.warnings[0]
        for name, was in before.items():
            if name not in {"boards", "balances"}:
                assert [row for row in was if row not in known(made.data)[name]] == []
        assert committed(made.data) == spent + made.charged()
        assert (await found(made, job)).findings == []

    on_bench(tmp_path, use)


def test_a_copy_from_the_middle_of_a_run_is_older_too(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        job = made.write_job(JOB)
        found_job, catalogue = load_job(job)
        await live(made, found_job, catalogue, Life(Instant("settle", 2, after=True)))
        backup = kept_copy(made.data, tmp_path / "backup")
        whole = await made.run(job)
        was = committed(made.data)
        put_back(backup, made.data)
        told = await made.run(job)
        assert "was older than its archive" in told.warnings[0]
        assert committed(made.data) == was >= made.charged()
        assert ledger(made.data, "SELECT run_id FROM runs")[0] == (whole.run_id,)
        assert ledger(made.data, "SELECT count(*) FROM pages WHERE NOT stored OR body IS NOT NULL") == [(0,)]
        assert (await found(made, job)).findings == []

    on_bench(tmp_path, use)


# --- foreign and doubled ----------------------------------------------------------------------------------------------


def test_a_ledger_of_another_archive_and_copies_that_went_on_apart_spend_nothing(
    three_runs: Path, tmp_path: Path
) -> None:
    async def use(made: Bench) -> None:
        job = gone_on(made, three_runs)
        other, copy = copied(three_runs, tmp_path / "other"), copied(three_runs, tmp_path / "copy")
        for place in (Place(made.data), copy):
            await settled(place)
        shutil.copytree(copy.root, made.data / "archive", dirs_exist_ok=True)
        await spends_nothing(made, job, StateError, "two copies of them have diverged.*Nothing was spent or changed")
        await still_reads(made, job)
        assert [(each.kind, each.repairable) for each in (await found(made, job)).findings] == [("doubled", False)]
        assert [each.kind for each in (await found(made, job, repair=True)).findings] == ["doubled"]

        unstamp(other.data)
        await settled(other)
        put_back(kept_copy(other.data, tmp_path / "foreign"), made.data)
        await spends_nothing(made, job, StateError, "belongs to archive .* Nothing was spent or changed")
        await still_reads(made, job)
        assert [(each.kind, each.repairable) for each in (await found(made, job)).findings] == [("foreign", False)]
        lose(made.data)  # as both messages advise
        assert "there was no ledger" in (await settled(Place(made.data)))[0]

    on_bench(tmp_path, use)


def test_an_archive_of_the_other_kind_gets_no_ledger(three_runs: Path, tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        job = gone_on(made, three_runs)
        lose(made.data)
        identity = made.data / "archive" / "_ledger" / "archive.json"
        identity.write_text(identity.read_text().replace('"real"', '"sandbox"'))
        await spends_nothing(made, job, UsageError, "contains sandbox data, and this is a real run")
        assert not (made.data / "state.db").exists()

    on_bench(tmp_path, use)


def test_an_archive_that_was_put_back_is_said_to_be_older(place: Place) -> None:
    shutil.copytree(place.root / "_ledger", place.data / "old")
    assert place.use(lambda journal, archive: _settle(journal, archive, place)) == ()
    shutil.rmtree(place.root / "_ledger")
    (place.data / "old").rename(place.root / "_ledger")
    assert place.use(lambda journal, archive: _settle(journal, archive, place)) == (), "one process was cut off"
    gone = place.parts("pages")[-1]
    gone.unlink()
    lineage = place.root / "_ledger" / "archive.json"
    as_it_was = lineage.read_bytes()
    place.use(lambda journal, archive: _settle(journal, archive, place))
    lineage.write_bytes(as_it_was)
    [said] = place.use(lambda journal, archive: _settle(journal, archive, place))
    assert "the archive is older than state.db" in said
    assert "1 of the files that the ledger knows are missing" in said


# --- older data directories -------------------------------------------------------------------------------------------


def unstamp(data: Path) -> None:
    """Makes it as an earlier version has left it."""
    shutil.rmtree(data / "archive" / "_ledger", ignore_errors=True)
    database_in(data).change("DELETE FROM meta WHERE key = 'identity'")


def test_a_directory_of_an_earlier_version_is_stamped_without_a_word_and_known_from_then_on(place: Place) -> None:
    was = known(place.data)
    unstamp(place.data)
    for _ in range(2):
        assert place.use(lambda journal, archive: _settle(journal, archive, place)) == ()
    assert (place.root / "_ledger" / "archive.json").exists()
    [last] = ledger(place.data, "SELECT max(run_id) FROM runs")
    for table in ("requests", "pages", "walks", "runs"):
        database_in(place.data).change(f"DELETE FROM {table} WHERE run_id = ?", *last)
    database_in(place.data).change("DELETE FROM parts WHERE path LIKE '%part-3-%' OR path LIKE ?", f"%{last[0]}%")
    unstamp(place.data)
    [said] = place.use(lambda journal, archive: _settle(journal, archive, place))
    assert "the archive had runs that state.db lacked" in said
    for name in ("attempts", "walks", "runs", "balances", "parts"):
        assert known(place.data)[name] == was[name]


# --- interrupted ------------------------------------------------------------------------------------------------------

STEPS = (
    "begin_adoption",
    "adopt_run",
    "adopt_attempts",
    "note_parts",
    "adopt_answers",
    "end_adoption",
    "create",
    "replace",
)


def test_an_adoption_that_is_stopped_anywhere_ends_as_one_that_was_not(three_runs: Path, tmp_path: Path) -> None:
    whole = copied(three_runs, tmp_path / "whole")
    was = known(whole.data)
    lose(whole.data)
    counted = Life()
    assert not whole.die_in(lambda journal, archive: _settle(journal, archive, whole), counted)
    assert known(whole.data) == was
    for step in STEPS:
        death = Instant(step, counted.steps[step] // 2 or 1, after=step not in {"create", "replace"})
        place = copied(three_runs, tmp_path / str(death))
        lose(place.data)

        def again(journal: Journal, archive: ParquetArchive, place: Place = place) -> Any:
            return _settle(journal, archive, place)

        assert place.die_in(again, Life(death)), f"{death} was reached"
        place.use(again)
        assert known(place.data) == was, death


def test_tables_that_lack_a_part_are_rebuilt_and_parts_without_pages_go_to_the_trash(place: Place) -> None:
    before = found_by_glob(place.data)
    lose(place.data)
    cut_off, alone = place.parts("posts")[0], place.parts("pages", "keyapi")[0]
    cut_off.unlink()
    gone = len(found_by_glob(place.data)) and alone.name
    alone.unlink()
    place.use(lambda journal, archive: _settle(journal, archive, place))

    async def drained(journal: Journal, archive: ParquetArchive) -> None:
        async with locked(journal, archive, place.clock):
            pass

    place.use(drained)
    after = found_by_glob(place.data)
    assert after["posts"] == before["posts"]
    assert not any(part.name == gone for part in place.parts("hashtags", "keyapi"))
    assert stray_files(place.data) == []
