"""What a job will do and cost, before a credit is spent."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core import planning
from scraper.core.catalogue import Basis
from scraper.core.jobs import Crawl, Job
from scraper.core.planning import CrawlPlan, Day, Known, Plan, Range
from tests.core.builders import (
    C_CREATORS,
    C_HASHTAGS,
    C_POSTS,
    K_HASHTAGS,
    K_VIDEOS,
    NOON,
    account,
    crawl,
    endpoint,
    job,
)
from tests.examples import examples

BOARDS = {"country_code": ["US", "GB", "JP"], "period": ["7", "30"]}


def plan(made: Job) -> Plan:
    return planning.plan(made, Known(NOON))


def exactly(count: int) -> Range:
    return Range(count, count, count)


def test_a_job_of_single_pages_is_known_to_the_credit() -> None:
    made = plan(job(crawl(C_HASHTAGS, params=BOARDS, max_pages=1), budget=48))
    assert made == Plan(
        job="nightly",
        budget=48,
        fits=True,
        crawls=(
            CrawlPlan(
                name=C_HASHTAGS,
                endpoint=C_HASHTAGS,
                vendor="crawlora",
                table="hashtags",
                cost=8,
                walks=exactly(6),
                requests=exactly(6),
                credits=exactly(48),
                rows=Range(0, 600, 600),
                basis=Basis.KNOWN,
                explanation=(
                    "6 walks (3 country_code × 2 period)",
                    "a walk has at most 1 page: max_pages (known)",
                    "likely pages: 6 × 1; 6 known",
                    "8 credits a request (known)",
                ),
            ),
        ),
        requests=exactly(6),
        credits=exactly(48),
        rows={"hashtags": Range(0, 600, 600)},
        duration_s=exactly(1),
        calendar=(Day("2026-11-21", 48, 6),),
        done_at=NOON + timedelta(seconds=1),
        overage_usd=Decimal(0),
        size_bytes=Range(120_000, 360_000, 360_000),
        dropped=(),
        warnings=(
            "crawlora.hashtags is no longer in crawlora's catalogue (known since 2026-10-05) and may answer 404. "
            "Its successor crawlora.creative_hashtags would likely cost 6 requests, 48 credits (assumed price). "
            f"{endpoint(C_HASHTAGS).moving}",
        ),
    )


def test_a_board_whose_length_only_recordings_tell_is_assumed() -> None:
    (made,) = plan(job(crawl(C_CREATORS))).crawls
    assert (made.requests, made.credits, made.basis) == (Range(1, 5, 10), Range(8, 40, 80), Basis.ASSUMED)
    assert made.rows.likely == 459


def test_a_cursor_without_a_limit_is_bounded_by_the_budget_and_said_so() -> None:
    made = plan(job(crawl(C_POSTS, params={"id": "3242"}), budget=100))
    assert (made.crawls[0].requests, made.crawls[0].bounded_by_budget) == (Range(1, 1, 12), True)
    assert made.to_json()["crawls"][0]["basis"] == "bounded by budget"
    assert made.warnings == (f"{C_POSTS}: its cursor has no known end; limit it with max_items or max_pages",)


@pytest.mark.parametrize(
    ("best", "walks"),
    [
        ({"top": 20}, Range(0, 20, 20)),
        ({"top": 900}, Range(0, 600, 600)),
        ({"top_per_board": 5}, Range(0, 30, 30)),
        ({"top_per_board": 500}, Range(0, 600, 600)),
        ({}, Range(0, 600, 600)),
    ],
)
def test_children_are_no_more_than_their_boards_can_list(best: dict[str, Any], walks: Range) -> None:
    parent = crawl(C_HASHTAGS, params=BOARDS, max_pages=1)
    child = crawl(C_POSTS, "posts", each=C_HASHTAGS, max_items=90, **best)
    made = plan(job(parent, child, budget=50_000)).crawls[1]
    assert (made.walks, made.requests) == (walks, Range(0, 3 * walks.likely, 3 * walks.high))


def test_max_items_are_rounded_up_to_whole_pages() -> None:
    made = plan(job(crawl(K_HASHTAGS, max_items=41), budget=100)).crawls[0]
    assert made.requests == Range(1, 3, 3)


def test_what_does_not_fit_is_told_and_dropped_from_the_lowest_priority_up() -> None:
    low = crawl(K_HASHTAGS, "low", {"region": ["US", "GB"]}, max_pages=5)
    high = crawl(K_VIDEOS, "high", {"region": "US"}, max_pages=10, priority=2)
    made = plan(job(low, high, budget=30))
    assert (made.fits, made.credits) == (False, Range(6, 30, 30))
    assert made.dropped == ("low: page 3 of the last 1 walk, pages 4–5: 5 of 10 requests",)
    assert made.warnings == ("likely 40 credits, the budget is 30: the most valuable pages come first",)
    assert made.requests == Range(3, 15, 15)


def test_rows_requests_and_days_of_a_job_that_does_not_fit_are_those_of_what_is_bought() -> None:
    boards = crawl(C_HASHTAGS, params={"country_code": ["US", "GB", "JP"]}, max_pages=1)
    posts = crawl(C_POSTS, "posts", each=C_HASHTAGS, top=5, max_items=60)
    videos = crawl(K_VIDEOS, params={"region": ["US", "GB"]}, max_pages=3)
    made = plan(job(boards, posts, videos, budget=60))
    assert made.dropped == (
        "posts: page 1 of the last 1 walk, page 2: 6 of 10 requests",
        "keyapi.videos: pages 2–3: 4 of 6 requests",
    )
    assert (made.requests.likely, made.credits.likely) == (3 + 4 + 2, 3 * 8 + 4 * 8 + 2 * 2)
    assert {table: rows.likely for table, rows in made.rows.items()} == {"hashtags": 300, "posts": 120, "videos": 40}
    assert [(day.credits, day.requests) for day in made.calendar] == [(60, 9)]
    assert made.rows["posts"].high == 7 * 30, "60 credits buy seven pages at the most"
    assert made.crawls[1].requests.likely == 10, "by crawl, what does not fit shows by how much"


def test_high_is_never_above_the_budget_and_the_plan_says_that_it_was() -> None:
    made = plan(job(crawl(C_CREATORS), budget=50))
    assert (made.fits, made.credits, made.crawls[0].credits) == (True, Range(8, 40, 48), Range(8, 40, 48))


def test_days_follow_from_the_cap_and_never_from_more_than_the_budget() -> None:
    capped = account(credits_per_day=500)
    boards = crawl(C_CREATORS, params={"creator_country": ["US", "GB", "JP"]}, max_pages=5)
    pages = {budget: plan(job(boards, budget=budget, accounts=[capped])).days for budget in (100, 500, 5_000)}
    assert pages == {100: 1, 500: 1, 5_000: 1}
    many = crawl(C_HASHTAGS, params={"industry_id": [str(n) for n in range(200)]}, max_pages=1)
    days = {budget: plan(job(many, budget=budget, accounts=[capped])).days for budget in (500, 501, 1_600, 9_000)}
    assert days == {500: 1, 501: 1, 1_600: 4, 9_000: 4}


def test_overage_is_exact_dollars_of_what_goes_past_the_month() -> None:
    limits: dict[str, Any] = {
        "credits_per_month": 800,
        "overage_usd_per_1000": Decimal("0.75"),
        "max_overage_usd": Decimal(5),
    }
    many = crawl(C_HASHTAGS, params={"industry_id": [str(n) for n in range(200)]}, max_pages=1)

    def dollars(budget: int, **more: Any) -> str:
        stated = account(**{**limits, **more})
        return str(plan(job(many, budget=budget, accounts=[stated])).to_json()["overage_usd"])

    assert dollars(9_000, overage=True) == "0.60"
    assert dollars(1_000, overage=True) == "0.15"
    assert dollars(9_000, overage=True, max_overage_usd=Decimal("0.30")) == "0.30"
    assert (dollars(800, overage=True), dollars(9_000)) == ("0", "0")


def test_a_job_that_is_likely_to_outrun_the_month_is_warned_of() -> None:
    many = crawl(K_HASHTAGS, params={"region": ["US"] * 1}, max_pages=5)
    made = plan(job(many, accounts=[account("keyapi", credits_per_month=6)]))
    assert made.warnings == ("keyapi: likely 10 credits, and the account's month has 6: the run ends there",)


def test_time_is_that_of_the_slowest_account_at_its_rate() -> None:
    slow, fast = account(requests_per_minute=6), account("keyapi", requests_per_second=10)
    made = plan(
        job(
            crawl(C_HASHTAGS, params=BOARDS, max_pages=1),
            crawl(K_HASHTAGS, params={"region": ["US", "GB"]}, max_pages=1),
            accounts=[slow, fast],
        )
    )
    assert made.duration_s == exactly(1 + 5 * 10)


def test_assumed_limits_are_shown_as_assumed() -> None:
    guessed = account("keyapi", requests_per_second=1, assumed=("requests_per_second",))
    assert plan(job(crawl(K_HASHTAGS, max_pages=1), accounts=[guessed])).warnings == (
        "keyapi publishes no plan: requests_per_second are assumed; state them in [accounts.keyapi]",
    )


LIMITS = st.none() | st.integers(1, 12)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    regions = st.lists(st.sampled_from(["US", "GB", "JP"]), min_size=1, max_size=3, unique=True)
    names = {C_HASHTAGS: "country_code", C_CREATORS: "creator_country", K_HASHTAGS: "region", K_VIDEOS: "region"}
    crawls: list[Crawl] = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(sorted(names)), min_size=1, max_size=3))):
        limits: dict[str, Any] = {
            "max_pages": draw(LIMITS),
            "max_items": draw(LIMITS),
            "priority": draw(st.integers(0, 2)),
        }
        crawls.append(crawl(name, f"board-{number}", {names[name]: draw(regions)}, **limits))
    for number, parent in enumerate(each for each in crawls if each.endpoint.records.id == "hashtag_id"):
        best = draw(st.sampled_from(["top", "top_per_board", "priority"]))
        limits = {"max_pages": draw(LIMITS), best: draw(st.integers(1, 400))}
        crawls.append(crawl(C_POSTS, f"posts-{number}", each=parent.name, **limits))
    per_day = draw(st.none() | st.integers(1, 500))
    accounts = [account(vendor, credits_per_day=per_day, requests_per_minute=60) for vendor in ("crawlora", "keyapi")]
    return job(*crawls, budget=draw(st.integers(1, 3_000)), accounts=accounts)


@examples(80)
@given(jobs())
def test_every_range_is_ordered_and_none_of_the_whole_job_goes_past_the_budget(given_job: Job) -> None:
    made = plan(given_job)
    totals = [made.requests, made.credits, made.duration_s, *made.rows.values()]
    each = [[p.walks, p.requests, p.credits, p.rows] for p in made.crawls]
    for found in (*totals, *(one for four in each for one in four)):
        assert 0 <= found.low <= found.likely <= found.high
    assert made.credits.high <= given_job.budget
    assert made.requests.high * min(crawl.endpoint.cost for crawl in given_job.crawls) <= given_job.budget
    assert made.fits is (sum(p.credits.likely for p in made.crawls) <= given_job.budget)
    assert made.fits is (made.dropped == ())
    assert made.days >= 1
    bought = [(day.credits, day.requests) for day in made.calendar]
    if made.done_at is not None:
        assert [sum(counts) for counts in zip(*bought, strict=True)] in (
            [made.credits.likely, made.requests.likely],
            [],
        )
    for one in made.crawls:
        assert one.credits.high <= max(given_job.budget, one.credits.likely)
        assert one.requests.exact or one.basis is not Basis.KNOWN
    assert dataclasses.replace(made) == plan(given_job)


def test_values_that_no_document_lists_are_named_with_their_price_and_nothing_is_refused() -> None:
    industries = ("10000000000", "1000000000")
    countries = {"country_code": ["US", "ZZ", "EN"], "period": ["7", "30"], "industry_id": industries}
    asked = [
        crawl(C_HASHTAGS, params=countries),
        crawl(K_HASHTAGS, params={"region": ["all_regions", "US"], "industry_id": "nothing"}),
        crawl(K_VIDEOS, params={"region": "PL"}),
    ]
    told = [
        "crawlora.hashtags: country_code ZZ, EN: none of the 27 documented values, so the answer may be empty and is "
        "charged (8 walks, at least 64 credits); scraper vendors lists them",
        "crawlora.hashtags: industry_id 1000000000: none of the 15 documented values, so the answer may be empty "
        "and is charged (6 walks, at least 48 credits); scraper vendors lists them",
    ]
    assert list(planning.unknown_values(asked)) == told
    assert [warning for warning in plan(job(*asked)).warnings if "documented values" in warning] == told
