"""Other systems, played in a process of their own: what they lack is taken from Python before the program is loaded."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

LIBRARIES = (
    "aiohttp.web",
    "aiolimiter",
    "asyncio",
    "click.testing",
    "duckdb",
    "orjson",
    "pyarrow.parquet",
    "pydantic",
    "rich.console",
    "sqlalchemy.dialects.sqlite",
    "ssl",
    "zoneinfo",
    "zstandard",
)


def load_libraries() -> None:
    """Loads what is not ours as it is made for this system: for the other one it would come in another make."""
    sysconfig.get_config_vars()
    for name in LIBRARIES:
        importlib.import_module(name)


THEN = "--then"
"""Stands between commands that are carried out one after the other: a process loads the libraries once."""


def carry_out(words: Sequence[str]) -> None:
    """Carries out the commands as `scraper` does; behind each, both streams have a line with its exit code."""
    from scraper.cli.main import main  # noqa: PLC0415 - once the process has become the other system

    for is_command, command in groupby(words, lambda word: word != THEN):
        if is_command:
            sys.argv[1:] = command
            try:
                main()
            except SystemExit as ended:
                for stream in (sys.stdout, sys.stderr):
                    print(f"\n{THEN} {ended.code}", file=stream, flush=True)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


def played(system: str, place: Path, *commands: Sequence[str], options: Sequence[str] = ()) -> list[Ended]:
    """The commands carried out in this directory by a process that plays the system."""
    words = [word for command in commands for word in (*command, THEN)]
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.systems.{system}", *options, *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = [list(_told(stream)) for stream in (ended.stdout, ended.stderr)]
    assert len(told[0]) == len(told[1]) == len(commands), ended.stderr
    return [Ended(code, out, error) for (code, out), (_, error) in zip(*told, strict=True)]


def _told(stream: str) -> list[tuple[int, str]]:
    """Exit code and text of each command."""
    found, text = [], ""
    for line in stream.splitlines():
        if line.startswith(f"{THEN} "):
            found.append((int(line.split()[1]), text.strip()))
            text = ""
        else:
            text += f"{line}\n"
    return found
