"""The state: Ledger, Journal and Runs in one database, through SQLAlchemy Core. A database is named by its URL.

SQLAlchemy is imported by what opens the database, so that a query can look at the list of parts (`part_list`) without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from scraper.io.state.copy import TableSummary
    from scraper.io.state.database import Backend, Follower
    from scraper.ports import Stores

__all__ = [
    "STATE_FILE",
    "copy_state",
    "file_url",
    "open_stores",
    "passwordless",
    "state_exists",
    "state_url",
    "without_password",
]


STATE_FILE = "state.db"
"""The database of a data directory, unless a URL names another."""


def state_url(data: Path) -> str:
    """Return the URL of a data directory's own database."""
    return file_url(data / STATE_FILE)


def file_url(path: Path) -> str:
    """Return the URL of a database in a file."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(path)).render_as_string()


def state_exists(url: str) -> bool:
    """Return True if there is a database at this URL; create none."""
    return _backend(url).exists()


@contextmanager
def open_stores(
    url: str,
    now: Callable[[], datetime],
    *,
    kind: str | None,
    threaded: bool = True,
    say: Callable[[str], object] = lambda _: None,
    follow: Follower | None = None,
) -> Iterator[Stores]:
    """Open or create the database at this URL; `kind` (``real`` or ``sandbox``) never changes.

    ``None`` opens either kind, for reading. Without `threaded`, writes happen in the caller's thread: for callers whose
    clock is moved by hand. `say` gets a sentence, in any thread, when the database is waited for. `follow` receives the
    time of a database that machines share, so that `now` can follow it.

    Raises StateError where the database cannot be used, UsageError for the other kind.
    """
    from scraper.io.state.database import Database
    from scraper.io.state.journal_store import JournalStore
    from scraper.io.state.ledger_store import LedgerStore
    from scraper.io.state.runs_store import RunsStore
    from scraper.ports import Stores

    database = Database(_backend(url), now, kind=kind, threaded=threaded, say=say, follow=follow)
    try:
        yield Stores(LedgerStore(database), JournalStore(database), RunsStore(database))
    finally:
        database.close()


def copy_state(source: str, target: str, now: datetime) -> Sequence[TableSummary]:
    """Copy the state at one URL into an empty database at another; see `io.state.copy`."""
    from scraper.io.state.copy import copy

    return copy(_backend(source), _backend(target), now)


def without_password(url: str) -> str:
    """Return the URL for display."""
    read = _read(url)
    return "an unreadable URL" if read is None else shown_url(read)


def passwordless(url: str) -> str:
    """Return the URL for files that others may read: the client must find the password elsewhere.

    Raises UsageError for a URL that cannot be parsed.
    """
    if (read := _read(url)) is None:
        raise _unusable()
    secret = [name for name in read.query if "password" in name]
    return read._replace(password=None).difference_update_query(secret).render_as_string(hide_password=False)


def libpq_settings(url: str) -> str:
    """Return a PostgreSQL URL of the state as a libpq connection string, parsed by SQLAlchemy.

    libpq itself would split a password at a ``/``, and report the rest as an unknown host. Raises UsageError for
    another kind of database, or none.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    from scraper.io.state.leases import without_ttl

    if (read := _read(url)) is None:
        raise _unusable()
    if read.get_backend_name() not in {"postgresql", "postgres"}:
        raise UsageError("the state is not in PostgreSQL, but the queue of a fleet must be beside it.")
    dialect: Any = PGDialect_psycopg  # untyped
    try:
        return make_conninfo(**dialect().create_connect_args(without_ttl(read)[0])[1])
    except ProgrammingError:  # its message may contain a part of the password
        raise _unusable() from None


def shown_url(url: URL) -> str:
    """Return the URL without its passwords, which may be query parameters as well."""
    secret = {name: "***" for name in url.query if "password" in name}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def _backend(url: str) -> Backend:
    if (parsed := _read(url)) is None:
        raise _unusable()
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        from scraper.io.state.sqlite import SqliteFile

        return SqliteFile(Path(parsed.database))
    if parsed.drivername in {"postgresql+psycopg", "postgresql", "postgres"} and parsed.database:
        if find_spec("psycopg") is None:
            raise UsageError(
                "a state on PostgreSQL needs the extra postgres: pip install 'metered-scraper[postgres]'. Nothing was "
                "changed."
            )
        from scraper.io.state.postgres import PostgresServer

        return PostgresServer(parsed.set(drivername="postgresql+psycopg"))
    raise _unusable()


def _read(url: str) -> URL | None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # of an invalid port; its message may contain a part of the password
        return None


def _unusable() -> UsageError:
    return UsageError(
        "the state's URL does not name a usable database; write sqlite:///<path>/state.db, or "
        "postgresql+psycopg://<user>@<host>/<database> for a state that several machines share, with special "
        "characters of a password percent-encoded. Nothing was changed."
    )
