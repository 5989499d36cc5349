"""What a person reads of a plan and of a result, whole."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from scraper.cli.display.plan import print_plan
from scraper.cli.display.run import STATUS_WORDS, first_query, print_result
from scraper.core import planning
from scraper.core.events import RunStatus
from scraper.core.jobs import Job
from scraper.core.planning import Day, Known, Plan
from tests.cli.examples import ENDLESS_ACCOUNT, JOB, RESULT, UNSAFE, dedent_page, rendered

pytestmark = pytest.mark.own_instant

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


NIGHTS = (Day("2026-11-21", 496, 62), Day("2026-11-22", 496, 62), Day("2026-11-23", 208, 26))


def plan(job: Job) -> Plan:
    return planning.plan(job, Known(NOON))


def shown_plan(planned: Plan, width: int = 80) -> str:
    return rendered(lambda console: print_plan(planned, JOB, console), width)


def test_a_plan_at_80_columns() -> None:
    assert shown_plan(plan(JOB)) == dedent_page("""
    Plan of week

    crawl        walks  requests  credits     rows  basis
    ──────────────────────────────────────────────────────────
    acme.boards      3         3       24      300  assumed
                            3–30   24–240  0–3,000
    posts           20        60      480    1,800  assumed
    acme.posts    0–20      0–60    0–480  0–1,800

    total           23        63      504    2,100
                  3–23      3–90   24–720  0–4,800

    budget     800 credits: fits, likely 296 left
    credits    likely 504 in 63 requests, at most 720 with each page bought once
    rows       hashtags about 300 (0–3,000)
               posts about 1,800 (0–1,800)
    time       about 4 min 9 s at the plan's rate (9 s – 5 min 57 s)
    disk       about 2.1 MB
    account    acme/default, plan starter: 15 requests a minute, 5,000 credits a
               day, 20,000 credits a month
    note       acme.boards: It may go soon.
    note       acme.posts is no longer in acme's catalogue (known since 2026-11-01)
               and may answer 404; no successor is known
""")


def test_a_plan_at_40_columns() -> None:
    assert shown_plan(plan(JOB), 40) == dedent_page("""
    Plan of week

    crawl      acme.boards
               walks 3
               requests about 3 (3–30)
               credits about 24 (24–240)
               rows about 300 (0–3,000),
               assumed
    crawl      posts
               acme.posts
               walks about 20 (0–20)
               requests about 60 (0–60)
               credits about 480 (0–480)
               rows about 1,800 (0–1,800),
               assumed

    budget     800 credits: fits, likely 296
               left
    credits    likely 504 in 63 requests, at
               most 720 with each page
               bought once
    rows       hashtags about 300 (0–3,000)
               posts about 1,800 (0–1,800)
    time       about 4 min 9 s at the plan's
               rate (9 s – 5 min 57 s)
    disk       about 2.1 MB
    account    acme/default, plan starter:
               15 requests a minute, 5,000
               credits a day, 20,000 credits
               a month
    note       acme.boards: It may go soon.
    note       acme.posts is no longer in
               acme's catalogue (known since
               2026-11-01) and may answer
               404; no successor is known
""")


def test_a_plan_that_does_not_fit_says_by_how_much_and_what_is_dropped() -> None:
    short = plan(replace(JOB, budget=200))
    lines = shown_plan(replace(short, calendar=NIGHTS, overage_usd=Decimal("1.5"))).splitlines()
    told = ("budget", "credits  ", "dropped", "nights", "           begun", "overage")
    assert [line for line in lines if line.startswith(told)] == [
        "budget     200 credits: does not fit, likely 304 short",
        "credits    likely 200 in 25 requests, at most 200 with each page bought once",
        "nights     3 nights: 496 + 496 + 208 credits; done 2026-11-21 12:01 UTC, if",
        "           begun now",
        "overage    $1.50 past the month's credits",
        "dropped    posts: page 2 of the last 18 walks, page 3: 38 of 60 requests",
    ]


def test_a_limit_that_nobody_documents_is_called_assumed() -> None:
    account = replace(JOB.accounts["acme"], subscription=ENDLESS_ACCOUNT.subscription)
    job = replace(JOB, accounts={"acme": account})
    assert (
        "account    acme/default, plan unpublished: 1 request a second (assumed), no\n"
        "           credits a month known (assumed)\n"
    ) in rendered(lambda console: print_plan(plan(job), job, console))


def test_a_result_at_80_columns() -> None:
    assert rendered(lambda console: print_result(RESULT, console, "/srv/my data")) == dedent_page("""
    week-20261121T021500Z-1f3a  stopped at the run's budget

    credits    780 charged · 8 presumed · 8 unknown · 4 left of 800 (99 % spent)
    requests   67 sent: 64 ok · 2 retried · 1 lost · 12 pages reused
    walks      26 complete · 1 truncated · 3 not attempted
    rows       hashtags 600 · posts 1,750
    time       4 min 22 s
    archive    /srv/my data/archive
    note       acme.boards: 2 walks end at the vendor's documented clamp [bold]

    budget reached: 796 of 800 credits spent, the next page costs 8. 64 pages are
    kept.
    Go on: scraper run configs/week.toml --resume --budget 1200

    Look:  scraper sql --data '/srv/my data' "SELECT country, hashtag_name, video_views FROM hashtags ORDER BY video_views DESC LIMIT 10"
""")  # noqa: E501 - a command is never broken


def test_what_the_sandbox_charged_stands_beside_what_the_ledger_says() -> None:
    played = replace(RESULT, sandbox_charged={"acme": 1796})
    assert "sandbox    acme charged 1,796\n" in rendered(lambda console: print_result(played, console, "data"))


def test_a_result_without_rows_or_message_ends_with_its_figures() -> None:
    bare = replace(RESULT, status=RunStatus.QUOTA, rows={"posts": 0}, message="", warnings=())
    bare = replace(bare, next_at=datetime(2026, 11, 22, tzinfo=UTC))
    assert rendered(lambda console: print_result(bare, console, "data")).splitlines()[-3:] == [
        "time       4 min 22 s",
        "resumable  from 2026-11-22 00:00 UTC",
        "archive    data/archive",
    ]


def test_a_long_row_of_equal_nights_is_told_once_and_a_plan_without_end_is_called_so() -> None:
    many = tuple(Day(f"2027-01-{day:02}", 496 if day < 20 else 80, 62) for day in range(1, 21))
    assert "nights     20 nights: 19 × 496 + 80 credits; done" in shown_plan(replace(plan(JOB), calendar=many))
    assert "nights     no end" in shown_plan(replace(plan(JOB), done_at=None))


def test_where_each_figure_comes_from_can_be_asked_for() -> None:
    explained = rendered(lambda console: print_plan(plan(JOB), JOB, console, explain=True))
    assert "acme.boards  3 walks (3 country)\n" in explained
    assert "posts        0–20 parents from acme.boards, the best 20 of all boards; no board\n" in explained


@pytest.mark.parametrize("status", list(RunStatus))
def test_every_status_has_its_words(status: RunStatus) -> None:
    shown = rendered(lambda console: print_result(replace(RESULT, status=status), console, "data"))
    assert shown.startswith(f"{RESULT.run_id}  {STATUS_WORDS[status]}\n")


def test_a_first_query_is_ready_for_a_shell_and_for_duckdb() -> None:
    for table in ("hashtags", "creators", "videos", "posts", "things", 'odd "$name`'):
        words = shlex.split(first_query(table, "my $data"))
        assert words[:4] == ["scraper", "sql", "--data", "my $data"]
        assert duckdb.extract_statements(words[4])
    assert first_query("things", "data") == 'scraper sql "SELECT * FROM things LIMIT 10"'


@settings(deadline=None)  # whole pages a case
@given(st.text(st.characters()), st.integers(20, 120))
def test_no_text_from_outside_is_markup_or_moves_the_cursor(said: str, width: int) -> None:
    said = f"[red]{said}[/]"
    planned = replace(plan(JOB), job=said, dropped=(said,), warnings=(said,))
    result = replace(RESULT, message=said, warnings=(said,), rows={said: 1})

    def show(console: Console) -> None:
        print_plan(planned, JOB, console)
        print_result(result, console, said)

    shown = rendered(show, width)
    assert not set(shown) & set(UNSAFE)
    assert shown.count("[red]") >= 3 or width < 60
