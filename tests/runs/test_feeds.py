"""Feeds in whole runs: nightly posts that stop at what is known, feeds that repeat themselves, empty pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from scraper.core.events import Ending, RunStatus
from scraper.core.outcomes import Answer, Reply
from scraper.core.pagination import Guard, WalkState, Why
from scraper.core.requests import Request
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import Opening
from tests.runs.nights import Night, night, status

NIGHT_S = 86_400.0
SIZE = 30


def posts(*ids: str, limits: str = "", budget: int = 800, retry_budget: str = '"100%"') -> str:
    return f"""
budget = {budget}
retry_budget = {retry_budget}
[accounts.crawlora]
plan = "enterprise"
[[crawl]]
endpoint = "crawlora.hashtag_posts"
params = {{ id = {list(ids or ("77",))} }}
{limits}
"""


def listing(ids: list[str], cursor: int, *, more: bool) -> Answer:
    rows = [{"id": one} for one in ids]
    data = {"statusCode": 0, "itemList": rows, "cursor": str(cursor), "hasMore": more}
    return Answer(200, {}, orjson.dumps({"code": 200, "msg": "OK", "data": data}))


def cursor_of(request: Request) -> int:
    return int(request.cursor or 0)


def newest_first(published: Callable[[float], int], oldest: int = 0) -> Callable[[Request, float], Reply]:
    """A feed of the posts that were published by then."""

    def answered(request: Request, at_s: float) -> Reply:
        last, begins = published(at_s), cursor_of(request)
        listed = range(last - begins, max(oldest, last - begins - SIZE), -1)
        return listing([f"{request.walk.walk_id}-{n}" for n in listed], begins + SIZE, more=listed[-1] > oldest + 1)

    return answered


def repeating(request: Request, _: float) -> Reply:
    """The same 29 posts on every page, and one of its own."""
    begins = cursor_of(request)
    return listing([*(f"old{n}" for n in range(29)), f"new{begins}"], begins + SIZE, more=True)


def pages(of: Night) -> list[int]:
    return [request.page for _, request in of.sent]


def ends(of: Night) -> list[tuple[WalkState, Why | None, int]]:
    return [(walk.state, walk.why, walk.pages) for walk in of.walks]


# --- stop_when_known --------------------------------------------------------------------------------------------------


def test_nightly_posts_cost_a_page_a_night_and_miss_none_of_the_new_ones(tmp_path: Path) -> None:
    published = [90, 92, 95, 140, 141]
    job = posts(limits="stop_when_known = 0.9")
    feed = newest_first(lambda at_s: published[int(at_s // NIGHT_S)])
    nights = [night(tmp_path, job, feed, Opening.NEW, begins_s=n * NIGHT_S) for n in range(len(published))]
    assert [pages(each) for each in nights] == [[1, 2, 3], [1], [1], [1, 2, 3], [1]]
    assert [each.result.status for each in nights] == [RunStatus.COMPLETE] * 5
    assert [ends(each)[0][:2] for each in nights] == [
        (WalkState.COMPLETE, Why.END),
        *[(WalkState.COMPLETE, Why.KNOWN)] * 4,
    ]


def test_what_a_night_found_that_was_cut_short_is_not_taken_for_known(tmp_path: Path) -> None:
    feed = newest_first(lambda _: 90)
    cut = night(tmp_path, posts(budget=16), feed)
    assert (cut.result.status, pages(cut)) == (RunStatus.BUDGET, [1, 2])
    again = night(tmp_path, posts(limits="stop_when_known = 0.9"), feed, Opening.NEW, begins_s=NIGHT_S)
    assert (pages(again), ends(again)) == ([1, 2, 3], [(WalkState.COMPLETE, Why.END, 3)])


def test_a_run_that_is_resumed_buys_no_page_past_what_was_known(tmp_path: Path) -> None:
    job, feed = posts("77", "78", limits="stop_when_known = 0.9"), newest_first(lambda _: 90)
    night(tmp_path, job, feed)
    crawls = list[CrawlProcess]()

    def stopped(request: Request, at_s: float) -> Reply:
        crawls[-1].stop()
        return feed(request, at_s)

    cut = night(tmp_path, job, stopped, Opening.NEW, begins_s=NIGHT_S, begun=crawls.append)
    assert (cut.result.status, len(cut.sent)) == (RunStatus.INTERRUPTED, 1)
    whole = night(tmp_path, job, feed, begins_s=NIGHT_S + 60)
    assert (whole.result.run_id, len(whole.sent)) == (cut.result.run_id, 1)
    assert ends(whole) == [(WalkState.COMPLETE, Why.KNOWN, 1)] * 2


# --- feeds that repeat themselves -------------------------------------------------------------------------------------


def test_a_feed_that_repeats_itself_is_named_with_its_share_and_a_limit_ends_it(tmp_path: Path) -> None:
    spent = night(tmp_path, posts(budget=160), repeating)
    assert (spent.result.charged, spent.walks[0].rows, spent.walks[0].notes) == (160, 600, (Guard.ROWS_REPEATED,))
    assert spent.result.warnings == (
        "crawlora.hashtag_posts: 551 of 600 rows repeat earlier rows of the same walk (92 %); "
        "stop_when_known in its [[crawl]] ends such a walk",
    )
    job = posts("77", "78", limits="stop_when_known = 0.9")
    ended = night(tmp_path, job, repeating, Opening.NEW, begins_s=NIGHT_S)
    assert (ended.result.status, ended.result.charged) == (RunStatus.COMPLETE, 32)
    assert ended.result.warnings == (
        "crawlora.hashtag_posts: 58 of 120 rows repeat earlier rows of the same walk, in 2 walks (48 %)",
    )


# --- empty pages ------------------------------------------------------------------------------------------------------


def with_empty(page: int, times: int) -> Callable[[Request, float], Reply]:
    """A feed of three pages; one of them is empty so many times."""
    left, feed = [times], newest_first(lambda _: 90)

    def answered(request: Request, at_s: float) -> Reply:
        if request.page == page and left[0]:
            left[0] -= 1
            return listing([], cursor_of(request) + SIZE, more=True)
        return feed(request, at_s)

    return answered


@pytest.mark.parametrize(("page", "retries", "times"), [(2, 1, 1), (1, 1, 1), (2, 3, 3)])
def test_an_empty_page_in_mid_feed_is_bought_again_and_gives_its_rows(
    tmp_path: Path, page: int, retries: int, times: int
) -> None:
    healed = night(tmp_path, posts(limits=f"retry_empty = {retries}"), with_empty(page, times))
    assert healed.result.status is RunStatus.COMPLETE
    assert (healed.walks[0].rows, healed.walks[0].notes) == (90, ())
    assert pages(healed) == sorted([1, 2, 3, *[page] * times])
    assert (healed.result.requests[Ending.RETRIED], healed.result.requests.get(Ending.EMPTY, 0)) == (times, 0)
    assert (healed.result.charged, healed.result.retried) == (8 * (3 + times), 8 * times)


def test_an_empty_page_is_taken_as_it_is_by_default_after_the_last_retry_and_past_the_retry_budget(
    tmp_path: Path,
) -> None:
    for number, (limits, retry_budget, bought) in enumerate(
        [
            ("", '"100%"', [1, 2, 3]),
            ("retry_empty = 2", '"100%"', [1, 2, 2, 2, 3]),
            ("retry_empty = 2", "8", [1, 2, 2, 3]),
        ]
    ):
        job = posts(limits=limits, retry_budget=retry_budget)
        passed = night(tmp_path, job, with_empty(2, 9), Opening.NEW, begins_s=number * NIGHT_S)
        assert (passed.result.status, pages(passed)) == (RunStatus.COMPLETE, bought)
        assert (passed.walks[0].rows, passed.walks[0].notes) == (60, (Guard.EMPTY_PAGE,))


def test_an_empty_page_that_was_to_be_bought_again_is_so_after_a_restart_and_not_more_often(tmp_path: Path) -> None:
    crawls, feed = list[CrawlProcess](), with_empty(2, 9)

    def stopped(request: Request, at_s: float) -> Reply:
        if request.page == 2:
            crawls[-1].stop()
        return feed(request, at_s)

    cut = night(tmp_path, posts(limits="retry_empty = 1"), stopped, begun=crawls.append)
    assert (cut.result.status, pages(cut)) == (RunStatus.INTERRUPTED, [1, 2])
    whole = night(tmp_path, posts(limits="retry_empty = 1"), feed, begins_s=60.0)
    assert (whole.result.status, pages(whole)) == (RunStatus.COMPLETE, [2, 3])


def test_an_empty_page_that_then_fails_is_a_failure_like_any_other(tmp_path: Path) -> None:
    left, feed = [1], newest_first(lambda _: 90)

    def answered(request: Request, at_s: float) -> Reply:
        if request.page == 2 and left[0]:
            left[0] -= 1
            return listing([], cursor_of(request) + SIZE, more=True)
        return status(500) if request.page == 2 else feed(request, at_s)

    failed = night(tmp_path, posts(limits="retry_empty = 1"), answered)
    assert failed.result.status is RunStatus.FAILED
    assert failed.walks[0].why is Why.REQUEST_FAILED
