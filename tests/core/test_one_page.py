"""An endpoint that answers its list, or the part of it that is sold, to one request; and lists cut at a limit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scraper.core.catalogue import Basis
from scraper.core.jobs import crawl_faults
from scraper.core.pagination import Guard, PageFacts, WalkState, Why
from scraper.core.planning import Known, NothingSeen, Range, leaving_endpoints, plan
from scraper.core.requests import start
from tests.core.builders import C_CREATORS, C_HASHTAGS, CATALOGUE, NOON, account, crawl, facts, full_page, job, walk_of

CREATIVE = "crawlora.creative_hashtags"
INDEX = "crawlora.creator_search"


@pytest.mark.parametrize(
    ("page", "ends"),
    [
        (facts("1", "2", "3", total=100), (WalkState.COMPLETE, Why.END, [Guard.PART_SERVED])),
        (facts("1", "2", "3", total=3), (WalkState.COMPLETE, Why.END, [])),
        (facts("1", "2", "3"), (WalkState.COMPLETE, Why.END, [Guard.FIELDS_MISSING])),
        (facts("1", "2", total=2), (WalkState.COMPLETE, Why.END, [])),
        (facts(*map(str, range(40)), total=40), (WalkState.COMPLETE, Why.END, [])),  # more than is documented
        (facts("1", total=100), (WalkState.TRUNCATED, Why.GUARD, [Guard.PART_SERVED, Guard.ROWS_MISSING])),
        (PageFacts(0, (), total=0), (WalkState.EMPTY, Why.END, [])),
        (PageFacts(0, (), total=100, list_missing=True), (WalkState.TRUNCATED, Why.GUARD, [Guard.LIST_MISSING])),
    ],
)
def test_the_part_that_is_sold_is_whole_and_less_of_it_is_not(
    page: PageFacts, ends: tuple[WalkState, Why, Sequence[Guard]]
) -> None:
    progress, first = start(walk_of(CREATIVE, country_code="US"))
    assert (first.params, progress.outstanding()) == ((("country_code", "US"), ("period", "7")), [first])
    assert (progress.learn(first, page), progress.outstanding()) == ([], [])
    assert (progress.state, progress.why, progress.notes) == ends


def test_a_plan_knows_its_one_request_assumes_its_price_and_refuses_more_than_is_served() -> None:
    boards = crawl(CREATIVE, params={"country_code": ["US", "GB"]})
    (made,) = plan(job(boards), Known(NOON, NothingSeen())).crawls
    assert (made.requests, made.rows.likely, made.basis) == (Range(2, 2, 2), 6, Basis.ASSUMED)
    assert "8 credits a request (assumed)" in made.explanation
    (fault,) = crawl_faults("crawl", crawl(CREATIVE, params={"country_code": "US"}, max_items=10), CATALOGUE, {})
    assert str(fault) == f"crawl.max_items: {CREATIVE} returns at most 3 rows, in one request"


def test_an_app_list_is_asked_for_in_pages_of_one_size_by_its_cursor() -> None:
    progress, first = start(walk_of("crawlora.mobile_music"))
    assert first.params == (("count", "20"),)
    (second,) = progress.learn(first, full_page(1, 20, has_more=True, cursor="20"))
    assert second.params == (("count", "20"), ("cursor", "20"))


def test_what_lies_past_ten_thousand_rows_is_neither_asked_for_nor_called_complete() -> None:
    progress, first = start(walk_of(INDEX, country="US"))
    asked = [first, *progress.learn(first, full_page(1, 100, size=100, total=12_000, reported_page=1))]
    assert [request.page for request in asked] == list(range(1, 101))
    for request in asked[1:]:
        progress.learn(request, full_page(request.page, 100, size=100, total=12_000, reported_page=request.page))
    assert (progress.state, progress.why, progress.rows) == (WalkState.TRUNCATED, Why.CLAMP, 10_000)


def test_a_plan_says_that_the_rest_of_a_long_search_is_not_bought_and_a_job_that_wants_it_is_refused() -> None:
    made = plan(job(crawl(INDEX, params={"country": "US"})), Known(NOON, NothingSeen()))
    assert f"{INDEX}: at most 10,000 rows of a walk are served; later ones are not bought" in made.warnings
    priced = f"crawlora: no page states the price of {INDEX} (8): these credits are assumed"
    assert priced in made.warnings
    (fault,) = crawl_faults("crawl", crawl(INDEX, max_pages=101), CATALOGUE, {})
    assert str(fault) == (
        f"crawl.max_pages: {INDEX} serves at most 10,000 rows of a list (100 pages) and refuses more; request 100"
    )
    few = plan(job(crawl(INDEX, max_pages=2)), Known(NOON, NothingSeen()))
    assert not any("what lies past them" in warning for warning in few.warnings)


def test_a_plan_over_an_ending_endpoint_says_what_a_move_costs_and_changes() -> None:
    old = crawl(C_HASHTAGS, params={"country_code": ["US", "GB"], "period": ["7", "120"], "filter_by": "new_on_board"})
    (gone,) = [each for each in plan(job(old), Known(NOON, NothingSeen())).warnings if "no longer in" in each]
    assert gone.startswith(
        "crawlora.hashtags is no longer in crawlora's catalogue (known since 2026-10-05) and may answer 404. "
        "Its successor crawlora.creative_hashtags would likely cost 4 requests, 32 credits (assumed price)."
    )
    assert gone.endswith("period 120 is not allowed; allowed are 7, 30, 90. It has no filter_by.")
    creators = crawl(C_CREATORS, params={"creator_country": ["US", "JP"], "sort_by": "engagement"})
    made = plan(job(creators, accounts=[account()]), Known(NOON, NothingSeen()))
    (deprecated,) = [each for each in made.warnings if "has been deprecated" in each]
    assert "Its successor crawlora.creator_search would likely cost 10 requests, 80 credits" in deprecated
    assert deprecated.endswith("creator_country becomes country. It has no sort_by.")


def test_a_move_that_lacks_what_the_successor_requires_says_so() -> None:
    (gone,) = [
        each for each in plan(job(crawl(C_HASHTAGS)), Known(NOON, NothingSeen())).warnings if "no longer in" in each
    ]
    assert gone.endswith("It requires country_code.")


def test_a_run_is_told_of_what_is_gone_and_not_of_what_is_deprecated() -> None:
    assert list(leaving_endpoints([crawl(C_HASHTAGS), crawl(C_HASHTAGS, "again"), crawl(C_CREATORS)])) == [
        "crawlora.hashtags is no longer in crawlora's catalogue (known since 2026-10-05) and may answer 404; its "
        "successor is crawlora.creative_hashtags (scraper plan shows what a move costs and changes)"
    ]
