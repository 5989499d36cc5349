"""Which pages of a walk come next, and what a walk is called when it ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import scraper
from scraper.core.pagination import PageFacts, WalkState, Why
from scraper.core.pagination.pages import MOST_PAGES_AHEAD
from scraper.core.requests import Progress, Request, Walk, start
from tests.core.builders import C_CREATORS, C_HASHTAGS, C_POSTS, K_VIDEOS, facts, full_page, walk_of

Told = tuple[WalkState, Why | None, int, int]


def test_nothing_but_the_schema_of_vendor_files_knows_which_kinds_there_are() -> None:
    package = Path(scraper.__file__).parent
    knowing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search("(Page|Cursor|Single)Pagination", path.read_text(encoding="utf-8"))
    }
    assert {path for path in knowing if not path.startswith("core/pagination/")} == {
        "io/config_files/pagination_tables.py"
    }


def begun(walk: Walk) -> tuple[Progress, Request]:
    progress, first = start(walk)
    assert (first.page, first.cursor, progress.state) == (1, None, WalkState.OPEN)
    return progress, first


def told(progress: Progress) -> Told:
    return progress.state, progress.why, progress.pages, progress.rows


def pages(requests: Sequence[Request]) -> list[int]:
    return [request.page for request in requests]


def landed(walk: Walk, *answers: PageFacts) -> tuple[list[int], Told]:
    """Pages 1, 2, 3 … answered in order: all pages asked for, and how the walk stands then."""
    progress, first = begun(walk)
    asked, queue = [1], [first]
    for answer in answers:
        following = progress.learn(queue.pop(0), answer)
        asked += pages(following)
        queue += following
    return asked, told(progress)


# --- pages by number --------------------------------------------------------------------------------------------------


def test_one_answer_with_a_total_fans_the_walk_out() -> None:
    asked, standing = landed(walk_of(K_VIDEOS), full_page(1, 20, size=20, total=90, has_more=True))
    assert (asked, standing) == ([1, 2, 3, 4, 5], (WalkState.OPEN, None, 1, 20))


def test_pages_may_land_in_any_order_and_the_walk_ends_with_the_last_of_them() -> None:
    walk = walk_of(K_VIDEOS)
    progress, first = begun(walk)
    two, three, four = progress.learn(first, full_page(1, 20, size=20, total=70))
    for request, rows in ((four, 10), (two, 20), (three, 20)):
        assert progress.state is WalkState.OPEN
        assert progress.learn(request, full_page(request.page, rows, size=20, total=70)) == []
    assert told(progress) == (WalkState.COMPLETE, Why.END, 4, 70)


def test_a_board_of_one_page_is_complete_after_it() -> None:
    asked, standing = landed(walk_of(C_HASHTAGS), full_page(1, 100, size=100, total=100, has_more=False))
    assert (asked, standing) == ([1], (WalkState.COMPLETE, Why.END, 1, 100))


def test_has_more_true_without_a_total_goes_one_page_at_a_time() -> None:
    asked, standing = landed(
        walk_of(K_VIDEOS),
        full_page(1, 20, has_more=True),
        full_page(2, 20, total=0, has_more=True),
        full_page(3, 5, has_more=False),
    )
    assert (asked, standing) == ([1, 2, 3], (WalkState.COMPLETE, Why.END, 3, 45))


def test_without_a_word_on_more_a_short_page_is_the_last() -> None:
    asked, standing = landed(walk_of(K_VIDEOS), full_page(1, 20), full_page(2, 19))
    assert (asked, standing) == ([1, 2], (WalkState.COMPLETE, Why.END, 2, 39))


def test_the_size_that_the_answer_tells_counts_and_not_the_one_asked_for() -> None:
    asked, _ = landed(walk_of(C_CREATORS), full_page(1, 50, size=50, total=459, has_more=True))
    assert asked == list(range(1, 11))


def test_a_size_that_is_plainly_not_served_is_not_believed() -> None:
    asked, _ = landed(walk_of(K_VIDEOS), full_page(1, 10, size=20, total=60, has_more=True))
    assert asked == [1, 2, 3, 4, 5, 6]
    for size in (-5, 0):
        asked, _ = landed(walk_of(K_VIDEOS), full_page(1, 20, size=size, total=60, has_more=True))
        assert asked[-1] in {2, 3}


def test_no_page_past_the_clamp_is_asked_for_and_the_walk_is_truncated_there() -> None:
    progress, first = begun(walk_of(C_CREATORS))
    rest = progress.learn(first, full_page(1, 100, size=100, total=5_000, has_more=True))
    assert pages(rest) == list(range(2, 11))
    for request in rest:
        assert progress.learn(request, full_page(request.page, 100, size=100, total=5_000, has_more=True)) == []
    assert told(progress) == (WalkState.TRUNCATED, Why.CLAMP, 10, 1_000)


def test_has_more_true_at_the_clamp_of_a_board_that_ends_there_is_its_end() -> None:
    progress, first = begun(walk_of(C_CREATORS))
    for request in progress.learn(first, full_page(1, 100, size=100, total=1_000, has_more=True)):
        progress.learn(request, full_page(request.page, 100, size=100, total=1_000, has_more=True))
    assert told(progress) == (WalkState.COMPLETE, Why.END, 10, 1_000)


def test_a_walk_that_ends_where_the_job_asked_is_complete_as_asked() -> None:
    two = (full_page(1, 20, size=20, total=500), full_page(2, 20, size=20, total=500))
    asked, standing = landed(walk_of(K_VIDEOS, max_pages=2), *two)
    assert (asked, standing) == ([1, 2], (WalkState.COMPLETE, Why.AS_ASKED, 2, 40))


def test_a_board_that_ends_before_or_just_where_the_job_asked_is_at_its_end() -> None:
    for max_pages in (2, 9):
        two = (full_page(1, 20, size=20, total=40), full_page(2, 20, size=20, total=40))
        assert landed(walk_of(K_VIDEOS, max_pages=max_pages), *two) == (
            [1, 2],
            (WalkState.COMPLETE, Why.END, 2, 40),
        )


def test_a_board_with_nothing_on_it_is_empty() -> None:
    for none in (facts(), facts(total=0, has_more=False), facts(size=20, has_more=None)):
        assert landed(walk_of(K_VIDEOS), none) == ([1], (WalkState.EMPTY, Why.END, 1, 0))


def test_a_page_that_lists_what_an_earlier_one_listed_ends_the_walk_by_its_guard() -> None:
    same = facts("a", "b", has_more=True)
    assert landed(walk_of(K_VIDEOS), same, same) == ([1, 2], (WalkState.TRUNCATED, Why.GUARD, 2, 4))


def test_a_page_that_says_it_is_another_ends_the_walk_by_its_guard() -> None:
    first = full_page(1, 20, reported_page=1, has_more=True)
    other = full_page(9, 20, reported_page=1, has_more=True)
    assert landed(walk_of(K_VIDEOS), first, other) == ([1, 2], (WalkState.TRUNCATED, Why.GUARD, 2, 40))


def test_one_empty_page_in_the_middle_is_passed_over_and_two_in_a_row_are_a_loop() -> None:
    full, none = full_page(1, 20, has_more=True), facts(has_more=True)
    asked, standing = landed(walk_of(K_VIDEOS), full, none, full_page(3, 20, has_more=False))
    assert (asked, standing) == ([1, 2, 3], (WalkState.COMPLETE, Why.END, 3, 40))
    assert landed(walk_of(K_VIDEOS), full, none, none) == ([1, 2, 3], (WalkState.TRUNCATED, Why.GUARD, 3, 20))


def test_after_has_more_false_the_pages_behind_it_are_not_wanted_any_more() -> None:
    progress, first = begun(walk_of(K_VIDEOS))
    two, three, four, five = progress.learn(first, full_page(1, 20, size=20, total=100, has_more=True))
    progress.learn(three, full_page(3, 7, size=20, total=47, has_more=False))
    assert progress.unwanted() == [four, five]
    progress.withdraw(four)
    assert progress.outstanding() == [two, five]  # page 5 is in flight, and lands
    progress.learn(five, facts(has_more=False))
    progress.learn(two, full_page(2, 20, size=20, total=100, has_more=True))
    assert told(progress) == (WalkState.COMPLETE, Why.END, 4, 47)


def test_a_walk_that_repeats_itself_wants_none_of_its_other_pages() -> None:
    progress, first = begun(walk_of(K_VIDEOS))
    rest = progress.learn(first, full_page(1, 20, size=20, total=100))
    progress.learn(rest[0], full_page(1, 20, size=20, total=100))
    assert progress.unwanted() == list(rest[1:])
    for request in rest[1:]:
        progress.withdraw(request)
    assert told(progress) == (WalkState.TRUNCATED, Why.GUARD, 2, 40)


def test_a_total_that_lies_costs_no_memory() -> None:
    asked, _ = landed(walk_of(K_VIDEOS), full_page(1, 20, size=20, total=2**63 - 1))
    assert len(asked) == MOST_PAGES_AHEAD + 1


@pytest.mark.parametrize(("why", "state"), [(Why.REQUEST_FAILED, WalkState.FAILED), (Why.REFUSED, WalkState.TRUNCATED)])
def test_a_page_that_will_not_come_is_told_at_the_end_and_the_others_are_bought(why: Why, state: WalkState) -> None:
    progress, first = begun(walk_of(K_VIDEOS))
    two, three = progress.learn(first, full_page(1, 20, size=20, total=60))
    progress.fail(two, why)
    assert progress.state is WalkState.OPEN
    progress.learn(three, full_page(3, 20, size=20, total=60))
    assert told(progress) == (state, why, 2, 40)


def test_a_walk_whose_first_page_fails_has_failed() -> None:
    progress, first = begun(walk_of(K_VIDEOS))
    progress.fail(first, Why.REFUSED)
    assert told(progress) == (WalkState.FAILED, Why.REFUSED, 0, 0)


@pytest.mark.parametrize("why", [Why.BUDGET, Why.INTERRUPTED])
def test_a_walk_given_up_is_truncated_if_it_had_begun_and_else_not_attempted(why: Why) -> None:
    progress, first = begun(walk_of(K_VIDEOS))
    progress.learn(first, full_page(1, 20, size=20, total=60))
    progress.give_up(why)
    assert told(progress) == (WalkState.TRUNCATED, why, 1, 20)
    unbegun, _ = begun(walk_of(K_VIDEOS))
    unbegun.give_up(why)
    assert told(unbegun) == (WalkState.NOT_ATTEMPTED, why, 0, 0)


def test_a_walk_that_has_ended_is_not_ended_again() -> None:
    progress, first = begun(walk_of(K_VIDEOS))
    progress.learn(first, full_page(1, 5, has_more=False))
    progress.give_up(Why.BUDGET)
    assert told(progress) == (WalkState.COMPLETE, Why.END, 1, 5)


# --- pages by cursor --------------------------------------------------------------------------------------------------


def cursors(*answers: PageFacts, max_pages: int | None = None) -> tuple[list[str | None], Told]:
    progress, request = begun(walk_of(C_POSTS, max_pages))
    asked = [request.cursor]
    for number, answer in enumerate(answers, start=1):
        following = progress.learn(request, answer)
        if not following:
            assert number == len(answers)
            break
        (request,) = following
        assert request.page == number + 1
        asked.append(request.cursor)
    return asked, told(progress)


def test_a_cursor_walk_follows_what_each_page_hands_out() -> None:
    one, two = full_page(1, 30, has_more=True, cursor="30"), full_page(2, 30, has_more=True, cursor="60")
    last = full_page(3, 11, has_more=False, cursor="71")
    assert cursors(one, two, last) == ([None, "30", "60"], (WalkState.COMPLETE, Why.END, 3, 71))


@pytest.mark.parametrize("cursor", ["30", "0", None])
def test_a_cursor_that_was_seen_or_leads_nowhere_is_a_guard(cursor: str | None) -> None:
    one, two = full_page(1, 30, has_more=True, cursor="30"), full_page(2, 30, has_more=True, cursor=cursor)
    assert cursors(one, two) == ([None, "30"], (WalkState.TRUNCATED, Why.GUARD, 2, 60))


def test_a_loop_over_several_cursors_is_found_as_well() -> None:
    answers = [full_page(n, 30, has_more=True, cursor=c) for n, c in enumerate(("a", "b", "c", "a"))]
    assert cursors(*answers) == ([None, "a", "b", "c"], (WalkState.TRUNCATED, Why.GUARD, 4, 120))


def test_the_same_posts_under_a_new_cursor_are_a_loop_that_bills() -> None:
    one, two = full_page(1, 30, has_more=True, cursor="30"), full_page(1, 30, has_more=True, cursor="60")
    assert cursors(one, two) == ([None, "30"], (WalkState.TRUNCATED, Why.GUARD, 2, 60))


def test_two_empty_pages_with_more_promised_are_a_loop() -> None:
    one, two = (facts(has_more=True, cursor=cursor) for cursor in "12")
    assert cursors(one, two) == ([None, "1"], (WalkState.TRUNCATED, Why.GUARD, 2, 0))


def test_without_a_word_on_more_a_page_that_is_not_full_is_the_last() -> None:
    assert cursors(full_page(1, 12, cursor="30")) == ([None], (WalkState.COMPLETE, Why.END, 1, 12))
    assert cursors(full_page(1, 30, cursor="30"))[0] == [None, "30"]


@pytest.mark.parametrize("cursor", ["60", "30", None])
def test_a_walk_as_deep_as_asked_is_complete_wherever_its_cursor_would_lead(cursor: str | None) -> None:
    one, two = full_page(1, 30, has_more=True, cursor="30"), full_page(2, 30, has_more=True, cursor=cursor)
    assert cursors(one, two, max_pages=2) == ([None, "30"], (WalkState.COMPLETE, Why.AS_ASKED, 2, 60))


def test_a_chain_that_breaks_has_failed_with_what_it_holds() -> None:
    progress, first = begun(walk_of(C_POSTS))
    (two,) = progress.learn(first, full_page(1, 30, has_more=True, cursor="30"))
    progress.fail(two, Why.REQUEST_FAILED)
    assert told(progress) == (WalkState.FAILED, Why.REQUEST_FAILED, 1, 30)
    assert progress.outstanding() == []


# --- a walk that a second crawl wants deeper --------------------------------------------------------------------------


def test_a_page_walk_that_ended_as_asked_goes_on_where_a_deeper_crawl_joins_it() -> None:
    progress, first = begun(walk_of(K_VIDEOS, max_pages=1))
    progress.learn(first, full_page(1, 20, size=20, total=100))
    assert pages(progress.widen(walk_of(K_VIDEOS, max_pages=3))) == [2, 3]
    assert progress.state is WalkState.OPEN


def test_a_cursor_walk_that_ended_as_asked_goes_on_where_a_deeper_crawl_joins_it() -> None:
    progress, first = begun(walk_of(C_POSTS, max_pages=1))
    progress.learn(first, full_page(1, 30, has_more=True, cursor="30"))
    assert progress.widen(walk_of(C_POSTS, max_pages=1)) == []
    assert [request.cursor for request in progress.widen(walk_of(C_POSTS, max_pages=None))] == ["30"]
    assert progress.state is WalkState.OPEN


def test_a_walk_at_its_end_stays_there_whoever_joins_it() -> None:
    progress, first = begun(walk_of(K_VIDEOS, max_pages=1))
    progress.learn(first, full_page(1, 5, size=20, total=5))
    assert progress.widen(walk_of(K_VIDEOS)) == []
    assert told(progress) == (WalkState.COMPLETE, Why.END, 1, 5)
