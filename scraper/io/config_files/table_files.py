"""``tables/*.sql``: the SELECTs that the archive's tables are made with, and ``tables/views.sql``: views over them.

Both stand in the package; those of ``configs/tables/`` come beside or in place of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.tables import TableSelect, table_select
from scraper.core.views import View, read_views

VIEWS_FILE = "views.sql"
"""The one file of the directory that is no table."""


def read_tables(configs: Path | None = None) -> tuple[TableSelect, ...]:
    """The packaged tables, with those of ``<configs>/tables/`` beside or in place of them."""
    texts: dict[str, str] = {}
    with _directories(configs) as directories:
        for path in (path for directory in directories for path in sorted(directory.glob("*.sql"))):
            if path.name != VIEWS_FILE:
                texts[path.stem] = _text(path)
    return tuple(table_select(name, text) for name, text in texts.items())


def read_view_files(configs: Path | None = None) -> tuple[View, ...]:
    """The packaged views, with those of ``<configs>/tables/views.sql`` behind or in place of them."""
    views: dict[str, View] = {}
    with _directories(configs) as directories:
        for path in (directory / VIEWS_FILE for directory in directories):
            if path.exists():
                try:
                    views.update((view.name, view) for view in read_views(_text(path)))
                except ValueError as fault:
                    raise ConfigurationError([Fault(str(path), str(fault))]) from fault
    return tuple(views.values())


@contextmanager
def _directories(configs: Path | None) -> Iterator[list[Path]]:
    with resources.as_file(resources.files("scraper") / "tables") as packaged:
        yield [packaged] if configs is None else [packaged, configs / "tables"]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigurationError([Fault(str(path), f"cannot be read: {failure}")]) from failure
