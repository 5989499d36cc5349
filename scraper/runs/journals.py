"""The archive's lock: whoever takes it first finishes or undoes interrupted work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from scraper.core.errors import ArchiveError
from scraper.ports import Archive, Clock, Compaction, Journal, Written
from scraper.runs.decisions import decide_again, differ
from scraper.runs.threads import in_a_thread

PARTS_AT_A_TIME = 16
"""Parts between two notes in the journal of a rebuild: so many are repeated after an interruption."""


@asynccontextmanager
async def locked(journal: Journal, archive: Archive, clock: Clock) -> AsyncIterator[None]:
    """Hold the archive's lock, with nothing open except a drain, which `drain` repeats.

    Raises ArchiveError or StateError if open work cannot be finished now.
    """
    async with untouched(journal, archive):
        await in_a_thread(archive.compactor.sweep, clock.now())
        if (compaction := await journal.open_compaction()) is not None:
            settle = undo if compaction.built is None else finish
            await settle(compaction, journal, archive, clock)
        for table, sources in (await journal.open_rebuild()).items():
            if table in archive.select_hashes:  # else a table of another job directory, whose commands resume it
                await rebuild_table(table, sources, journal, archive, clock)
        yield


@asynccontextmanager
async def untouched(journal: Journal, archive: Archive) -> AsyncIterator[None]:
    """Lock the archive on this machine and for other ones, to read it; open work stays unfinished."""
    async with journal.hold_archive() as hold:
        with ExitStack() as held:
            await asyncio.to_thread(held.enter_context, archive.lock(hold))
            yield


async def finish(compaction: Compaction, journal: Journal, archive: Archive, clock: Clock) -> None:
    """Exchange the directories of a compaction that is built; repeatable."""
    await in_a_thread(archive.compactor.exchange, compaction, clock.now())
    await journal.finish_compaction(compaction, clock.now())


@dataclass(frozen=True, slots=True)
class RebuiltTable:
    """The result of a rebuild."""

    written: Sequence[Written]
    decided_again: int
    """Answers that today's vendor files read differently than recorded."""


async def rebuild_table(
    table: str, sources: Sequence[str], journal: Journal, archive: Archive, clock: Clock
) -> RebuiltTable:
    """Carry out a journalled rebuild, some parts at a time, and decide its answers again.

    If a page or the disk prevents it, the rest is given up and every part left unchanged: one file must not block all
    other commands.
    """
    done, decided = [], 0
    try:
        for start in range(0, max(len(sources), 1), PARTS_AT_A_TIME):
            some = sources[start : start + PARTS_AT_A_TIME]
            rebuilt = await in_a_thread(archive.rebuild, table, some)
            if await differ(rebuilt.read_again, journal):
                decided += await decide_again(table, some, journal, archive, clock)
            done.append(replace(rebuilt, read_again=()))
            await journal.note_rebuilt(table, some, done[-1])
    except ArchiveError:
        await journal.drop_rebuild(table)
        raise
    return RebuiltTable(done, decided)


async def undo(compaction: Compaction, journal: Journal, archive: Archive, clock: Clock) -> None:
    """Remove the new directories of a compaction of which nothing was exchanged."""
    await in_a_thread(archive.compactor.discard, compaction)
    await journal.undo_compaction(compaction, clock.now())
