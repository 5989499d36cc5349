"""The archive's lock, and what stands open under it: whoever takes it first finishes or undoes what was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import ParamSpec, TypeVar

from scraper.core.errors import ArchiveError
from scraper.ports import Archive, Clock, Compaction, Journal, Written

P = ParamSpec("P")
T = TypeVar("T")

PARTS_AT_A_TIME = 16
"""Between two notes in the journal of a rebuild: so much is done again after a stop."""


@asynccontextmanager
async def locked(journal: Journal, archive: Archive, clock: Clock) -> AsyncIterator[None]:
    """Holds the archive's lock, with nothing open but a drain: that one is carried out again by `drain`.

    Raises ArchiveError or StateError where something open cannot be finished now.
    """
    async with untouched(archive):
        await in_a_thread(archive.compactor.sweep, clock.now())
        if (compaction := await journal.open_compaction()) is not None:
            settle = undo if compaction.built is None else finish
            await settle(compaction, journal, archive, clock)
        for table, sources in (await journal.open_rebuild()).items():
            if table in archive.select_hashes:  # else a table of another job directory: its own commands go on with it
                await rebuild_table(table, sources, journal, archive)
        yield


@asynccontextmanager
async def untouched(archive: Archive) -> AsyncIterator[None]:
    """Holds the archive's lock, to look at what is there."""
    with ExitStack() as held:
        await asyncio.to_thread(held.enter_context, archive.lock())
        yield


async def finish(compaction: Compaction, journal: Journal, archive: Archive, clock: Clock) -> None:
    """Exchanges the directories of a compaction that is built, as often as it takes."""
    await in_a_thread(archive.compactor.exchange, compaction, clock.now())
    await journal.finish_compaction(compaction, clock.now())


async def rebuild_table(table: str, sources: Sequence[str], journal: Journal, archive: Archive) -> list[Written]:
    """Carries out a rebuild that stands in the journal, some parts at a time; what it met of each.

    Where a page or the disk does not allow it, the rest is given up and every part left as it is: what one file does
    must not keep all other commands from the archive.
    """
    done = []
    try:
        for start in range(0, max(len(sources), 1), PARTS_AT_A_TIME):
            some = sources[start : start + PARTS_AT_A_TIME]
            done.append(await in_a_thread(archive.rebuild, table, some))
            await journal.note_rebuilt(table, some, done[-1])
    except ArchiveError:
        await journal.drop_rebuild(table)
        raise
    return done


async def undo(compaction: Compaction, journal: Journal, archive: Archive, clock: Clock) -> None:
    """Removes what was built of a compaction of which nothing was exchanged."""
    await in_a_thread(archive.compactor.discard, compaction)
    await journal.undo_compaction(compaction, clock.now())


async def in_a_thread(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Cancelled, it still waits for the thread: the lock is not let go while files are being written."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *args, **named))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise
