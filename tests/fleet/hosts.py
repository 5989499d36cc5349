"""Hosts of a fleet, each with a data directory of its own, over one PostgreSQL database and one archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox
from tests.crash.program import Program
from tests.crash.server import KEYS, NOON, Address, application_of
from tests.databases import PostgresDatabase
from tests.fleet.postgres_server import PostgresServerProcess
from tests.fleet.served import served

PRICE = 8
PLACES = ("US", "GB", "DE", "FR", "JP", "BR", "ES", "IT", "CA", "MX", "AU", "ID")


def job_of(pages: int, requests_per_minute: int = 6_000) -> str:
    """A job of so many boards of one page each."""
    periods = [7, 30, 120]
    places = list(PLACES[: -(-pages // len(periods))])
    return f"""budget = 1_000_000
[accounts.crawlora]
requests_per_minute = {requests_per_minute}
credits_per_month = 1_000_000
credits_per_day = 1_000_000
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {places}, period = {periods} }}
max_pages = 1
"""


@dataclass(frozen=True, slots=True)
class Host(Program):
    """A machine: it shares the state with the others, and what is in the archive."""

    state: str = ""
    archive: str = ""

    def begin(self, job: Path, *options: str) -> Popen[str]:
        return self.start(job, *self._shared, *options, stderr=PIPE)

    def do(self, *words: str) -> Popen[str]:
        return self.command(*words, *self._shared)

    @property
    def _shared(self) -> list[str]:
        return ["--state", self.state, "--archive", self.archive]

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.rows(sql, *values)

    @property
    def database(self) -> PostgresDatabase:
        return PostgresDatabase(self.state.partition("&lease_s")[0])


@dataclass(frozen=True, slots=True)
class Fleet:
    """Hosts, their vendor and their database."""

    directory: Path
    sandbox: Address
    state: str

    def host(self, name: str) -> Host:
        return Host(self.directory / name, self.sandbox.url, self.state, str(self.directory / "archive"))


@contextmanager
def fleet(directory: Path, server: PostgresServerProcess, lease_s: float, latency_ms: float) -> Iterator[Fleet]:
    """A fleet of new hosts, whose leases last so long."""
    sandbox = Sandbox(subscriptions=dict.fromkeys(KEYS, Subscription("test")), keys=KEYS, clock=lambda: NOON)
    with served(application_of(sandbox, latency_ms / 1000)) as url:
        yield Fleet(directory, Address(url), f"{server.new_database()}&lease_s={lease_s}")
