"""Three real processes with three jobs on one account: rate and credits hold over all of them together.

::

    python -m tests.crash.three_processes

Takes a minute and a half: 200 pages at 120 requests a minute. Exit 1 where a law is broken.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.crash.program import Program, ended
from tests.crash.server import sandbox_process

PRICE = 8
JOBS = {"first": 7, "second": 30, "third": 120}
"""Name → period: no page of one job is a page of another."""
PLACES = [f"{first}{second}" for first in "ABCDEFGH" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


@dataclass(frozen=True, slots=True)
class Together:
    """What three processes came to."""

    results: Sequence[dict[str, Any]]
    account: dict[str, Any]
    """As the sandbox measured it."""
    committed: int
    elapsed_s: float

    @property
    def charged(self) -> int:
        return sum(result["credits"]["charged"] for result in self.results)


def job_text(period: int, boards: int, cap: int, requests_per_minute: int) -> str:
    return f"""budget = 1_000_000
[accounts.crawlora]
requests_per_minute = {requests_per_minute}
credits_per_day = {cap}
credits_per_month = 1_000_000
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {PLACES[:boards]}, period = {period} }}
max_pages = 1
"""


def together(directory: Path, *, boards: int, cap: int, requests_per_minute: int) -> Together:
    """Three processes at once; each job alone wants more than the day's cap allows to all of them."""
    # The sandbox refuses what is too dear, and has no rate of its own: it measures.
    with sandbox_process(latency_ms=20, credits_per_day=cap) as sandbox:
        program = Program(directory, sandbox.url)
        jobs = [
            program.write_job(name, job_text(period, boards, cap, requests_per_minute)) for name, period in JOBS.items()
        ]
        began = time.monotonic()
        results = [ended(process) for process in [program.start(job) for job in jobs]]
        return Together(results, sandbox.account("crawlora"), program.committed(), time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests-per-minute", type=int, default=120)
    parser.add_argument("--pages", type=int, default=200)
    options = parser.parse_args(arguments)
    rate, cap = options.requests_per_minute, options.pages * PRICE
    with TemporaryDirectory() as directory:
        met = together(Path(directory), boards=len(PLACES), cap=cap, requests_per_minute=rate)
    account = met.account
    laws = {
        f"{account['most_starts_in_a_minute']} starts in the fullest minute, {rate} allowed": (
            account["most_starts_in_a_minute"] <= rate
        ),
        f"{account['credits_charged']} of {cap} credits charged by the vendor": account["credits_charged"] == cap,
        f"{met.charged} charged and {met.committed} committed in the ledger": met.charged == met.committed == cap,
        f"answers by status: {account['requests_by_status']}": set(account["requests_by_status"]) == {"200"},
        f"jobs ended {[result['status'] for result in met.results]}": all(
            (result["status"], result["exit_code"]) == ("quota", 3) for result in met.results
        ),
    }
    for what, holds in laws.items():
        sys.stdout.write(f"{'holds ' if holds else 'BROKEN'}  {what}\n")
    pages = [result["requests"]["ok"] + result["requests"]["empty"] for result in met.results]
    sys.stdout.write(f"{met.elapsed_s:.1f} s; pages by job: {pages}\n")
    return 0 if all(laws.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
