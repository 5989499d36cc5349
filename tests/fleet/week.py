"""A week of a fleet: ``python -m tests.fleet.week``, some minutes; a night of it is in the suite (`test_night.py`).

Three workers in processes of their own, six jobs of different weights on two accounts, a PostgreSQL server and both
vendors on loopback; the clock that all of them share is moved on from night to night. Each night the worker that has
just begun a certain job is killed: on some nights the process alone, so that its run ends in order with it, on others
the whole host, with what was in flight. Another worker takes its place. At the end each night must have one complete
run of each job, and what the vendors charged must be what the ledger says, to the credit. Then the month is nearly
over: three workers have 20 credits at 8 a page, and may spend 16.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fleet.nights import DAY, FIRST, PRICE, FleetProject, NightJob, night_of
from tests.fleet.postgres_server import NOT_THERE, binaries, postgres_server

NIGHTS = 7
JOBS = [
    NightJob("trends", "crawlora", ("US", "GB", "JP"), weight=3),
    NightJob("europe", "crawlora", ("DE", "FR", "IT", "ES"), weight=2),
    NightJob("asia", "crawlora", ("KR", "TH")),
    NightJob("videos", "keyapi", ("US", "GB", "JP", "DE", "FR"), weight=2),
    NightJob("more", "keyapi", ("IT", "ES", "KR")),
    NightJob("last", "keyapi", ("TH", "MX", "BR", "CA")),
]
IN_FLIGHT = 8
"""Requests that a killed run may leave unanswered, at most: they are bought again."""
LOST_AFTER = ("--lost-after", "4")


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def play(project: FleetProject, nights: int) -> None:
    """Let so many nights pass, with one worker killed in each."""
    for _ in range(3):
        project.start(*LOST_AFTER)
    for number in range(nights):
        job = JOBS[number % len(JOBS)].name
        whole_host = number % 2 == 1
        victim = project.busy(job)
        project.kill(victim, whole_host=whole_host)
        project.start(*LOST_AFTER)
        project.await_night(night_of(number))
        killed = "host" if whole_host else "worker"
        say(f"night {number + 1}: the {killed} of {job} was killed; {len(JOBS)} runs complete")
        if number + 1 < nights:
            project.clock.go_to(FIRST + (number + 1) * DAY)


def wrong(project: FleetProject, nights: int) -> Sequence[str]:
    """What the ledger and the vendors say otherwise than they should."""
    found = []
    runs = project.runs()
    for number in range(nights):
        tonight = [run for run in runs if run.night == night_of(number)]
        if sorted((run.job, run.status) for run in tonight) != sorted((job.name, "complete") for job in JOBS):
            found.append(f"night {number + 1}: {tonight}")
    for job in JOBS:
        most = job.credits + IN_FLIGHT * PRICE[job.vendor]
        found += [f"{run} has spent more than {most}" for run in runs if run.job == job.name and run.committed > most]
    for vendor in PRICE:
        due = nights * sum(job.credits for job in JOBS if job.vendor == vendor)
        charged, unknown = project.spent(vendor, "charged"), project.spent(vendor, "unknown")
        at_vendor = project.vendors.charged(vendor)
        say(f"{vendor}: {due} due, {charged} charged, {unknown} unknown; the vendor charged {at_vendor}")
        if charged != due or not charged <= at_vendor <= charged + unknown:
            found.append(f"{vendor}: {due} due, {charged} charged and {unknown} unknown, {at_vendor} at the vendor")
    return found


def play_the_months_end(project: FleetProject, number: int) -> Sequence[str]:
    """One more night, with 20 credits left on one account."""
    before = {vendor: project.vendors.charged(vendor) for vendor in PRICE}
    held = project.spent("crawlora", "charged") + project.spent("crawlora", "unknown")
    project.limit({"crawlora": held + 20})
    project.clock.go_to(FIRST + number * DAY)
    project.await_night(night_of(number), ("complete", "quota"))
    spent = project.vendors.charged("crawlora") - before["crawlora"]
    say(f"the month's last 20 credits: {spent} were spent")
    return [] if spent == 16 else [f"{spent} of the month's last 20 credits were spent, not 16"]


def main() -> int:
    if binaries() is None:
        say(NOT_THERE)
        return 1
    with TemporaryDirectory() as place, postgres_server() as server:
        url = server.new_database()
        project = FleetProject(Path(place), url, JOBS, requests_per_minute=240, spare=IN_FLIGHT * PRICE["crawlora"])
        try:
            play(project, NIGHTS)
            found = [*wrong(project, NIGHTS), *play_the_months_end(project, NIGHTS)]
        finally:
            project.close()
            log = project.log()
    if found:
        say(log)
    for each in found:
        say(f"WRONG: {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
