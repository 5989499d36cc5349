"""A host dies, or is stopped and comes back, while another one stands by: real processes over a real PostgreSQL.

::

    python -m tests.fleet.takeover --times 5 --kinds kill,stop,stop-in-transaction --lease-s 3

*kill*: SIGKILL. *stop*: SIGSTOP for three leases and a half, as when a machine is suspended or its network is cut,
then SIGCONT. *stop-in-transaction*: the same in the middle of a reservation, with rows locked. Each time another host
goes on within the lease's time and two seconds, no more is asked for twice than was in flight, the ledger has what the
vendor charged, every charged answer is kept once in the archive, and a host that comes back reserves nothing more.
Exit 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

from sqlalchemy import NullPool, create_engine

from scraper.wiring.settings import Settings
from scraper.wiring.state import opened_stores
from scraper.wiring.upkeep import check_archive
from tests.fleet.hosts import PRICE, Fleet, Host, fleet, job_of
from tests.fleet.postgres_server import NOT_THERE, PostgresServerProcess, binaries, postgres_server

KINDS = ("kill", "stop", "stop-in-transaction")
SECONDS_MORE = 2.0
"""After a lease has lapsed, another host goes on within this time."""
LATE_LEASES = 3.5


@dataclass(frozen=True, slots=True)
class Setting:
    """How much there is to buy, and how long a lease lasts."""

    pages: int = 36
    requests_per_minute: int = 240
    answer_ms: float = 800.0
    lease_s: float = 3.0
    first: int = 4
    """Requests that have reached the vendor before the disturbance."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one disturbance came to."""

    kind: str
    taken_after_s: float
    in_flight: int
    """Attempts that were reserved at the disturbance."""
    bought_twice: int
    longest_wait_s: float
    """Of somebody else who wanted the account's row."""
    vendor: int
    """Credits, as the vendor counts them."""
    charged: int
    unknown: int
    reserved_late: int
    """Attempts of the first host that it reserved after the other one had gone on."""
    pages: int
    charged_attempts: int
    archived: int
    findings: list[str]
    first: tuple[int, str]
    """Exit code and last line of the host that was disturbed."""
    second: dict[str, Any]

    def broken(self, setting: Setting) -> list[str]:
        stopped = self.kind != "kill"
        owes = self.charged if stopped else self.charged + self.unknown
        laws = {
            f"taken over after {self.taken_after_s:.1f} s": self.taken_after_s <= setting.lease_s + SECONDS_MORE,
            f"another waited {self.longest_wait_s:.1f} s": self.longest_wait_s <= setting.lease_s + SECONDS_MORE,
            f"{self.bought_twice} asked for twice": self.bought_twice <= self.in_flight,
            f"the vendor charged {self.vendor} of {owes}": self.charged <= self.vendor <= owes,
            f"{self.unknown} credits unknown": not stopped or self.unknown == 0,
            f"{self.reserved_late} reserved late": self.reserved_late == 0,
            f"{self.pages} pages of {self.charged_attempts} charged": self.pages == self.charged_attempts,
            f"{self.archived} pages in the archive": self.archived == self.pages,
            f"check: {self.findings}": not self.findings,
            f"the second ended {self.second['status']}": self.second["status"] == "complete",
            f"the first: {self.first}": not stopped
            or (self.first[0] == 130 and "is now run by process" in self.first[1]),
            f"the vendor charged {self.vendor}": self.vendor >= setting.pages * PRICE,
        }
        return [what for what, holds in laws.items() if not holds]

    def line(self, setting: Setting) -> str:
        met = f"{self.kind:20} taken over after {self.taken_after_s:.2f} s, {self.in_flight} in flight, "
        met += f"{self.bought_twice} asked for twice, others waited {self.longest_wait_s:.2f} s"
        return f"{met}: {'; '.join(self.broken(setting)) or 'every charged answer kept once'}"


def disturbed(directory: Path, server: PostgresServerProcess, kind: str, setting: Setting) -> Found:
    """Disturb the host that runs a job while another one stands by, and let all come to its end."""
    with fleet(directory, server, setting.lease_s, setting.answer_ms) as shared:
        naps_at = setting.first + 1 if kind == "stop-in-transaction" else None
        text = job_of(setting.pages, setting.requests_per_minute)
        first, running, standby = _two_stand_by(shared, text, naps_at)
        if naps_at is None:
            _until(lambda: sum(shared.sandbox.hits().values()) >= setting.first, running)
        with _neighbour(first) as waits:
            at, in_flight = _DISTURBANCES[kind](first, running)
            if kind != "kill":
                time.sleep(LATE_LEASES * setting.lease_s)
                running.send_signal(signal.SIGCONT)
            result, _ = standby.communicate(timeout=300)
            _, told = running.communicate(timeout=120)
        return _found(kind, shared, first, at, in_flight, max(waits), json.loads(result), (running, told))


def _two_stand_by(shared: Fleet, text: str, naps_at: int | None) -> tuple[Host, Popen[str], Popen[str]]:
    """Let two hosts stand by for one job, and one of them begin: this one, its process, and the other's.

    `naps_at`: the attempt whose reservation takes a while, with rows locked.
    """
    hosts = [shared.host("first"), shared.host("second")]
    with opened_stores(Settings(data=shared.directory / "test", state=shared.state), "real") as stores:
        with stores.runs.hold("night"):
            both = [host.begin(host.write_job("night", text), "--standby") for host in hosts]
            for process in both:
                _read_until(process, "stands by")
            if naps_at is not None:
                _slow_down(hosts[0], naps_at)
        while not stores.runs.is_running("night"):
            time.sleep(0.02)
    holder = hosts[0].query("SELECT holder FROM leases WHERE what = 'job:night'")[0][0].rpartition(":")[2]
    place = [str(process.pid) for process in both].index(holder)
    return hosts[place], both[place], both[1 - place]


def _found(
    kind: str,
    shared: Fleet,
    first: Host,
    at: float,
    in_flight: int,
    longest_wait_s: float,
    second: dict[str, Any],
    ended: tuple[Popen[str], str],
) -> Found:
    process, told = ended
    [(taken_us, _)] = first.query("SELECT since, epoch FROM leases WHERE what = 'job:night'")
    late = "SELECT count(*) FROM requests WHERE process LIKE ? AND reserved_at > ?"
    settings = Settings(data=first.data, state=first.state, archive=first.archive)
    found = asyncio.run(check_archive(settings, first.directory / "configs", repair=True, quick=False, deep=False))
    balance = "SELECT charged, unknown FROM balances WHERE kind = 'run'"
    [(charged, unknown)] = first.query(balance)
    return Found(
        kind=kind,
        taken_after_s=taken_us / 1e6 - at,
        in_flight=in_flight,
        bought_twice=sum(times - 1 for times in shared.sandbox.hits().values()),
        longest_wait_s=longest_wait_s,
        vendor=shared.sandbox.charged(),
        charged=charged,
        unknown=unknown,
        reserved_late=first.query(late, f"%:{process.pid}", taken_us)[0][0],
        pages=first.query("SELECT count(*) FROM pages")[0][0],
        charged_attempts=first.query("SELECT count(*) FROM requests WHERE charge = 'charged'")[0][0],
        archived=found.answers,
        findings=[each.text for each in found.findings],
        first=(process.returncode, told.strip().rpartition("\n")[2]),
        second=second,
    )


# --- disturbances -----------------------------------------------------------------------------------------------------


def _kill(host: Host, running: Popen[str]) -> tuple[float, int]:
    in_flight = _reserved(host)
    running.kill()
    return time.time(), in_flight


def _stop(host: Host, running: Popen[str]) -> tuple[float, int]:
    running.send_signal(signal.SIGSTOP)
    return time.time(), _reserved(host)


def _stop_in_transaction(host: Host, running: Popen[str]) -> tuple[float, int]:
    """Stop it while the server carries out a statement of its reservation: what it has locked stays so."""
    _until(lambda: host.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") != [], running)
    running.send_signal(signal.SIGSTOP)
    at = time.time()
    return at, _reserved(host) + 1


def _slow_down(host: Host, attempt_id: int) -> None:
    host.database.change(
        "CREATE FUNCTION nap() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(0.6); RETURN NEW; END' LANGUAGE plpgsql"
    )
    host.database.change(
        "CREATE TRIGGER nap BEFORE INSERT ON requests FOR EACH ROW "
        f"WHEN (NEW.attempt_id = {attempt_id}) EXECUTE FUNCTION nap()"
    )


_DISTURBANCES: dict[str, Callable[[Host, Popen[str]], tuple[float, int]]] = {
    "kill": _kill,
    "stop": _stop,
    "stop-in-transaction": _stop_in_transaction,
}


def _reserved(host: Host) -> int:
    return int(host.query("SELECT count(*) FROM requests WHERE charge = 'reserved'")[0][0])


@contextmanager
def _neighbour(host: Host) -> Iterator[list[float]]:
    """Somebody who wants the account's row again and again: how long it took each time, in seconds."""
    waits, ended = [0.0], Event()

    def work() -> None:
        with create_engine(host.database.url, poolclass=NullPool).connect() as connection:
            while not ended.wait(0.05):
                began = time.monotonic()
                connection.exec_driver_sql("SELECT account FROM accounts FOR UPDATE")
                connection.rollback()
                waits.append(time.monotonic() - began)

    thread = Thread(target=work)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()


def _until(holds: Callable[[], bool], running: Popen[str]) -> None:
    while not holds():
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)


def _read_until(process: Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said: {words}")


# --- the script -------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--lease-s", type=float, default=Setting().lease_s)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if binaries() is None:
        sys.stdout.write(f"{NOT_THERE}\n")
        return 0
    draw, broken = random.Random(options.seed), False
    with postgres_server() as server:
        for _ in range(options.times):
            for kind in options.kinds.split(","):
                setting = Setting(lease_s=options.lease_s, first=draw.randint(2, 20))
                with TemporaryDirectory() as directory:
                    found = disturbed(Path(directory), server, kind, setting)
                broken = broken or bool(found.broken(setting))
                sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {found.line(setting)}\n")
                sys.stdout.flush()
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
