"""The archive as a whole: opened for a command, and copied to another place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import ConfigurationError, UsageError
from scraper.wiring.files import load_tables
from scraper.wiring.settings import Settings, archive_tree

if TYPE_CHECKING:
    from scraper.core.catalogue import Catalogue
    from scraper.io.archive import ParquetArchive
    from scraper.io.archive.copy_parts import CopiedArchive


def archive_in(settings: Settings, configs: Path, catalogue: Catalogue) -> ParquetArchive:
    """Return the archive of the data directory; ConfigurationError with every fault of the tables' SELECTs."""
    from scraper.io.archive import ParquetArchive, table_faults
    from scraper.io.archive.cache import CACHE_DIRECTORY

    tables = load_tables(configs)
    if faults := list(table_faults(tables, settings.data_directory / CACHE_DIRECTORY)):
        raise ConfigurationError(faults)
    archive = settings.archive_place
    return ParquetArchive(settings.data_directory, tables, catalogue, archive=archive, tree=archive_tree(settings))


def copy_archive(target: str, settings: Settings) -> CopiedArchive:
    """Copy the archive in use to a directory or an ``s3://`` URL; see `io.archive.copy_parts`."""
    from scraper.io.archive.copy_parts import copy_archive as copy
    from scraper.io.archive.disk import Disk
    from scraper.io.archive.storage import open_tree
    from scraper.io.archive.tree import Places
    from scraper.wiring.settings import named_archive

    target = named_archive(target)
    place = target if "://" in target else str(Path(target).expanduser())
    into = Places.of(settings.data_directory, place)
    tree = open_tree(into, Disk(), place, environment=settings.environment, now=settings.clock.now)
    source = archive_tree(settings)
    if _same(source.place, tree.place):
        raise UsageError("the archive would be copied onto itself. Nothing was changed; name another place.")
    if not source.paths():
        raise UsageError(f"there is no archive in {source.place}. Nothing was changed; name another with --archive.")
    return copy(source, tree, Places.of(settings.data_directory, settings.archive_place), into)


def _same(one: str, other: str) -> bool:
    return one == other or ("://" not in one + other and Path(one).absolute() == Path(other).absolute())
