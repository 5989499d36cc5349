"""How long the program takes to start: ``python -m tests.benchmarks.startup [--rounds 21]``.

Each command runs beside a bare import of the library that it cannot do without: `scraper --help` beside ``import
click``, `scraper sql` beside ``import duckdb``. A round starts every process once, commands and yardsticks in turn, so
that a machine that is busy for a while slows both; medians are compared. CPU time is the steadier figure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.processes import compiled_once

CLICK, DUCKDB = "import click", "import duckdb"

QUERY = "SELECT country, hashtag_name, video_views FROM hashtags ORDER BY video_views DESC LIMIT 10"

COMMANDS: Mapping[tuple[str, ...], str] = {
    ("--help",): CLICK,
    ("--version",): CLICK,
    ("--hepl",): CLICK,
    ("sql", "--help"): CLICK,
    ("sql", "--sandbox", QUERY): DUCKDB,
    ("sql", "--sandbox", "--format", "table", QUERY): DUCKDB,
    ("tables", "--sandbox"): DUCKDB,
    ("status", "--sandbox"): DUCKDB,
    ("plan", "configs/quickstart.toml", "--sandbox"): DUCKDB,
}
"""Command → the yardstick that it is held against."""


@dataclass(frozen=True, slots=True)
class Times:
    """What the starts of one process took."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def start(self, words: Sequence[str], directory: Path) -> None:
        began = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=directory, env=compiled_once(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, _, used = os.wait4(process.pid, 0)
        self.wall_s.append(time.perf_counter() - began)
        self.cpu_s.append(used.ru_utime + used.ru_stime)


def quickstart(directory: Path) -> None:
    """Make a small archive: the packaged quickstart in the sandbox."""
    job = Path(__file__).parents[2] / "configs" / "quickstart.toml"
    (directory / "configs").mkdir()
    (directory / "configs" / job.name).write_bytes(job.read_bytes())
    words = [program(), "run", f"configs/{job.name}", "--sandbox"]
    subprocess.run(words, cwd=directory, env=compiled_once(), check=True, capture_output=True)


def program() -> str:
    """The installed script: what a user types."""
    return str(Path(sys.executable).with_name("scraper"))


def measured(directory: Path, rounds: int) -> Mapping[tuple[str, ...], Times]:
    processes = {words: (program(), *words) for words in COMMANDS}
    processes |= {(code,): (sys.executable, "-c", code) for code in (CLICK, DUCKDB)}
    times = {name: Times() for name in processes}
    for words in processes.values():  # compiles what is not compiled yet, and fills the disk's cache
        Times().start(words, directory)
    for _ in range(rounds):
        for name, words in processes.items():
            times[name].start(words, directory)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        quickstart(Path(directory))
        times = measured(Path(directory), rounds)
    for yardstick in (CLICK, DUCKDB):
        unit = times[yardstick,]
        sys.stdout.write(f"{yardstick:36}{_ms(unit.cpu_s)} cpu           {_ms(unit.wall_s)} wall\n")
        for words in (words for words, held_against in COMMANDS.items() if held_against == yardstick):
            cpu, wall = (_ratio(mine, units) for mine, units in zip(_both(times[words]), _both(unit), strict=True))
            name = " ".join("'SELECT …'" if word == QUERY else word for word in words)
            sys.stdout.write(f"  scraper {name:52.52}{cpu} cpu  {wall} wall\n")


def _both(times: Times) -> tuple[list[float], list[float]]:
    return times.cpu_s, times.wall_s


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * median(seconds):7.0f} ms"


def _ratio(seconds: Sequence[float], yardstick: Sequence[float]) -> str:
    return f"{_ms(seconds)} = {median(seconds) / median(yardstick):5.2f} ×"


if __name__ == "__main__":
    main()
