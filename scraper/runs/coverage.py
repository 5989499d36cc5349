"""Coverage and ledger of each run that has changed, as files of the archive beside its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from scraper.core.errors import StorageError
from scraper.ports import Archive, Journal, Part, RunVersion


async def write_run_tables(journal: Journal, archive: Archive) -> tuple[str, ...]:
    """Writes the coverage and the ledger of every run that the archive does not hold as it is.

    A run is not failed by this: its pages are bought and in their tables. What could not be written is told as a
    warning, and written at the end of the next run, whichever that is.
    """
    try:
        for run_id in await journal.outdated_runs():
            found = await journal.run_version(run_id)
            await journal.note_run_tables(found, await asyncio.to_thread(_written, journal, archive, found))
    except StorageError as failure:
        return (f"{failure} The next run writes them.",)
    return ()


def _written(journal: Journal, archive: Archive, found: RunVersion) -> Sequence[Part]:
    """In one thread, so that who cancels the wait does not let go of the lock."""
    with archive.lock():
        return archive.write_run_tables(found, journal.run_rows(found.run_id))
