"""The real program, disturbed at random instants with hundreds of requests in flight.

::

    python -m tests.crash.standstill --times 20 --kinds stop,SIGTERM,SIGHUP,lock

*stop*: SIGSTOP for 70 s, as by Ctrl-Z or ``docker pause``: longer than any timeout of a request. *SIGTERM* and
*SIGHUP*: the run stops in order and another process goes on with it. *lock*: another program locks the state database
for 45 s. Each time no answer is lost, nothing is bought twice, the ledger has what the vendor charged, and no minute
has more starts than allowed. Exit 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import Any

from tests.crash.program import Program
from tests.crash.server import Address, sandbox_process
from tests.crash.three_processes import PLACES, PRICE

KINDS = ("stop", "SIGTERM", "SIGHUP", "lock")
LOCKED = "is locked by another program; waiting"


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is in flight, and how long a disturbance lasts."""

    pages: int = 600
    requests_per_minute: int = 800
    answer_s: float = 30.0
    """Until a request is answered, on average; at most 5/3 of it, which is to be less than the transport waits."""
    stop_s: float = 70.0
    lock_s: float = 45.0
    in_flight: int = 200
    """When so many are, the run is disturbed; half as many as the rate allows, since a busy machine is slower."""

    @property
    def job(self) -> str:
        periods = [7, 30, 120]
        boards = PLACES[: -(-self.pages // len(periods))]
        return f"""budget = 1_000_000
[accounts.crawlora]
requests_per_minute = {self.requests_per_minute}
credits_per_month = 1_000_000
credits_per_day = 1_000_000
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {boards}, period = {periods} }}
max_pages = 1
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What one disturbance came to."""

    kind: str
    in_flight: int
    result: dict[str, Any]
    log: str
    bought_twice: int
    charged: int
    """By the vendor's count, in credits."""
    most_in_a_minute: int

    def broken(self, setting: Setting) -> list[str]:
        requests, credits = self.result["requests"], self.result["credits"]
        laws = {
            f"ended {self.result['status']}: {self.result['message']}": self.result["status"] == "complete",
            f"{requests['lost']} answers lost": requests["lost"] == 0,
            f"{requests['failed'] + requests['retried']} failed or retried": requests["failed"] + requests["retried"]
            == 0,
            f"{self.bought_twice} bought twice": self.bought_twice == 0,
            f"{credits['charged']} credits in the ledger, {self.charged} charged": credits["charged"] == self.charged,
            f"{credits['unknown']} credits unknown": credits["unknown"] == 0,
            f"{self.most_in_a_minute} starts in a minute": self.most_in_a_minute <= setting.requests_per_minute,
            "the lock was not said": self.kind != "lock" or setting.lock_s < 6 or LOCKED in self.log,
            f"the vendor charged {self.charged}": self.charged >= setting.pages * PRICE,
        }
        return [what for what, holds in laws.items() if not holds]

    def line(self, setting: Setting) -> str:
        met = f"{self.kind:8} {self.in_flight:4} in flight, {self.most_in_a_minute} in the fullest minute"
        return f"{met}: {'; '.join(self.broken(setting)) or 'nothing lost, nothing bought twice'}"


def disturbed(directory: Path, kind: str, seed: int, setting: Setting) -> Found:
    """Disturb one run, once as many requests are in flight as the setting says, and let it come to its end."""
    with sandbox_process(latency_ms=setting.answer_s / 1.2 * 1000, stands_still=True) as sandbox:
        program = Program(directory, sandbox.url)
        job = program.write_job("disturbed", setting.job)
        log = directory / "log"
        with log.open("w") as stderr:
            process = program.start(job, stderr=stderr.fileno())
            _fill(sandbox, process, setting)
            time.sleep(random.Random(seed).uniform(0, setting.answer_s / 2))
            in_flight = sandbox.under_way()
            _DISTURBANCES[kind](process, program, setting)
            printed, _ = process.communicate(timeout=600)
            if kind.startswith("SIG"):
                if process.returncode != 130:
                    raise AssertionError(f"{kind} ended the process with exit {process.returncode}, not in order")
                process = program.start(job, stderr=stderr.fileno())
                printed, _ = process.communicate(timeout=600)
        hits = sandbox.hits()
        twice = hits.total() - len(hits)
        charged, most = sandbox.charged(), sandbox.most_in_a_minute()
    return Found(kind, in_flight, json.loads(printed), log.read_text(), twice, charged, most)


def _fill(sandbox: Address, process: Popen[str], setting: Setting) -> None:
    """Wait until as many requests are in flight."""
    while sandbox.under_way() < setting.in_flight:
        if process.poll() is not None:
            raise AssertionError(f"the run ended before so many were in flight: exit {process.returncode}")
        time.sleep(0.1)


def _stop(process: Popen[str], _: Program, setting: Setting) -> None:
    process.send_signal(signal.SIGSTOP)
    time.sleep(setting.stop_s)
    process.send_signal(signal.SIGCONT)


def _lock(_: Popen[str], program: Program, setting: Setting) -> None:
    with closing(connect(program.data / "state.db", timeout=60, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        time.sleep(setting.lock_s)
        database.execute("ROLLBACK")


_DISTURBANCES: dict[str, Callable[[Popen[str], Program, Setting], object]] = {
    "stop": _stop,
    "SIGTERM": lambda process, _, __: process.send_signal(signal.SIGTERM),
    "SIGHUP": lambda process, _, __: process.send_signal(signal.SIGHUP),
    "lock": _lock,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="Of each kind.")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stop-s", type=float, default=70.0)
    options = parser.parse_args(arguments)
    setting, broken = Setting(stop_s=options.stop_s), 0
    began = time.monotonic()
    with TemporaryDirectory() as directory, ThreadPoolExecutor(options.at_once) as pool:
        rounds = [(kind, number) for number in range(options.times) for kind in options.kinds.split(",")]
        pending = []
        for kind, number in rounds:
            place = Path(directory) / f"{kind}-{number}"
            place.mkdir()
            pending.append(pool.submit(disturbed, place, kind, options.seed + number, setting))
        for each in as_completed(pending):
            found = each.result()
            broken += bool(found.broken(setting))
            sys.stdout.write(found.line(setting) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(rounds)} disturbances, {broken} broke a law, {time.monotonic() - began:.0f} s\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
