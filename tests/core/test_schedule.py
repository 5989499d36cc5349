"""Timers of a job as text: the instants at which they start it are those that its nights need."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.schedule import KINDS, WORKER_KINDS, ScheduledJob, ScheduledWorker, Timing
from tests.examples import examples

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def scheduled(timing: Timing | None = None, **changed: object) -> ScheduledJob:
    values = {
        "name": "us-trends",
        "job": "configs/us-trends.toml",
        "base": "/srv/trends",
        "data": "/srv/trends/data",
        "shared": (),
        "shared_variables": (),
        "extras": (),
        "program": ("/srv/trends/.venv/bin/scraper",),
        "distribution": "scraper",
        "version": "0.1.0",
        "key_variables": ("CRAWLORA_API_KEY",),
        "timing": timing or Timing(),
    }
    return ScheduledJob(**{**values, **changed})  # type: ignore[arg-type]


def cron_starts(fields: str) -> set[int]:
    """The minutes of a week, from Monday on, at which cron starts a line; only of the forms that we write."""
    minutes, hours, _, _, weekdays = (_numbers(field, top) for field, top in zip(fields.split(), TOPS, strict=True))
    days = {day for day in range(7) if (day + 1) % 7 in weekdays}
    return {day * 1440 + hour * 60 + minute for day in days for hour in hours for minute in minutes}


TOPS = (60, 24, 1, 1, 7)


def _numbers(field: str, top: int) -> set[int]:
    if stepped := re.fullmatch(r"(\d+)-59/(\d+)", field):
        return set(range(int(stepped[1]), 60, int(stepped[2])))
    return set(range(top)) if field == "*" else {int(number) for number in field.split(",")}


def expected_starts(timing: Timing) -> set[int]:
    at = int(timing.starts_at / MINUTE)
    step = int(timing.step / MINUTE)
    return {(at + place * step) % 10_080 for place in range(10_080 // step)}


@given(
    st.sampled_from([10, 12, 15, 25, 30, 60, 120, 180, 300, 360, 720, 1440, 2160, 2880, 10_080, 14_400]),
    st.integers(0, 1439),
)
@examples(60)
def test_cron_starts_a_job_at_its_time_and_at_each_step_from_it(period_m: int, at_m: int) -> None:
    timing = Timing(period_m * MINUTE, at_m * MINUTE)
    assert timing.step <= timing.period
    assert timing.is_exact == (timing.step == timing.period)
    assert cron_starts(timing.cron()) == expected_starts(timing)


@given(st.sampled_from([15, 60, 360, 1440, 10_080]), st.integers(0, 1439), st.integers(-12 * 4, 14 * 4))
@examples(60)
def test_cron_in_another_zone_starts_a_job_at_the_same_instants(period_m: int, at_m: int, quarters: int) -> None:
    timing, zone = Timing(period_m * MINUTE, at_m * MINUTE), quarters * 15 * MINUTE
    local = cron_starts(timing.cron(zone))
    assert {(minute - int(zone / MINUTE)) % 10_080 for minute in local} == cron_starts(timing.cron())


@pytest.mark.parametrize(
    ("period", "cron", "calendar", "words"),
    [
        (10 * MINUTE, "5-59/10 * * * *", "*-*-* *:05/10:00 UTC", "every 10 minutes"),
        (HOUR, "15 * * * *", "*-*-* 00/1:15:00 UTC", "every hour"),
        (6 * HOUR, "15 2,8,14,20 * * *", "*-*-* 02/6:15:00 UTC", "every 6 hours, at 02:15 among them"),
        (DAY, "15 2 * * *", "*-*-* 02:15:00 UTC", "every day at 02:15"),
        (2 * DAY, "15 2 * * *", "*-*-* 02:15:00 UTC", "every day at 02:15"),
        (7 * DAY, "15 2 * * 1", "Mon *-*-* 02:15:00 UTC", "every Monday at 02:15"),
    ],
)
def test_a_period_is_written_as_cron_and_systemd_write_it(
    period: timedelta, cron: str, calendar: str, words: str
) -> None:
    timing = Timing(period)
    assert (timing.cron(), timing.on_calendar(), timing.words) == (cron, calendar, words)


@pytest.mark.parametrize("kind", KINDS)
def test_more_starts_than_nights_are_explained(kind: str) -> None:
    for period, explained in ((DAY, False), (2 * DAY, True)):
        text = "".join(file.content for file in KINDS[kind](scheduled(Timing(period))))
        assert ("More starts than nights" in text) is explained


def test_cron_says_by_which_clock_it_goes() -> None:
    (file,) = KINDS["cron"](scheduled(zone=timedelta(hours=5, minutes=30)))
    assert "every day at 02:15 UTC, which this machine's clock shows 5:30 h later today; cron goes by that clock" in (
        file.content
    )
    assert "\n45 7 * * * cd /srv/trends && flock " in file.content


@pytest.mark.parametrize("kind", KINDS)
def test_no_key_stands_in_a_file_but_its_variable_does(kind: str) -> None:
    files = KINDS[kind](scheduled())
    told = "".join(file.content + file.install for file in files)
    assert "CRAWLORA_API_KEY" in told


def scheduled_worker(**changed: object) -> ScheduledWorker:
    values = {
        "base": "/srv/trends",
        "configs": "/srv/trends/configs",
        "data": None,
        "program": ("/srv/trends/.venv/bin/scraper",),
        "version": "0.1.0",
        "key_variables": ("CRAWLORA_API_KEY", "KEYAPI_API_KEY"),
    }
    return ScheduledWorker(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", WORKER_KINDS)
def test_a_workers_unit_names_its_variables_and_leaves_room_for_an_orderly_end(kind: str) -> None:
    (file,) = WORKER_KINDS[kind](scheduled_worker())
    for variable in ("CRAWLORA_API_KEY", "KEYAPI_API_KEY", "SCRAPER_STATE"):
        assert variable in file.content + file.install
    assert re.search(r"(TimeoutStopSec=|terminationGracePeriodSeconds: )180", file.content)


def test_a_service_keeps_to_the_projects_state_unless_other_data_is_named() -> None:
    (file,) = WORKER_KINDS["systemd"](scheduled_worker())
    assert "ExecStart=/srv/trends/.venv/bin/scraper worker\n" in file.content
    (file,) = WORKER_KINDS["systemd"](scheduled_worker(data="/disk/50%"))
    assert "scraper worker --data /disk/50%%\n" in file.content
