"""The process stops right before and right after every kind of step of ledger and archive, and another one goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.runs.crash_points import RARE_STEPS, REQUESTS, STEPS, Whole, instants, stopped_and_gone_on, whole_run

pytestmark = pytest.mark.own_instant


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run that nobody stopped, to hold the others against."""
    return asyncio.run(whole_run(tmp_path_factory.mktemp("whole")))


def test_every_step_of_a_run_is_one_at_which_it_is_stopped_here(whole: Whole) -> None:
    assert set(whole.steps) - RARE_STEPS == set(STEPS)
    assert whole.steps["reserve"] == whole.steps["settle"] == REQUESTS
    assert {death.step for step in STEPS for death in instants(step, whole.steps[step])} == set(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_died_at_a_step_should_resume_to_the_same_rows(tmp_path: Path, whole: Whole, step: str) -> None:
    stopped_and_gone_on(tmp_path, instants(step, whole.steps[step]), whole)
