"""-q and --log-file, and the guard against older Pythons."""

from __future__ import annotations

import ast
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.docs.place import Said, said

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    for variable in ("SCRAPER_DATA", "SCRAPER_CONFIGS", "SCRAPER_FORMAT"):
        monkeypatch.delenv(variable, raising=False)


def run(*arguments: str) -> Said:
    return said(["run", "configs/night.toml", "--sandbox", *arguments])


def test_a_quiet_run_that_went_well_says_nothing_but_its_result_and_still_fills_its_log() -> None:
    told = run("-q", "--log-file", "run.log")
    assert (told.exit_code, told.stderr) == (0, "")
    assert json.loads(told.stdout)["status"] == "complete"
    assert "run_ended" in Path("run.log").read_text()


def test_a_quiet_run_that_failed_says_why() -> None:
    told = run("-q", "--fault", "auth")
    assert told.exit_code == 4
    assert told.stderr == f"error: {json.loads(told.stdout)['message']}\n"
    warned = said(["sql", "SELECT 1", "--sandbox", "--format", "json", "-o", "x.csv"])
    assert "warning: x.csv is named as csv" in warned.stderr, "it is quiet no longer than its command"
    assert said(["sql", "-q", "SELECT 1", "--sandbox", "--format", "json", "-o", "x.csv"]) == Said(0, "", "")
    assert run("-q", "--resume", "--new").stderr.startswith("error: --resume and --new exclude each other")


def test_quiet_before_the_command_is_quiet_after_it() -> None:
    before = said(["-q", "run", "configs/night.toml", "--sandbox", "-q", "--fault", "auth"])
    assert before.exit_code == 4
    assert before.stderr == f"error: {json.loads(before.stdout)['message']}\n"
    assert said(["-q", "sql", "SELECT 1", "--sandbox", "--format", "json", "-o", "x.csv"]) == Said(0, "", "")


def test_a_quiet_start_of_a_job_that_is_done_says_how_to_buy_again() -> None:
    done = Path("configs/done.toml")
    done.write_text(Path("configs/night.toml").read_text().replace('every = "day"\n', "").replace("night", "done"))
    words = ["run", str(done), "--sandbox", "-q"]
    assert said(words).exit_code == 0
    assert "--new buys it again" in said(words).stderr


def test_the_log_is_appended_to_a_file_that_only_its_owner_reads(place: Path) -> None:
    log = place / "run.log"
    for number, format in enumerate(("text", "json"), start=1):
        told = run("--log-file", str(log), "--log-format", format, "--new")
        assert told.exit_code == 0
        lines = log.read_text().splitlines()
        assert sum("log_opened" in line for line in lines) == sum("run_ended" in line for line in lines) == number
        shown = told.stderr.splitlines()
        assert [INSTANT.sub("", line) for line in lines[-len(shown) :]] == [INSTANT.sub("", line) for line in shown]
        opened = lines[-len(shown) - 1]
        assert "scraper run configs/night.toml --sandbox" in (json.loads(opened)["command"] if number == 2 else opened)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_stops_the_run_before_it_spends(place: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    told = run("--log-file", "/dev/full")
    assert (told.exit_code, told.stdout) == (5, "")
    assert "error: /dev/full cannot be written: No space left" in told.stderr
    assert "Nothing was sent or spent" in told.stderr
    assert not (place / "data").exists()


def test_a_log_that_has_no_place_is_refused_as_any_output_is(place: Path) -> None:
    told = run("--log-file", "none/run.log")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "error: none/run.log cannot be written: none does not exist: make this directory" in told.stderr
    with pytest.raises(click.BadParameter, match="File 'configs' is a directory"):
        run("--log-file", "configs")
    assert not (place / "data").exists()


# --- older Pythons ----------------------------------------------------------------------------------------------------

OLD = """
import runpy, sys
sys.version_info = (3, 9, 18, "final", 0)
runpy.run_module("scraper", run_name="__main__")
"""


def test_an_older_python_is_told_its_version_in_one_sentence() -> None:
    told = subprocess.run([sys.executable, "-c", OLD], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("error: scraper needs Python 3.11 or newer, and this is Python 3.9 (")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["__init__", "__main__"])
def test_what_an_older_python_reads_first_parses_there(module: str) -> None:
    ast.parse((ROOT / "scraper" / f"{module}.py").read_text(encoding="utf-8"), feature_version=(3, 7))
