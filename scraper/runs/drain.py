"""From the spool into the archive, journalled: a drain stopped anywhere is carried out again, to the same files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import ParamSpec

from scraper.core.events import Drained
from scraper.ports import Archive, Clock, Listener, State, Written

P = ParamSpec("P")

MOST_BYTES_A_DRAIN = 64 * 2**20
"""Of bodies, uncompressed: so much makes one part a table and partition."""


async def drain(state: State, archive: Archive, clock: Clock, listener: Listener) -> None:
    """Empties the spool. Raises ArchiveError or StateError; what is not in the archive then is still in the spool."""
    with ExitStack() as held:
        await asyncio.to_thread(held.enter_context, archive.lock())
        await _rebuild_outdated(state, archive)
        while (open_drain := await state.open_drain(clock.now(), MOST_BYTES_A_DRAIN)) is not None:
            pages = state.drain_pages(open_drain)
            written = await _in_a_thread(archive.write, open_drain.drain_id, pages)
            await state.finish_drain(open_drain, written, clock.now())
            rows = {table: count for table, count in written.rows().items() if table != "pages"}
            listener.hear(Drained(open_drain.pages, rows, len(written.unreadable)))


async def _in_a_thread(write: Callable[P, Written], *args: P.args, **named: P.kwargs) -> Written:
    """Cancelled, it still waits for the thread: the lock is not let go while files are being written."""
    writing = asyncio.ensure_future(asyncio.to_thread(write, *args, **named))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        raise


async def _rebuild_outdated(state: State, archive: Archive) -> None:
    """A table never holds parts of two SELECTs: if its SELECT has changed it is made anew before new parts join."""
    made_with = await state.select_hashes()
    for table, select_hash in archive.select_hashes.items():
        if made_with.get(table, frozenset()) - {select_hash}:
            written = await _in_a_thread(archive.rebuild, table)
            await state.note_rebuilt(table, select_hash, written.parts)
