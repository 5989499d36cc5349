"""``scraper/tables/*.sql`` and ``configs/tables/*.sql``: the SELECTs that the archive's tables are made with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.tables import TableSelect, table_select


def read_tables(configs: Path | None = None) -> tuple[TableSelect, ...]:
    """The packaged tables, with those of ``<configs>/tables/`` beside or in place of them."""
    texts: dict[str, str] = {}
    with resources.as_file(resources.files("scraper") / "tables") as packaged:
        directories = [packaged] if configs is None else [packaged, configs / "tables"]
        for path in (path for directory in directories for path in sorted(directory.glob("*.sql"))):
            try:
                texts[path.stem] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as failure:
                raise ConfigurationError([Fault(str(path), f"cannot be read: {failure}")]) from failure
    return tuple(table_select(name, text) for name, text in texts.items())
