"""The state in one SQLite file: permissions, pragmas, and the locks and headroom beside it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.core.errors import StateError, UnreadableError
from scraper.io.state.database import Backend, Follower
from scraper.io.state.headroom import Headroom
from scraper.io.state.locks import HeldFile, held, is_held

BUSY_READING_S = 30.0
BUSY_WRITING_S = 5.0
"""After this the writer reports that it waits, and retries. SQLite's write lock is not fair: a process was seen to
wait four seconds beside a busy writer."""

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "fullfsync = ON",  # macOS only, off by default: a commit is on the drive, not in its cache (see `io.posix.sync`)
    "foreign_keys = ON",
    "wal_autocheckpoint = 4000",
    "secure_delete = FAST",  # on in some builds: a drained body would be overwritten, half of what a drain writes
)


class SqliteFile(Backend):
    """A file and the data directory around it, readable by their owner only."""

    leases = None
    one_writer = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)
        self.label = path.name
        self.place = str(path.parent)

    def exists(self) -> bool:
        try:
            self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as failure:
            raise UnreadableError(str(self._path), failure.strerror) from failure
        return True

    def engines(self, follow: Follower | None = None) -> tuple[Engine, Engine]:  # noqa: ARG002 - a file has no clock
        _make_file(self._path)
        writing = _engine(self._path, BUSY_WRITING_S)
        event.listen(writing, "begin", _begin)
        return writing, _engine(self._path, BUSY_READING_S)

    def hold(self, job: str, process: str, since: datetime) -> AbstractContextManager[HeldFile]:
        return held(self._path.parent, job, f"process {process}, since {since:%Y-%m-%d %H:%M:%S} UTC")

    def is_held(self, job: str) -> bool:
        return is_held(self._path.parent, job)

    def headroom(self, job: str) -> Headroom:
        return Headroom(self._path.parent / "locks" / f"{job}.headroom")

    def lock_schema(self, connection: Connection) -> None:
        """Do nothing: a writing transaction excludes all others."""

    def ask_time(self, connection: Connection) -> None:
        """Do nothing: a file has no clock."""

    def lock_all(self, connection: Connection) -> None:
        """Do nothing: a writing transaction excludes all others."""

    def mark(self, connection: Connection) -> None:
        """Return no mark: a commit's answer is never lost."""

    def was_committed(self, connection: Connection, mark: None) -> bool:  # noqa: ARG002
        return False

    def close(self, connection: Connection) -> None:
        """Do nothing: there are no marks."""

    def is_gone(self, failure: DBAPIError) -> bool:  # noqa: ARG002
        return False

    def is_busy(self, failure: DBAPIError) -> bool:
        return "locked" in str(failure.orig)

    def is_full(self, failure: DBAPIError) -> bool:
        return "full" in str(failure.orig)

    def explained(self, failure: SQLAlchemyError) -> StateError:
        met = str(failure.orig) if isinstance(failure, DBAPIError) else str(failure)
        advice = "free some space" if "full" in met else "check the disk and the file's permissions"
        if "locked" in met:
            advice = "another process holds its lock: wait for it, or stop it"
        if "malformed" in met or "not a database" in met:
            advice = (
                "the file is damaged: restore a backup, or move it away: the next run recreates it from the archive"
            )
        return StateError(
            f"the state database {self.name} cannot be used: {met}. Everything committed is kept; {advice}."
        )


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
        elif path.stat().st_mode & 0o077:  # a copy or a restored backup; SQLite's side files inherit the mode
            path.chmod(0o600)
    except OSError as failure:
        raise StateError(
            f"the data directory {path.parent} cannot be used: {failure.strerror}. Nothing was spent; "
            "name a writable directory with --data."
        ) from failure


def _engine(path: Path, busy_s: float) -> Engine:
    url = URL.create("sqlite", database=str(path))
    connect_args = {"timeout": busy_s, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect_args, enable_from_linting=False)
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a sqlite3 connection, typed by SQLAlchemy as Any
    connection.isolation_level = None  # we begin transactions ourselves, not sqlite3
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
