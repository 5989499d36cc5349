"""A newcomer's first steps: each command as the one before it shows it, ``python -m tests.systems.first_steps``.

It begins with ``scraper --help`` in an empty directory and knows no more than the order of the commands. Advice is for
people, so each runs on a terminal of 80 columns. `tests.systems.container` takes the same steps inside a container.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

STEPS = ("init", "plan", "run", "sql", "report", "schedule")
LONGEST_S = 300
"""Five minutes are what a newcomer has."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Shell = Callable[[str], str]
"""Runs a command that succeeds, and returns what a terminal shows of it."""


def command_of(step: str, shown: str) -> str:
    """Return the first command of this step in a text, as a person would copy it."""
    met = re.search(rf"\bscraper {step}\b.*?(?=\s{{2,}}|$)", shown, re.MULTILINE)
    if met is None:
        raise AssertionError(f"nothing here leads to `scraper {step}`:\n{shown}")
    return met[0]


def follow(shell: Shell) -> dict[str, str]:
    """Take every step; return the commands with what each showed."""
    taken = {"scraper --help": shell("scraper --help")}
    for step in STEPS:
        command = command_of(step, list(taken.values())[-1])
        taken[command] = shell(command)
    return taken


def without_control(shown: str) -> str:
    return _CONTROL.sub("", shown).replace("\r", "")


def on_terminal(before: Sequence[str], directory: str) -> Shell:
    """Return a shell whose commands run on a terminal in this directory. `before`: what starts a program there."""

    def shell(command: str) -> str:
        line = f"stty cols 80 rows 24; cd {shlex.quote(directory)}; {command}"
        words = [*before, "script", "--quiet", "--return", "--command", line, os.devnull]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{command} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return without_control(done.stdout)

    return shell


def tell(taken: dict[str, str], took_s: float) -> None:
    for command, shown in taken.items():
        sys.stdout.write(f"$ {command}\n{shown}\n")
    sys.stdout.write(f"{len(taken)} commands, each shown by the one before it, in {took_s:.0f} s\n")


def main() -> int:
    began = time.monotonic()
    with TemporaryDirectory() as place:
        path = f"{Path(sys.executable).parent}:{os.defpath}"
        environment = ["env", "-i", f"PATH={path}", f"HOME={place}", "TERM=xterm", "LANG=C.UTF-8"]
        taken = follow(on_terminal(environment, place))
    took_s = time.monotonic() - began
    tell(taken, took_s)
    return 0 if took_s < LONGEST_S else 1


if __name__ == "__main__":
    sys.exit(main())
