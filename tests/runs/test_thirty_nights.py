"""The short version of `tests.runs.thirty_nights`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.thirty_nights import NIGHTS, Night, no_start, plain, played
from tests.runs.told_project import Project

pytestmark = [pytest.mark.own_instant, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # Apprise's own
SHORT = ("the run's budget is spent", "the daily cap", "no key", "a slip in the job")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    pytest.importorskip("apprise")
    project = Project(tmp_path)
    yield project
    project.loopback.close()


def test_of_each_night_that_went_wrong_one_message_names_why(project: Project) -> None:
    nights = [
        *(night for night in NIGHTS if night.name in SHORT),
        Night("the machine is off", no_start, 0),
        Night("on again", plain, 0, [["missed", "1 night without a run: 2026-11-05 02:00 UTC"]]),
    ]
    assert {night.name: played(project, number, night) for number, night in enumerate(nights)} == {
        night.name: [] for night in nights
    }
    assert len(nights) == len(SHORT) + 2
