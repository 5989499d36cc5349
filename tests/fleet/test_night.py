"""One night of a fleet in real processes: two workers, of which one is killed in mid-run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fleet.fleets import database_url
from tests.fleet.nights import FleetProject, NightJob, night_of


def test_a_night_is_whole_although_the_worker_that_ran_it_was_killed(tmp_path: Path) -> None:
    """Its run ends in order with it, another worker goes on, and each page is bought once."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("children are found in /proc")
    jobs = [NightJob("one", "crawlora", ("US", "GB", "JP", "DE"))]
    project = FleetProject(tmp_path, database_url(), jobs, requests_per_minute=240)
    try:
        arrived = list[str]()
        project.vendors.arrived = arrived.append
        first = project.start("--lost-after", "3")
        while len(arrived) < 2:
            assert first.poll() is None, project.log()
            time.sleep(0.01)
        project.start("--lost-after", "3")
        project.kill(first.pid)
        project.await_night(night_of(0))
        (run,) = project.runs()
        assert run.committed == project.spent("crawlora", "charged") == project.vendors.charged("crawlora") == 32
        assert len(arrived) == 4
        assert "one: begins (attempt 2)" in project.log()
    finally:
        project.close()
