"""Read ``tables/*.sql``, the SELECTs of the archive's tables, and ``tables/views.sql``, the views over them.

Both are part of the package; files of ``configs/tables/`` add to them or replace them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from scraper.core.coverage import COVERAGE_TABLE, REQUESTS_TABLE
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.tables import PAGES_TABLE, TableSelect, table_select
from scraper.core.views import View, read_views
from scraper.io.config_files.text import files_in, read_text

VIEWS_FILE = "views.sql"
"""The only file of the directory that is not a table."""

TABLE_NAME = re.compile("[a-z][a-z0-9_]{0,62}")
"""Names of tables: a directory of the archive, and an identifier in SQL."""
OWN_TABLES = frozenset({PAGES_TABLE, COVERAGE_TABLE, REQUESTS_TABLE})
"""Tables of the archive that are not made from these files."""


def read_tables(configs: Path | None = None) -> tuple[TableSelect, ...]:
    """Return the packaged tables, extended or replaced by those of ``<configs>/tables/``.

    Raises ConfigurationError with all faults.
    """
    texts: dict[str, str] = {}
    faults = []
    with _directories(configs) as directories:
        for path in (path for directory in directories for path in files_in(directory, ".sql")):
            if path.name == VIEWS_FILE:
                continue
            if not TABLE_NAME.fullmatch(path.stem):
                faults.append(Fault(str(path), f"{path.stem!r} is not a name for a table: a-z, 0-9, _, a letter first"))
                continue
            if path.stem in OWN_TABLES:
                faults.append(Fault(str(path), f"{path.stem} is the name of a table of the archive's own"))
                continue
            try:
                texts[path.stem] = read_text(path)
            except ConfigurationError as failure:
                faults += failure.faults
    if faults:
        raise ConfigurationError(faults)
    return tuple(table_select(name, text) for name, text in texts.items())


def read_view_files(configs: Path | None = None) -> tuple[View, ...]:
    """Return the packaged views, extended or replaced by those of ``<configs>/tables/views.sql``."""
    views: dict[str, View] = {}
    with _directories(configs) as directories:
        for path in (path for directory in directories for path in files_in(directory, VIEWS_FILE)):
            if path.name == VIEWS_FILE:
                try:
                    views.update((view.name, view) for view in read_views(read_text(path)))
                except ValueError as fault:
                    raise ConfigurationError([Fault(str(path), str(fault))]) from fault
    return tuple(views.values())


@contextmanager
def _directories(configs: Path | None) -> Iterator[list[Path]]:
    with resources.as_file(resources.files("scraper") / "tables") as packaged:
        yield [packaged] if configs is None else [packaged, configs / "tables"]
