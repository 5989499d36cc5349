"""What a user is told when a server cannot be used: what was met, what stays true, what to do."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from scraper.core.errors import StateError, UsageError
from scraper.io.state import libpq_settings, open_stores, passwordless, shown_url, state_exists, without_password
from scraper.io.state.postgres import PostgresServer
from tests.core.builders import NOON
from tests.databases import postgres_database

WORD = "hunter2/%41"
URL = make_url("postgresql+psycopg://scraper@db.test/state").set(password=WORD)


def told(failure: Exception) -> str:
    met = DBAPIError.instance("INSERT", (), failure, errors.Error)
    return str(PostgresServer(URL).explained(met))


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (errors.OperationalError('FATAL:  password authentication failed for user "scraper"'), "correct the user and"),
        (errors.OperationalError('FATAL:  database "state" does not exist'), "create the database with createdb"),
        (errors.OperationalError("FATAL:  sorry, too many clients already"), "close other connections"),
        (errors.OperationalError("FATAL:  the database system is starting up"), "wait until the server is up"),
        (errors.OperationalError('FATAL:  role "scraper" does not exist'), "correct the user in the state's URL, or"),
        (errors.OperationalError("Connection refused"), "start the server, or correct host and port"),
        (errors.InsufficientPrivilege("permission denied for table meta"), "let the database's owner grant"),
        (
            errors.DiskFull("could not extend file"),
            "free some space on the disk of the server",
        ),
        (errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"), "name the primary server"),
        (errors.AdminShutdown("terminating connection"), "wait until the server is up"),
        (errors.DataCorrupted("invalid page"), "the database is damaged: restore it from a backup"),
        (errors.SyntaxError("never seen"), "check the server, and the state's URL"),
        (errors.OperationalError(f"it echoes {WORD}"), "start the server"),
    ],
)
def test_a_failure_says_what_was_met_what_is_kept_and_what_to_do(failure: Exception, advice: str) -> None:
    sentence = told(failure)
    assert sentence.startswith("the state postgresql+psycopg://scraper:***@db.test/state cannot be used: ")
    assert f". Everything committed is kept; {advice}" in sentence
    assert sentence.endswith(".")
    assert "FATAL" not in sentence
    assert WORD not in sentence


@pytest.mark.parametrize(
    ("failure", "busy", "gone"),
    [
        (errors.LockNotAvailable(), True, False),
        (errors.DeadlockDetected(), True, False),
        (errors.AdminShutdown(), False, True),
        (errors.IdleInTransactionSessionTimeout(), False, True),
        (errors.OperationalError("server closed the connection unexpectedly"), False, True),
        (errors.OperationalError("FATAL:  sorry, too many clients already"), False, True),
        (errors.OperationalError("FATAL:  password authentication failed"), False, False),
        (errors.UniqueViolation(), False, False),
    ],
)
def test_what_passes_is_waited_for_and_the_rest_is_not(failure: Exception, busy: bool, gone: bool) -> None:
    met = DBAPIError.instance("INSERT", (), failure, errors.Error)
    assert isinstance(met, DBAPIError)
    server = PostgresServer(URL)
    assert (server.is_busy(met), server.is_gone(met)) == (busy, gone)


def test_a_url_is_shown_without_its_passwords() -> None:
    url = "postgresql://scraper:hunter2@db.test/state?sslpassword=hunter2&sslmode=require"
    assert without_password(url) == "postgresql://scraper:***@db.test/state?sslmode=require&sslpassword=%2A%2A%2A"
    assert shown_url(make_url("sqlite:///data/state.db")) == "sqlite:///data/state.db"
    assert without_password("hunter2") == "an unreadable URL"


@pytest.mark.parametrize("use", [libpq_settings, passwordless, lambda url: open_stores(url, lambda: NOON, kind="real")])
@pytest.mark.parametrize("end", ["hunter2@db.test:hunter2/state", "hunter2@hunter2:hunter2@db.test/state"])
def test_a_url_that_cannot_be_read_is_refused_without_its_words(use: Callable[[str], Any], end: str) -> None:
    url = f"postgresql+psycopg://me:{end}"
    assert without_password(url) == "an unreadable URL"
    with pytest.raises(UsageError, match="special characters of a password percent-encoded") as refused:
        use(url).__enter__()
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("use", [state_exists, lambda url: open_stores(url, lambda: NOON, kind="real").__enter__()])
def test_a_server_that_is_not_there_is_a_sentence(use: Callable[[str], object]) -> None:
    with pytest.raises(StateError, match=r"scraper:\*\*\*@127\.0\.0\.1:1/state cannot be used: .*start the server"):
        use("postgresql://scraper:hunter2@127.0.0.1:1/state")


def test_a_schema_that_two_processes_make_at_once_is_made_once(tmp_path: Path) -> None:
    database = postgres_database(tmp_path)
    for name in database.columns():
        database.change(f"DROP TABLE {name}")
    at_once = threading.Barrier(2)

    def make(_: int) -> None:
        at_once.wait()
        with database.opened(lambda: NOON):
            pass

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, range(2)))
    assert database.rows("SELECT value FROM meta WHERE key = 'kind'") == [("real",)]


def test_a_kind_of_data_is_kept(tmp_path: Path) -> None:
    database = postgres_database(tmp_path)
    with database.opened(lambda: NOON):
        pass
    with (
        pytest.raises(UsageError, match="contains real data, and this is a sandbox run"),
        database.opened(lambda: NOON, "sandbox"),
    ):
        pass


def test_the_driver_reads_rows_little_by_little_where_numpy_is_kept_out() -> None:
    """As `cli.main` does, so that pyarrow starts faster; psycopg takes the None that stands there for a module."""
    script = """
import sys
sys.modules["numpy"] = None
import scraper.io.state.pipeline
from psycopg.sql import Literal
assert Literal(1000).as_string() == "1000"
assert sys.modules["numpy"] is None
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
