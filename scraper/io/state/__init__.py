"""The state: Ledger, Journal and Runs in one database, through SQLAlchemy Core. A database is named by its URL.

SQLAlchemy is imported by what opens the database, so that a query can look at the list of parts (`part_list`) without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

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
    "state_exists",
    "state_url",
    "url_without_secrets",
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
    clock is moved by hand. `say` gets a sentence, in any thread, when the database is waited for. `follow` is told the
    time of a database that machines share, so that `now` can follow it; without, `now` alone decides.

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
    """Copy the state at one URL into an empty database at another one; see `io.state.copy`."""
    from scraper.io.state.copy import copy

    return copy(_backend(source), _backend(target), now)


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return shown_url(make_url(url))
    except ArgumentError:
        return "an unreadable URL"


def url_without_secrets(url: str) -> str:
    """Return a URL that still leads there, once the password comes from elsewhere; UsageError for no URL."""
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    try:
        found = make_url(url)
    except ArgumentError as failure:
        raise UsageError("the state's URL cannot be read; write postgresql+psycopg://HOST/DATABASE.") from failure
    query = {name: value for name, value in found.query.items() if "password" not in name}
    shown = URL.create(found.drivername, found.username, None, found.host, found.port, found.database, query)
    return shown.render_as_string(hide_password=False)


def shown_url(url: URL) -> str:
    """Return the URL without its passwords: the driver takes them as parameters as well."""
    secret = {name: "***" for name in url.query if "password" in name}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def _backend(url: str) -> Backend:
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("")
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
    raise UsageError(
        "the state's URL does not name a usable database; write sqlite:///<path>/state.db, or "
        "postgresql+psycopg://<user>@<host>/<database> for a state that several machines share."
    )
