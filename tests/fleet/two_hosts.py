"""Two hosts with one database and one archive drain, compact, rebuild and check it at once, again and again.

::

    python -m tests.fleet.two_hosts --rounds 5 --kills

With `--kills`, in each round one command is killed at a random instant, and the other host finishes or undoes what
it left. No command ends in an exception, every charged page is in the archive once, and `check` finds nothing. Exit 1
where one of these does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory

from tests.fleet.hosts import Fleet, fleet, job_of
from tests.fleet.postgres_server import NOT_THERE, PostgresServerProcess, binaries, postgres_server

UPKEEP = (("compact", "--all", "--format", "json"), ("rebuild", "hashtags"), ("check", "--repair"))


def round_of(shared: Fleet, number: int, pages: int, kill_after_s: float | None = None) -> list[str]:
    """Both hosts run a job each, then look after the archive, each command at once with the other's: what is wrong."""
    hosts = [shared.host(f"{name}{number}") for name in ("first", "second")]
    jobs = [host.write_job(f"night{place}-{number}", job_of(pages)) for place, host in enumerate(hosts)]
    found = _together([host.begin(job) for host, job in zip(hosts, jobs, strict=True)], kill_after_s)
    if kill_after_s is not None:
        found += _together([hosts[1].begin(hosts[1].write_job(f"night0-{number}", job_of(pages)))])
    for words in UPKEEP:
        found += _together([host.do(*words) for host in hosts], kill_after_s)
    checking = hosts[1].do("check", "--repair")
    checked = json.loads(checking.communicate(timeout=120)[0])
    charged = hosts[1].query("SELECT count(*) FROM requests WHERE charge = 'charged'")[0][0]
    [(open_drains,)] = hosts[1].query("SELECT count(*) FROM drains WHERE finished_at IS NULL")
    if not checked["sound"]:
        found.append(f"check: {checked['findings']}")
    if (checked["answers"], checked["spooled"], open_drains) != (charged, 0, 0):
        found.append(f"{checked['answers']} in the archive, {checked['spooled']} in the spool, of {charged} charged")
    return found


def _together(processes: Sequence[Popen[str]], kill_after_s: float | None = None) -> list[str]:
    """Wait for commands that run at once; the first is killed, if one is."""
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        processes[0].kill()
    found = []
    for process in processes:
        _, told = process.communicate(timeout=300)
        if process.returncode not in {0, -9} or "Traceback" in told:
            found.append(f"{' '.join(map(str, process.args[3:5]))}: exit {process.returncode}: {told[-2000:]}")  # type: ignore[index]
    return found


def rounds(directory: Path, server: PostgresServerProcess, number: int, pages: int, draw: random.Random | None) -> bool:
    """Play so many rounds, with kills if there is something to draw them with; return whether all was well."""
    well = True
    with fleet(directory, server, lease_s=2, latency_ms=20) as shared:
        for each in range(number):
            kill_after_s = None if draw is None else draw.uniform(0.5, 4)
            found = round_of(shared, each, pages, kill_after_s)
            sys.stdout.write(f"round {each}: {'; '.join(found) or 'every charged page in the archive once'}\n")
            sys.stdout.flush()
            well = well and not found
    return well


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=36)
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if binaries() is None:
        sys.stdout.write(f"{NOT_THERE}\n")
        return 0
    draw = random.Random(options.seed) if options.kills else None
    with TemporaryDirectory() as directory, postgres_server() as server:
        return int(not rounds(Path(directory), server, options.rounds, options.pages, draw))


if __name__ == "__main__":
    sys.exit(main())
