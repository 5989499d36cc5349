"""SQL over the archive, for people who have nothing but SQL."""

from scraper.io.query.export import export
from scraper.io.query.read_only import answered, query
from scraper.io.query.relations import Described, open_archive, open_unlocked
from scraper.io.query.shell import views_script, write_database
from scraper.io.query.table_stats import TableFacts, table_facts

__all__ = [
    "Described",
    "TableFacts",
    "answered",
    "export",
    "open_archive",
    "open_unlocked",
    "query",
    "table_facts",
    "views_script",
    "write_database",
]
