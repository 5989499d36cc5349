"""Compaction: many small parts of past days become few large ones, with their rows verified first.

A day's files of the run tables become one each: they are not made from pages, and `io.archive.coverage` writes a run
that changes later inside that file.

One partition is one (vendor, day) with all its tables, journalled as one: a table's parts keep the names of the pages
parts that they are made from, so the directories of all its tables are exchanged together or, after a stop, by whoever
takes the archive's lock next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scraper.core.compact import merges
from scraper.core.coverage import RUN_TABLES
from scraper.core.errors import StorageError, UsageError
from scraper.core.tables import PAGES_TABLE
from scraper.ports import Archive, Clock, Journal, Part, Partition
from scraper.runs.adopt import stamp_or_refuse
from scraper.runs.journals import finish, locked, undo
from scraper.runs.threads import in_a_thread

PARTS_BY_ITSELF = 32
"""Pages parts of a past day above which a run compacts it itself. A night makes one or two and an hourly job 24: those
wait for `scraper compact`. Above it a query opens so many files for one day that it shows (about 1 ms each)."""


PARTITIONS_BY_ITSELF = 8
"""Partitions that a run compacts at its end: a night adds one for each vendor."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result for one partition, planned or done."""

    partition: str
    files_before: int
    bytes_before: int
    files_after: int
    bytes_after: int | None
    """``None``: it was not built."""
    left_because: str | None = None
    """The reason why a partition that could be smaller is unchanged."""

    def to_json(self) -> dict[str, Any]:

        vendor, _, date = self.partition.removeprefix("vendor=").partition("/date=")
        return {
            "vendor": vendor,
            "date": date,
            "files_before": self.files_before,
            "files_after": self.files_after,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "left_because": self.left_because,
        }


async def compact(
    journal: Journal,
    archive: Archive,
    clock: Clock,
    *,
    today_too: bool = False,
    offline: bool = False,
    dry_run: bool = False,
    more_than: int = 1,
    chosen: Callable[[Collection[str]], Collection[str]] | None = None,
) -> AsyncIterator[Compacted]:
    """Compact every partition with more than so many pages parts in turn, or the `chosen` ones of them.

    The lock is released between them. An epoch is added to state and archive first, so that a state from before the
    compaction is recognised as older.

    Raises ArchiveError or StateError: partitions compacted until then stay so, and an open compaction is finished or
    undone by the next command. Raises UsageError if the platform cannot exchange directories, except with `offline`.
    """
    candidates = _candidates(await journal.parts(), clock.now(), today_too, more_than)
    if chosen is not None:
        wanted = chosen(candidates)
        candidates = [path for path in candidates if path in wanted]
    if not dry_run:
        await in_a_thread(archive.refuse_unless_writable)
        async with locked(journal, archive, clock):
            if candidates and not offline:
                await in_a_thread(archive.compactor.refuse_unless_exchangeable)
    stamped = False
    for path in candidates:
        if dry_run:
            done = _plan(await _looked_at(path, journal, archive))
        else:
            async with locked(journal, archive, clock):
                stamped = stamped or await stamp_or_refuse(journal, archive)
                done = await _compact(await _looked_at(path, journal, archive), journal, archive, clock, offline)
        if done is not None:
            yield done


async def compact_after_run(
    journal: Journal, archive: Archive, clock: Clock, is_stopped: Callable[[], bool]
) -> tuple[str, ...]:
    """Compact at the end of a run; return errors as warnings, since the run's own result is final.

    A backlog is left to later runs: the end of a night does not wait for it, and neither does a run that is stopped.
    """
    done = list[Compacted]()
    try:
        async for each in compact(journal, archive, clock, more_than=PARTS_BY_ITSELF):
            done.append(each)
            if is_stopped() or len(done) >= PARTITIONS_BY_ITSELF:
                break
    except (StorageError, UsageError) as fault:
        return (f"the archive was not compacted: {fault}",)
    return tuple(f"{each.partition} was not compacted: {each.left_because}" for each in done if each.left_because)


def _candidates(known: Sequence[Part], now: datetime, today_too: bool, more_than: int) -> list[str]:
    """Return the partitions with enough parts of pages, or of a run table, oldest first."""
    counted = Counter((part.table, part.partition) for part in known if part.table in {PAGES_TABLE, *RUN_TABLES})
    many = {path for (_, path), parts in counted.items() if parts > more_than}
    today = now.astimezone(UTC).date().isoformat()
    return sorted((path for path in many if today_too or _date(path) < today), key=lambda path: (_date(path), path))


def _plan(partition: Partition) -> Compacted | None:
    """Return the planned result for a partition; ``None`` if there is nothing to merge."""
    if partition.fault is None and not partition.mergeable:
        return None
    planned = merges(0, partition.groups, partition.parts, partition.runs) if partition.fault is None else {}
    after = sum(len(planned.get(table, names)) for table, names in partition.parts.items())
    return Compacted(partition.path, partition.files, partition.size_bytes, after, None, partition.fault)


async def _compact(
    partition: Partition, journal: Journal, archive: Archive, clock: Clock, offline: bool
) -> Compacted | None:
    planned = _plan(partition)
    if planned is None or planned.left_because is not None:
        return planned
    begun = await journal.begin_compaction(partition.path, partition.groups, partition.runs, offline, clock.now())
    try:
        parts = await in_a_thread(archive.compactor.build, begun)
    except StorageError:
        with suppress(StorageError):  # frees the space; failing that, the next command does it
            await undo(begun, journal, archive, clock)
        raise
    await finish(await journal.note_built(begun, parts), journal, archive, clock)
    after = [part for part in await journal.parts(partition.path) if part.table in partition.parts]
    return replace(planned, bytes_after=sum(part.size_bytes for part in after))


async def _looked_at(path: str, journal: Journal, archive: Archive) -> Partition:
    return await in_a_thread(archive.compactor.partition, path, await journal.parts(path))


def _date(path: str) -> str:
    return path.rpartition("date=")[2]
