"""A directory in which the commands of the documents run as in a clone, with the sandbox's data already bought."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from click.testing import CliRunner

from scraper.cli.main import cli
from scraper.core.errors import ScraperError
from scraper.ports import Clock
from tests.clock import NOON, ShiftedClock
from tests.docs.markdown import ROOT, job_files

QUICKSTART = "configs/quickstart.toml"
TRY = f"scraper run {QUICKSTART} --sandbox"
_TERMINAL = {"COLUMNS": "80", "LINES": "50"}
DAY = f"{NOON:%Y-%m-%d}"
"""Of the sandbox's world in the documents, whenever they are made and compared."""
_HASTY = {
    'plan = "business"': 'plan = "business"\nrequests_per_minute = 60_000',
    "requests_per_second = 2": "requests_per_second = 1_000",
}
"""Rates of the quickstart's accounts, stated so high that nothing waits for them."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


PROJECT = "~/trends"
"""The directory as documents show it."""


class Place:
    """A directory like a clone after the README's first command."""

    def __init__(self, directory: Path, text: str, clock: ShiftedClock, *, hasty: bool) -> None:
        """`text`: the documents. `hasty`: with rates that nothing waits for: a run's times are not the real ones."""
        self.directory, self._clock = directory, clock
        quickstart = (ROOT / QUICKSTART).read_text(encoding="utf-8")
        files = {QUICKSTART: quickstart, **job_files(text)}
        self._run_file = QUICKSTART
        if hasty:
            self._run_file = "hasty/quickstart.toml"
            files[self._run_file] = _replaced(quickstart, _HASTY)
        for name, content in files.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(content, encoding="utf-8")
        self.tried = self._invoke(TRY)
        # An analyst has the archive under data/, whoever bought it.
        (directory / "analyst").mkdir()
        (directory / "analyst" / "data").symlink_to(directory / "data" / "sandbox")

    @property
    def analyst(self) -> Path:
        """A directory from which ``data/archive`` is the archive."""
        return self.directory / "analyst"

    def shell(self, line: str) -> Said:
        """What a command line of the documents says on a terminal of 80 columns."""
        return self.tried if line == TRY else self._invoke(line)

    def _invoke(self, line: str) -> Said:
        name, *arguments = shlex.split(line)
        if name != "scraper":
            raise ValueError(f"no command of ours: {line}")
        if arguments[0] == "run":
            arguments = [self._run_file if argument == QUICKSTART else argument for argument in arguments]
            arguments += ["--day", DAY] if "--sandbox" in arguments else []
        with contextlib.chdir(self.directory):
            shown = said(_as_on_a_terminal(arguments), self._clock)
        return replace(shown, stdout=shown.stdout.replace(str(self.directory), PROJECT))


def said(arguments: Sequence[str], clock: Clock | None = None) -> Said:
    """Runs the command line in this process, in the current directory."""
    runner, typed, clock = CliRunner(env=_TERMINAL), sys.argv[0], clock or ShiftedClock()
    sys.argv[0] = "scraper"  # what the program calls itself in the commands that it advises
    try:
        result = runner.invoke(cli, list(arguments), prog_name="scraper", standalone_mode=False, obj=clock)
    finally:
        sys.argv[0] = typed
    fault = result.exception
    if isinstance(fault, ScraperError):
        return Said(fault.exit_code, result.stdout, f"{result.stderr}error: {fault}\n")
    if fault is not None:
        raise fault
    return Said(result.return_value or 0, result.stdout, result.stderr)


def _as_on_a_terminal(arguments: list[str]) -> list[str]:
    """A runner's stdout is no terminal: the table that a person sees has to be asked for."""
    shown = {"backtest", "plan", "run", "status", "sql", "tables", "vendors"}
    asked = {"--format", "--help", "-h", "-o"} & set(arguments)
    return arguments if asked or arguments[0] not in shown else [*arguments, "--format", "table"]


def _replaced(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        if text.count(old) != 1:
            raise ValueError(f"{QUICKSTART} holds {old!r} {text.count(old)} times")
        text = text.replace(old, new)
    return text


_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")
_FIGURE = re.compile(r"[0-9]+(?:[,.:–-][0-9]+)*")


def shape(output: str) -> str:
    """The output without what differs from day to day: figures, run ids, the widths that come of them."""
    lines = (_FIGURE.sub("0", _RUN_ID.sub("0", line)) for line in output.splitlines())
    return "\n".join(re.sub(r"[ ─]+", " ", line).strip() for line in lines)
