"""Walks that stop where enough was seen before, feeds that repeat themselves, and empty pages that are bought again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.frontier import Frontier
from scraper.core.outcomes import Outcome
from scraper.core.pagination import Guard, PageFacts, WalkState, Why
from scraper.core.planning import Known, Range, WalkSeen, plan
from scraper.core.requests import Progress, Walk, start
from scraper.core.retries import PAID_RETRIES, Retry, Tries, retry_empty
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, K_VIDEOS, NOON, crawl, facts, full_page, job, walk_of
from tests.core.test_frontier import posts, take
from tests.core.test_planning_history import Seen, walks_of, whole

END = (WalkState.COMPLETE, Why.END)
KNOWN = (WalkState.COMPLETE, Why.KNOWN)


def stopping(full_name: str, share: float | None = 0.9, max_pages: int | None = None) -> Walk:
    return replace(walk_of(full_name, max_pages), stop_when_known=share)


def walked(walk: Walk, answers: Sequence[PageFacts], known: Iterable[str] = ()) -> tuple[Progress, list[int]]:
    """Pages answered in the order in which they are requested, and their numbers."""
    progress, first = start(walk)
    progress.know(known)
    queue, asked = [first], list[int]()
    while queue:
        request = queue.pop(0)
        asked.append(request.page)
        queue += progress.learn(request, answers[request.page - 1])
    return progress, asked


def ended(progress: Progress) -> tuple[WalkState, Why | None]:
    return progress.state, progress.why


def feed(pages: int, size: int = 30, shift: int = 0) -> list[PageFacts]:
    """A feed by cursor, newest first; `shift`: posts that came up since it was read last."""
    return [
        facts(
            *(f"p{place - shift}" for place in range(page * size, (page + 1) * size)),
            has_more=page + 1 < pages,
            cursor=str((page + 1) * size),
        )
        for page in range(pages)
    ]


def repeating(pages: int, new: int = 1) -> list[PageFacts]:
    """Each page lists the same 30 - `new` posts and a few of its own."""
    old = [f"old{n}" for n in range(30 - new)]
    return [
        facts(*old, *(f"{page}-{n}" for n in range(new)), has_more=page < pages, cursor=str(page * 30))
        for page in range(1, pages + 1)
    ]


def board(pages: int, size: int = 20) -> list[PageFacts]:
    told = {"size": size, "total": pages * size}
    return [full_page(page, size, has_more=page < pages, **told) for page in range(1, pages + 1)]


def ids(pages: Sequence[PageFacts]) -> list[str]:
    return [record.id for page in pages for record in page.ids]


# --- stop_when_known --------------------------------------------------------------------------------------------------


def test_a_feed_stops_at_the_first_page_of_which_so_much_was_seen_by_earlier_runs() -> None:
    progress, asked = walked(stopping(C_POSTS), feed(3, shift=3), ids(feed(3)))
    assert (asked, ended(progress), progress.rows, progress.notes) == ([1], KNOWN, 30, [])
    progress, asked = walked(stopping(C_POSTS), feed(3, shift=4), ids(feed(3)))
    assert (asked, ended(progress)) == ([1, 2], KNOWN), "26 of 30 are too few"
    progress, asked = walked(stopping(C_POSTS), feed(3, shift=3))
    assert (asked, ended(progress)) == ([1, 2, 3], END), "nothing is known of it"
    progress, asked = walked(stopping(C_POSTS, None), feed(3), ids(feed(3)))
    assert (asked, ended(progress)) == ([1, 2, 3], END), "the job does not want it"


def test_what_the_walk_itself_has_listed_counts_as_seen() -> None:
    progress, asked = walked(stopping(C_POSTS), repeating(50))
    assert (asked, ended(progress)) == ([1, 2], KNOWN)
    progress, asked = walked(stopping(C_POSTS), [*feed(2)[:1], replace(feed(1)[0], has_more=True, cursor="60")])
    assert (asked, ended(progress), progress.notes) == ([1, 2], KNOWN, []), "no guard: the job has an end for it"


@pytest.mark.parametrize("full_name", [K_VIDEOS, K_HASHTAGS])
def test_pages_by_number_are_requested_one_by_one_and_stop_as_soon(full_name: str) -> None:
    fresh, asked = walked(stopping(full_name, 1.0), board(4))
    assert (asked, ended(fresh), fresh.notes) == ([1, 2, 3, 4], END, [])
    known = ids(board(4)[1:2])
    progress, asked = walked(stopping(full_name, 1.0), board(4), known)
    assert (asked, ended(progress), progress.gaps, progress.outstanding()) == ([1, 2], KNOWN, 0, [])


def test_the_end_of_the_list_and_the_jobs_own_depth_are_told_before_what_is_known() -> None:
    progress, _ = walked(stopping(C_POSTS), feed(1), ids(feed(1)))
    assert ended(progress) == END
    progress, _ = walked(stopping(C_POSTS, max_pages=1), feed(3), ids(feed(3)))
    assert ended(progress) == (WalkState.COMPLETE, Why.AS_ASKED)
    progress, _ = walked(stopping(K_VIDEOS), board(1), ids(board(1)))
    assert ended(progress) == END


def test_a_page_without_ids_is_not_known() -> None:
    empty = replace(feed(3)[1], records=0, ids=())
    progress, asked = walked(stopping(C_POSTS, 0.01), [facts("a", has_more=True, cursor="1"), empty, facts("b")])
    assert (asked, ended(progress)) == ([1, 2, 3], END)


@pytest.mark.parametrize(("full_name", "pages"), [(C_POSTS, feed(3)), (K_VIDEOS, board(3))])
def test_a_walk_that_stopped_goes_on_where_another_crawl_wants_it_to_its_end(
    full_name: str, pages: Sequence[PageFacts]
) -> None:
    progress, asked = walked(stopping(full_name, 0.5), pages, ids(pages))
    assert (asked, ended(progress)) == ([1], KNOWN)
    assert progress.widen(stopping(full_name, 0.7)) == [], "all of the page was known"
    assert ended(progress) == KNOWN
    queue = list(progress.widen(stopping(full_name, None)))
    while queue:
        request = queue.pop(0)
        queue += progress.learn(request, pages[request.page - 1])
    assert (ended(progress), progress.pages) == (END, 3)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.floats(0.01, 1))
def test_no_page_follows_one_of_which_the_stated_share_was_known(seen: list[int], share: float) -> None:
    """`seen`: of each page of 30, how many earlier runs have found."""
    pages = [full_page(page, 30, has_more=page < len(seen), cursor=str(page * 30)) for page in range(1, len(seen) + 1)]
    known = [record.id for page, count in zip(pages, seen, strict=True) for record in page.ids[:count]]
    progress, asked = walked(stopping(C_POSTS, share), pages, known)
    stops = next((place for place, count in enumerate(seen, start=1) if count / 30 >= share), len(seen))
    assert asked == list(range(1, stops + 1))
    assert ended(progress) == (END if stops == len(seen) else KNOWN)


def test_two_crawls_of_one_walk_stop_it_where_the_later_of_them_would() -> None:
    one = crawl(C_POSTS, "one", params={"id": "5"}, stop_when_known=0.5, retry_empty=1)
    other = crawl(C_POSTS, "other", params={"id": "5"}, stop_when_known=0.9)
    every = crawl(C_POSTS, "every", params={"id": "5"})

    def stops_at(*crawls: object) -> list[tuple[float | None, int]]:
        frontier = Frontier(list(crawls))  # type: ignore[arg-type]
        return [(p.walk.stop_when_known, p.walk.retry_empty) for p in frontier.walks.values()]

    assert stops_at(one, other) == stops_at(other, one) == [(0.9, 1)]
    assert stops_at(one, every) == [(None, 1)]


def test_a_resumed_run_replays_a_child_only_once_it_is_told_what_was_known_of_it() -> None:
    crawls = [crawl(C_HASHTAGS, max_pages=1), posts(C_HASHTAGS, stop_when_known=0.9)]
    first = Frontier(crawls)
    parents = facts("a", "b", has_more=False)
    board_request = take(first)
    first.learn(board_request, parents)
    first.new_walks()
    child = take(first)
    page = feed(3)[0]
    stored = {board_request.key: parents, child.key: page}

    resumed = Frontier(crawls)
    while new := resumed.new_walks():
        for walk in new:
            if walk.stop_when_known is not None:
                resumed.walks[walk.walk_id].know(ids([page]))
        resumed.replay(stored)
    assert ended(resumed.walks[child.walk.walk_id]) == KNOWN
    assert [request.page for request in iter(lambda: resumed.take("crawlora"), None)] == [1], "of the other child"


# --- feeds that repeat themselves -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("new", "noted"), [(1, True), (10, True), (20, True), (23, False), (27, False), (30, False)])
def test_a_walk_of_which_more_than_a_quarter_repeats_itself_has_a_note(new: int, noted: bool) -> None:
    progress, _ = walked(walk_of(C_POSTS), repeating(20, new))
    assert progress.notes == ([Guard.ROWS_REPEATED] if noted else [])
    assert ended(progress) == END, "a note ends no walk"


def test_pages_that_list_nothing_new_have_their_guards_and_no_second_note() -> None:
    page = feed(3)[0]
    progress, _ = walked(walk_of(C_POSTS), [page, replace(page, cursor="77")])
    assert progress.notes == [Guard.PAGE_REPEATED]


# --- empty pages ------------------------------------------------------------------------------------------------------


def empty(*, more: bool | None, charge: Charge = Charge.CHARGED) -> Outcome:
    return Outcome(OutcomeKind.EMPTY, charge, 8, facts=facts(has_more=more))


def test_an_empty_page_that_promises_more_is_bought_again_as_often_as_the_job_says() -> None:
    tries, outcome = Tries(), empty(more=True)
    for _ in range(2):
        assert isinstance(retry_empty(outcome, tries, 2, 0.5), Retry)
        tries = tries.after(outcome.kind, outcome.charge)
    assert retry_empty(outcome, tries, 2, 0.5) is None
    assert (tries.paid, tries.free) == (0, 0), "it takes none of the retries of failures"
    assert PAID_RETRIES == 3


@pytest.mark.parametrize(
    "outcome",
    [
        empty(more=False),
        empty(more=None),
        Outcome(OutcomeKind.OK, Charge.CHARGED, 8, facts=facts("a", has_more=True)),
    ],
)
def test_a_page_with_rows_or_at_the_end_is_not_bought_again(outcome: Outcome) -> None:
    assert retry_empty(outcome, Tries(), 3, 0.5) is None


def test_an_empty_page_is_not_bought_again_past_the_retry_budget_nor_by_default() -> None:
    assert retry_empty(empty(more=True), Tries(), 3, 0.5, may_buy_again=False) is None
    assert retry_empty(empty(more=True), Tries(), 0, 0.5) is None
    assert isinstance(retry_empty(empty(more=True, charge=Charge.FREE), Tries(), 1, 0.5, may_buy_again=False), Retry)


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_a_walk_that_stops_at_known_ids_is_one_page_at_the_least_and_likely_what_it_was_last_time() -> None:
    made = job(crawl(C_POSTS, params={"id": "5"}, max_pages=10, stop_when_known=0.9))
    (walk,) = walks_of(made)
    stopped = WalkSeen(WalkState.COMPLETE, Why.KNOWN, 2, 60, NOON)

    def requests(*seen: WalkSeen) -> Range:
        return plan(made, Known(NOON, Seen({walk: seen} if seen else {}))).crawls[0].requests

    assert requests(whole(8, 240)).low == 1
    assert requests(whole(8, 240)).likely == 8, "nothing was stopped yet"
    assert (requests(stopped, whole(8, 240)).low, requests(stopped, whole(8, 240)).likely) == (1, 2)
    assert requests(stopped, whole(8, 240)).high >= 8
    assert requests(stopped).high == 10


def test_a_walk_that_was_stopped_says_nothing_of_the_length_of_a_whole_one() -> None:
    every = job(crawl(C_POSTS, params={"id": "5"}, max_pages=10))
    (walk,) = walks_of(every)
    stopped = WalkSeen(WalkState.COMPLETE, Why.KNOWN, 1, 30, NOON)
    assert plan(every, Known(NOON, Seen({walk: [stopped, whole(8, 240)]}))).crawls[0].requests.likely == 8
    assert not stopped.serves(walk_of(C_POSTS), NOON)


@pytest.mark.parametrize(("retries", "pages", "high"), [(0, 4, 4), (1, 4, 7), (3, 4, 13), (1, 1, 2), (2, 5, 11)])
def test_empty_pages_that_may_be_bought_again_are_priced_in_the_high_figure(
    retries: int, pages: int, high: int
) -> None:
    made = job(crawl(C_POSTS, params={"id": "5"}, max_pages=pages, retry_empty=retries))
    (planned,) = plan(made, Known(NOON)).crawls
    assert planned.requests.high == high
    assert planned.rows.high == pages * 30
