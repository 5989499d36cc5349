"""The commands that look after an archive and its ledger, killed as a run is: none of them costs a credit or a row."""

from __future__ import annotations

import collections
import json
import random
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import connect
from subprocess import TimeoutExpired

import pyarrow.parquet as pq

from tests.crash.program import Program

TABLES = ("hashtags", "creators", "videos", "posts")


@dataclass(slots=True)
class Command:
    """One command, and what makes it have something to do."""

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Commands], None] = lambda _: None
    check: Callable[[Commands], str] = lambda _: ""
    """What is wrong after it was killed, or had ended."""


@dataclass(slots=True)
class Commands:
    """All of them on one data directory."""

    program: Program
    job: Path
    random: random.Random
    backup: Path
    """A state from before the last run, as SQLite copies it."""
    lives_s: dict[str, float] = field(default_factory=dict)
    killed: collections.Counter[str] = field(default_factory=collections.Counter)

    def back_up(self) -> None:
        if (self.program.data / "state.db").exists():
            self.backup.unlink(missing_ok=True)
            with closing(connect(self.program.data / "state.db")) as state:
                state.execute("VACUUM INTO ?", (str(self.backup),))

    def kill_in(self, command: Command) -> bool:
        """One process of it, killed while it works if it lives so long; whether it was killed."""
        command.prepare(self)
        life_s = self.lives_s.get(command.name, 2.0)
        process = self.program.command(*command.words)
        began = time.monotonic()
        try:
            process.wait(self.random.uniform(life_s * 0.35, life_s))
        except TimeoutExpired:
            process.kill()
            process.communicate()
            self.killed[command.name] += 1
            self.lives_s[command.name] = life_s * 1.05
            return True
        process.communicate()
        self.lives_s[command.name] = (life_s + time.monotonic() - began) / 2
        return False

    def end(self, command: Command) -> str:
        """The same command, to its end; what is wrong then."""
        began = time.monotonic()
        process = self.program.command(*command.words)
        printed, said = process.communicate(timeout=300)
        taken_s = time.monotonic() - began
        self.lives_s[command.name] = (self.lives_s.get(command.name, taken_s) + taken_s) / 2
        if process.returncode != 0:
            return f"{command.name} exits {process.returncode}: {said.strip() or printed.strip()}"
        return command.check(self)

    def unsound(self) -> str:
        """What `scraper check --deep` finds; nothing where all is well."""
        process = self.program.command("check", "--deep", "--format", "json")
        printed, said = process.communicate(timeout=300)
        found = json.loads(printed) if printed else {"findings": said}
        return "" if process.returncode == 0 else f"check finds {found['findings']}"


def _lose_a_part(commands: Commands) -> None:
    parts = sorted((commands.program.data / "archive" / commands.random.choice(TABLES)).rglob("*.parquet"))
    commands.random.choice(parts).unlink() if parts else None


def _lose_the_state(commands: Commands) -> None:
    for file in commands.program.data.glob("state.db*"):
        file.unlink()


def _put_back_an_old_state(commands: Commands) -> None:
    _lose_the_state(commands)
    if commands.backup.exists():
        shutil.copy(commands.backup, commands.program.data / "state.db")


def _exported(commands: Commands) -> str:
    with (commands.program.directory / "posts.ndjson").open("rb") as file:
        rows = sum(1 for _ in file)
    parts = (commands.program.data / "archive" / "posts").rglob("*.parquet")
    there = sum(pq.read_metadata(part).num_rows for part in parts)
    return "" if rows == there else f"{rows} of {there} rows were exported"


def _still_unknown(commands: Commands) -> str:
    left = sum(commands.program.attempts("%", "unknown").values())
    return f"{left} attempts are unknown after reconcile" if left else ""


def all_commands(program: Program, job: Path) -> Mapping[str, Command]:
    """Name → command, in the order of a round."""
    out = str(program.directory / "posts.ndjson")
    found = (
        Command("compact", ("compact", "--all")),
        Command("rebuild", ("rebuild",)),
        Command("check --repair", ("check", "--repair"), _lose_a_part),
        Command("reconcile", ("reconcile", str(job), "--assume", "charged"), check=_still_unknown),
        Command("export", ("export", "posts", "-o", out, "--force"), check=_exported),
        Command("adopt", ("check", "--repair", "--quick"), _lose_the_state),
        Command("adopt into an old state", ("check", "--repair", "--quick"), _put_back_an_old_state),
    )
    return {command.name: command for command in found}
