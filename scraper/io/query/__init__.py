"""SQL over the archive, for people who have nothing but SQL."""

from scraper.io.query.answers import answered, query
from scraper.io.query.facts import TableFacts, table_facts
from scraper.io.query.relations import open_archive, open_unlocked

__all__ = ["TableFacts", "answered", "open_archive", "open_unlocked", "query", "table_facts"]
