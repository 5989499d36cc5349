"""Which nights are due to a worker, how tasks are stored, and what the end of a task means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.fleet import (
    MOST_ATTEMPTS,
    Again,
    Finished,
    FleetTask,
    GivenUp,
    TaskKind,
    due_night,
    night_number,
    task_of,
    verdict_of,
)
from scraper.core.nights import DAY, Every, LastRun, night_of
from tests.examples import examples

TWO = datetime(2026, 11, 21, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT_TWO = Every(DAY, "day", 2 * HOUR)
ANYTIME = Every(DAY, "day")
RUN = FleetTask(TaskKind.RUN, "night", ("crawlora/default", "keyapi/default"), 3, TWO)


def ran(night: datetime, after: timedelta = 5 * MINUTE) -> LastRun:
    return LastRun(night, night + after)


def test_a_night_is_due_once_it_has_begun_and_until_it_has_a_run() -> None:
    yesterday = ran(TWO - DAY)
    assert due_night(AT_TWO, TWO - MINUTE, yesterday) is None
    due = due_night(AT_TWO, TWO, yesterday)
    assert due is not None
    assert due.begins_at == TWO
    assert due_night(AT_TWO, TWO + HOUR, ran(TWO)) is None


def test_a_job_that_never_ran_is_due_in_the_night_that_has_begun() -> None:
    due = due_night(AT_TWO, TWO + 20 * HOUR, None)
    assert due is not None
    assert due.begins_at == TWO
    assert due_night(AT_TWO, TWO + DAY - MINUTE, None) is None, "a run now would be that of the coming night"


@given(
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.timedeltas(timedelta(0), timedelta(hours=23)),
    st.sampled_from([AT_TWO, ANYTIME, Every(6 * HOUR, "6h"), Every(7 * DAY, "week", HOUR), Every(HOUR, "hour", HOUR)]),
)
@examples(100)
def test_a_due_night_is_the_one_that_the_run_will_belong_to(since: timedelta, late: timedelta, every: Every) -> None:
    last = LastRun(TWO, TWO + min(late, every.period / 2))
    now = TWO + since
    due = due_night(every, now, last)
    if due is not None:
        assert due == night_of(every, now, last)
        assert due.begins_at <= now
        later = due.begins_at + (due.ends_at - due.begins_at) / 2
        if later > now:
            after = due_night(every, later, LastRun(due.begins_at, now))
            assert after is None, "with its run, it is not due again"


def test_workers_that_look_at_different_instants_agree_on_the_number_of_a_night() -> None:
    for every, last in ((AT_TWO, ran(TWO - DAY)), (ANYTIME, ran(TWO - DAY)), (ANYTIME, None), (AT_TWO, None)):
        numbers = set()
        for minutes in range(0, 60, 7):
            night = due_night(every, TWO + HOUR + minutes * MINUTE, last)
            assert night is not None
            numbers.add(night_number(every, night, last))
        assert len(numbers) == 1
    following = due_night(AT_TWO, TWO + DAY, ran(TWO))
    assert following is not None
    assert night_number(AT_TWO, following, ran(TWO)) == int((TWO + DAY).timestamp())


def test_a_task_is_read_as_it_was_stored() -> None:
    compaction = FleetTask(TaskKind.COMPACT, partition="vendor=crawlora/date=2026-11-21")
    rebuild = FleetTask(TaskKind.REBUILD, table="hashtags", partition="vendor=my-vendor/date=2026-11-21")
    for task in (RUN, replace(RUN, night_at=None), compaction, rebuild, FleetTask(TaskKind.REBUILD)):
        assert task_of(task.to_json()) == task
    assert [task.title for task in (RUN, rebuild)] == ["night", "rebuild hashtags vendor=my-vendor/date=2026-11-21"]


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "sql"},
        {"table": "--data"},
        {"table": "a b"},
        {"partition": "vendor=x' OR true --/date=2026-11-21"},
        {"partition": "vendor=x/date=2026-11-21' OR '1"},
    ],
)
def test_a_stored_task_can_smuggle_no_words_into_a_command(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        task_of({**RUN.to_json(), **changed})


def test_the_heaviest_job_is_taken_first_and_upkeep_last() -> None:
    heavy, light = replace(RUN, weight=5), replace(RUN, weight=1)
    assert heavy.priority > light.priority > FleetTask(TaskKind.COMPACT).priority
    assert replace(RUN, weight=10**12).priority < 2**31


@pytest.mark.parametrize("code", [0, 3, 6, 7])
def test_a_nights_own_word_ends_its_task(code: int) -> None:
    assert verdict_of(code, 0) == verdict_of(code, 99, stopping=True) == Finished()


@pytest.mark.parametrize("code", [1, 2, 4])
def test_what_needs_a_person_is_not_tried_again(code: int) -> None:
    assert verdict_of(code, 0) == GivenUp()


@pytest.mark.parametrize("code", [5, 130, -9, -15])
def test_what_may_be_the_hosts_is_tried_again_later_each_time_and_at_last_given_up(code: int) -> None:
    waits = []
    for attempts in range(MOST_ATTEMPTS - 1):
        verdict = verdict_of(code, attempts)
        assert isinstance(verdict, Again)
        assert verdict.counts
        waits.append(verdict.wait)
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=15)
    assert 3 * HOUR < sum(waits, timedelta()) < 6 * HOUR
    assert verdict_of(code, MOST_ATTEMPTS - 1) == GivenUp()


@pytest.mark.parametrize("code", [130, -15, -9])
def test_a_worker_that_stops_hands_its_runs_on_at_once_and_that_is_no_attempt(code: int) -> None:
    assert verdict_of(code, 99, stopping=True) == Again(timedelta(0), "interrupted", counts=False)


def test_a_one_off_job_goes_on_when_its_quota_does() -> None:
    verdict = verdict_of(7, 99, is_one_off=True, next_at=TWO + HOUR, now=TWO)
    assert verdict == Again(HOUR, "its quota is spent until then", counts=False)
    assert verdict_of(7, 0, is_one_off=True, now=TWO) == Finished()
