"""Kills the real program with SIGKILL at random instants and goes on each time: runs, and whatever looks after the
archive and its ledger, the loss of the ledger included.

::

    python -m tests.crash.kill --kills 200 --seed 0

A line for each completed run, then what was met where. Exit 1 with the first law that is broken.
"""

from __future__ import annotations

import argparse
import collections
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory

from tests.crash.commands import Commands, all_commands
from tests.crash.program import Program, ended
from tests.crash.server import Address, Hits, sandbox_process
from tests.runs.mortal import rows_of, stray_files

JOB = """budget = 10_000
[accounts.crawlora]
requests_per_minute = 6_000
credits_per_day = 10_000_000
credits_per_month = 10_000_000
[accounts.keyapi]
requests_per_minute = 6_000
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP"], period = [7, 30] }
max_pages = 1
[[crawl]]
endpoint = "crawlora.creators"
params = { creator_country = "US" }
[[crawl]]
endpoint = "crawlora.hashtag_posts"
each = "keyapi.hashtags"
top = 6
max_items = 90
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = "US" }
max_pages = 5
[[crawl]]
endpoint = "keyapi.videos"
params = { region = ["GB", "DE"] }
max_pages = 3
"""
LATENCY_MS = 150.0

AFTER_THE_RUN = "after the run"
MOST_KILLS_OF_A_RUN = 6
LEDGERS_LOST = 0.15
"""The share of kills of a run that take its ledger as well."""


_RUN_TABLE_FILE = re.compile(r"/run-|[.](coverage|requests)$")
"""A run's coverage and ledger in the archive, or in the making."""


class BrokenLawError(AssertionError):
    """What must always hold did not."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A run that nobody stopped, to hold the others against."""

    rows: dict[str, collections.Counter[str]]
    charged: int
    first_hit_s: float
    """From its start to its first request: most of that is importing."""
    life_s: float


def whole_run(directory: Path) -> Whole:
    with sandbox_process(latency_ms=LATENCY_MS, stands_still=True) as sandbox:
        program = Program(directory, sandbox.url)
        job = program.write_job("whole", JOB)
        began, before = time.monotonic(), sandbox.charged()
        asked_before = sandbox.hits()
        process = program.start(job)
        while sandbox.hits() == asked_before and process.poll() is None:
            time.sleep(0.01)
        first_hit_s = time.monotonic() - began
        result = ended(process)
        life_s = time.monotonic() - began
        if result["status"] != "complete":
            raise BrokenLawError(f"a run that nobody stopped ended {result['status']}: {result['message']}")
        return Whole(rows_of(program.data, result["run_id"]), sandbox.charged() - before, first_hit_s, life_s)


@dataclass(slots=True)
class Campaign:
    """Runs of one job in one directory, killed again and again."""

    program: Program
    sandbox: Address
    random: random.Random
    whole: Whole
    commands: Commands
    kills: int = 0
    runs: int = 0
    bought_again: int = 0
    where: collections.Counter[str] = field(default_factory=collections.Counter)
    ledgers_lost: int = 0
    """In the middle of a run."""
    _hits_before: Hits = field(default_factory=collections.Counter)
    _untold: Hits = field(default_factory=collections.Counter)
    """Requests of which a lost ledger knew alone: they stand in the next one as credits that may have been spent."""
    _excused: Hits = field(default_factory=collections.Counter)
    """Those of the run under way: their answers are lost, and are bought again."""
    _charged_before: int = 0
    _life_s: float = 0.0
    """About as long as a process lives by itself just now: other work on the machine makes it longer."""

    def __post_init__(self) -> None:
        self._life_s = self.whole.life_s

    def lines(self, kills: int) -> Iterator[str]:
        """Kills so many times, over as many rounds as it takes; a line for each run and for each round of upkeep."""
        job = self.program.write_job("killed", JOB)
        while self.kills < kills:
            self.commands.back_up()
            self._excused = collections.Counter()
            self._hits_before, self._charged_before = self.sandbox.hits(), self.sandbox.charged()
            killed_before, most = self.kills, self.kills + self.random.randint(1, MOST_KILLS_OF_A_RUN)
            while not self._one_life(job, kill=self.kills < min(kills, most)):
                self._lose_the_ledger_at_times()
            yield self._check_whole(self.kills - killed_before)
            self.runs += 1
            yield self._upkeep(job, kills)

    def _lose_the_ledger_at_times(self) -> None:
        if self.random.random() < LEDGERS_LOST and len(self.program.runs()) > self.runs:
            for file in self.program.data.glob("state.db*"):
                file.unlink()
            hold = self.commands.end(all_commands(self.program, self.commands.job)["adopt"])
            self._hold(not hold, hold)
            untold = self.sandbox.hits() - self.program.attempts()
            self._excused += untold - self._untold  # a run may lose its ledger more than once
            self._untold = untold
            self.ledgers_lost += 1
            self._check_always()

    def _upkeep(self, job: Path, kills: int) -> str:
        """Kill each command once, and end it: it costs no credit and no row."""
        order = list(all_commands(self.program, job).values())
        self.random.shuffle(order)
        charged, known, killed = self.sandbox.charged(), self._run_ids(), []
        for command in order:
            if self.kills >= kills:
                break
            if self.commands.kill_in(command):
                self.kills += 1
                self.where[command.name] += 1
                killed.append(command.name)
            fault = self.commands.end(command)
            self._hold(not fault, fault)
            self._check_always()
            self._hold(self.sandbox.charged() == charged, f"{command.name} cost credits")
            # Of a run that was killed past its end, a lost ledger alone knew that it had ended.
            self._hold(self._run_ids() == known, f"{command.name} changed the runs: {self._run_ids()}")
            self._check_rows(known[-1])
        fault = self.commands.unsound()
        self._hold(not fault, fault)
        return f"  then killed in {', '.join(killed) or 'nothing'}: sound"

    def _run_ids(self) -> list[str]:
        return [run_id for run_id, _ in self.program.runs()]

    def _one_life(self, job: Path, *, kill: bool) -> bool:
        """One process; whether the run is complete."""
        begun = len(self.program.runs()) > self.runs
        began, process = time.monotonic(), self.program.start(job, *([] if begun else ["--new"]))
        if kill:
            try:
                process.wait(self._next_kill_s())
            except TimeoutExpired:
                process.kill()
                process.communicate()
                self.kills += 1
                self._life_s *= 1.05
                stage = self._stage()
                self.where[stage] += 1
                self._check_always()
                return stage == AFTER_THE_RUN
        result = ended(process)
        self._life_s = (self._life_s + time.monotonic() - began) / 2
        self._hold(result["status"] == "complete", f"{result['run_id']} ended {result['status']}: {result['message']}")
        return True

    def _next_kill_s(self) -> float:
        return self.random.uniform(min(self.whole.first_hit_s * 0.7, self._life_s / 2), self._life_s)

    def _stage(self) -> str:
        """Where in its life the process was killed, as far as the ledger tells."""
        runs = self.program.runs()
        if len(runs) <= self.runs:
            return "before the run"
        run_id, status = runs[-1]
        if status == "complete":
            return AFTER_THE_RUN
        if self.program.query("SELECT 1 FROM drains WHERE finished_at IS NULL"):
            return "in the drain"
        if self.program.query("SELECT 1 FROM requests WHERE run_id = ? AND charge = 'reserved'", run_id):
            return "with requests in flight"
        return "between two steps"

    def _check_always(self) -> None:
        """What holds after each kill, whatever was under way."""
        while not self.sandbox.quiet():
            time.sleep(0.005)
        charged, committed = self.sandbox.charged(), self.program.committed()
        self._hold(committed >= charged, f"the ledger has {committed} credits, the vendor charged {charged}")
        unwritten = self.sandbox.hits() - self.program.attempts() - self._untold
        self._hold(not unwritten, f"requests that stand in no ledger reached the vendor: {unwritten}")

    def _check_rows(self, run_id: str) -> None:
        rows = rows_of(self.program.data, run_id)
        for table, whole in self.whole.rows.items():
            lacking, added = whole - rows[table], rows[table] - whole
            met = f"{table} of {run_id}: {lacking.total()} rows lack, {added.total()} are too many"
            self._hold(not lacking and not added, met)

    def _check_whole(self, killed: int) -> str:
        """What holds of a run that is complete."""
        self._check_always()
        run_id, _ = self.program.runs()[-1]
        self._check_rows(run_id)
        again = {what: times - 1 for what, times in (self.sandbox.hits() - self._hits_before).items() if times > 1}
        lost = self.program.attempts(run_id, "unknown") + self._excused
        more = {what: times for what, times in again.items() if times > lost[what]}
        self._hold(not more, f"bought again though it was not in flight when it was lost: {more}")
        # Coverage and ledger of a run that was killed past its end are written again, and noted, by the next run.
        strays = [name for name in stray_files(self.program.data) if not _RUN_TABLE_FILE.search(name)]
        self._hold(not strays, f"stray files: {strays}")
        self.bought_again += sum(again.values())
        charged = self.sandbox.charged() - self._charged_before
        return (
            f"{run_id}: {killed} kills; charged {charged}, uninterrupted {self.whole.charged}; "
            f"{sum(again.values())} of {lost.total()} lost requests bought again; "
            f"ledger {self.program.committed()} >= sandbox {self.sandbox.charged()}"
        )

    def _hold(self, holds: bool, met: str) -> None:
        if not holds:
            raise BrokenLawError(f"after kill {self.kills}, in run {self.runs + 1}: {met}")


def killed(directory: Path, kills: int, seed: int, say: Callable[[str], object]) -> Campaign:
    """Kills so many times; says a line for each run. BrokenLawError with the first law that does not hold."""
    whole = whole_run(directory / "whole")
    with sandbox_process(latency_ms=LATENCY_MS, stands_still=True) as sandbox:
        say(f"uninterrupted: first request after {whole.first_hit_s:.2f} s, ended after {whole.life_s:.2f} s")
        program, chance = Program(directory / "killed", sandbox.url), random.Random(seed)
        job = program.write_job("killed", JOB)
        commands = Commands(program, job, chance, directory / "backup.db")
        made = Campaign(program, sandbox, chance, whole, commands)
        for line in made.lines(kills):
            say(line)
    return made


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with TemporaryDirectory() as directory:
        try:
            made = killed(Path(directory), options.kills, options.seed, say)
        except BrokenLawError as broken:
            say(f"BROKEN {broken}")
            return 1
    stages = ", ".join(f"{times} {stage}" for stage, times in made.where.most_common())
    say(f"{made.kills} kills in {made.runs} runs, {time.monotonic() - began:.0f} s: {stages}")
    say(f"{made.ledgers_lost} ledgers lost in the middle of a run")
    say(f"{made.bought_again} requests bought again, each in flight at a kill or lost with a ledger; no law broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
