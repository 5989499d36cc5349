"""A project whose jobs are run by workers in processes of their own, against both vendors on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox
from scraper.wiring.sandboxes import sandbox_urls
from tests.databases import StateDatabase
from tests.fleet.moved import VARIABLE, MovedByFile
from tests.fleet.served import served
from tests.runs.harness import KEYS
from tests.runs.told_project import KEY_VARIABLES, ROOT

FIRST = datetime(2026, 11, 2, 2, 0, 30, tzinfo=UTC)
"""Half a minute into the first night."""
DAY = timedelta(days=1)
PRICE = {"crawlora": 8, "keyapi": 2}
_WAIT_S = 240.0


@dataclass(frozen=True, slots=True)
class NightJob:
    """A job that reads so many boards of one page each night."""

    name: str
    vendor: str
    boards: tuple[str, ...]
    weight: int = 1

    @property
    def credits(self) -> int:
        """What a night costs."""
        return len(self.boards) * PRICE[self.vendor]

    def text(self, budget: int) -> str:
        countries = ", ".join(f'"{each}"' for each in self.boards)
        endpoint, parameter = {
            "crawlora": ("crawlora.creators", "creator_country"),
            "keyapi": ("keyapi.videos", "region"),
        }[self.vendor]
        return f"""name = "{self.name}"
budget = {budget}
weight = {self.weight}
every = "day"
starts_at = "02:00"
[[crawl]]
endpoint = "{endpoint}"
params = {{ {parameter} = [{countries}] }}
max_pages = 1
"""


class Vendors:
    """Both vendors in a thread; `arrived` is called with each request's vendor."""

    def __init__(self, clock: MovedByFile) -> None:
        self.arrived: Callable[[str], object] = lambda _: None
        self._sandbox = Sandbox(subscriptions=dict.fromkeys(KEYS, Subscription("test")), keys=KEYS, clock=clock.now)
        self._opened = ExitStack()
        self.url = self._opened.enter_context(served(self._application()))

    @property
    def options(self) -> Sequence[str]:
        return [f"--vendor-url={vendor}={url}" for vendor, url in sandbox_urls(self.url).items()]

    def charged(self, vendor: str) -> int:
        """Credits that the vendor has charged since it began."""
        return self._sandbox.account(vendor)["credits_charged"]

    def close(self) -> None:
        self._opened.close()

    def _application(self) -> web.Application:
        @web.middleware
        async def seen(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.arrived("keyapi" if "/v1/tiktok/trends" in request.path else "crawlora")
            return await handler(request)

        application = self._sandbox.application()
        application.middlewares.insert(0, seen)
        return application


@dataclass(frozen=True, slots=True)
class RunOfNight:
    """A run as the ledger has it."""

    job: str
    night: datetime
    status: str
    committed: int


class FleetProject:
    """The project, its workers, its vendors and its ledger."""

    def __init__(
        self, place: Path, url: str, jobs: Sequence[NightJob], *, requests_per_minute: int, spare: int = 0
    ) -> None:
        """`spare`: credits of a run's budget beyond what a night costs."""
        self.place, self.jobs = place, jobs
        self.clock = MovedByFile(place / "clock")
        self.clock.go_to(FIRST)
        self.vendors = Vendors(self.clock)
        self.database = StateDatabase(url)
        self._rate = requests_per_minute
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCRAPER_")},
            **KEY_VARIABLES,
            "PYTHONPATH": str(ROOT),
            "SCRAPER_STATE": url,
            VARIABLE: str(place / "clock"),
        }
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        (place / "configs").mkdir()
        (place / "scraper.toml").touch()
        self.limit({})
        for job in jobs:
            (place / "configs" / f"{job.name}.toml").write_text(job.text(job.credits + spare))

    def limit(self, months: Mapping[str, int]) -> None:
        """Let the accounts spend so many credits a month."""
        text = ""
        for vendor in KEYS:
            text += f"[accounts.{vendor}]\nrequests_per_minute = {self._rate}\n"
            text += f"credits_per_month = {months.get(vendor, 100_000)}\n"
            text += 'failed_requests = "free"\n' if vendor == "keyapi" else ""
        (self.place / "accounts.toml").write_text(text)

    # --- workers ------------------------------------------------------------------------------------------------------

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """A worker; what it says goes to ``worker-<pid>.log``."""
        words = [sys.executable, "-m", "tests.fleet.program", "worker", *options, *self.vendors.options]
        with (self.place / f"worker-{len(list(self.place.glob('worker-*')))}.log").open("wb") as log:
            process = subprocess.Popen(
                words, cwd=self.place, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.workers[process.pid] = process
        return process

    def kill(self, pid: int, *, whole_host: bool = False) -> None:
        """End a worker by SIGKILL; of a whole host, its runs too."""
        children = _children(pid) if whole_host else ()
        for each in (pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.workers.pop(pid).wait()

    def busy(self, job: str) -> int:
        """The pid of the worker that carries a job out, once one does."""

        def found() -> int | None:
            for pid in self.workers:
                for child in _children(pid):
                    with contextlib.suppress(OSError):
                        if f"configs/{job}.toml" in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                            return pid
            return None

        return waited(f"a worker of {job}", found)

    def log(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.place.glob("worker-*.log")))

    def close(self) -> None:
        for process in self.workers.values():
            process.terminate()
        for process in self.workers.values():
            process.wait(60)
        self.vendors.close()

    # --- what became of it --------------------------------------------------------------------------------------------

    def runs(self) -> Sequence[RunOfNight]:
        committed = "SELECT COALESCE(SUM(credits), 0) FROM requests WHERE run_id = runs.run_id"
        reserved = "SELECT COALESCE(SUM(reserved), 0) FROM requests WHERE run_id = runs.run_id AND charge = 'reserved'"
        rows = self.database.rows(
            f"SELECT job, night_at, status, ({committed}) + ({reserved}) FROM runs ORDER BY number"
        )
        return [
            RunOfNight(job, datetime.fromtimestamp(night / 1_000_000, UTC), status, int(spent))
            for job, night, status, spent in rows
        ]

    def spent(self, vendor: str, charge: str) -> int:
        """Credits of this kind in the ledger."""
        sql = f"SELECT SUM(credits) FROM requests WHERE account = '{vendor}/default' AND charge = '{charge}'"
        ((credits,),) = self.database.rows(sql)
        return int(credits or 0)

    def await_night(self, night: datetime, statuses: Sequence[str] = ("complete",)) -> None:
        """Wait until each job has a run of that night which has ended so."""

        def is_over() -> bool:
            with contextlib.suppress(Exception):  # there is no state yet
                over = {run.job for run in self.runs() if run.night == night and run.status in statuses}
                return over == {job.name for job in self.jobs}
            return False

        waited(f"the night of {night}", is_over, lambda: f"{self.runs()}\n{self.log()}")


def night_of(number: int) -> datetime:
    return FIRST.replace(second=0) + number * DAY


def waited(what: str, look: Callable[[], object], tell: Callable[[], str] = str) -> int:
    """What `look` finds, once it finds something."""
    until = time.monotonic() + _WAIT_S
    while not (found := look()):
        assert time.monotonic() < until, f"{what} did not come\n{tell()}"
        time.sleep(0.25)
    return int(found)  # type: ignore[call-overload, no-any-return]


def _children(pid: int) -> Iterator[int]:
    """Processes that this one has started, with theirs."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _children(child)
