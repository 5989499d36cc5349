"""Maintenance of the archive: compact, rebuild, check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest
from scraper.wiring.archive import archive_in
from scraper.wiring.files import load_catalogue
from scraper.wiring.settings import Settings, archive_is_there, archive_tree
from scraper.wiring.state import known_stores, opened_stores

if TYPE_CHECKING:
    from scraper.core.events import Event
    from scraper.io.archive import ParquetArchive
    from scraper.ports import Journal
    from scraper.runs.check import Checked
    from scraper.runs.compact import Compacted
    from scraper.runs.rebuild import Rebuilt


async def compact_archive(
    settings: Settings, configs: Path, where: str | None = None, *, today_too: bool, offline: bool, dry_run: bool
) -> AsyncIterator[Compacted]:
    """Yield each partition once it is compacted; see `runs.compact`. `where`: only those that match."""
    from scraper.io.archive import partitions_where
    from scraper.runs.compact import compact

    chosen = None if where is None else partial(partitions_where, where)
    with _archive_of(settings, configs) as (journal, archive):
        done = compact(
            journal, archive, settings.clock, today_too=today_too, offline=offline, dry_run=dry_run, chosen=chosen
        )
        async for each in done:
            yield each


async def rebuild_tables(
    settings: Settings, configs: Path, table: str | None, where: str | None
) -> AsyncIterator[Rebuilt]:
    """Yield each table once it is rebuilt; see `runs.rebuild`. UsageError for an unknown table."""
    from scraper.io.archive import partitions_where
    from scraper.runs.rebuild import rebuild

    with _archive_of(settings, configs) as (journal, archive):
        known = list(archive.select_hashes)
        if table is not None and table not in known:
            raise UsageError(
                f"no table {table} is made from pages{nearest(table, known)}; there are {', '.join(known)}"
            )
        chosen = None if where is None else partial(partitions_where, where)
        async for done in rebuild(journal, archive, settings.clock, known if table is None else [table], chosen):
            yield done


async def check_archive(settings: Settings, configs: Path, *, repair: bool, quick: bool, deep: bool) -> Checked:
    """Check the archive against the ledger; see `runs.check`."""
    from scraper.io.archive.identity import read_identity
    from scraper.io.state import state_exists
    from scraper.runs.adopt import NO_LEDGER
    from scraper.runs.check import check, files_alone

    if not state_exists(settings.state_url) and archive_is_there(settings):
        archive = archive_in(settings, configs, load_catalogue(configs))
        if not repair:
            return files_alone(archive, NO_LEDGER)
        known = read_identity(archive_tree(settings))
        with opened_stores(settings, settings.kind if known is None else known[1]) as stores:
            journal = stores.journal
            return await check(journal, archive, settings.clock, _NoListener(), repair=True, quick=quick, deep=deep)
    with _archive_of(settings, configs) as (journal, archive):
        return await check(journal, archive, settings.clock, _NoListener(), repair=repair, quick=quick, deep=deep)


class _NoListener:
    """Ignores events: `check` returns what its repair drained."""

    def hear(self, event: Event) -> None:
        pass


@contextmanager
def _archive_of(settings: Settings, configs: Path) -> Iterator[tuple[Journal, ParquetArchive]]:
    with known_stores(settings) as stores:
        yield stores.journal, archive_in(settings, configs, load_catalogue(configs))
