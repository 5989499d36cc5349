"""Drains from the spool into the archive, journalled: an interrupted drain is repeated into the same files."""

from __future__ import annotations

from scraper.core.events import Drained
from scraper.ports import Archive, Clock, Journal, Listener
from scraper.runs.journals import locked, rebuild_table
from scraper.runs.threads import in_a_thread

MOST_BYTES_A_DRAIN = 64 * 2**20
"""Uncompressed bodies of one drain, which writes one part for each table and partition."""


async def drain(
    journal: Journal, archive: Archive, clock: Clock, listener: Listener, *, rebuild: bool = True
) -> tuple[str, ...]:
    """Empty the spool; return warnings. Without `rebuild`, pages wait where a table would have to be rebuilt.

    Raises ArchiveError or StateError; pages that are not in the archive then are still in the spool.
    """
    async with locked(journal, archive, clock):
        made_with = await journal.select_hashes()
        hashes = archive.select_hashes
        changed = [table for table in hashes if made_with.get(table, frozenset()) - {hashes[table]}]
        if changed and not rebuild:
            return (
                f"the SELECT of {', '.join(changed)} has changed: pages wait in the spool, paid and safe, until "
                "scraper rebuild, or a run without --no-rebuild, has rebuilt the table",
            )
        for table in changed:
            await _rebuild_outdated(table, journal, archive, clock)
        last = await in_a_thread(archive.last_drain)  # a state restored from a backup must not reuse a number
        while (open_drain := await journal.open_drain(clock.now(), MOST_BYTES_A_DRAIN, last)) is not None:
            pages = journal.drain_pages(open_drain)
            written = await in_a_thread(archive.write, open_drain.drain_id, pages, open_drain.token)
            await journal.finish_drain(open_drain, written, clock.now())
            rows = {table: count for table, count in written.rows().items() if table != "pages"}
            listener.hear(Drained(open_drain.pages, rows, len(written.unreadable)))
    return ()


async def _rebuild_outdated(table: str, journal: Journal, archive: Archive, clock: Clock) -> None:
    """Rebuild a table whose SELECT has changed before new parts are added: it never has parts of two SELECTs."""
    outdated = await in_a_thread(archive.outdated, table)
    await journal.begin_rebuild({table: outdated}, clock.now())
    await rebuild_table(table, outdated, journal, archive, clock)
    await journal.note_select(table, archive.select_hashes[table])
