"""Stored answers decided again: the same for the same vendor file, and the coverage that follows from another one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from scraper.core.catalogue import OutcomeKind
from scraper.core.decisions import Decision, decide, replayed
from scraper.core.pagination import PageFacts, Record, WalkState, Why
from scraper.core.requests import Progress, Walk, start
from tests.core.builders import (
    C_HASHTAGS,
    C_POSTS,
    K_HASHTAGS,
    K_VIDEOS,
    NOON,
    answer,
    board,
    endpoint,
    facts,
    full_page,
    outcome_of,
    vendor_of,
    walk_of,
)
from tests.core.test_pagination_laws import LYING_MORE, LYING_TOTALS, TRUE_MORE, TRUE_TOTALS, Board, boards


def bought(walk: Walk, vendor: Board) -> tuple[Progress, dict[int, PageFacts]]:
    """The walk at its end, and its pages."""
    progress, first = start(walk)
    queue, landed = [first], dict[int, PageFacts]()
    while queue:
        request = queue.pop(0)
        landed[request.page] = vendor.answer(request.page)
        queue += progress.learn(request, landed[request.page])
        for unwanted in progress.unwanted():
            if unwanted in queue:
                queue.remove(unwanted)
                progress.withdraw(unwanted)
    return progress, landed


def standing(progress: Progress) -> tuple[object, ...]:
    return (
        progress.state,
        progress.why,
        progress.pages,
        progress.rows,
        progress.overlaps,
        progress.gaps,
        list(progress.notes),
    )


@given(boards(TRUE_TOTALS | LYING_TOTALS, TRUE_MORE | LYING_MORE))
def test_the_coverage_of_unchanged_pages_is_what_the_run_said(vendor: Board) -> None:
    walk = walk_of(K_VIDEOS, region="US", max_pages=40)
    progress, landed = bought(walk, vendor)
    assert standing(replayed(walk, landed, landed.keys(), progress.why)) == standing(progress)


@pytest.mark.parametrize(
    ("first", "ended", "expected"),
    [
        (full_page(1, 20, total=60), Why.END, (WalkState.TRUNCATED, Why.INTERRUPTED, 1, 20)),
        (full_page(1, 20, total=60), Why.REQUEST_FAILED, (WalkState.TRUNCATED, Why.INTERRUPTED, 1, 20)),
        (full_page(1, 20, total=60), Why.BUDGET, (WalkState.TRUNCATED, Why.BUDGET, 1, 20)),
        (full_page(1, 20, total=60), Why.UNREACHABLE, (WalkState.TRUNCATED, Why.UNREACHABLE, 1, 20)),
        (full_page(1, 20, total=20), Why.REQUEST_FAILED, (WalkState.COMPLETE, Why.END, 1, 20)),
        (facts(total=0), Why.END, (WalkState.EMPTY, Why.END, 1, 0)),
    ],
)
def test_a_page_that_turns_out_to_hold_rows_says_what_is_still_to_be_bought(
    first: PageFacts, ended: Why, expected: tuple[object, ...]
) -> None:
    made = replayed(walk_of(K_VIDEOS, region="US"), {1: first}, {1}, ended)
    assert (made.state, made.why, made.pages, made.rows) == expected


def test_a_page_that_failed_is_still_missing_when_another_one_is_read_again() -> None:
    landed = {1: full_page(1, 20, total=60), 3: full_page(3, 20, total=60)}
    made = replayed(walk_of(K_VIDEOS, region="US"), landed, {1, 2, 3}, Why.REQUEST_FAILED)
    assert (made.state, made.why, made.rows) == (WalkState.FAILED, Why.REQUEST_FAILED, 40)


def test_a_walk_whose_page_is_none_any_more_has_failed() -> None:
    made = replayed(walk_of(K_VIDEOS, region="US"), {}, {1}, Why.END)
    assert (made.state, made.why, made.rows) == (WalkState.FAILED, Why.REQUEST_FAILED, 0)


def test_a_limit_of_the_job_still_ends_the_walk_as_asked() -> None:
    made = replayed(walk_of(K_VIDEOS, region="US", max_pages=1), {1: full_page(1, 20, total=60)}, {1}, Why.END)
    assert (made.state, made.why) == (WalkState.COMPLETE, Why.AS_ASKED)


def test_a_cursor_walk_goes_by_the_pages_that_are_there() -> None:
    posts = [Record(str(number)) for number in range(60)]
    landed = {
        1: PageFacts(30, tuple(posts[:30]), has_more=True, cursor="30"),
        2: PageFacts(30, tuple(posts[30:]), has_more=False, cursor="60"),
    }
    made = replayed(walk_of(C_POSTS), landed, {1, 2}, Why.REQUEST_FAILED)
    assert (made.state, made.why, made.rows) == (WalkState.COMPLETE, Why.END, 60)


@pytest.mark.parametrize("name", [C_HASHTAGS, K_HASHTAGS])
def test_an_answer_is_decided_as_it_was_when_it_was_bought(name: str) -> None:
    body = answer(board([{"hashtag_id": "1", "rank": 1}], total=1, page=1, size=100)).body
    met = outcome_of(name, answer(body))
    assert decide(vendor_of(name), endpoint(name), 200, body, NOON) == Decision(met.kind, met.facts)


def test_a_corrected_path_turns_an_empty_answer_into_a_page() -> None:
    known = endpoint(C_HASHTAGS)
    body = answer({"code": 200, "data": {"code": 0, "data": {"rows": [{"hashtag_id": "7"}]}}}).body
    before = decide(vendor_of(C_HASHTAGS), known, 200, body, NOON)
    corrected = replace(known, records=replace(known.records, path="data.data.rows"))
    now = decide(vendor_of(C_HASHTAGS), corrected, 200, body, NOON)
    assert (before.records, now.outcome, now.records) == (0, OutcomeKind.OK, 1)
    assert not now.agrees_with(before)
    assert now.agrees_with(now)


def test_what_an_older_database_did_not_note_of_a_record_is_no_difference() -> None:
    old = Decision(OutcomeKind.OK, PageFacts(1, (Record("7", rank=1),)))
    now = Decision(OutcomeKind.OK, PageFacts(1, (Record("7", rank=1, fields={"author.uniqueId": "ann"}),)))
    assert now.agrees_with(old)
    assert not now.agrees_with(Decision(OutcomeKind.OK, PageFacts(1, (Record("7", rank=1),), total=9)))
