"""The rebuild of tables from stored pages: for a corrected vendor file, a new table, lost or damaged files.

A drain rebuilds a table whose SELECT has changed; this rebuilds any. It is journalled part by part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scraper.core.errors import ArchiveError, UsageError
from scraper.ports import Archive, Clock, Journal
from scraper.runs.coverage import write_run_tables
from scraper.runs.journals import RebuiltTable, locked, rebuild_table
from scraper.runs.threads import in_a_thread


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result for one table."""

    table: str
    files: int
    rows: int
    unreadable_pages: int
    """Their bytes remain in `pages`."""
    rows_without_key: int
    taken_out: int
    """Files without rows, and files whose pages are gone: the latter are in ``trash/without-pages``."""
    decided_again: int = 0
    """Answers that today's vendor files read differently than recorded: their walks' coverage is as decided now."""

    def to_json(self) -> dict[str, Any]:

        return asdict(self)


async def rebuild(
    journal: Journal,
    archive: Archive,
    clock: Clock,
    tables: Sequence[str],
    chosen: Callable[[Collection[str]], Collection[str]] | None = None,
) -> AsyncIterator[Rebuilt]:
    """Rebuild these tables, in `chosen` partitions or in all.

    Raises UsageError if partitions would come from different SELECTs, ArchiveError if a page or the disk prevents a
    rebuild: tables rebuilt until then stay so, the others are unchanged.
    """
    await in_a_thread(archive.refuse_unless_writable)
    decided_again = 0
    async with locked(journal, archive, clock):
        sources = await in_a_thread(archive.sources)
        if chosen is not None:
            made_with = await journal.select_hashes()
            for table in tables:
                if made_with.get(table, frozenset()) - {archive.select_hashes[table]}:
                    raise UsageError(
                        f"the SELECT of {table} has changed, so the whole table has to be rebuilt: leave --where out. "
                        "Nothing was changed."
                    )
            wanted = chosen({_partition(source) for source in sources})
            sources = [source for source in sources if _partition(source) in wanted]
        await journal.begin_rebuild(dict.fromkeys(tables, sources), clock.now())
        for table in tables:
            done = await rebuild_table(table, sources, journal, archive, clock)
            decided_again += done.decided_again
            if chosen is None:
                await journal.note_select(table, archive.select_hashes[table])
            yield _rebuilt(table, done)
    if decided_again and (told := await write_run_tables(journal, archive, clock)):
        raise ArchiveError(" ".join(told))


def _rebuilt(table: str, done: RebuiltTable) -> Rebuilt:
    return Rebuilt(
        table=table,
        files=sum(len(each.parts) for each in done.written),
        rows=sum(part.rows for each in done.written for part in each.parts),
        unreadable_pages=sum(len(each.unreadable) for each in done.written),
        rows_without_key=sum(sum(each.rows_without_key.values()) for each in done.written),
        taken_out=sum(each.taken_out for each in done.written),
        decided_again=done.decided_again,
    )


def _partition(source: str) -> str:
    return source.rpartition("/")[0]
