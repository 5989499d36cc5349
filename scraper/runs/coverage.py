"""Writes the coverage and the ledger of changed runs to the archive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from scraper.core.errors import StorageError
from scraper.ports import Archive, Journal, Part, RunVersion


async def write_run_tables(journal: Journal, archive: Archive) -> tuple[str, ...]:
    """Write the coverage and the ledger of every run whose archived copy is outdated.

    A failure here does not fail the run, whose pages are in their tables: it is returned as a warning, and the next run
    of any job writes them.
    """
    try:
        for run_id in await journal.outdated_runs():
            found = await journal.run_version(run_id)
            await journal.note_run_tables(found, await asyncio.to_thread(_written, journal, archive, found))
    except StorageError as failure:
        return (f"{failure} The next run writes them.",)
    return ()


def _written(journal: Journal, archive: Archive, found: RunVersion) -> Sequence[Part]:
    """Write in one thread, so that a cancelled wait does not release the lock."""
    with archive.lock():
        return archive.write_run_tables(found, journal.run_rows(found.run_id))
