"""Runs whose archive is written by a worker."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from scraper.core.events import Drained, Event, RunStatus
from scraper.io.archive.apart import ArchiveApart
from scraper.io.worker import Worker
from scraper.wiring.files import load_job, load_tables
from scraper.wiring.run import APART_FROM, RunOrder, run_job
from tests.runs.harness import ALL_FIVE, Bench, Heard, on_bench


def test_a_large_run_has_its_archive_written_by_a_worker_that_ends_with_it(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        path = bench.write_job(ALL_FIVE)
        job, catalogue = load_job(path)
        workers: set[int] = set()

        def look(event: Event) -> None:
            if isinstance(event, Drained):
                workers.update(children())

        result = await run_job(
            RunOrder(job, catalogue, path.parent, most_requests=APART_FROM), bench.settings, Heard(look), lambda _: None
        )
        assert result.status is RunStatus.COMPLETE
        counted = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in result.rows)
        assert dict(bench.rows(counted, views=False)) == result.rows
        assert len(workers) == 1
        assert not children() & workers

    def children() -> set[int]:
        found = [task / "children" for task in Path("/proc/self/task").iterdir()]
        return {int(pid) for path in found if path.exists() for pid in path.read_text().split()}

    on_bench(tmp_path, use)


def test_a_run_whose_worker_is_killed_says_so_once_and_completes(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        path, said = bench.write_job(ALL_FIVE), list[str]()
        worker = Worker()
        archive = ArchiveApart(bench.data, load_tables(None), load_job(path)[1], worker, said.append)
        archive.open()

        def kill(_: Event) -> None:
            with suppress(ProcessLookupError):  # it is killed at the first event
                os.kill(worker.pid, signal.SIGKILL)

        result = await bench.run(path, heard=Heard(kill), archive=archive)
        worker.close()
        assert result.status is RunStatus.COMPLETE
        counted = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in result.rows)
        assert dict(bench.rows(counted, views=False)) == result.rows
        assert len(said) == 1
        assert said[0].startswith("the process that writes the archive has ended: killed by signal 9")

    on_bench(tmp_path, use)
