"""Two machines, one PostgreSQL database and one bucket: both buy and drain while one compacts, and one is killed.

::

    python -m tests.fleet.bucket_hosts --rounds 2

Each round runs a job on either machine at once, compacts today's partitions meanwhile, kills one run with SIGKILL on
its way and lets the other machine go on with it. At the end `scraper check` finds nothing on either machine, and every
charged page is in the bucket once. Exit 1 if not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

import duckdb
from sqlalchemy.exc import DBAPIError

from scraper.io.objects import open_objects
from tests.crash.server import sandbox_process
from tests.fleet.buckets import download
from tests.fleet.hosts import Host, job_of
from tests.fleet.object_server import running_server, weed_path
from tests.fleet.postgres_server import binaries, postgres_server

LEASE_S = 4
PAGES = 24


def finished(process: Popen[str]) -> tuple[int, str]:
    said, told = process.communicate(timeout=240)
    return process.returncode, said + told


def round_of(hosts: tuple[Host, Host], number: int) -> list[str]:
    """Return what went wrong."""
    found = []
    jobs = [host.write_job(f"night-{name}-{number}", job_of(PAGES)) for host, name in zip(hosts, "ab", strict=True)]
    running = [host.begin(job) for host, job in zip(hosts, jobs, strict=True)]
    _wait_for_answers(hosts[0], f"night-b-{number}")
    running[1].kill()
    running[1].wait()
    compacting = hosts[0].do("compact", "--all")
    other = hosts[0].write_job(f"night-b-{number}", job_of(PAGES))
    time.sleep(LEASE_S)
    taken_over = hosts[0].begin(other)
    for name, process in (("a", running[0]), ("compact", compacting), ("b, taken over", taken_over)):
        code, said = finished(process)
        if code != 0:
            found.append(f"{name}: exit {code}: {said[-600:]}")
    return found


def _wait_for_answers(host: Host, job: str) -> None:
    """Wait until some of a run's answers are there."""
    give_up_at = time.monotonic() + 120
    asked = "SELECT count(*) FROM pages JOIN runs USING (run_id) WHERE job = ?"
    while time.monotonic() < give_up_at:
        with suppress(DBAPIError):  # there are no tables yet
            if host.query(asked, job)[0][0] >= PAGES // 4:
                return
        time.sleep(0.1)
    raise AssertionError(f"{job} gets no answers")


def whole(hosts: tuple[Host, Host], place: Path, url: str) -> list[str]:
    """Return what a reader, or a check, finds wrong at the end."""
    found = []
    for host in hosts:
        code, said = finished(host.do("check", "--format", "json"))
        if code != 0 or not json.loads(said.splitlines()[0])["sound"]:
            found.append(f"check: exit {code}: {said[-600:]}")
    copy = download(open_objects(url, os.environ), place / "copy")
    pages = f"SELECT run_id, request_key FROM '{copy}/archive/pages/**/*.parquet'"
    counted = duckdb.sql(f"SELECT count(*), count(DISTINCT (run_id, request_key)) FROM ({pages})")
    assert counted is not None
    [(rows, distinct)] = counted.fetchall()
    [(paid,)] = hosts[0].query("SELECT count(*) FROM pages")
    [(charged,)] = hosts[0].query("SELECT count(*) FROM requests WHERE charge = 'charged'")
    sys.stdout.write(f"{rows} pages in the bucket, {paid} in the ledger, {charged} charged\n")
    if not rows == distinct == paid == charged:
        found.append("not every charged page is in the bucket once")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    if binaries() is None or weed_path() is None:
        sys.stdout.write("PostgreSQL or SeaweedFS is not installed here\n")
        return 0
    with (
        TemporaryDirectory() as scratch,
        postgres_server() as database,
        running_server(Path(scratch)) as store,
        sandbox_process(latency_ms=120, stands_still=True) as sandbox,
    ):
        url = store.new_place()
        os.environ.update({**store.environment, "SCRAPER_ARCHIVE": url})
        state = f"{database.new_database()}&lease_s={LEASE_S}"
        hosts = tuple(Host(Path(scratch) / name, sandbox.url, state) for name in "ab")
        found = [fault for number in range(rounds) for fault in round_of((hosts[0], hosts[1]), number)]
        found += whole((hosts[0], hosts[1]), Path(scratch), url)
    sys.stdout.write("\n".join([*found, f"{rounds} rounds, {len(found)} faults\n"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
