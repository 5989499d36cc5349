"""An answer that contradicts itself is never quiet; ends are known or concluded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from scraper.core.bodies import NOT_UNDERSTOOD, cursor_of, flag_of, integer_of, text_of
from scraper.core.pagination import EndSign, Guard, PageFacts, WalkState, Why
from scraper.core.requests import Progress, Request, Walk
from tests.core.builders import C_CREATORS, C_HASHTAGS, C_POSTS, K_HASHTAGS, K_VIDEOS, endpoint, facts, walk_of
from tests.core.envelopes import ABSENT, complete, envelope, listed, one_page, single, standing, stopped, walked

# --- contradictions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full_name", [C_HASHTAGS, C_CREATORS, K_HASHTAGS, K_VIDEOS])
@pytest.mark.parametrize("found", [ABSENT, None])
@pytest.mark.parametrize("told", [{"total": 100, "has_more": False}, {"total": "7"}, {"has_more": True}])
def test_a_list_that_is_missing_or_null_beside_a_promise_ends_the_walk(
    full_name: str, found: Any, told: dict[str, Any]
) -> None:
    assert one_page(full_name, found, **told) == stopped(Guard.LIST_MISSING)


@pytest.mark.parametrize("found", [ABSENT, None])
def test_a_feed_without_its_list_that_promises_more_ends_and_one_that_promises_nothing_is_empty(found: Any) -> None:
    assert one_page(C_POSTS, found, has_more=True, cursor="30") == stopped(Guard.LIST_MISSING)
    assert one_page(C_POSTS, found, has_more=False, cursor="30") == (WalkState.EMPTY, Why.END, [])


@pytest.mark.parametrize("full_name", [C_HASHTAGS, C_CREATORS, K_VIDEOS])
@pytest.mark.parametrize("usable", [0, 1, 9])
def test_records_of_which_most_carry_no_id_are_no_board(full_name: str, usable: int) -> None:
    described = endpoint(full_name)
    found = listed(described, *range(usable), *[None] * (20 - usable))
    assert one_page(full_name, found, total=20, size=20, has_more=False) == stopped(Guard.RECORDS_UNUSABLE)


def test_a_feed_of_records_without_ids_costs_one_request() -> None:
    described = endpoint(C_POSTS)
    progress = walked(
        walk_of(C_POSTS),
        lambda request: envelope(described, [{"aweme_id": "1"}] * 30, has_more=True, cursor=str(request.page * 30)),
    )
    assert (progress.pages, standing(progress)) == (1, stopped(Guard.RECORDS_UNUSABLE))


def test_a_single_record_without_its_id_is_not_complete() -> None:
    walk = Walk(single(), ())
    assert standing(walked(walk, lambda _: envelope(walk.endpoint, {"uid": "5"}))) == stopped(Guard.RECORDS_UNUSABLE)
    assert standing(walked(walk, lambda _: envelope(walk.endpoint, {"user_id": "5"}))) == complete()


@pytest.mark.parametrize(
    ("unusable", "ends"), [(3, complete(Guard.SOME_UNUSABLE)), (30, stopped(Guard.ROWS_MISSING, Guard.SOME_UNUSABLE))]
)
def test_a_few_records_without_ids_are_noted_and_many_are_missing_rows(
    unusable: int, ends: tuple[WalkState, Why, list[Guard]]
) -> None:
    described = endpoint(C_HASHTAGS)
    found = listed(described, *range(100 - unusable), *[None] * unusable)
    assert one_page(C_HASHTAGS, found, total=100, size=100, has_more=False) == ends


@pytest.mark.parametrize("rows", [1, 37, 99])
@pytest.mark.parametrize("more", [False, ABSENT])
def test_fewer_rows_than_the_total_on_the_only_page_end_the_walk(rows: int, more: Any) -> None:
    met = one_page(C_HASHTAGS, range(rows), total=100, size=100, has_more=more)
    assert met == stopped(Guard.ROWS_MISSING)
    assert one_page(C_HASHTAGS, [], total=100, size=100, has_more=False) == stopped(Guard.ROWS_MISSING)


def board(full_name: str, pages: Sequence[Sequence[object]], total: int, size: int) -> Progress:
    """A board whose pages list these ids; has_more is true up to the last of them."""
    described = endpoint(full_name)

    def body(request: Request) -> dict[str, Any]:
        ids = pages[request.page - 1] if request.page <= len(pages) else ()
        more = request.page < len(pages)
        return envelope(described, listed(described, *ids), total=total, size=size, has_more=more)

    return walked(walk_of(full_name), body)


@pytest.mark.parametrize("short", [40, 99])
def test_a_middle_page_that_is_not_full_leaves_rows_missing(short: int) -> None:
    pages = [range(page * 100, min(page * 100 + 100, 459)) for page in range(5)]
    pages[2] = pages[2][:short]
    assert standing(board(C_CREATORS, pages, 459, 100)) == stopped(Guard.ROWS_MISSING)


@pytest.mark.parametrize(("shift", "ends"), [(2, complete(Guard.BOARD_MOVED)), (5, stopped(Guard.ROWS_MISSING))])
def test_overlaps_explain_missing_rows_up_to_a_tenth_of_the_total(
    shift: int, ends: tuple[WalkState, Why, list[Guard]]
) -> None:
    pages = [range(page * (20 - shift), page * (20 - shift) + 20) for page in range(5)]
    assert standing(board(K_HASHTAGS, pages, 100, 20)) == ends


def test_three_hundred_promised_and_211_distinct_are_not_complete() -> None:
    pages = [[row % 211 for row in range(page * 100, page * 100 + 100)] for page in range(3)]
    progress = board(C_CREATORS, pages, 300, 100)
    assert (progress.rows, progress.distinct) == (300, 211)
    assert standing(progress) == stopped(Guard.ROWS_MISSING, Guard.ROWS_REPEATED)


def test_rows_are_missing_from_the_pages_that_the_job_asked_for_too() -> None:
    described = endpoint(K_HASHTAGS)
    for rows, ends in ((20, (WalkState.COMPLETE, Why.AS_ASKED, [])), (13, stopped(Guard.ROWS_MISSING))):
        body = envelope(described, listed(described, *range(rows)), total=100, size=20, has_more=True)
        assert standing(walked(walk_of(K_HASHTAGS, max_pages=1), lambda _, body=body: body)) == ends  # type: ignore[misc]


def test_has_more_wins_over_the_total_and_is_noted() -> None:
    described = endpoint(C_HASHTAGS)

    def body(request: Request, pages: int, promises: int) -> dict[str, Any]:
        ids = range((request.page - 1) * 100, request.page * 100) if request.page <= pages else ()
        return envelope(described, listed(described, *ids), total=100, size=100, has_more=request.page <= promises)

    for pages, promises, asked in ((2, 1, 2), (3, 2, 3), (1, 1, 2), (1, 99, 2)):
        progress = walked(walk_of(C_HASHTAGS), lambda request, p=pages, m=promises: body(request, p, m))  # type: ignore[misc]
        assert (progress.pages, progress.distinct) == (asked, pages * 100)
        assert standing(progress) == complete(Guard.MORE_THAN_TOTAL)


# --- present but not understood ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "values", "expected"),
    [
        (flag_of, [True, 1, 1.0, "1", "true", "True", " TRUE "], True),
        (flag_of, [False, 0, 0.0, "0", "false", "FALSE"], False),
        (flag_of, ["yes", "", "Y", 2, -1, 0.5, [], {}, ["true"]], NOT_UNDERSTOOD),
        (integer_of, [100, 100.0, "100", " 100 "], 100),
        (integer_of, ["1,234", "1e3", "", 12.5, True, [], {}, [100], 2**63], NOT_UNDERSTOOD),
        (text_of, ["30", 30], "30"),
        (text_of, [True, 1.5, 30.0, [], {}, ["30"]], NOT_UNDERSTOOD),
        (cursor_of, ["30", 30, 30.0], "30"),
        (cursor_of, [None, ""], None),
        (flag_of, [None], None),
        (integer_of, [None], None),
    ],
)
def test_a_reader_tells_a_value_from_none_and_from_what_it_does_not_understand(
    read: Callable[[Any], Any], values: Sequence[Any], expected: Any
) -> None:
    assert [read(value) for value in values] == [expected] * len(values)


ODD_FLAGS: list[Any] = ["yes", 2, "", [], {"more": True}]
ODD_COUNTS: list[Any] = [{"count": 100}, [100], "1,234", "many", 12.5, -1, "-5", True]


@pytest.mark.parametrize("full_name", [C_HASHTAGS, K_VIDEOS])
@pytest.mark.parametrize(
    ("fact", "odd", "guard"),
    [
        *(("has_more", odd, Guard.FLAG_NOT_UNDERSTOOD) for odd in ODD_FLAGS),
        *(("total", odd, Guard.TOTAL_NOT_UNDERSTOOD) for odd in ODD_COUNTS),
        *(("size", odd, Guard.SIZE_NOT_UNDERSTOOD) for odd in ODD_COUNTS),
        *(("reported_page", odd, Guard.PAGE_NOT_UNDERSTOOD) for odd in ODD_COUNTS),
    ],
)
def test_a_field_of_a_page_that_is_not_understood_ends_the_walk_by_name(
    full_name: str, fact: str, odd: Any, guard: Guard
) -> None:
    rows = endpoint(full_name).pagination.rows_per_page
    told = {"total": rows, "size": rows, "has_more": False, "reported_page": 1, fact: odd}
    assert one_page(full_name, range(rows), **told) == stopped(guard)


@pytest.mark.parametrize("odd", ["yes", 2, "", {}])
def test_a_feed_whose_flag_is_not_understood_has_not_ended(odd: Any) -> None:
    assert one_page(C_POSTS, range(20), has_more=odd, cursor="20") == stopped(Guard.FLAG_NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    "told", [{"total": "100", "has_more": "False"}, {"total": 100.0, "size": "100", "has_more": 0}]
)
def test_what_is_unmistakable_is_read(told: dict[str, Any]) -> None:
    assert one_page(C_HASHTAGS, range(100), **told) == complete()


def test_facts_stored_by_an_older_version_are_read_and_newer_ones_come_back_whole() -> None:
    page = facts("1", total=5, not_understood=("has_more",), list_missing=True)
    assert PageFacts.from_json(page.to_json()) == page
    older = {name: value for name, value in page.to_json().items() if name not in {"not_understood", "list_missing"}}
    assert PageFacts.from_json(older) == facts("1", total=5)


# --- known ends and concluded ends ------------------------------------------------------------------------------------


def bare(ends: EndSign | None, **described: str) -> Walk:
    """A walk of pages of ten whose answers carry no field but those described."""
    fields = dict.fromkeys(("page_field", "size_field", "total_field", "has_more_field"), None)
    known = endpoint(K_VIDEOS)
    pages = replace(known.pagination, **{**fields, **described}, rows_per_page=10, ends=ends)  # type: ignore[type-var]
    return Walk(replace(known, pagination=pages), ())


def short_in_the_middle(walk: Walk) -> Progress:
    """39 records on four pages, of which the second holds nine."""

    def body(request: Request) -> dict[str, Any]:
        ids = range(request.page * 10, request.page * 10 + 10) if request.page <= 4 else range(0)
        return envelope(walk.endpoint, listed(walk.endpoint, *(ids[:9] if request.page == 2 else ids)))

    return walked(walk, body)


@pytest.mark.parametrize(
    ("ends", "rows", "notes"),
    [(None, 19, [Guard.END_CONCLUDED]), (EndSign.SHORT_PAGE, 19, []), (EndSign.EMPTY_PAGE, 39, [])],
)
def test_a_short_page_ends_a_list_unless_the_vendor_file_says_that_an_empty_one_does(
    ends: EndSign | None, rows: int, notes: list[Guard]
) -> None:
    progress = short_in_the_middle(bare(ends))
    assert (progress.rows, standing(progress)) == (rows, (WalkState.COMPLETE, Why.END, notes))


@pytest.mark.parametrize(
    ("ends", "described"),
    [(EndSign.HAS_MORE, {"has_more_field": "more"}), (EndSign.TOTAL, {"total_field": "total"})],
)
def test_a_field_that_ends_the_list_and_is_absent_ends_the_walk_by_a_guard(
    ends: EndSign, described: dict[str, str]
) -> None:
    progress = short_in_the_middle(bare(ends, **described))
    assert (progress.pages, standing(progress)) == (1, stopped(Guard.END_NOT_TOLD, Guard.FIELDS_MISSING))


@pytest.mark.parametrize(
    ("ends", "end"),
    [
        (None, complete(Guard.END_CONCLUDED, Guard.FIELDS_MISSING)),
        (EndSign.SHORT_PAGE, complete(Guard.FIELDS_MISSING)),
        (EndSign.EMPTY_PAGE, complete(Guard.FIELDS_MISSING)),
        (EndSign.HAS_MORE, stopped(Guard.END_NOT_TOLD, Guard.FIELDS_MISSING)),
    ],
)
def test_a_feed_without_its_flag_ends_by_the_sign_in_its_vendor_file(
    ends: EndSign | None, end: tuple[WalkState, Why, list[Guard]]
) -> None:
    known = endpoint(C_POSTS)
    described = replace(known, pagination=replace(known.pagination, ends=ends))  # type: ignore[type-var]

    def body(request: Request) -> dict[str, Any]:
        ids = range(request.page * 30, request.page * 30 + 30)[: {1: 30, 2: 12}.get(request.page, 0)]
        return envelope(described, listed(described, *ids), cursor=str(request.page * 30))

    progress = walked(Walk(described, (("id", "3242"),)), body)
    assert standing(progress) == end
    assert progress.pages == (3 if ends is EndSign.EMPTY_PAGE else 1 if ends is EndSign.HAS_MORE else 2)


def test_pagination_that_is_gone_and_a_page_size_that_was_lowered_are_noted() -> None:
    assert one_page(C_HASHTAGS, range(50)) == complete(Guard.END_CONCLUDED, Guard.FIELDS_MISSING)
    pages = [range(50), range(50, 100)]
    assert standing(board(C_HASHTAGS, pages, 100, 50)) == complete(Guard.SIZE_LOWERED)
