"""``scraper account``: what a person sees of a locked account, and ends."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.commands.account import account as command
from scraper.cli.display.account import account_rows, accounts_json, lifted_sentence, print_accounts
from scraper.core.clock_gap import ClockGap
from scraper.ports import AccountLift, AccountState, LockKind
from tests.cli.examples import ACCOUNT, ENDLESS_ACCOUNT, NOW, dedent_page, rendered
from tests.clock import ShiftedClock, begins_at
from tests.docs.place import Said, said

DAY = timedelta(days=1)
JOB = """
name = "night"
budget = 40
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US" }
max_pages = 1
"""
OPEN = AccountState(ENDLESS_ACCOUNT, NOW + DAY, NOW + 10 * DAY, None, "", None, ())
LIFTED = AccountLift(LockKind.PAUSE, "until 2036-11-21 02:15 UTC", NOW - DAY, "ann@laptop")
GAP = ClockGap("acme/default", NOW, 12, NOW + 400 * DAY, NOW + 400 * DAY, NOW - DAY)
LOCKED = AccountState(ACCOUNT, NOW + DAY, NOW + 10 * DAY, NOW + DAY, "", GAP, (LIFTED,))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "night.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def at(days: float, *words: str) -> Said:
    """What the program says on that day after the tests' own."""
    return said(words, ShiftedClock(begins_at() + timedelta(days=days)))


def accounts(days: float, *words: str) -> list[dict[str, Any]]:
    told = at(days, "account", *words, "--sandbox", "--format", "json")
    assert told.exit_code == 0, told.stderr
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def test_a_run_under_a_clock_400_days_ahead_locks_nothing_that_a_word_does_not_lift(place: Path) -> None:
    run = ("run", "configs/night.toml", "--sandbox", "--new", "--format", "json")
    assert [at(days, *run).exit_code for days in (0, 400)] == [0, 0]
    refused = json.loads(at(1, *run).stdout)
    assert (refused["status"], refused["requests"]["sent"]) == ("quota", 0)
    assert "the clock was about 399 days ahead when that request was sent" in refused["message"]
    assert "scraper account crawlora/default --lift --sandbox" in refused["message"]

    [locked] = accounts(1)
    assert "399 days ahead" in locked["clock"]
    lifted = at(1, "account", "crawlora", "--lift", "--sandbox")
    assert lifted.exit_code == 0
    assert lifted.stderr.startswith("crawlora/default: the clock's lock ended; the ledger records it. Rows")
    [free] = accounts(1)
    moments = (begins_at(), begins_at() + timedelta(minutes=10))  # a midnight may come while the programs run
    of_the_month = {16 if each.month == (each + timedelta(days=1)).month else 8 for each in moments}
    assert (free["clock"], free["day"]["charged"]) == (None, 8)
    assert free["month"]["charged"] in of_the_month
    assert [(each["kind"], each["detail"].partition(",")[0][:19]) for each in free["lifts"]] == [
        ("clock", "1 request dated up ")
    ]
    assert json.loads(at(1, *run).stdout)["status"] == "complete"
    again = at(1, "account", "--lift", "--sandbox", "-o", str(place / "accounts.json"))
    assert (again.exit_code, again.stderr) == (0, "crawlora/default: nothing locks it; nothing was changed\n")


def test_an_account_that_the_ledger_does_not_know_is_told_with_those_that_it_has(place: Path) -> None:
    assert at(0, "account").exit_code == 2
    assert at(0, "run", "configs/night.toml", "--sandbox").exit_code == 0
    for name in ("crawlora", "default", "crawlora/default"):
        assert [each["account"] for each in accounts(0, name)] == ["crawlora/default"]
    unknown = at(0, "account", "cralora", "--sandbox")
    assert unknown.exit_code == 2
    assert unknown.stderr.rstrip().endswith("it has crawlora/default.")
    assert (place / "data" / "sandbox").exists()
    assert not (place / "data" / "state.db").exists()


def test_a_locked_and_an_open_account_at_80_columns() -> None:
    assert rendered(lambda console: print_accounts([LOCKED, OPEN], console, "lift {}".format)) == dedent_page("""
    acme/default  plan starter
           charged  unknown   limit    left  resets
    ─────────────────────────────────────────────────────────────
    day        512        8   5,000   4,480  2026-11-22 02:15 UTC
    month    8,120       16  20,000  11,864  2026-12-01 02:15 UTC
    pace       100 % of its rate
    paused     until 2026-11-22 02:15 UTC, after a 429
    closed     by the vendor until 2026-11-22 00:00 UTC
    clock      the clock says 2026-11-21 02:15 UTC, and its last request is dated
               2027-12-26 02:15 UTC: the clock was about 400 days ahead when the
               last 12 requests were sent; if it is right now, scraper account
               acme/default --lift makes the account usable again
    lifted     2026-11-20 02:15 UTC by ann@laptop: pause, until 2036-11-21 02:15 UTC
    End that: lift acme/default

    acme/other  plan unpublished
           charged      limit  left  resets
    ─────────────────────────────────────────────────────
    day          2  not known        2026-11-22 02:15 UTC
    month        9  not known        2026-12-01 02:15 UTC
    pace       100 % of its rate
    assumed    requests_per_second, credits_per_month
""")


def test_no_figure_is_cut_on_a_narrow_terminal() -> None:
    page = rendered(lambda console: print_accounts([OPEN], console), 30)
    assert page.startswith("acme/other  plan unpublished\nday        2 charged · limit\n           not known · resets")
    assert "…" not in page


def test_programs_get_the_keys_of_status_and_a_flat_row_for_each_scope() -> None:
    [told] = accounts_json([LOCKED])
    assert told["day"]["resets_at"] == "2026-11-22T02:15:00Z"
    assert told["paused_until"] == "2026-11-22T02:15:00Z"
    assert told["lifts"] == [
        {"at": "2026-11-20T02:15:00Z", "by": "ann@laptop", "kind": "pause", "detail": "until 2036-11-21 02:15 UTC"}
    ]
    rows = account_rows([LOCKED, OPEN])
    assert [(row["account"], row["scope"]) for row in rows] == [
        ("acme/default", "day"),
        ("acme/default", "month"),
        (ENDLESS_ACCOUNT.account, "day"),
        (ENDLESS_ACCOUNT.account, "month"),
    ]
    assert {type(value) for row in rows for value in row.values()} <= {str, int, type(None)}


def test_what_was_lifted_is_one_sentence() -> None:
    closure = AccountLift(LockKind.CLOSURE, "until …", NOW, "ann")
    assert lifted_sentence("a/b", [LIFTED, closure]) == "a/b: the pause and the closure ended; the ledger records it"
    assert command.name == "account"
