"""What a plan makes of what earlier runs have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import Basis
from scraper.core.frontier import Frontier
from scraper.core.jobs import Job
from scraper.core.pagination import Record, WalkState, Why
from scraper.core.planning import Known, NothingSeen, Range, WalkSeen, Yield, plan
from scraper.core.planning.ranges import least_within, most_within
from scraper.core.requests import Walk
from tests.core.builders import C_CREATORS, C_HASHTAGS, C_POSTS, K_VIDEOS, NOON, account, crawl, job

YESTERDAY = NOON - timedelta(days=1)
COUNTRIES = {"country_code": ["US", "GB"]}


@dataclass(frozen=True, slots=True)
class Seen(NothingSeen):
    """A history of our own telling."""

    seen: Mapping[str, Sequence[WalkSeen]] = field(default_factory=dict)
    listed: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    given: Sequence[Yield] = ()

    def walks(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[WalkSeen]]:
        return {one: self.seen[one] for one in walk_ids if one in self.seen}

    def records(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        return {one: self.listed[one] for one in walk_ids if one in self.listed}

    def yields(self) -> Sequence[Yield]:
        return self.given


def whole(pages: int, rows: int = 100, **told: Any) -> WalkSeen:
    state = WalkState.COMPLETE if rows else WalkState.EMPTY
    return replace(WalkSeen(state, Why.END, pages, rows, YESTERDAY), **told)


def walks_of(made: Job, place: int = 0) -> list[str]:
    crawled = made.crawls[place]
    return [Walk(crawled.endpoint, params).walk_id for params in crawled.sweep()]


def test_walks_that_were_seen_are_expected_again_within_a_tenth() -> None:
    made = job(crawl(C_CREATORS, params={"creator_country": ["US", "GB"]}))
    us, gb = walks_of(made)
    (boards,) = plan(made, Known(NOON, Seen({us: [whole(4, 390)], gb: [whole(5, 480)]}))).crawls
    assert (boards.requests, boards.basis) == (Range(9, 9, 9), Basis.OBSERVED)
    (spread,) = plan(made, Known(NOON, Seen({us: [whole(4), whole(6)], gb: [whole(5)]}))).crawls
    assert spread.requests == Range(9, 9, 11)
    (half,) = plan(made, Known(NOON, Seen({us: [whole(4)]}))).crawls
    assert (half.requests, half.basis) == (Range(5, 9, 14), Basis.ASSUMED)


def test_the_jobs_own_limit_cuts_what_was_seen() -> None:
    made = job(crawl(C_CREATORS, max_pages=2))
    (boards,) = plan(made, Known(NOON, Seen({walks_of(made)[0]: [whole(5, 480)]}))).crawls
    assert (boards.requests, boards.rows.likely) == (Range(2, 2, 2), 192)


def test_a_walk_that_was_cut_short_has_at_least_the_pages_that_came() -> None:
    made = job(crawl(C_CREATORS))
    cut = whole(3, 300, state=WalkState.TRUNCATED, why=Why.BUDGET)
    (boards,) = plan(made, Known(NOON, Seen({walks_of(made)[0]: [cut]}))).crawls
    assert boards.requests == Range(3, 5, 10)


def test_distinct_ids_of_overlapping_boards_are_one_parent() -> None:
    made = job(
        crawl(C_HASHTAGS, params=COUNTRIES, max_pages=1),
        crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1),
    )
    us, gb = walks_of(made)
    seen = {one: [whole(1, 3)] for one in (us, gb)}
    listed = {us: [Record("a", 1), Record("b", 2), Record("c", 3)], gb: [Record("b", 1), Record("c", 2)]}
    assert plan(made, Known(NOON, Seen(seen, listed))).crawls[1].walks == Range(3, 3, 3)


def test_top_is_picked_from_what_the_boards_listed() -> None:
    boards = crawl(C_HASHTAGS, params=COUNTRIES, max_pages=1)
    made = job(boards, crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1, top=2))
    us, gb = walks_of(made)
    seen, listed = (
        {one: [whole(1)] for one in (us, gb)},
        {one: [Record(f"{one}{n}", n) for n in range(9)] for one in (us, gb)},
    )
    known = Known(NOON, Seen(seen, listed))
    assert plan(made, known).crawls[1].walks == Range(2, 2, 2)
    per_board = job(boards, crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1, top_per_board=2))
    assert plan(per_board, known).crawls[1].walks == Range(4, 4, 4)


def test_children_by_another_field_are_counted_by_its_values_and_boards_that_do_not_keep_it_are_not_reused() -> None:
    named = crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1)
    takes_names = tuple(replace(one, from_parent=one.from_parent and "name") for one in named.endpoint.parameters)
    named = replace(named, endpoint=replace(named.endpoint, parameters=takes_names))
    made = replace(job(crawl(C_HASHTAGS, params=COUNTRIES, max_pages=1), named), max_age=timedelta(days=2))
    us, gb = walks_of(made)
    seen = {one: [whole(1, 2)] for one in (us, gb)}
    kept = [Record("1", 1, 0, {"name": "a"}), Record("2", 2, 0, {"name": "a"})]
    nameless = Record("3", 3, 0, {"name": None})
    boards, posts = plan(made, Known(NOON, Seen(seen, {us: kept, gb: [*kept, nameless]}))).crawls
    assert (boards.reused, posts.walks) == (2, Range(1, 1, 1))
    boards, posts = plan(made, Known(NOON, Seen(seen, {us: kept, gb: [Record("1", 1), Record("2", 2)]}))).crawls
    assert (boards.reused, posts.walks.low, posts.walks.likely > 1) == (1, 1, True)


def test_a_young_whole_walk_stands_for_one_that_is_no_deeper() -> None:
    made = replace(job(crawl(C_CREATORS, max_pages=3)), max_age=timedelta(hours=20))
    (walk,) = walks_of(made)
    ages = {
        "young": whole(5, snapshot_at=NOON - timedelta(hours=19)),
        "old": whole(5, snapshot_at=NOON - timedelta(hours=21)),
        "as deep": whole(3, why=Why.AS_ASKED, snapshot_at=NOON),
        "shallower": whole(2, why=Why.AS_ASKED, snapshot_at=NOON),
    }
    reused = {name: plan(made, Known(NOON, Seen({walk: [one]}))).crawls[0].reused for name, one in ages.items()}
    assert reused == {"young": 1, "old": 0, "as deep": 1, "shallower": 0}
    young = plan(made, Known(NOON, Seen({walk: [ages["young"]]})))
    assert (young.credits, young.fits) == (Range(0, 0, 0), True)


def test_a_walk_that_two_crawls_share_is_counted_once_and_as_deep_as_either_wants_it() -> None:
    shallow = crawl(C_CREATORS, "shallow", {"creator_country": "US"}, max_pages=1)
    deep = crawl(C_CREATORS, "deep", {"creator_country": ["US", "GB"]}, max_pages=3)
    made = plan(job(shallow, deep), Known(NOON))
    assert [each.requests.likely for each in made.crawls] == [1, 5]


def test_countries_that_came_back_empty_or_nearly_so_are_named() -> None:
    made = job(crawl(C_HASHTAGS, params={"country_code": ["US", "EG", "MX"]}, max_pages=1))
    given_before = (
        Yield(C_HASHTAGS, "EG", 3, 3, 3, 1, 0, 24),
        Yield(C_HASHTAGS, "MX", 3, 0, 3, 1, 9, 24),
        Yield(C_HASHTAGS, "US", 3, 0, 3, 1, 300, 24),
        Yield(C_HASHTAGS, "JP", 3, 3, 3, 1, 0, 24),
    )
    notes = [note for note in plan(made, Known(NOON, Seen(given=given_before))).warnings if " in " in note]
    assert notes[-2:] == [
        f"{C_HASHTAGS} in EG: 3 walks came back empty, 24 credits for no rows",
        f"{C_HASHTAGS} in MX: 3 rows a walk, 33 elsewhere (24 credits so far)",
    ]


def test_left_over_walks_come_first_in_what_a_short_budget_drops() -> None:
    first = crawl(C_CREATORS, "first", {"creator_country": "US"}, max_pages=2)
    second = crawl(C_CREATORS, "second", {"creator_country": "GB"}, max_pages=2)
    made = job(first, second, budget=16)
    assert [each.split(":")[0] for each in plan(made, Known(NOON)).dropped] == ["first", "second"]
    known = Known(NOON, leftovers=walks_of(made, 1))
    assert plan(made, known).dropped == ("first: pages 1–2: 2 of 2 requests",)


def test_boards_come_before_what_is_wanted_of_them_whatever_their_own_priority() -> None:
    boards = crawl(C_HASHTAGS, params={"country_code": "US"}, max_pages=1, priority=1)
    posts = crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1, top=2, priority=3)
    other = crawl(C_CREATORS, "other", {"creator_country": "US"}, max_pages=1, priority=2)
    made = job(boards, posts, other, budget=16)
    first = Frontier(made.crawls, strict=True).take("crawlora")
    assert first is not None
    assert first.walk.endpoint.full_name == C_HASHTAGS
    assert plan(made, Known(NOON)).dropped == (
        "posts: page 1 of the last 1 walk: 1 of 2 requests",
        "other: page 1: 1 of 1 requests",
    )


def test_boards_come_before_children_that_were_left_over() -> None:
    boards = crawl(C_HASHTAGS, params={"country_code": "US"}, max_pages=1)
    made = job(boards, crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1, top=2), budget=16)
    (board,) = walks_of(made)
    children = [Walk(made.crawls[1].endpoint, params).walk_id for one in "ab" for params in made.crawls[1].sweep(one)]
    seen = Seen({board: [whole(1)]}, {board: [Record("a", 1), Record("b", 2)]})
    assert plan(made, Known(NOON, seen, leftovers=children)).dropped == (
        "posts: page 1 of the last 1 walk: 1 of 2 requests",
    )


def test_what_one_accounts_share_does_not_reach_is_dropped_though_the_sum_of_all_would() -> None:
    creators = crawl(C_CREATORS, params={"creator_country": ["US", "GB"]}, max_pages=4)
    videos = crawl(K_VIDEOS, params={"region": "US"}, max_pages=1)
    made = job(creators, videos, budget=80, accounts=[account("crawlora"), account("keyapi")])
    assert plan(made, Known(NOON)).fits
    short = plan(made, Known(NOON, shares={"crawlora": 40, "keyapi": 40}))
    assert (short.fits, short.credits.high) == (False, 42)
    assert short.dropped == (f"{C_CREATORS}: page 3 of the last 1 walk, page 4: 3 of 8 requests",)
    assert "crawlora: likely 64 credits, tonight's share is 40: the most valuable pages come first" in short.warnings


PRICED = st.lists(st.tuples(st.sampled_from([1, 2, 3, 8]), st.integers(0, 6)), min_size=1, max_size=3)


@given(PRICED, st.integers(0, 60))
def test_the_most_that_a_budget_buys_is_exact_and_the_least_a_true_bound(
    priced: list[tuple[int, int]], budget: int
) -> None:
    sums = {0}
    for cost, count in priced:
        sums = {known + cost * taken for known in sums for taken in range(count + 1)}
    assert most_within(budget, priced) == max(known for known in sums if known <= budget)
    # However the requests are ordered, what is refused in the end costs more than what is left.
    spent = 0
    for cost, count in sorted(priced):
        for _ in range(count):
            spent += cost if spent + cost <= budget else 0
    assert least_within(budget, priced) <= spent


def test_top_over_all_boards_picks_by_rank_and_views_as_the_run_does() -> None:
    made = job(
        crawl(C_HASHTAGS, params=COUNTRIES, max_pages=1),
        crawl(C_POSTS, "of all", each=C_HASHTAGS, max_pages=1, top=1),
        crawl(C_POSTS, "of one", params={"id": "b"}, max_pages=1),
    )
    us, gb = walks_of(made)
    seen = {one: [whole(1)] for one in (us, gb)}
    listed = {us: [Record("a", 1, 5)], gb: [Record("b", 1, 9)]}
    assert [each.requests.likely for each in plan(made, Known(NOON, Seen(seen, listed))).crawls] == [2, 0, 1]
