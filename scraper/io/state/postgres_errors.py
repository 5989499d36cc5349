"""Failures of a PostgreSQL server by SQLSTATE: the temporary ones, and the advice for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_BUSY: Final = frozenset({"55P03", "40001", "40P01"})
"""Lock not available, serialization failure, deadlock detected: a retry may succeed at once."""
DISK_FULL: Final = "53100"
_DOWN: Final = "08001"
_WRONG_LOGIN: Final = "28P01"
_NOT_ALLOWED: Final = "28000"
_NO_DATABASE: Final = "3D000"
_TOO_MANY: Final = "53300"
_STARTING: Final = "57P03"
_READ_ONLY: Final = "25006"

_PASSING: Final = frozenset({_TOO_MANY, _STARTING, _READ_ONLY, DISK_FULL, "57P01", "57P02", "57P05", "25P03", "25P04"})
"""The server is starting, stopping, failing over or full, or has ended the session: retried until it answers."""

_OF_CONNECTING: Final = (
    ("password authentication failed", _WRONG_LOGIN),
    ("no password supplied", _WRONG_LOGIN),
    ("too many clients", _TOO_MANY),
    ("too many connections", _TOO_MANY),
    ("connection slots", _TOO_MANY),
    ("starting up", _STARTING),
    ("shutting down", _STARTING),
    ("recovery", _STARTING),
    ("not yet accepting", _STARTING),
    ("pg_hba.conf", _NOT_ALLOWED),
    ("role ", _NOT_ALLOWED),
    ("permission denied for database", "42501"),
    ("database ", _NO_DATABASE),
)
"""Words in a message → SQLSTATE, as the driver reports none for a refused connection."""

_ADVICE: Final[Mapping[str, str]] = {
    _DOWN: "start the server, or correct host and port of the state's URL",
    _WRONG_LOGIN: "correct the user and the password in the state's URL, or put the password into ~/.pgpass",
    _NOT_ALLOWED: "correct the user in the state's URL, or let the server's administrator admit it in pg_hba.conf",
    _NO_DATABASE: "create the database with createdb, or correct its name in the state's URL",
    "42501": "let the database's owner grant the user CREATE on the schema, and all rights on the tables in it",
    _TOO_MANY: "close other connections, or raise the server's max_connections; each process of scraper takes three",
    _STARTING: "wait until the server is up",
    DISK_FULL: "free some space on the disk of the server",
    _READ_ONLY: "name the primary server in the state's URL: this one is a standby, or read-only",
    "55P03": "another process holds its lock: wait for it, or stop it",
    "25P03": "this process was held up for too long: start it again",
    "42P01": "a table is missing: restore the database from a backup, or copy a ledger into an empty one",
    "42703": "a column is missing: restore the database from a backup, or copy a ledger into an empty one",
    "XX001": "the database is damaged: restore it from a backup",
    "XX002": "an index is damaged: REINDEX DATABASE, or restore the database from a backup",
}
_CLASS_ADVICE: Final[Mapping[str, str]] = {
    "08": _ADVICE[_DOWN],
    "57": "wait until the server is up",
    "53": "free what the server lacks",
}


def sqlstate_of(failure: SQLAlchemyError) -> str:
    """Return the SQLSTATE of a failure, or an empty string."""
    if not isinstance(failure, DBAPIError):
        return ""
    told = getattr(failure.orig, "sqlstate", None)
    if told:
        return str(told)
    if type(failure.orig).__name__ not in {"OperationalError", "ConnectionTimeout"}:
        return ""
    met = str(failure.orig)
    fatal = met.partition("FATAL:")[2]
    return next((code for words, code in _OF_CONNECTING if words in fatal), _DOWN)


def is_busy(failure: DBAPIError) -> bool:
    """Return True if an immediate retry may succeed."""
    return sqlstate_of(failure) in _BUSY


def is_gone(failure: DBAPIError) -> bool:
    """Return True if the server is temporarily unreachable or unusable."""
    code = sqlstate_of(failure)
    return failure.connection_invalidated or code in _PASSING or code.startswith("08")


def explained(failure: SQLAlchemyError) -> tuple[str, str]:
    """Return the cause, in the server's words, and the advice."""
    code = sqlstate_of(failure)
    told = str(failure.orig if isinstance(failure, DBAPIError) else failure).strip()
    met = told.partition("FATAL:")[2].strip() or told
    advice = _ADVICE.get(code) or _CLASS_ADVICE.get(code[:2]) or "check the server, and the state's URL"
    return met.partition("\n")[0].rstrip("."), advice
