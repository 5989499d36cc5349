"""Writes the coverage and the ledger of changed runs to the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import groupby, islice

from scraper.core.errors import StorageError
from scraper.ports import Archive, Clock, Journal, RunVersion
from scraper.runs.journals import locked
from scraper.runs.threads import in_a_thread

RUNS_AT_A_TIME = 64
"""Runs of one day that are written together, since a compaction may have merged them into one file."""


async def write_run_tables(journal: Journal, archive: Archive, clock: Clock) -> tuple[str, ...]:
    """Write the coverage and the ledger of every run whose archived copy is outdated.

    A failure here does not fail the run, whose pages are in their tables: it is returned as a warning, and the next run
    of any job writes them.
    """
    try:
        outdated = [await journal.run_version(run_id) for run_id in await journal.outdated_runs()]
        for runs in _of_one_day(outdated):
            async with locked(journal, archive, clock):
                written = await in_a_thread(archive.write_run_tables, runs, journal.run_rows)
                for place, run in enumerate(runs):
                    await journal.note_run_tables(run, () if place else written)
    except StorageError as failure:
        return (f"{failure} The next run writes them.",)
    return ()


def _of_one_day(runs: Sequence[RunVersion]) -> Iterator[Sequence[RunVersion]]:
    in_order = sorted(runs, key=lambda run: run.started_at)
    for _, of_day in groupby(in_order, key=lambda run: run.started_at.astimezone(UTC).date()):
        while some := tuple(islice(of_day, RUNS_AT_A_TIME)):
            yield some
