"""From the spool into the archive, journalled: a drain stopped anywhere is carried out again, to the same files."""

from __future__ import annotations

from scraper.core.events import Drained
from scraper.ports import Archive, Clock, Listener, State
from scraper.runs.journals import in_a_thread, locked

MOST_BYTES_A_DRAIN = 64 * 2**20
"""Of bodies, uncompressed: so much makes one part a table and partition."""


async def drain(state: State, archive: Archive, clock: Clock, listener: Listener) -> None:
    """Empties the spool. Raises ArchiveError or StateError; what is not in the archive then is still in the spool."""
    async with locked(state, archive, clock):
        await _rebuild_outdated(state, archive)
        while (open_drain := await state.open_drain(clock.now(), MOST_BYTES_A_DRAIN)) is not None:
            pages = state.drain_pages(open_drain)
            written = await in_a_thread(archive.write, open_drain.drain_id, pages)
            await state.finish_drain(open_drain, written, clock.now())
            rows = {table: count for table, count in written.rows().items() if table != "pages"}
            listener.hear(Drained(open_drain.pages, rows, len(written.unreadable)))


async def _rebuild_outdated(state: State, archive: Archive) -> None:
    """A table never holds parts of two SELECTs: if its SELECT has changed it is made anew before new parts join."""
    made_with = await state.select_hashes()
    for table, select_hash in archive.select_hashes.items():
        if made_with.get(table, frozenset()) - {select_hash}:
            written = await in_a_thread(archive.rebuild, table)
            await state.note_rebuilt(table, select_hash, written.parts)
