"""The morning at 80 columns: a night that failed, one that was missed, one that is running."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from scraper.cli.display.status_jobs import overview_json, print_overview
from scraper.core.drift.findings import DriftKind, Finding
from scraper.core.events import RunStatus
from scraper.core.pagination import WalkState, Why
from scraper.ports import DriftRecord, PartialWalks
from scraper.wiring.status import JobStatus, Overview
from tests.cli.examples import (
    ACCOUNT,
    CLOSED_RUN,
    CLOSED_TOTALS,
    NOW,
    OPEN_RUN,
    OPEN_TOTALS,
    UNSAFE,
    dedent_page,
    rendered,
)
from tests.examples import examples

pytestmark = pytest.mark.own_instant

NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)
DAY = timedelta(days=1)
NEW = DriftRecord(
    "acme.boards", Finding(DriftKind.NEW, "data.list[].x", ""), 3, 9, NOW, NOW, OPEN_RUN.run_id, "k", OPEN_RUN.run_id
)
QUOTA = JobStatus(
    run=replace(OPEN_RUN, night_at=NIGHT, every_s=86_400, message="the day is spent. Go on: scraper run week"),
    totals=replace(OPEN_TOTALS, walks={WalkState.COMPLETE: 24, WalkState.EMPTY: 2, WalkState.NOT_ATTEMPTED: 3}),
    partial=[
        PartialWalks("acme.boards", WalkState.NOT_ATTEMPTED, Why.BUDGET, 3),
        PartialWalks("acme.posts", WalkState.TRUNCATED, Why.CLAMP, 1),
    ],
    rows=2_350,
    credits=536,
    runs=1,
    usual_rows=2_400,
    usual_credits=512,
    compared=7,
    missed=[],
    next_at=datetime(2026, 11, 22, tzinfo=UTC),
    job_words="week",
)
MISSED = JobStatus(
    run=replace(CLOSED_RUN, job="posts", run_id="posts-1", night_at=NIGHT - 5 * DAY, every_s=86_400),
    totals=CLOSED_TOTALS,
    partial=[],
    rows=605,
    credits=512,
    runs=1,
    usual_rows=600,
    usual_credits=512,
    compared=1,
    missed=[NIGHT - n * DAY for n in (4, 3, 2, 1)],
    next_at=NIGHT,
    job_words="configs/posts.toml",
)
RUNNING = replace(
    MISSED,
    run=replace(MISSED.run, job="videos", run_id="videos-1", status=RunStatus.OPEN, exit_code=None),
    missed=[],
    compared=0,
    usual_rows=None,
    usual_credits=None,
)
MORNING = Overview(
    [QUOTA, MISSED, RUNNING],
    [replace(CLOSED_RUN, job="old")],
    [(QUOTA.run, QUOTA.totals), (CLOSED_RUN, CLOSED_TOTALS)],
    [ACCOUNT],
    [NEW],
)


MORNING_AT_80 = dedent_page("""
    0 of 3 jobs ended well · 1 running · to look at: week, posts

    week  night of 2026-11-21 02:00 UTC  stopped by a quota
    run        week-20261121T021500Z-1f3a
    began      2026-11-21 02:15 UTC, took 4 min 22 s, exit code 7
    rows       2,350 (2,400 is the median of 7 nights before)
    credits    536 (512 is the median of 7 nights before) · 67 % of the run's 800 ·
               8 presumed · 16 reserved
    walks      26 of 29 walks complete, 2 of them empty
    missing    3 walks of acme.boards not attempted: budget
               1 walk of acme.posts truncated: the vendor's documented last page
    why        the day is spent.
    next       it can continue from 2026-11-22 00:00 UTC
    Go on: scraper run week

    posts  night of 2026-11-20 02:00 UTC  missed
    missed     4 nights without a run: … 2026-11-18 02:00 UTC, 2026-11-19 02:00 UTC,
               2026-11-20 02:00 UTC
    last run   posts-1
    its end    complete
    began      2026-11-21 02:15 UTC, took 12 s, exit code 0
    rows       605 (600 the night before)
    credits    512 (512 the night before) · 64 % of the run's 800
    walks      26 of 26 walks complete
    Go on: scraper run configs/posts.toml

    videos  night of 2026-11-16 02:00 UTC  running
    run        videos-1
    began      2026-11-21 02:15 UTC, took 12 s
    rows       605
    credits    512 · 64 % of the run's 800
    walks      26 of 26 walks complete

    new drift  acme.boards new: data.list[].x
               scraper drift shows all of it

    other runs
    run                         status    exit  charged  budget  rows
    ─────────────────────────────────────────────────────────────────
    week-20261120T021500Z-9d00  complete     0      512     800   605

    no longer run, and not missed: old since 2026-11-21 02:15 UTC

    acme/default  day: 520 of 5,000 (10 %) · 4,480 left · 8 unknown
                  month: 8,136 of 20,000 (41 %) · 11,864 left · 16 unknown
                  closed by the vendor until 2026-11-22 00:00 UTC
                  16 credits unknown: scraper reconcile settles them

    data       /p/data
""")


def test_the_morning_at_80_columns() -> None:
    shown = rendered(lambda console: print_overview(MORNING, {"data": "/p/data"}, "scraper run", console))
    assert shown == MORNING_AT_80


def test_one_job_needs_no_verdict_and_no_runs_are_said() -> None:
    assert rendered(lambda console: print_overview(Overview((), (), (), ()), {}, "scraper run", console)) == (
        "no runs yet\n\n"
    )
    alone = rendered(lambda console: print_overview(replace(MORNING, jobs=[QUOTA]), {}, "scraper run", console))
    assert alone.startswith("week  night of 2026-11-21 02:00 UTC  stopped")


def test_programs_get_the_morning_with_its_command_and_its_worst_code() -> None:
    content = overview_json(MORNING, "scraper run")
    assert content["worst_exit_code"] == 6
    assert [job["command"] for job in content["jobs"]] == ["scraper run week", "scraper run configs/posts.toml", None]
    assert content["jobs"][0]["partial"] == [
        {"endpoint": "acme.boards", "state": "not_attempted", "why": "budget", "walks": 3},
        {"endpoint": "acme.posts", "state": "truncated", "why": "clamp", "walks": 1},
    ]
    assert content["new_drift"] == [
        {
            "endpoint": "acme.boards",
            "kind": "new",
            "path": "data.list[].x",
            "detail": "",
            "first_at": "2026-11-21T02:15:00Z",
        }
    ]
    assert content["stopped"] == [{"job": "old", "run_id": CLOSED_RUN.run_id}]


def test_figures_of_a_night_of_several_runs_are_told_from_those_of_the_last_run() -> None:
    told = replace(MORNING, jobs=[replace(QUOTA, runs=3, credits=1_536)], runs=[], drift=[], accounts=[], stopped=[])
    page = rendered(lambda console: print_overview(told, {}, "scraper run", console), 200)
    spent = "3 runs, the last one spent 536 (67 % of the run's 800)"
    assert f"credits    1,536 (512 is the median of 7 nights before) · {spent}" in page


@examples(30)
@given(st.text(st.characters()), st.integers(20, 120))
def test_no_text_from_outside_moves_the_cursor(said: str, width: int) -> None:
    run = replace(QUOTA.run, job=said, run_id=said, message=said)
    job = replace(QUOTA, run=run, job_words=said, partial=[replace(QUOTA.partial[0], endpoint=said)])
    drift = replace(NEW, endpoint=said, finding=Finding(DriftKind.NEW, said, said))
    told = replace(
        MORNING, jobs=[job], runs=[], drift=[drift], accounts=[replace(ACCOUNT, account=said)], stopped=[run]
    )

    def show(console: Console) -> None:
        print_overview(told, {"data": said}, "scraper run", console)

    assert not set(rendered(show, width)) & set(UNSAFE)
