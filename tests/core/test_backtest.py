"""A job's past under different terms: budgets night by night, half-known archives, and the plan that is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from scraper.core.changes.backtest import Terms, cheapest, past_of, trial, with_plan
from scraper.core.changes.known_boards import KnownBoard
from scraper.core.changes.order import RankedBoard
from scraper.core.changes.purse import FixedPurse, JobPurse
from scraper.core.jobs import Job, OrderName
from scraper.core.subscriptions import Subscription
from tests.core.builders import C_HASHTAGS, CATALOGUE, K_HASHTAGS, account, crawl, job
from tests.core.months import drawn_month, named, plan_of, right
from tests.core.panels import drawn_panel

DAY = timedelta(days=1)
BEGINS = datetime(2026, 11, 1, 1, tzinfo=UTC)
PLANS = {plan.name: plan for plan in CATALOGUE.vendors["crawlora"].plans}


def known(nights: int = 60, size: int = 8, cost: int = 8) -> list[KnownBoard]:
    """Boards that an archive read on each night."""
    return [
        KnownBoard(replace(board.board, cost=cost), "crawlora", tuple(enumerate(board.nights)))
        for board in drawn_panel("mixed", nights, seed=1, size=size)
    ]


def auto_job(plan: str = "starter") -> Job:
    return with_plan(replace(job(crawl(C_HASHTAGS)), auto=True), "crawlora", PLANS[plan])


def spent(purse: JobPurse, nights: int, cost: int) -> list[int]:
    """The credits of each night of a job that spends all it may on requests of one price."""
    told = []
    for night in range(nights):
        room = purse.room(night)
        credits = 0 if room is None else room.credits // cost * cost
        purse.pay(night, {"crawlora": credits})
        told.append(credits)
    return told


# --- what a night may spend -------------------------------------------------------------------------------------------


def test_a_month_of_auto_budgets_is_spent_evenly_and_whole_and_begins_anew_with_the_next() -> None:
    purse = JobPurse(auto_job("free"), BEGINS, DAY, 1, {"crawlora": 10_000})
    told = spent(purse, 61, 8)
    assert sum(told[:30]) == sum(told[30:]) == 2_000
    assert set(told) <= {64, 72, 80}


def test_a_fixed_budget_ends_at_the_daily_cap_and_at_the_month() -> None:
    purse = JobPurse(replace(auto_job("free"), auto=False, budget=800), BEGINS, DAY, 1, {"crawlora": 10_000})
    assert spent(purse, 31, 8) == [496, 496, 496, 496, 16, *[0] * 25, 496]


def test_a_night_spends_no_more_than_its_boards_cost() -> None:
    assert spent(JobPurse(auto_job("pro"), BEGINS, DAY, 1, {"crawlora": 40}), 3, 8) == [40, 40, 40]


def test_a_cadence_of_three_nights_buys_on_each_third() -> None:
    purse = JobPurse(auto_job(), BEGINS, DAY, 3, {"crawlora": 80})
    assert spent(purse, 7, 8) == [80, 0, 0, 80, 0, 0, 80]
    assert [FixedPurse([8] * 4, every=2).room(night) is None for night in range(4)] == [False, True, False, True]


def test_the_price_of_a_month_is_the_plans_and_the_mean_overage() -> None:
    starter = replace(PLANS["starter"], overage=True, max_overage_usd=Decimal(3))
    one = replace(job(crawl(C_HASHTAGS), budget=1_000), accounts={"crawlora": replace(account(), subscription=starter)})
    purse = JobPurse(one, BEGINS, DAY, 1, {"crawlora": 1_000})
    assert sum(spent(purse, 30, 8)) == 24_000
    assert purse.usd() == 9 + 4 * Decimal("0.75")


def test_a_vendor_without_a_known_month_is_bounded_by_its_boards_alone() -> None:
    two = replace(job(crawl(C_HASHTAGS), crawl(K_HASHTAGS)), auto=True)
    two = with_plan(two, "crawlora", PLANS["free"])
    room = JobPurse(two, BEGINS, DAY, 1, {"crawlora": 800, "keyapi": 100}).room(0)
    assert room is not None
    assert room.by_vendor == {"crawlora": 66, "keyapi": 100}


def test_each_vendor_spends_all_of_its_own_room_and_no_more() -> None:
    boards = [
        KnownBoard(RankedBoard(str(number), ("all",), 8), vendor, tuple((n, frozenset({n})) for n in range(4)))
        for number, vendor in enumerate(["crawlora", "keyapi"] * 3)
    ]
    two = with_plan(replace(job(crawl(C_HASHTAGS), crawl(K_HASHTAGS)), auto=True), "crawlora", Subscription("x", 400))
    past = past_of(boards, BEGINS, DAY, 0, 4, 0)
    assert trial(past, Terms(two, OrderName.STALEST)).replay.credits == 4 * 24 + 4 * 8
    fixed = replace(two, auto=False, budget=24)
    assert trial(past, Terms(fixed, OrderName.STALEST)).replay.credits == 4 * 24


# --- what is known ----------------------------------------------------------------------------------------------------


def test_a_night_without_a_read_shows_what_the_read_before_it_showed() -> None:
    board = KnownBoard(RankedBoard("one", ()), "crawlora", ((1, frozenset("a")), (4, frozenset("b"))))
    nights = board.between(0, 6).nights
    assert ["".join(map(str, night)) for night in nights] == ["a", "a", "a", "a", "b", "b"]


def test_the_halves_of_an_archive_share_its_reads_between_them() -> None:
    board = known()[0]
    one, other = board.half(0), board.half(1)
    assert sorted([*one.reads, *other.reads], key=lambda read: read[0]) == list(board.reads)
    assert 20 < len(one.reads) < 40


def test_a_replay_of_all_boards_on_all_nights_sees_and_dates_everything() -> None:
    past = past_of(known(), BEGINS, DAY, 0, 60, 10)
    found = trial(past, Terms(auto_job("growth"), OrderName.VALUE))
    assert found.replay.entries.all == found.replay.entries.seen == found.replay.entries.dated > 0
    assert (found.share, found.by_half, found.replay.freshness) == (1.0, 1.0, 1.0)
    assert past.read_share == 1.0


def test_more_budget_or_a_shorter_cadence_sees_more() -> None:
    past = past_of(known(), BEGINS, DAY, 0, 60, 10)
    fixed = replace(auto_job("growth"), auto=False)
    by_budget = [
        trial(past, Terms(replace(fixed, budget=budget), OrderName.STALEST)).share for budget in (8, 16, 32, 64)
    ]
    by_cadence = [trial(past, Terms(auto_job("growth"), OrderName.STALEST, every)).share for every in (7, 3, 2, 1)]
    assert by_budget == sorted(by_budget)
    assert by_cadence == sorted(by_cadence)
    assert by_budget[0] < 0.6 < by_budget[-1] == 1.0


def test_an_answer_moves_less_the_less_the_boards_change_between_two_reads() -> None:
    def moves(residence: str) -> float:
        panel = [board for board in drawn_panel("mixed", 60, seed=4, size=40) if board.board.name.startswith(residence)]
        boards = [KnownBoard(board.board, "crawlora", tuple(enumerate(board.nights))) for board in panel]
        past = past_of(boards, BEGINS, DAY, 0, 60, 10)
        terms = Terms(replace(auto_job("growth"), auto=False, budget=len(boards) // 3), OrderName.STALEST)
        found = trial(past, terms)
        return abs(found.by_half - found.share)

    assert moves("2/") > moves("400/")


# --- the cheapest plan ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_plan_that_is_named_is_the_right_one_of_a_month(seed: int) -> None:
    month = drawn_month(500 + seed)
    assert plan_of(named(month)) == right(month)


def test_where_no_plan_sees_enough_none_is_named() -> None:
    past = past_of(known(size=12), BEGINS, DAY, 0, 60, 10)
    found = cheapest(past, Terms(auto_job(), OrderName.VALUE), {"crawlora": [Subscription("tiny", 240)]})
    assert found.found is None
    assert found.to_json() is None
    assert [one.terms.plans for one in found.tried] == [{"crawlora": "tiny"}]


def test_a_replay_that_is_known_is_not_repeated() -> None:
    past = past_of(known(size=4), BEGINS, DAY, 0, 30, 10)
    terms = Terms(auto_job("free"), OrderName.VALUE)
    before = trial(past, terms)
    found = cheapest(past, terms, {"crawlora": list(PLANS.values())}, [before])
    assert found.tried[0] is before
