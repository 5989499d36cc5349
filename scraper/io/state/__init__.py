"""The state database: ledger, runs and spool, through SQLAlchemy Core on SQLite."""

from scraper.io.state.database import SqlState

__all__ = ["SqlState"]
