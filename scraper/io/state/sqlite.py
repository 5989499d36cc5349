"""Opening the database file: its permissions, its pragmas, its schema and what kind of data it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update

from scraper.core.errors import StateError, UsageError
from scraper.io.state.migrations import migrate
from scraper.io.state.schema import SCHEMA_VERSION, meta, metadata

BUSY_TIMEOUT_S = 30.0
"""SQLite's write lock is not fair: a process was seen to wait four seconds beside one that hammers."""

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "fullfsync = ON",  # macOS only, off by default: a commit is on the drive, not in its cache (see `io.posix.sync`)
    "foreign_keys = ON",
    "wal_autocheckpoint = 4000",
)


def make_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
        elif path.stat().st_mode & 0o077:  # a copy or a restored backup; SQLite's own files beside it take its mode
            path.chmod(0o600)
    except OSError as failure:
        raise StateError(
            f"the data directory {path.parent} cannot be used: {failure.strerror}. Nothing was spent; "
            "name a directory that can be written with --data."
        ) from failure


def engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a sqlite3 connection, typed by SQLAlchemy as Any
    connection.isolation_level = None  # transactions begin where we say so, not where sqlite3 guesses
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def prepare(connection: Connection, path: Path, kind: str | None) -> None:
    metadata.create_all(connection)
    known = dict(connection.execute(select(meta.c.key, meta.c.value)).all())
    if not known:
        connection.execute(
            insert(meta), [{"key": "schema", "value": str(SCHEMA_VERSION)}, {"key": "kind", "value": kind or "real"}]
        )
        return
    if int(known["schema"]) > SCHEMA_VERSION:
        raise StateError(
            f"{path} was written by a newer scraper (schema {known['schema']}, this one knows {SCHEMA_VERSION}). "
            "Nothing was changed; install that version or a later one."
        )
    if kind is not None and known["kind"] != kind:
        raise UsageError(
            f"{path.parent} holds {known['kind']} data and stays so: this would be a {kind} run. "
            "Name another directory with --data."
        )
    if int(known["schema"]) < SCHEMA_VERSION:
        migrate(connection, int(known["schema"]))
        connection.execute(update(meta).where(meta.c.key == "schema").values(value=str(SCHEMA_VERSION)))
