"""The words of a message, and which nights deserve one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scraper.core.events import Ending, RunResult, RunStatus
from scraper.core.notify import (
    MOST_CHARACTERS,
    NoticeLevel,
    level_of,
    missed_notice,
    notice_of,
    ping_url,
    without_secrets,
)

COMMAND = "scraper run configs/us.toml"


def result(status: RunStatus = RunStatus.COMPLETE, message: str = "", warnings: tuple[str, ...] = ()) -> RunResult:
    return RunResult(
        run_id="us-20261121T021500Z-1f3a",
        job="us",
        status=status,
        budget=800,
        charged=512,
        presumed=0,
        unknown=8,
        requests={Ending.OK: 64, Ending.LOST: 1},
        reused=0,
        walks={"complete": 26, "truncated": 0, "failed": 1},
        rows={"hashtags": 600, "posts": 1750},
        elapsed_s=262.1,
        message=message,
        warnings=warnings,
    )


def test_a_message_names_job_run_status_reason_exit_code_credits_rows_and_what_goes_on() -> None:
    reason = "crawlora: the day's limit is reached. 64 pages are kept"
    notice = notice_of(result(RunStatus.QUOTA, reason), {"hashtags": 580, "posts": 2000}, COMMAND)
    assert notice.level is NoticeLevel.FAILURE
    assert notice.title == "scraper: us: quota"
    code = RunStatus.QUOTA.exit_code
    assert notice.body.splitlines() == [
        reason,
        f"run us-20261121T021500Z-1f3a, quota, exit code {code}",
        "512 charged, 8 unknown of 800 credits; 65 requests in 262 s",
        "rows, compared with the night before: hashtags 600 (+20), posts 1,750 (-250)",
        "walks: 26 complete, 1 failed",
        f"next: {COMMAND}",
    ]


def test_the_command_that_goes_on_is_named_once() -> None:
    body = notice_of(result(RunStatus.QUOTA, f"the day is used. Go on: {COMMAND}"), None, COMMAND).body
    assert body.count(COMMAND) == 1
    assert "rows: hashtags 600, posts 1,750 (its first night)" in body


@pytest.mark.parametrize("status", RunStatus)
def test_a_night_went_well_if_it_is_complete_or_its_own_budget_is_spent(status: RunStatus) -> None:
    well = status in {RunStatus.COMPLETE, RunStatus.BUDGET}
    assert level_of(result(status)) is (NoticeLevel.SUCCESS if well else NoticeLevel.FAILURE)
    warned = level_of(result(status, warnings=("8 credits are unknown",)))
    assert warned is (NoticeLevel.WARNING if well else NoticeLevel.FAILURE)


def test_a_note_on_the_choice_of_a_run_makes_no_night_bad() -> None:
    note = "run us-1 is not continued (ended as quota): it belongs to an earlier night"
    well = replace(result(warnings=(note,)), notes=(note,))
    assert level_of(well) is NoticeLevel.SUCCESS
    assert level_of(replace(well, warnings=(note, "8 credits are unknown"))) is NoticeLevel.WARNING


def test_a_timer_of_a_one_off_job_that_is_done_went_wrong() -> None:
    notice = notice_of(replace(result(), asks=True), None, COMMAND)
    assert (notice.level, notice.title) == (NoticeLevel.FAILURE, "scraper: us: nothing to do")
    assert "exit code 2" in notice.body
    assert notice.body.endswith(f"next: {COMMAND}")


def test_after_a_good_night_the_next_command_shows_it() -> None:
    assert notice_of(result(), None, COMMAND).body.endswith("next: scraper status us-20261121T021500Z-1f3a")


def test_missed_nights_are_named_the_last_ones_first_to_be_kept() -> None:
    nights = [datetime(2026, 11, day, 2, tzinfo=UTC) for day in range(1, 11)]
    body = missed_notice("us", nights, "scraper status").body
    assert body.startswith("10 nights without a run: … 2026-11-04 02:00 UTC, ")
    assert "2026-11-10 02:00 UTC\nno run, nothing was spent" in body


def test_a_message_is_no_longer_than_services_allow() -> None:
    notice = notice_of(result(warnings=("x" * 500,) * 40), None, COMMAND)
    assert len(notice.body) == MOST_CHARACTERS
    few = notice_of(result(warnings=("odd",) * 12), None, COMMAND)
    assert few.body.count("warning: odd") == 10
    assert "and 2 more warnings: scraper status us-20261121T021500Z-1f3a" in few.body


@pytest.mark.parametrize(
    ("url", "end", "expected"),
    [
        ("https://hc.test/uuid", "", "https://hc.test/uuid"),
        ("https://hc.test/uuid", "start", "https://hc.test/uuid/start"),
        ("https://hc.test/uuid/?create=1", "fail", "https://hc.test/uuid/fail?create=1"),
    ],
)
def test_a_pings_end_is_a_part_of_its_path(url: str, end: str, expected: str) -> None:
    assert ping_url(url, end) == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:word@hc.test:8000/0b7c?token=x", "https://hc.test/…"),
        ("slack://tokenA/tokenB/tokenC", "slack://…"),
        ("mailto://me:word@mail.test", "mailto://…"),
        ("https://[broken", "https:///…"),
    ],
)
def test_nothing_of_a_url_that_may_be_a_secret_is_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
