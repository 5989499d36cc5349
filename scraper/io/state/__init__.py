"""The state database: ledger, runs and spool, through SQLAlchemy Core on SQLite."""

from scraper.io.state.database import FILE_NAME, SqlState

__all__ = ["FILE_NAME", "SqlState"]
