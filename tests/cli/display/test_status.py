"""Runs and accounts as they stand, for people and for programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from scraper.cli.display.status import (
    account_json,
    coverage_json,
    details_json,
    print_coverage,
    print_details,
    print_status,
    run_json,
    status_json,
)
from scraper.core.budget import Balance
from scraper.core.events import RunStatus
from scraper.core.pagination import Guard, WalkState, Why
from scraper.core.subscriptions import Subscription
from scraper.ports import AccountBalance, RunEnd, WalkRecord
from scraper.wiring.inspect import RunDetails
from tests.cli.examples import (
    ACCOUNT,
    CLOSED_RUN,
    CLOSED_TOTALS,
    ENDLESS_ACCOUNT,
    NOW,
    OPEN_RUN,
    OPEN_TOTALS,
    UNSAFE,
    dedent_page,
    rendered,
)

pytestmark = pytest.mark.own_instant

WALKS = [
    WalkRecord("a1", "acme.boards", '{"country": "US"}', WalkState.TRUNCATED, Why.CLAMP, 10, 1000, NOW, None),
    WalkRecord("b2", "acme.boards", '{"country": "GB"}', WalkState.NOT_ATTEMPTED, Why.BUDGET, 0, 0, None, None),
    WalkRecord(
        "c3",
        "acme.boards",
        '{"country": "JP"}',
        WalkState.COMPLETE,
        Why.END,
        1,
        100,
        NOW,
        "week-0",
        3,
        0,
        (Guard.TOTAL_GREW,),
    ),
]


def test_several_runs_and_the_accounts_at_80_columns() -> None:
    def show(console: Console) -> None:
        print_status([(OPEN_RUN, OPEN_TOTALS), (CLOSED_RUN, CLOSED_TOTALS)], [ACCOUNT, ENDLESS_ACCOUNT], console)

    assert rendered(show) == dedent_page("""
    run                         status    exit      charged  budget   rows
    ──────────────────────────────────────────────────────────────────────
    week-20261121T021500Z-1f3a  quota        7          512     800  2,350
                                                 8 presumed
                                                16 reserved
    week-20261120T021500Z-9d00  complete     0          512     800    605
    week-20261121T021500Z-1f3a can continue from 2026-11-22 00:00 UTC

    acme/default  plan starter
    day 2026-11-21         520 of 5,000 (10 %) · 4,480 left · 8 unknown
    month from 2026-11-14  8,136 of 20,000 (41 %) · 11,864 left · 16 unknown
    closed                 by the vendor until 2026-11-22 00:00 UTC

    acme/other  plan unpublished
    day 2026-11-21         2 used, no limit known
    month from 2026-11-01  9 used, no limit known
    assumed                requests_per_second, credits_per_month
""")


def test_one_run_is_told_in_full() -> None:
    assert rendered(lambda console: print_status([(OPEN_RUN, OPEN_TOTALS)], [], console)) == dedent_page("""
    week-20261121T021500Z-1f3a  stopped by a limit of the account or the vendor
    began      2026-11-21 02:15 UTC, took 4 min 22 s
    exit code  7
    credits    512 charged · 8 presumed · 16 reserved · 264 left of 800 (67 % spent)
    requests   66 sent: 64 ok · 2 retried
    walks      26 complete
    rows       hashtags 2,350
    resumable  from 2026-11-22 00:00 UTC
    message    the day is spent
""")


def test_a_run_that_was_superseded_says_by_which_and_keeps_its_reason() -> None:
    night_at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    run = replace(OPEN_RUN, night_at=night_at, superseded_by="week-20261122T021500Z-77aa")
    shown = rendered(lambda console: print_status([(run, OPEN_TOTALS)], [], console)).splitlines()
    assert shown[0] == "week-20261121T021500Z-1f3a  stopped by a limit of the account or the vendor"
    assert shown[2] == "night       from 2026-11-21 02:00 UTC"
    assert shown[-2:] == ["superseded  by week-20261122T021500Z-77aa", "message     the day is spent"]
    told = run_json(run, OPEN_TOTALS)
    assert (told["status"], told["exit_code"], told["superseded_by"], told["night_at"]) == (
        "quota", 7, "week-20261122T021500Z-77aa", "2026-11-21T02:00:00Z",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "words", "word"),
    [
        (RunStatus.OPEN, "running", "running"),
        (RunStatus.DIED, "its process died: killed, or the machine stopped", "died"),
    ],
)
def test_a_running_run_is_told_from_a_dead_one(status: RunStatus, words: str, word: str) -> None:
    run = replace(OPEN_RUN, status=status, exit_code=None, next_at=None, message="")
    shown = rendered(lambda console: print_status([(run, OPEN_TOTALS)], [], console)).splitlines()
    assert shown[0] == f"week-20261121T021500Z-1f3a  {words}"
    assert not any(line.startswith("exit code") for line in shown)
    assert (run_json(run, OPEN_TOTALS)["status"], run_json(run, OPEN_TOTALS)["exit_code"]) == (word, None)


def test_how_earlier_processes_of_a_run_ended_is_told_once() -> None:
    ends = [
        RunEnd(RunStatus.DIED, None, datetime(2026, 11, 21, 2, 30, tzinfo=UTC), None, ""),
        RunEnd(RunStatus.INTERRUPTED, 130, datetime(2026, 11, 21, 2, 40, tzinfo=UTC), None, "5 pages kept"),
        RunEnd(RunStatus.QUOTA, 7, datetime(2026, 11, 21, 3, tzinfo=UTC), OPEN_RUN.next_at, "the day is spent"),
    ]  # fmt: skip
    details = RunDetails(WALKS, ends)
    shown = rendered(lambda console: print_details(OPEN_RUN, details, console))
    assert shown.startswith(
        "earlier    died, noticed 2026-11-21 02:30 UTC\n"
        "           interrupted, exit code 130, ended 2026-11-21 02:40 UTC: 5 pages kept\n"
        "\n3 walks, 1 of them complete\n"
    )
    going_on = rendered(lambda console: print_details(replace(OPEN_RUN, status=RunStatus.OPEN), details, console))
    assert "           quota, exit code 7, ended 2026-11-21 03:00 UTC: the day is spent\n" in going_on
    assert details_json(details)["ends"][2] == {
        "status": "quota", "exit_code": 7, "ended_at": "2026-11-21T03:00:00Z", "next": "2026-11-22T00:00:00Z",
        "message": "the day is spent",
    }  # fmt: skip


def test_at_40_columns_runs_stand_one_below_the_other() -> None:
    def show(console: Console) -> None:
        print_status([(OPEN_RUN, OPEN_TOTALS), (CLOSED_RUN, CLOSED_TOTALS)], [], console)

    lines = rendered(show, 40).splitlines()
    assert max(map(len, lines)) <= 40
    assert [line for line in lines if line.startswith(("credits", "began"))] == [
        "began      2026-11-21 02:15 UTC, took 4",
        "credits    512 charged · 8 presumed · 16",
        "began      2026-11-21 02:15 UTC, took 12",
        "credits    512 charged · 288 left of 800",
    ]


def test_before_the_first_run_it_says_so() -> None:
    assert rendered(lambda console: print_status([], [], console)) == "no runs yet\n"


def test_coverage_names_the_walks_that_are_not_complete() -> None:
    assert "  kept     " in rendered(lambda console: print_coverage(WALKS, console), 30), "no column is squeezed"
    assert rendered(lambda console: print_coverage(WALKS, console)) == dedent_page("""
    3 walks, 1 of them complete
    walk                           state                       pages   rows
    ───────────────────────────────────────────────────────────────────────
    acme.boards {"country": "US"}  truncated: clamp               10  1,000
    acme.boards {"country": "GB"}  not attempted: budget           0      0
    acme.boards {"country": "JP"}  complete: end (total grew)      1    100
                                   3 rows listed twice
""")


def test_programs_get_the_same_as_plain_values() -> None:
    status = status_json([(OPEN_RUN, OPEN_TOTALS)], [ACCOUNT])
    run = status["runs"][0]
    assert (run["run_id"], run["status"], run["next"], run["ended_at"]) == (
        "week-20261121T021500Z-1f3a",
        "quota",
        "2026-11-22T00:00:00Z",
        None,
    )
    of_run = {"budget": 800, "charged": 512, "presumed": 8, "unknown": 0, "reserved": 16, "left": 264, "retried": 0}
    assert run["credits"] == of_run
    assert run["requests"] == {
        "sent": 66,
        "ok": 64,
        "empty": 0,
        "retried": 2,
        "refused": 0,
        "failed": 0,
        "lost": 0,
        "reused": 0,
    }
    assert status["accounts"] == [
        {
            "account": "acme/default",
            "plan": "starter",
            "day": {
                "from": "2026-11-21",
                "limit": 5000,
                "charged": 512,
                "presumed": 0,
                "unknown": 8,
                "reserved": 0,
                "adjusted": 0,
                "left": 4480,
            },
            "month": {
                "from": "2026-11-14",
                "limit": 20000,
                "charged": 8120,
                "presumed": 0,
                "unknown": 16,
                "reserved": 0,
                "adjusted": 0,
                "left": 11864,
            },
            "overage": {"credits": 0, "usd": "0"},
            "pace_percent": 100,
            "closed_until": "2026-11-22T00:00:00Z",
            "assumed": [],
        }
    ]


def test_a_limit_that_nobody_knows_is_null() -> None:
    month = account_json(ENDLESS_ACCOUNT)["month"]
    assert (month["limit"], month["left"]) == (None, None)


def test_coverage_for_programs_holds_every_walk() -> None:
    assert coverage_json(WALKS)[2] == {
        "walk_id": "c3",
        "endpoint": "acme.boards",
        "params": '{"country": "JP"}',
        "state": "complete",
        "why": "end",
        "pages": 1,
        "rows": 100,
        "repeats": 3,
        "gaps": 0,
        "notes": "total_grew",
        "snapshot_at": "2026-11-21T02:15:00Z",
        "reused_from": "week-0",
        "decided_again_at": None,
    }


@settings(deadline=None)  # whole pages a case
@given(st.text(st.characters()), st.integers(20, 120))
def test_no_text_from_outside_moves_the_cursor(said: str, width: int) -> None:
    run = replace(OPEN_RUN, message=said, run_id=said)
    totals = replace(OPEN_TOTALS, rows={said: 1})

    def show(console: Console) -> None:
        print_status([(run, totals)], [replace(ACCOUNT, account=said)], console)
        print_status([(run, totals)] * 2, [], console)
        print_coverage([replace(WALKS[0], params=said)], console)

    assert not set(rendered(show, width)) & set(UNSAFE)


def test_overage_and_what_the_console_said_are_told() -> None:
    subscription = Subscription(
        "starter",
        credits_per_month=1000,
        overage_usd_per_1000=Decimal("0.75"),
        overage=True,
        max_overage_usd=Decimal("1.50"),
    )
    month = Balance(charged=1900, adjusted=100)
    account = AccountBalance("acme/default", subscription, "2026-11-21", Balance(), "2026-11-01", month, None)
    shown = rendered(lambda console: print_status([], [account], console))
    assert "overage                1,000 credits, $0.75" in shown
    assert "2,000 of 3,000 (67 %) · 1,000 left · +100 by the vendor's own figures" in " ".join(shown.split())
    assert account_json(account)["overage"] == {"credits": 1000, "usd": "0.75"}
