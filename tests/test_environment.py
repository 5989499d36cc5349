"""The tests are the same in every shell."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.clock import ShiftedClock, begins_at
from tests.environment import scrub


@pytest.mark.parametrize(
    "name",
    [
        "SCRAPER_DATA",
        "SCRAPER_CONFIGS",
        "FORCE_COLOR",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "LINES",
        "LANG",
        "LC_NUMERIC",
        "PYTHONIOENCODING",
        "PYTHONUTF8",
        "PYTHONDONTWRITEBYTECODE",
        "CRAWLORA_API_KEY",
        "GITHUB_TOKEN",
        "https_proxy",
        "NO_PROXY",
    ],
)
def test_a_variable_that_the_program_or_its_libraries_read_is_not_there(name: str) -> None:
    environment = {name: "1", "PATH": "/bin"}
    scrub(environment)
    fixed = {"TERM": "xterm-256color", "TZ": "UTC", "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": "/nobody/config"}
    assert environment == {"PATH": "/bin", **fixed}
    assert name not in os.environ


def test_the_programs_clock_is_the_suites_in_every_process() -> None:
    told = "from tests.clock import ShiftedClock; print(ShiftedClock().now().isoformat())"
    before = ShiftedClock().now()
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert begins_at() <= before <= datetime.fromisoformat(ended.stdout.strip()) <= ShiftedClock().now()


def test_a_clock_can_begin_at_an_instant_of_its_own() -> None:
    moment = datetime(2028, 2, 29, tzinfo=UTC)
    assert ShiftedClock(moment).now() > moment
