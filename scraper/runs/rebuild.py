"""Tables made anew from the pages that are there: for a corrected vendor file, a new table, lost or damaged files.

What a changed SELECT needs, a drain does by itself; this one makes anew whatever stands there. Journalled part by part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scraper.core.errors import UsageError
from scraper.ports import Archive, Clock, Journal
from scraper.runs.journals import in_a_thread, locked, rebuild_table


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a table."""

    table: str
    files: int
    rows: int
    unreadable_pages: int
    """Their bytes are in `pages` all the same."""
    rows_without_key: int
    taken_out: int
    """Files that hold no row any more, or whose pages are gone: these are in ``trash/without-pages``."""

    def to_json(self) -> dict[str, Any]:
        """A row of the command's answer."""
        return asdict(self)


async def rebuild(
    journal: Journal,
    archive: Archive,
    clock: Clock,
    tables: Sequence[str],
    chosen: Callable[[Collection[str]], Collection[str]] | None = None,
) -> AsyncIterator[Rebuilt]:
    """Makes these tables anew, those of `chosen` partitions or all.

    Raises UsageError where some partitions would be made with another SELECT than the others, ArchiveError where a page
    or the disk does not allow it: what was made anew until then stays, the rest is as it was.
    """
    await in_a_thread(archive.refuse_unless_writable)
    async with locked(journal, archive, clock):
        sources = await in_a_thread(archive.sources)
        if chosen is not None:
            made_with = await journal.select_hashes()
            for table in tables:
                if made_with.get(table, frozenset()) - {archive.select_hashes[table]}:
                    raise UsageError(
                        f"the SELECT of {table} has changed, so all of it has to be made anew: leave --where out. "
                        "Nothing was changed."
                    )
            wanted = chosen({_partition(source) for source in sources})
            sources = [source for source in sources if _partition(source) in wanted]
        await journal.begin_rebuild(dict.fromkeys(tables, sources), clock.now())
        for table in tables:
            written = await rebuild_table(table, sources, journal, archive)
            if chosen is None:
                await journal.note_select(table, archive.select_hashes[table])
            rows = sum(part.rows for each in written for part in each.parts)
            yield Rebuilt(
                table=table,
                files=sum(len(each.parts) for each in written),
                rows=rows,
                unreadable_pages=sum(len(each.unreadable) for each in written),
                rows_without_key=sum(sum(each.rows_without_key.values()) for each in written),
                taken_out=sum(each.taken_out for each in written),
            )


def _partition(source: str) -> str:
    return source.rpartition("/")[0]
