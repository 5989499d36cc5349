"""How often a job is repeated, as its file says it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError
from scraper.core.jobs import Job
from scraper.io.config_files.job_files import read_job
from tests.core.builders import CATALOGUE


def job_of(directory: Path, stated: str) -> Job:
    budget = "" if "budget" in stated else "budget = 800\n"
    path = directory / "week.toml"
    path.write_text(f'name = "week"\n{budget}{stated}\n[[crawl]]\nendpoint = "crawlora.hashtags"\n')
    return read_job(path, CATALOGUE)


@pytest.mark.parametrize(
    ("stated", "period", "starts_at"),
    [
        ('every = "hour"', timedelta(hours=1), None),
        ('every = "6h"\nstarts_at = "01:30"', timedelta(hours=6), timedelta(hours=1, minutes=30)),
        ('every = "day"\nstarts_at = "02:00"', timedelta(days=1), timedelta(hours=2)),
        ('every = "2d"\nstarts_at = "23:59"', timedelta(days=2), timedelta(hours=23, minutes=59)),
        ('every = "week"', timedelta(days=7), None),
    ],
)
def test_a_job_says_how_often_it_is_repeated_and_when_its_nights_begin(
    tmp_path: Path, stated: str, period: timedelta, starts_at: timedelta | None
) -> None:
    every = job_of(tmp_path, stated).every
    assert every is not None
    assert (every.period, every.starts_at) == (period, starts_at)


@pytest.mark.parametrize(
    ("stated", "fault"),
    [
        (
            'every = "dayly"',
            """every: 'dayly' is not a period like "hour", "day", "week", "6h" or "2d"; did you mean 'day'?""",
        ),
        ('every = "1m"', "every: '1m' is not between 10 minutes and 366 days"),
        ('every = "day"\nstarts_at = "24:00"', "starts_at: '24:00' is not a time of day (UTC) like \"02:00\""),
        (
            'every = "5h"\nstarts_at = "02:00"',
            "starts_at: needs a period of whole days or an even part of a day, and '5h' is neither: leave it out, "
            "or change every",
        ),
        (
            'starts_at = "02:00"',
            'starts_at: says when a night begins, and a one-off job has none: state every = "day" as well, or leave it '
            "out",
        ),
        (
            'resume_within = "24h"',
            "resume_within: is no longer a key: leave it out. The open run of a one-off job continues until it is "
            'complete; for a repeated job, state how often, as in every = "day"',
        ),
        (
            'budget = "auto"',
            'budget: "auto" divides the month among nights, and a one-off job has none: state every = "day"',
        ),
    ],
)  # fmt: skip
def test_a_fault_of_the_nights_says_what_to_write(tmp_path: Path, stated: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        job_of(tmp_path, stated)
    assert str(failure.value) == f"{tmp_path / 'week.toml'}: {fault}"
