"""SQL over the archive."""

from scraper.io.query.read_only import answered, query
from scraper.io.query.relations import Described, open_archive, open_unlocked

__all__ = ["Described", "answered", "open_archive", "open_unlocked", "query"]
