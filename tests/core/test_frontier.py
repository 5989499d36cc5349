"""Which request is next, by value, and what an answer makes possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from scraper.core.frontier import Frontier
from scraper.core.jobs import Crawl
from scraper.core.pagination import PageFacts, Record, WalkState, Why
from scraper.core.requests import Request
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, K_VIDEOS, crawl, endpoint, facts, full_page, walk_of


def ranked(*places: tuple[str, int | None, int | None]) -> PageFacts:
    """A whole board that lists (id, rank, views)."""
    return PageFacts(records=len(places), ids=tuple(Record(*place) for place in places), has_more=False)


def take(frontier: Frontier, vendor: str = "crawlora") -> Request:
    request = frontier.take(vendor)
    assert request is not None
    return request


def order(frontier: Frontier, vendor: str) -> list[str]:
    """What is ready, in the order in which it is bought."""
    requests = iter(lambda: frontier.take(vendor), None)
    return [said(request) for request in requests]


def said(request: Request) -> str:
    stated = {key: value for key, value in request.params if key in {"country_code", "region", "id"}}
    return f"{request.endpoint.name} {' '.join(stated.values())} {request.page}".replace("  ", " ")


def states(frontier: Frontier) -> list[tuple[str, WalkState, Why | None]]:
    return [(said(p.walk.request(1)), p.state, p.why) for p in frontier.walks.values()]


def posts(each: str, name: str = "posts", **told: Any) -> Crawl:
    return crawl(C_POSTS, name, each=each, **told)


# --- the order of value -----------------------------------------------------------------------------------------------


def test_breadth_comes_before_depth() -> None:
    frontier = Frontier([crawl(K_VIDEOS, params={"region": ["US", "GB"]})])
    frontier.learn(take(frontier, "keyapi"), full_page(1, 20, size=20, total=60))
    assert order(frontier, "keyapi") == ["videos GB 1", "videos US 2", "videos US 3"]


def test_a_higher_priority_comes_before_breadth() -> None:
    low, high = crawl(K_VIDEOS, params={"region": "US"}), crawl(K_HASHTAGS, params={"region": "GB"}, priority=2)
    frontier = Frontier([low, high])
    frontier.learn(take(frontier, "keyapi"), full_page(1, 20, size=20, total=40))
    assert order(frontier, "keyapi") == ["hashtags GB 2", "videos US 1"]


def test_what_an_earlier_run_left_over_comes_before_everything() -> None:
    left = walk_of(K_VIDEOS, region="GB").walk_id
    crawls = [crawl(K_HASHTAGS, params={"region": "US"}, priority=9), crawl(K_VIDEOS, params={"region": ["US", "GB"]})]
    assert order(Frontier(crawls, [left]), "keyapi") == ["videos GB 1", "hashtags US 1", "videos US 1"]


def test_children_are_bought_by_the_rank_of_their_parents() -> None:
    frontier = Frontier([crawl(C_HASHTAGS), posts(C_HASHTAGS)])
    frontier.learn(take(frontier), ranked(("30", 3, 0), ("10", 1, 0), ("none", None, 0), ("20", 2, 0)))
    assert order(frontier, "crawlora") == [f"hashtag_posts {tag} 1" for tag in ("10", "20", "30", "none")]


def by_name(each: str, **told: Any) -> Crawl:
    """Posts of an endpoint that takes hashtags by name."""
    takes_names = tuple(
        replace(one, from_parent="hashtag_name") if one.name == "id" else one for one in endpoint(C_POSTS).parameters
    )
    known = posts(each, **told)
    return replace(known, endpoint=replace(known.endpoint, parameters=takes_names))


def named(*places: tuple[str, int | None, str | None]) -> PageFacts:
    """A whole board that lists (id, rank, name)."""
    records = tuple(Record(identity, rank, 0, {"hashtag_name": name}) for identity, rank, name in places)
    return PageFacts(records=len(places), ids=records, has_more=False)


@pytest.mark.parametrize(
    ("picked", "bought"),
    [({}, ("cats", "boats", "art")), ({"top": 2}, ("cats", "boats")), ({"top_per_board": 1}, ("cats",))],
)
def test_children_take_any_field_that_is_kept_of_their_parents_each_value_once(
    picked: dict[str, int], bought: tuple[str, ...]
) -> None:
    frontier = Frontier([crawl(C_HASHTAGS), by_name(C_HASHTAGS, **picked)])
    board = named(("30", 3, "art"), ("10", 2, "boats"), ("20", 1, "cats"), ("21", 4, "cats"), ("5", 0, None))
    frontier.learn(take(frontier), board)
    assert order(frontier, "crawlora") == [f"hashtag_posts {tag} 1" for tag in bought]


def test_pages_that_keep_no_such_field_stand_for_no_walk_with_children_made_from_it() -> None:
    old, new, none = ({"key": page} for page in (ranked(("10", 1, 0)), named(("10", 1, None)), PageFacts(0)))
    for children, allowed in ((posts(C_HASHTAGS), True), (by_name(C_HASHTAGS), False)):
        frontier = Frontier([crawl(C_HASHTAGS), children])
        (walk,) = frontier.new_walks()
        assert [frontier.may_replay(walk, pages) for pages in (old, new, none)] == [allowed, True, True]


def test_vendors_are_asked_side_by_side() -> None:
    frontier = Frontier([crawl(C_HASHTAGS), crawl(K_VIDEOS, params={"region": "US"})])
    assert [frontier.has_ready(vendor) for vendor in ("crawlora", "keyapi", "acme")] == [True, True, False]
    assert (said(take(frontier)), said(take(frontier, "keyapi"))) == ("hashtags 1", "videos US 1")
    assert (frontier.in_flight, frontier.idle) == (2, False)


# --- children ---------------------------------------------------------------------------------------------------------

US = ranked(("10", 1, 500), ("20", 2, 400), ("30", 3, 300))
GB = ranked(("40", 1, 900), ("10", 2, 100), ("50", 3, 50))


def two_boards(child: Crawl, *, gb_first: bool = False) -> Frontier:
    """Both boards have landed."""
    frontier = Frontier([crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}), child])
    us, gb = take(frontier), take(frontier)
    for request, answer in ((gb, GB), (us, US)) if gb_first else ((us, US), (gb, GB)):
        frontier.learn(request, answer)
    return frontier


@pytest.mark.parametrize("gb_first", [False, True])
@pytest.mark.parametrize(
    ("child", "tags"),
    [
        (posts(C_HASHTAGS), ["10", "20", "30", "40", "50"]),
        (posts(C_HASHTAGS, top=2), ["10", "40"]),
        (posts(C_HASHTAGS, top=4), ["10", "20", "30", "40"]),
        (posts(C_HASHTAGS, top=99), ["10", "20", "30", "40", "50"]),
        (posts(C_HASHTAGS, top_per_board=1), ["10", "40"]),
        (posts(C_HASHTAGS, top_per_board=2), ["10", "20", "40"]),
    ],
    ids=["each", "top 2", "top 4", "top 99", "top 1 of each board", "top 2 of each board"],
)
def test_overlapping_boards_make_one_walk_for_each_distinct_parent(
    child: Crawl, tags: list[str], gb_first: bool
) -> None:
    bought = order(two_boards(child, gb_first=gb_first), "crawlora")
    assert sorted(bought) == [f"hashtag_posts {tag} 1" for tag in tags]


def test_the_order_of_children_does_not_depend_on_which_board_landed_first() -> None:
    late = ranked(("7", 9, 0), ("8", 2, 0))
    early = ranked(("7", 1, 0), ("9", 3, 0))
    orders = []
    for first, second in ((late, early), (early, late)):
        frontier = Frontier([crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}), posts(C_HASHTAGS)])
        one, two = take(frontier), take(frontier)
        frontier.learn(one, first)
        frontier.learn(two, second)
        orders.append(order(frontier, "crawlora"))
    assert orders[0] == orders[1] == [f"hashtag_posts {tag} 1" for tag in ("7", "8", "9")]


def test_the_best_over_all_boards_wait_for_the_last_board_and_each_boards_best_only_for_their_own() -> None:
    for child, ready in ((posts(C_HASHTAGS, top=2), []), (posts(C_HASHTAGS, top_per_board=1), ["hashtag_posts 10 1"])):
        frontier = Frontier([crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}), child])
        us, _ = take(frontier), take(frontier)
        frontier.learn(us, US)
        assert order(frontier, "crawlora") == ready


def test_a_board_that_fails_does_not_hold_back_the_best_of_the_others() -> None:
    frontier = Frontier([crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}), posts(C_HASHTAGS, top=2)])
    us, gb = take(frontier), take(frontier)
    frontier.learn(us, US)
    frontier.fail(gb, Why.REQUEST_FAILED)
    assert order(frontier, "crawlora") == ["hashtag_posts 10 1", "hashtag_posts 20 1"]


def test_equal_ranks_are_told_apart_by_views() -> None:
    frontier = Frontier([crawl(C_HASHTAGS), posts(C_HASHTAGS, top=1)])
    frontier.learn(take(frontier), ranked(("few", 1, 5), ("many", 1, 7)))
    assert order(frontier, "crawlora") == ["hashtag_posts many 1"]


def test_the_other_vendors_board_feeds_posts_as_well() -> None:
    frontier = Frontier([crawl(K_HASHTAGS, params={"region": "US"}), posts(K_HASHTAGS, max_items=60)])
    frontier.learn(take(frontier, "keyapi"), US)
    request = take(frontier)
    assert (said(request), request.walk.max_pages, request.walk.crawls) == ("hashtag_posts 10 1", 2, ("posts",))


def test_children_begin_while_their_board_still_comes_in_where_every_parent_is_wanted() -> None:
    frontier = Frontier([crawl(K_HASHTAGS, params={"region": "US"}), posts(K_HASHTAGS)])
    frontier.learn(take(frontier, "keyapi"), facts("10", size=1, total=3))
    assert order(frontier, "crawlora") == ["hashtag_posts 10 1"]
    assert order(frontier, "keyapi") == ["hashtags US 2", "hashtags US 3"]


# --- identical walks --------------------------------------------------------------------------------------------------


def test_identical_walks_of_two_crawls_are_one_as_deep_and_as_early_as_either_wants() -> None:
    shallow = crawl(K_VIDEOS, "shallow", {"region": "US"}, max_pages=1)
    deep = crawl(K_VIDEOS, "deep", {"region": ["GB", "US"]}, max_pages=3, priority=5)
    frontier = Frontier([shallow, deep])
    assert len(frontier.new_walks()) == len(frontier.walks) == 2
    us = frontier.walks[walk_of(K_VIDEOS, region="US").walk_id].walk
    assert (us.crawls, us.max_pages, us.priority, us.order) == (("shallow", "deep"), 3, 5, (0, 0, 0, 0))
    assert order(frontier, "keyapi") == ["videos US 1", "videos GB 1"]
    assert frontier.idle is False


def test_a_crawl_without_a_limit_makes_the_walk_it_shares_unlimited() -> None:
    frontier = Frontier([crawl(K_VIDEOS, "a", max_pages=2), crawl(K_VIDEOS, "b")])
    (progress,) = frontier.walks.values()
    assert progress.walk.max_pages is None


def test_a_deeper_child_goes_on_with_a_walk_that_had_ended_where_another_asked() -> None:
    boards = [crawl(C_HASHTAGS), crawl(K_HASHTAGS, params={"region": "US"})]
    children = [posts(C_HASHTAGS, "few", max_pages=1), posts(K_HASHTAGS, "many", max_pages=2)]
    frontier = Frontier([*boards, *children])
    frontier.learn(take(frontier), ranked(("10", 1, 0)))
    progress = frontier.learn(take(frontier), full_page(1, 30, has_more=True, cursor="30"))
    assert (progress.state, progress.why, frontier.idle) == (WalkState.COMPLETE, Why.AS_ASKED, False)
    frontier.learn(take(frontier, "keyapi"), ranked(("10", 1, 0)))
    assert (progress.state, order(frontier, "crawlora")) == (WalkState.OPEN, ["hashtag_posts 10 2"])
    assert progress.walk.crawls == ("few", "many")


# --- giving back, closing, ending -------------------------------------------------------------------------------------


def test_a_request_that_was_not_sent_is_ready_again_in_its_place() -> None:
    frontier = Frontier([crawl(K_VIDEOS, params={"region": ["US", "GB"]})])
    first = take(frontier, "keyapi")
    frontier.give_back(first)
    assert frontier.in_flight == 0
    assert order(frontier, "keyapi") == ["videos US 1", "videos GB 1"]


def test_a_page_given_back_after_the_end_was_seen_is_not_sent_any_more() -> None:
    frontier = Frontier([crawl(K_VIDEOS, params={"region": "US"})])
    frontier.learn(take(frontier, "keyapi"), full_page(1, 20, size=20, total=100))
    two, three, four = (take(frontier, "keyapi") for _ in range(3))
    frontier.learn(two, full_page(2, 20, size=20, total=40, has_more=False))
    assert order(frontier, "keyapi") == []  # page 5 has been withdrawn
    frontier.give_back(three)
    frontier.give_back(four)
    assert frontier.idle
    assert states(frontier) == [("videos US 1", WalkState.COMPLETE, Why.END)]


def test_after_a_refusal_the_walks_there_end_once_what_is_in_flight_has_landed() -> None:
    frontier = Frontier([crawl(K_VIDEOS, params={"region": ["US", "GB", "FR"]}), crawl(C_HASHTAGS)])
    us, gb = take(frontier, "keyapi"), take(frontier, "keyapi")
    frontier.fail(us, Why.REFUSED)
    frontier.close("keyapi.videos", Why.REFUSED)
    assert frontier.has_ready("keyapi") is False
    frontier.learn(gb, full_page(1, 20, size=20, total=100))
    assert states(frontier) == [
        ("videos US 1", WalkState.FAILED, Why.REFUSED),
        ("videos GB 1", WalkState.TRUNCATED, Why.REFUSED),
        ("videos FR 1", WalkState.NOT_ATTEMPTED, Why.REFUSED),
        ("hashtags 1", WalkState.OPEN, None),
    ]
    assert (frontier.take("keyapi"), said(take(frontier))) == (None, "hashtags 1")


def test_after_a_quota_the_walks_stay_open_until_the_run_gives_up() -> None:
    frontier = Frontier([crawl(K_VIDEOS, params={"region": ["US", "GB"]}), crawl(C_HASHTAGS)])
    frontier.learn(take(frontier, "keyapi"), full_page(1, 20, size=20, total=100))
    frontier.close("keyapi", Why.BUDGET)
    assert [state for _, state, _ in states(frontier)] == [WalkState.OPEN] * 3
    frontier.learn(take(frontier), US)
    assert frontier.idle
    frontier.give_up(Why.INTERRUPTED)
    assert states(frontier) == [
        ("videos US 1", WalkState.TRUNCATED, Why.BUDGET),
        ("videos GB 1", WalkState.NOT_ATTEMPTED, Why.BUDGET),
        ("hashtags 1", WalkState.COMPLETE, Why.END),
    ]


def test_the_children_of_a_refused_board_begin_with_what_it_had_listed() -> None:
    frontier = Frontier([crawl(K_HASHTAGS, params={"region": "US"}), posts(K_HASHTAGS, top=1)])
    frontier.learn(take(frontier, "keyapi"), PageFacts(1, (Record("10", 1, 1),), size=1, total=5))
    frontier.close("keyapi", Why.REFUSED)
    assert order(frontier, "crawlora") == ["hashtag_posts 10 1"]


def test_a_stored_page_is_not_asked_for_again() -> None:
    def fresh() -> Frontier:
        return Frontier([crawl(C_HASHTAGS), posts(C_HASHTAGS, top=2)])

    live, stored = fresh(), dict[str, PageFacts]()
    board = take(live)
    stored[board.key] = US
    live.learn(board, US)
    first = take(live)
    stored[first.key] = full_page(1, 30, has_more=True, cursor="30")
    live.learn(first, stored[first.key])
    again = fresh()
    again.replay(stored)
    assert order(again, "crawlora") == order(live, "crawlora") == ["hashtag_posts 20 1", "hashtag_posts 10 2"]


def test_new_walks_are_told_once() -> None:
    frontier = Frontier([crawl(C_HASHTAGS), posts(C_HASHTAGS)])

    def new() -> Sequence[str]:
        return [said(walk.request(1)) for walk in frontier.new_walks()]

    assert (new(), new()) == (["hashtags 1"], [])
    frontier.learn(take(frontier), US)
    assert (new(), new()) == ([f"hashtag_posts {tag} 1" for tag in ("10", "20", "30")], [])


def test_a_frontier_with_nothing_in_flight_and_nothing_ready_is_idle() -> None:
    frontier = Frontier([crawl(C_HASHTAGS)])
    assert frontier.idle is False
    request = take(frontier)
    assert (frontier.idle, frontier.in_flight) == (False, 1)
    frontier.learn(request, facts())
    assert frontier.idle
    assert states(frontier) == [("hashtags 1", WalkState.EMPTY, Why.END)]
