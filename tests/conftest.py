"""The suite's environment and clock, set before anything reads them; and nothing is left behind in the checkout."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from tests.clock import NOON, set_clock
from tests.environment import hear_hangups, keep_bytecode, prefer_memory, scrub, set_zone
from tests.examples import OF_THE_SUITE

scrub(os.environ)
prefer_memory(os.environ)
keep_bytecode()

hear_hangups()
set_zone("UTC")
# Neither a loaded machine nor one that hypothesis takes for CI changes what is tried.
settings.register_profile("tests", deadline=None, max_examples=OF_THE_SUITE)
settings.load_profile("tests")

ROOT = Path(__file__).parents[1]
_TOOLS = {".git", ".venv", "__pycache__", ".hypothesis"}
"""Git's own, the venv, and the caches of the tools that run the tests (`.*_cache` as well)."""
_BEFORE = pytest.StashKey[Mapping[str, int]]()
_LEFT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scraper")
    group.addoption("--clock", default=NOON.isoformat(), help="instant at which the program's own clock begins")
    group.addoption("--tz", default="UTC", help="local time zone of the tests")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if _is_worker(config):
        atexit.register(_leave)
    else:
        config.add_cleanup(gc.unfreeze)  # registered first, it comes after pytest's own last collections
    set_zone(config.getoption("--tz"))
    if not _is_worker(config):  # else the workers of pytest-xdist would begin anew, each at its own time
        set_clock(config.getoption("--clock"))


def pytest_sessionstart(session: pytest.Session) -> None:
    if not _is_worker(session.config):
        session.config.stash[_BEFORE] = _files()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave modules and collected tests out of garbage collection, from the first one on.

    Looking at them was a fifth of the time of their import, and later a tenth of the tests' own.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A file that the tests have left in the checkout fails the run: they write into temporary directories only."""
    before = session.config.stash.get(_BEFORE, None)
    if before is not None:
        left = [name for name, changed_at in sorted(_files().items()) if _is_news(name, changed_at, before)]
        session.config.stash[_LEFT] = left
        if left:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left = terminalreporter.config.stash.get(_LEFT, [])
    if left:
        terminalreporter.section("written into the checkout", red=True)
        terminalreporter.line("Tests write into temporary directories only. Written while they ran:")
        for name in left:
            terminalreporter.line(f"  {name}")


def _leave() -> None:
    """End a worker of pytest-xdist, which has told all: to take apart what it has loaded would take two seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_news(name: str, changed_at: int, before: Mapping[str, int]) -> bool:
    """Outside `data` a developer may edit a file while the tests run."""
    return name not in before or (Path(name).parts[0] == "data" and before[name] != changed_at)


def _files() -> dict[str, int]:
    """Every file of the checkout, and when it was last changed."""
    found = {}
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in _TOOLS and not name.endswith("_cache")]
        for name in files:
            path = Path(directory) / name
            found[str(path.relative_to(ROOT))] = path.stat().st_mtime_ns
    return found
