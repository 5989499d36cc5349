"""SQL over the archive."""

from scraper.io.query.read_only import answered, query
from scraper.io.query.relations import Described, open_archive

__all__ = ["Described", "answered", "open_archive", "query"]
