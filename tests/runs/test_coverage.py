"""The archive explains itself: its coverage and its requests are the ledger's, however a run ended."""

from __future__ import annotations

import errno
import shutil
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import scraper
from scraper.core.catalogue import Charge
from scraper.core.coverage import RUN_TABLES
from scraper.core.events import RequestSettled, RunStatus
from scraper.io.archive import Disk, ParquetArchive
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job, load_tables
from tests.runs.harness import ALL_FIVE, KEYS, Bench, Heard, on_bench
from tests.runs.test_faults import BOARDS
from tests.runs.test_reconcile import on_the, reconciled

WALKS = "run_id, walk_id, endpoint, country, period_days, state, why, pages, rows, reused_from"
ATTEMPTS = (
    "attempt_id, run_id, walk_id, request_key, account, endpoint, page, attempt, outcome, ending, charge, credits, "
    "rows, http_status, vendor_request_id, detail, reconciled_by"
)


def told(bench: Bench) -> None:
    """Asserts that the archive alone tells what the state database holds."""
    state = bench.database.rows
    walks = state(f"SELECT {WALKS} FROM walks ORDER BY run_id, walk_id")
    attempts = state(f"SELECT {ATTEMPTS} FROM requests WHERE charge <> 'reserved' ORDER BY attempt_id")
    ended = "exit_code, message, superseded_by"
    runs = state(f"SELECT run_id, job, status, budget, {ended} FROM runs ORDER BY run_id")
    days = state("SELECT attempt_id, day FROM requests ORDER BY attempt_id")
    with bench.archive("FROM coverage, requests, spend") as archive:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return archive.execute(sql).fetchall()

        assert rows(f"SELECT {WALKS} FROM coverage ORDER BY run_id, walk_id") == walks
        assert rows(f"SELECT {ATTEMPTS} FROM requests ORDER BY attempt_id") == attempts
        ended = "run_exit_code, run_message, run_superseded_by"
        assert (
            rows(f"SELECT DISTINCT run_id, job, run_status, run_budget, {ended} FROM coverage ORDER BY run_id") == runs
        )
        assert rows("SELECT attempt_id, day::VARCHAR FROM requests ORDER BY attempt_id") == days
        [spent] = rows("SELECT coalesce(sum(charged), 0), coalesce(sum(credits), 0) FROM spend")
    assert spent[0] == bench.charged() <= spent[1]


def run_files(data: Path) -> dict[str, int]:
    """Path → instant of last change of every file of coverage and requests that was written for runs."""
    return {
        str(path.relative_to(data)): path.stat().st_mtime_ns
        for table in RUN_TABLES
        for path in (data / "archive" / table).rglob("*.parquet")
        if not path.name.startswith("runs-c0-")
    }


def test_a_copy_of_the_archive_tells_what_the_ledger_holds(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(ALL_FIVE))
        assert result.status is RunStatus.COMPLETE
        told(bench)
        shutil.move(bench.data / "archive", tmp_path / "copy")
        with scraper.connect(tmp_path / "copy") as connection:
            found = connection.execute("SELECT state, count(*) FROM coverage GROUP BY ALL").fetchall()
            assert dict(found) == {state: count for state, count in result.walks.items() if count}
            latest = "SELECT count(*), count(DISTINCT walk_id) FROM hashtags_latest"
            assert connection.execute(latest).fetchall() == [(result.rows["hashtags"], 3)]

    on_bench(tmp_path, use)


def test_a_job_may_be_called_as_a_drain_is_numbered(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        for name in ("1", "2", "3"):
            await bench.run(bench.write_job(BOARDS, name=name))
        told(bench)

    on_bench(tmp_path, use)


def test_no_key_stands_in_it(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        await bench.run(bench.write_job(ALL_FIVE))
        for table in RUN_TABLES:
            assert not [row for row in bench.rows(f"FROM {table}") for key in KEYS.values() if key in repr(row)]

    on_bench(tmp_path, use)


def test_runs_that_end_short_are_told_of_and_those_that_go_on_are_told_of_again(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE, budget=30)
        assert (await bench.run(job)).status is RunStatus.BUDGET
        told(bench)
        assert bench.rows("SELECT DISTINCT why FROM coverage WHERE state <> 'complete'") == [("budget",)]
        crawls: list[CrawlProcess] = []

        def stop(event: object) -> None:
            if isinstance(event, RequestSettled):
                crawls[0].stop()

        order: dict[str, Any] = {"opening": Opening.RESUME, "ceiling": 10_000}
        stopped = await bench.run(job, heard=Heard(stop), begun=crawls.append, **order)
        assert stopped.status is RunStatus.INTERRUPTED
        told(bench)
        first = set(run_files(bench.data))
        ended = await bench.run(job, **order)
        assert ended.status is RunStatus.COMPLETE
        told(bench)
        assert set(run_files(bench.data)) >= first
        assert bench.rows("SELECT count(DISTINCT run_id) FROM coverage") == [(1,)], "one file a run, replaced"

    on_bench(tmp_path, use)


def test_walks_that_the_account_s_day_ended_say_so_and_come_first_in_the_next_run(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        limits = "requests_per_minute = 60_000\ncredits_per_day = 8\ncredits_per_month = 900"
        job = bench.write_job(BOARDS, accounts=f"[accounts.crawlora]\n{limits}\n")
        ended = await bench.run(job)
        assert ended.status is RunStatus.QUOTA
        left = "SELECT walk_id FROM coverage WHERE state = 'not_attempted' AND why = 'quota'"
        assert len(bench.rows(left)) == ended.walks["not_attempted"] > 0
        with bench.database.opened(bench.clock.now) as stores:
            assert {(walk_id,) for walk_id in await stores.runs.leftovers("night")} == set(bench.rows(left))

    on_bench(tmp_path, use)


def test_a_run_that_is_superseded_keeps_its_word_and_says_by_which(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job, crawls = bench.write_job('every = "day"\n' + BOARDS), list[CrawlProcess]()
        heard = Heard(lambda event: crawls[0].stop() if isinstance(event, RequestSettled) else None)
        first = await bench.run(job, heard=heard, begun=crawls.append)
        assert first.status is RunStatus.INTERRUPTED
        bench.clock.go_to(bench.clock.now() + timedelta(days=1))
        second = await bench.run(job)
        told(bench)
        kept = "SELECT DISTINCT run_status, run_exit_code, run_message, run_superseded_by FROM coverage WHERE run_id = "
        assert bench.rows(f"{kept}'{first.run_id}'") == [("interrupted", 130, first.message, second.run_id)]
        nights = bench.rows("SELECT DISTINCT run_night_at FROM coverage ORDER BY 1")
        assert nights[1][0] - nights[0][0] == timedelta(days=1)

    on_bench(tmp_path, use)


def test_a_run_whose_ledger_is_reconciled_is_told_of_again_by_the_next_one_and_others_are_left(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        first = await bench.run(job)
        assert first.unknown == 8
        await bench.run(job, opening=Opening.NEW)
        before = run_files(bench.data)
        await reconciled(bench, job, assume=Charge.FREE)
        assert bench.rows("SELECT count(*) FROM requests WHERE charge = 'unknown'") == [(1,)]
        await bench.run(job)
        told(bench)
        assert bench.rows("SELECT reconciled_by FROM requests WHERE charge = 'free'") == [("assumed free by the user",)]
        after = run_files(bench.data)
        changed = {path for path, at in before.items() if after[path] != at}
        assert {Path(path).stem for path in changed} == {f"run-{first.run_id}"}

    on_bench(tmp_path, use, fault=on_the(1))


def test_data_from_before_there_were_such_files_gets_them_at_the_next_run(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        await bench.run(job)
        for table in RUN_TABLES:
            shutil.rmtree(bench.data / "archive" / table)
        bench.database.change("UPDATE runs SET accounted = false")
        bench.database.change("DELETE FROM parts WHERE table_name IN ('coverage', 'requests')")
        assert bench.rows("SELECT count(*) FROM hashtags_latest") == [(0,)], "nothing says that a board is whole"
        await bench.run(job)
        told(bench)

    on_bench(tmp_path, use)


def test_a_reused_walk_is_told_of_with_the_run_that_bought_it(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job('max_age = "20h"\n' + BOARDS)
        first = await bench.run(job)
        second = await bench.run(job, opening=Opening.NEW)
        assert (second.sent, second.reused) == (0, first.sent)
        told(bench)
        reused = bench.rows(f"SELECT reused_from, snapshot_at FROM coverage WHERE run_id = '{second.run_id}'")
        bought = bench.rows(f"SELECT run_id, snapshot_at FROM coverage WHERE run_id = '{first.run_id}'")
        assert sorted(reused) == sorted(bought)
        assert bench.rows("SELECT DISTINCT run_id FROM hashtags_latest") == [(first.run_id,)]

    on_bench(tmp_path, use)


class FullFor(Disk):
    """A disk that has no room for files whose names end in one of these."""

    def __init__(self, *endings: str) -> None:
        self._endings = endings

    def create(self, path: Path) -> IO[bytes]:
        if path.name.endswith(self._endings):
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().create(path)


def archive_on(bench: Bench, job: Path, disk: Disk) -> ParquetArchive:
    _, catalogue = load_job(job)
    return ParquetArchive(bench.data, load_tables(None), catalogue, disk)


def test_a_disk_that_fills_there_fails_no_run_that_has_bought_its_pages(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        full = FullFor(".crawlora.coverage", ".crawlora.requests")
        result = await bench.run(job, archive=archive_on(bench, job, full))
        assert result.status is RunStatus.COMPLETE
        (warning,) = result.warnings
        assert f"coverage and ledger of {result.run_id} cannot be archived: No space left on device" in warning
        assert warning.endswith("The next run writes them.")
        assert run_files(bench.data) == {}
        await bench.run(job)
        told(bench)

    on_bench(tmp_path, use)


def test_a_walk_whose_rows_wait_in_the_spool_is_not_called_complete_by_the_archive(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        result = await bench.run(job, archive=archive_on(bench, job, FullFor(".pages")))
        assert result.status is RunStatus.ERROR
        assert run_files(bench.data) == {}
        assert (await bench.run(job)).status is RunStatus.COMPLETE
        told(bench)

    on_bench(tmp_path, use)
