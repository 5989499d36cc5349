"""Guards: what a vendor that keeps its own word does not answer, and overlaps and gaps in what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from scraper.core.pagination import CursorPagination, Guard, PageFacts, WalkState, Why
from scraper.core.requests import Walk, start
from tests.core.builders import (
    C_CREATORS,
    C_POSTS,
    K_VIDEOS,
    answer,
    endpoint,
    facts,
    full_page,
    outcome_of,
    walk_of,
)


def standing(walk: Walk, *answers: PageFacts) -> tuple[WalkState, Why | None, Sequence[Guard]]:
    """Pages answered in order until nothing more is asked for."""
    progress, first = start(walk)
    queue, left = [first], list(answers)
    while queue and left:
        queue += progress.learn(queue.pop(0), left.pop(0))
        unwanted = progress.unwanted()
        for request in unwanted:
            progress.withdraw(request)
        queue = [request for request in queue if request not in unwanted]
    return progress.state, progress.why, progress.notes


def by_cursor(*told: tuple[object, bool | None]) -> tuple[WalkState, Why | None, Sequence[Guard]]:
    """A walk of full pages whose answers tell these cursors and has_more, as JSON has them."""
    replies = [
        outcome_of(
            C_POSTS,
            answer(
                {
                    "code": 200,
                    "data": {
                        "statusCode": 0,
                        "itemList": [{"id": f"{page}-{row}"} for row in range(30)],
                        **({} if cursor == "missing" else {"cursor": cursor}),
                        **({} if more is None else {"hasMore": more}),
                    },
                }
            ),
        )
        for page, (cursor, more) in enumerate(told)
    ]
    return standing(walk_of(C_POSTS), *(reply.facts for reply in replies if reply.facts is not None))


def guarded(*guards: Guard) -> tuple[WalkState, Why | None, Sequence[Guard]]:
    return WalkState.TRUNCATED, Why.GUARD, list(guards)


COMPLETE: tuple[WalkState, Why | None, Sequence[Guard]] = (WalkState.COMPLETE, Why.END, [])


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        ([(30, True), ("60", True), (75, False)], COMPLETE),
        ([("30", True), ("60", True), ("30", True)], guarded(Guard.CURSOR_SEEN)),
        ([(30, True), (60, True), (45, True)], guarded(Guard.CURSOR_BACK)),
        ([("90", True), ("60", True)], guarded(Guard.CURSOR_BACK)),
        ([(30, True), ("030", True)], guarded(Guard.CURSOR_BACK)),
        ([(0, True)], guarded(Guard.CURSOR_SEEN)),
        ([("0", True)], guarded(Guard.CURSOR_SEEN)),
        ([(-1, True)], guarded(Guard.CURSOR_BACK)),
        ([(30, True), ("-1", True)], guarded(Guard.CURSOR_BACK)),
        ([(None, True)], guarded(Guard.CURSOR_MISSING)),
        ([("", True)], guarded(Guard.CURSOR_MISSING)),
        ([("missing", True)], guarded(Guard.CURSOR_MISSING)),
        ([(True, True)], guarded(Guard.CURSOR_NOT_UNDERSTOOD)),
        ([(12.5, True)], guarded(Guard.CURSOR_NOT_UNDERSTOOD)),
        ([(30.0, True), ("60", False)], COMPLETE),
        ([({"next": 30}, True)], guarded(Guard.CURSOR_NOT_UNDERSTOOD)),
        ([("missing", None)], guarded(Guard.CURSOR_MISSING, Guard.FIELDS_MISSING)),
        ([("aGVsbG8=", True), ("Zm9v", True), ("missing", False)], COMPLETE),
        *([[(30, True), (sentinel, False)], COMPLETE] for sentinel in (0, -1, "0", None, "missing", 30, "60")),
    ],
)
def test_every_cursor_that_a_vendor_can_tell_is_followed_or_ends_the_walk_by_name(
    told: list[tuple[object, bool | None]], ends: tuple[WalkState, Why | None, Sequence[Guard]]
) -> None:
    assert by_cursor(*told) == ends


def test_a_chain_that_serves_what_it_served_before_under_new_cursors_is_left_after_two_pages() -> None:
    told = [full_page(n, 30, has_more=True, cursor=f"{n * 30}") for n in (1, 2)]
    again = [replace(page, cursor=f"{90 + n}") for n, page in enumerate(some_of_both(3, 4))]
    assert standing(walk_of(C_POSTS), *told, *again) == guarded(Guard.NOTHING_NEW)
    nothing = facts(has_more=True, cursor="91")
    between = [*told, again[0], nothing, full_page(9, 30, has_more=False)]
    assert standing(walk_of(C_POSTS), *between) == guarded(Guard.NOTHING_NEW)


def test_cursors_that_are_no_numbers_have_no_direction() -> None:
    pagination = endpoint(C_POSTS).pagination
    assert isinstance(pagination, CursorPagination)
    opaque = replace(endpoint(C_POSTS), pagination=replace(pagination, numeric=False))
    walk = replace(walk_of(C_POSTS), endpoint=opaque)
    told = [full_page(n, 30, has_more=cursor != "10", cursor=cursor) for n, cursor in enumerate(["90", "60", "10"])]
    assert standing(walk, *told) == COMPLETE


def full(page: int, **told: Any) -> PageFacts:
    return full_page(page, 20, size=20, **told)


def some_of_both(*numbers: int) -> list[PageFacts]:
    """Pages that list nothing but what pages 1 and 2 listed, each its own choice of it."""
    return [facts(*(f"{1 + row % 2}-{row + n}" for row in range(15)), has_more=True, cursor=f"{n}") for n in numbers]


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ([full(1, has_more=True), full(1, has_more=True)], guarded(Guard.PAGE_REPEATED)),
        (
            [full(1, has_more=True), facts(*(f"1-{place}" for place in reversed(range(20))), has_more=True)],
            guarded(Guard.PAGE_REPEATED),
        ),
        ([full(1, has_more=True), full(2, has_more=True, reported_page=1)], guarded(Guard.PAGE_OTHER)),
        (
            [full(1, has_more=True), full(2, has_more=True), *some_of_both(3, 4)],
            guarded(Guard.NOTHING_NEW),
        ),
        (
            [full(1, has_more=True), full(2, has_more=True), *some_of_both(3), full(4, has_more=False)],
            COMPLETE,
        ),
        ([full(1, has_more=True), facts(has_more=True), facts(has_more=True)], guarded(Guard.EMPTY_PAGES)),
        ([full(1, total=10**6), *[facts(size=20, total=10**6)] * 2], guarded(Guard.EMPTY_PAGES)),
        (
            [full(1, has_more=True), facts(has_more=True), full(3, has_more=False)],
            (WalkState.COMPLETE, Why.END, [Guard.EMPTY_PAGE]),
        ),
        ([full(1, total=100, has_more=True), full(2, total=100, has_more=False)], guarded(Guard.TOTAL_NOT_REACHED)),
        ([facts(size=20, total=100, has_more=False)], guarded(Guard.TOTAL_NOT_REACHED)),
        ([full(1, total=47), full(2, total=47), full_page(3, 7, size=20, total=47, has_more=False)], COMPLETE),
        (
            [full(1, total=47), full(2, total=47), full_page(3, 5, size=20, total=47, has_more=False)],
            guarded(Guard.ROWS_MISSING),
        ),
        (
            [full(1, total=40), full(2, total=60), full(3, total=60)],
            (WalkState.COMPLETE, Why.END, [Guard.TOTAL_GREW]),
        ),
        (
            [full(1, total=100), full(2, total=47), full_page(3, 7, size=20, total=47)],
            (WalkState.COMPLETE, Why.END, [Guard.TOTAL_SHRANK]),
        ),
        ([full(1, total=60), full(2, total=20), full(3, total=60)], COMPLETE),
        (
            [full(1, total=60), full(2, total=40, has_more=True), full(3, total=60)],
            (WalkState.COMPLETE, Why.END, [Guard.TOTAL_SHRANK]),
        ),
    ],
)
def test_every_contradiction_of_a_board_ends_the_walk_by_name_or_is_noted(
    answers: list[PageFacts], ends: tuple[WalkState, Why | None, Sequence[Guard]]
) -> None:
    assert standing(walk_of(K_VIDEOS), *answers) == ends


def test_a_total_past_the_clamp_or_past_what_the_job_asked_is_no_contradiction_of_has_more() -> None:
    tenth = [full_page(page, 100, size=100, total=5_000, has_more=page < 10) for page in range(1, 11)]
    assert standing(walk_of(C_CREATORS), *tenth) == (WalkState.TRUNCATED, Why.CLAMP, [])
    two = [full(1, total=100, has_more=True), full(2, total=100, has_more=False)]
    assert standing(walk_of(K_VIDEOS, max_pages=2), *two) == (WalkState.COMPLETE, Why.AS_ASKED, [])


def test_the_guards_that_end_a_walk_and_those_that_let_it_go_on_are_told_apart() -> None:
    going_on = {guard for guard in Guard if not guard.ends}
    totals = {Guard.TOTAL_GREW, Guard.TOTAL_SHRANK, Guard.MORE_THAN_TOTAL}
    concluded = {Guard.END_CONCLUDED, Guard.FIELDS_MISSING, Guard.SIZE_LOWERED}
    some = {Guard.EMPTY_PAGE, Guard.ROWS_REPEATED, Guard.BOARD_MOVED, Guard.SOME_UNUSABLE, Guard.PART_SERVED}
    assert going_on == {*some, *totals, *concluded}
    assert all(guard.meaning for guard in Guard)


def test_a_board_that_shifted_under_the_walk_counts_what_two_pages_list_and_no_row_twice_within_a_page() -> None:
    progress, first = start(walk_of(K_VIDEOS))
    ids = [str(number) for number in range(60)]
    two, three = progress.learn(first, facts(*ids[:20], ids[0], size=20, total=60))
    progress.learn(three, facts(*ids[40:], size=20, total=60))
    progress.learn(two, facts(*ids[19:39], size=20, total=60))  # a record slid down, and ids[39] slid up
    standing_now = (progress.state, progress.overlaps, progress.distinct, progress.gaps, progress.notes)
    assert standing_now == (WalkState.COMPLETE, 1, 59, 0, [Guard.BOARD_MOVED])


def test_pages_that_were_asked_for_and_did_not_land_are_gaps_and_those_past_the_last_one_met_are_not() -> None:
    progress, first = start(walk_of(K_VIDEOS))
    two, _, four, *_ = progress.learn(first, full(1, total=200))
    progress.learn(four, full(4, total=200))
    progress.fail(two, Why.REQUEST_FAILED)
    progress.give_up(Why.BUDGET)
    assert (progress.pages, progress.gaps) == (2, 2)  # 2 failed, 3 was on its way, 5 to 10 were not reached
    chain, first = start(walk_of(C_POSTS))
    (second,) = chain.learn(first, full_page(1, 30, has_more=True, cursor="30"))
    assert chain.gaps == 0
    chain.fail(second, Why.REQUEST_FAILED)
    assert chain.gaps == 1


def test_where_the_whole_walk_fails_none_of_its_other_pages_is_wanted() -> None:
    progress, first = start(walk_of(K_VIDEOS))
    two, *rest = progress.learn(first, full(1, total=100))
    progress.fail(two, Why.REQUEST_FAILED, whole_walk=True)
    assert progress.unwanted() == rest
    for request in rest:
        progress.withdraw(request)
    standing_now = (progress.state, progress.why, progress.pages, progress.rows)
    assert standing_now == (WalkState.FAILED, Why.REQUEST_FAILED, 1, 20)


def test_a_page_that_was_withdrawn_is_asked_for_again_where_a_later_one_tells_that_it_is_there() -> None:
    progress, first = start(walk_of(K_VIDEOS))
    two, three, four = progress.learn(first, full(1, total=80))
    progress.learn(two, full(2, total=40))
    assert progress.unwanted() == [three, four]
    progress.withdraw(four)  # page 3 is in flight
    assert progress.learn(three, full(3, total=80)) == [four]
