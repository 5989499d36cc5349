"""Credit-aware batch scraper and archive."""

__version__ = "0.1.0"
