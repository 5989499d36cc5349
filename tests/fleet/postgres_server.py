"""A PostgreSQL server of the tests' own: in a scratch directory, on a Unix socket, gone with the session."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, create_engine

USER = "scraper"
QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off", "wal_level=minimal", "max_wal_senders=0", "jit=off")
"""Settings of a server that nobody cuts the power of."""
NOT_THERE = "PostgreSQL is not installed here"


@cache
def binaries() -> Path | None:
    """The directory of `initdb` and `pg_ctl`: on PATH, or where Debian keeps them."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass(frozen=True, slots=True)
class PostgresServerProcess:
    """A server that runs."""

    directory: Path
    durable: bool = True
    """It writes to its disk what it says that it has written; without, it is quick."""

    def url(self, database: str = "postgres") -> URL:
        return URL.create(
            "postgresql+psycopg", username=USER, database=database, query={"host": str(self.directory / "socket")}
        )

    def new_database(self, options: str = "") -> str:
        """The URL of an empty database; `options`: of CREATE DATABASE."""
        name = f"state_{uuid4().hex[:12]}"
        engine = create_engine(self.url(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} {options}")
        return self.url(name).render_as_string(hide_password=False)

    def stop(self, mode: str = "immediate") -> None:
        self._pg_ctl("stop", "-m", mode)

    def start(self) -> None:
        settings = (
            f"-k {self.directory / 'socket'}",
            "-c listen_addresses=''",
            "-c max_connections=200",
            "-c shared_buffers=32MB",
            *([] if self.durable else (f"-c {setting}" for setting in QUICK)),
        )
        self._pg_ctl("start", "-w", "-l", str(self.directory / "log"), "-o", " ".join(settings))

    def _pg_ctl(self, *words: str) -> None:
        _run("pg_ctl", "-D", str(self.directory / "data"), *words)


@contextmanager
def postgres_server(*, durable: bool = True) -> Iterator[PostgresServerProcess]:
    """Make and start a server; stop and remove it at the end."""
    with TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as scratch:
        directory = Path(scratch)
        (directory / "socket").mkdir()
        if os.geteuid() == 0:  # the server refuses to be run by root
            for path in (directory, directory / "socket"):
                shutil.chown(path, "postgres")
        _run("initdb", "-D", str(directory / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        server = PostgresServerProcess(directory, durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _run(program: str, *words: str) -> None:
    found = binaries()
    assert found is not None, NOT_THERE
    as_user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if getpass.getuser() == "root" else {}
    done = subprocess.run(
        [str(found / program), *words],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        **as_user,
    )
    assert done.returncode == 0, done.stderr.decode()
