"""Laws of a walk, against a small vendor that may lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.pagination import PageFacts, Record, WalkState, Why
from scraper.core.requests import Progress, Request, start
from tests.core.builders import C_CREATORS, C_POSTS, K_VIDEOS, walk_of
from tests.examples import examples

CLAMP = 10
"""Of Crawlora's creators; KeyAPI's videos have none."""
MOST_ASKED = 3_000
"""Far more than any walk of these vendors needs: past it a walk does not terminate."""


@dataclass(frozen=True, slots=True)
class Board:
    """A vendor's board, and what its answers say of it."""

    rows: int
    size: int
    total: Callable[[int], int | None]
    """From the true number of rows to what is told."""
    has_more: Callable[[bool], bool | None]
    tells_size: bool
    clamp: int | None = None

    def answer(self, asked: int) -> PageFacts:
        page = asked if self.clamp is None else min(asked, self.clamp)
        listed = range((page - 1) * self.size, min(page * self.size, self.rows))
        return PageFacts(
            records=len(listed),
            ids=tuple(Record(str(row)) for row in listed),
            reported_page=page,
            size=self.size if self.tells_size else None,
            total=self.total(self.rows),
            has_more=self.has_more(page * self.size < self.rows),
        )


TRUE_TOTALS = st.sampled_from([lambda rows: rows, lambda _: None, lambda _: 0])
LYING_TOTALS = st.sampled_from([lambda rows: rows * 3 + 40, lambda rows: rows // 2, lambda _: 10**6, lambda _: -1])
TRUE_MORE = st.sampled_from([lambda more: more, lambda _: None])
LYING_MORE = st.sampled_from([lambda _: True, lambda more: True if more else None])


def boards(
    totals: st.SearchStrategy[Callable[[int], int | None]], more: st.SearchStrategy[Callable[[bool], bool | None]]
) -> st.SearchStrategy[Board]:
    """Sizes as the vendor serves them: at most what was asked for; told where they are smaller."""
    full = st.builds(Board, st.integers(0, 700), st.just(20), totals, more, st.booleans())
    small = st.builds(Board, st.integers(0, 200), st.integers(1, 19), totals, more, st.just(value=True))
    return full | small


def walked(
    progress: Progress, first: Request, answer: Callable[[Request], PageFacts], data: st.DataObject
) -> list[int]:
    """Carries a walk out, its requests answered in any order; the pages that were asked for, in that order."""
    ready, asked = [first], []
    while ready:
        request = ready.pop(data.draw(st.integers(0, len(ready) - 1)))
        asked.append(request.page)
        assert len(asked) < MOST_ASKED
        ready += progress.learn(request, answer(request))
        for unwanted in progress.unwanted():
            ready.remove(unwanted)
            progress.withdraw(unwanted)
    assert progress.state is not WalkState.OPEN
    assert progress.outstanding() == []
    return asked


@examples(60)
@given(boards(TRUE_TOTALS, TRUE_MORE), st.none() | st.integers(1, 12), st.data())
def test_a_complete_walk_of_an_honest_vendor_has_every_row_and_bought_no_page_in_vain(
    board: Board, max_pages: int | None, data: st.DataObject
) -> None:
    progress, first = start(walk_of(K_VIDEOS, max_pages))
    asked = walked(progress, first, lambda request: board.answer(request.page), data)
    whole = -(-board.rows // board.size)
    if progress.why is Why.END:
        assert (progress.state, progress.rows) == (WalkState.COMPLETE if board.rows else WalkState.EMPTY, board.rows)
    else:
        assert max_pages is not None
        assert max_pages <= whole
        assert (progress.state, progress.why) == (WalkState.COMPLETE, Why.AS_ASKED)
        assert progress.rows == min(board.rows, max_pages * board.size)
    if board.total(1) == 1 or board.has_more(False) is False:
        assert max(asked) <= max(1, whole)


@examples(60)
@given(boards(TRUE_TOTALS | LYING_TOTALS, TRUE_MORE | LYING_MORE), st.none() | st.integers(1, 10), st.data())
def test_whatever_a_vendor_says_no_page_is_asked_for_twice_or_past_the_limits_and_the_walk_ends(
    board: Board, max_pages: int | None, data: st.DataObject
) -> None:
    clamped = Board(board.rows, board.size, board.total, board.has_more, board.tells_size, clamp=CLAMP)
    progress, first = start(walk_of(C_CREATORS, max_pages))
    asked = walked(progress, first, lambda request: clamped.answer(request.page), data)
    assert len(asked) == len(set(asked)) == progress.pages
    assert max(asked) <= (max_pages or CLAMP)
    if progress.state is WalkState.COMPLETE and progress.why is Why.AS_ASKED:
        assert max(asked) == max_pages


@examples(50)
@given(boards(TRUE_TOTALS | LYING_TOTALS, TRUE_MORE | LYING_MORE), st.integers(1, 10), st.data())
def test_a_vendor_that_repeats_its_last_page_for_ever_is_left(board: Board, clamp: int, data: st.DataObject) -> None:
    repeating = Board(board.rows, board.size, lambda _: None, lambda _: True, board.tells_size, clamp=clamp)
    progress, first = start(walk_of(K_VIDEOS))
    asked = walked(progress, first, lambda request: repeating.answer(request.page), data)
    assert max(asked) <= clamp + 1 or progress.rows == board.rows
    assert (progress.state, progress.why) == (WalkState.TRUNCATED, Why.GUARD)


ANSWERS = st.builds(
    lambda ids, has_more, cursor: PageFacts(len(ids), tuple(Record(i) for i in ids), has_more=has_more, cursor=cursor),
    st.lists(st.text("abcd", min_size=1, max_size=2), max_size=30),
    st.sampled_from([True, True, True, False, None]),
    st.none() | st.integers(0, 12).map(str),
)


@examples(60)
@given(st.lists(ANSWERS, min_size=14, max_size=20), st.none() | st.integers(1, 5))
def test_a_cursor_walk_uses_no_cursor_twice_and_ends(answers: list[PageFacts], max_pages: int | None) -> None:
    progress, request = start(walk_of(C_POSTS, max_pages))
    used = []
    for number, answer in enumerate(answers, start=1):  # 13 cursors: a longer walk has used one twice
        used.append(request.cursor)
        following = progress.learn(request, answer)
        if not following:
            break
        (request,) = following
        assert request.page == number + 1
    assert progress.state is not WalkState.OPEN
    assert len(used) == len(set(used)) == progress.pages
    assert max_pages is None or len(used) <= max_pages
    assert progress.rows == sum(answer.records for answer in answers[: len(used)])
