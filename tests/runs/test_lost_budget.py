"""A budget that is unknown as a whole, and the command that settles it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.events import RunStatus
from scraper.runs.results import reconcile_command
from scraper.wiring.files import load_job
from tests.runs.harness import Bench, on_bench
from tests.runs.mortal import Instant, Life, live
from tests.runs.test_adopt import JOB, lose


def test_a_budget_that_a_lost_ledger_may_have_spent_names_what_settles_it(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        path = made.write_job(JOB, budget=16)
        job, catalogue = load_job(path)
        assert await live(made, job, catalogue, Life(Instant("settle", 1, after=True))) is None
        lose(made.data)
        told = await made.run(path)
        assert (told.status, told.unknown, sum(told.rows.values())) == (RunStatus.BUDGET, 16, 0)
        assert "16 of these credits are unknown (sent and never answered, or lost with a ledger)" in told.message
        assert "until they are settled: scraper reconcile night.toml." in told.message

    on_bench(tmp_path, use)


@pytest.mark.parametrize(
    ("command", "settles"),
    [
        ("scraper run night", "scraper reconcile night"),
        (
            "scraper run 'my night.toml' --sandbox --seed 3 --data d --vendor-url a=http://127.0.0.1:1/ --allow-host h",
            "scraper reconcile 'my night.toml' --sandbox --data d --vendor-url a=http://127.0.0.1:1/ --allow-host h",
        ),
        ("python -m scraper run night --data run", "python -m scraper reconcile night --data run"),
        ("load('night').run()", "scraper reconcile JOB"),
    ],
)
def test_the_command_that_settles_uses_the_same_data_and_vendors(command: str, settles: str) -> None:
    assert reconcile_command(command) == settles
