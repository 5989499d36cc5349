"""Laws of the frontier: a resumed run is a replay, nothing is asked twice, it always comes to rest."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.frontier import Frontier
from scraper.core.jobs import Crawl
from scraper.core.pagination import FinishedWalk, PageFacts, Record, WalkState, Why
from scraper.core.planning import may_outrun
from scraper.core.requests import Progress, Request
from scraper.core.shared_walks import restorable
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, crawl
from tests.examples import examples

VENDORS = ("crawlora", "keyapi")
IDS = st.sampled_from([str(n) for n in range(6)])


@st.composite
def jobs(draw: st.DrawFn) -> list[Crawl]:
    """Two boards on each of two vendors, and posts of either or both, however deep."""
    limits = st.none() | st.integers(1, 3)
    boards = [
        crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}, max_pages=draw(limits)),
        crawl(K_HASHTAGS, params={"region": ["US", "GB"]}, max_pages=draw(limits), priority=draw(st.integers(0, 2))),
    ]
    children = []
    for number, parent in enumerate(draw(st.lists(st.sampled_from([C_HASHTAGS, K_HASHTAGS]), max_size=2))):
        best: dict[str, Any] = draw(st.sampled_from([{}, {"top": 2}, {"top_per_board": 1}]))
        share = draw(st.sampled_from([None, None, 0.5, 1.0]))
        children.append(
            crawl(C_POSTS, f"posts-{number}", each=parent, max_pages=draw(limits), stop_when_known=share, **best)
        )
    return [*boards, *children]


@st.composite
def answers(draw: st.DrawFn, request: Request) -> PageFacts:
    ids = draw(st.lists(IDS, max_size=4, unique=True))
    records = tuple(Record(i, draw(st.none() | st.integers(1, 5)), draw(st.integers(0, 9))) for i in ids)
    if request.endpoint.full_name == C_POSTS:
        cursor = str(request.page * 30) if draw(st.booleans()) else None
        return PageFacts(len(ids), records, has_more=draw(st.booleans()), cursor=cursor)
    total = draw(st.sampled_from([None, 0, 3, 8]))
    has_more = draw(st.sampled_from([True, False, None]))
    return PageFacts(len(ids), records, size=2, total=total, has_more=has_more)


def standing(frontier: Frontier) -> dict[str, tuple[object, ...]]:
    return {
        walk_id: (p.state, p.why, p.pages, p.rows, p.distinct, p.overlaps, p.gaps, list(p.notes))
        for walk_id, p in frontier.walks.items()
    }


def keep(live: Frontier, kept: dict[str, FinishedWalk]) -> None:
    """Keep the complete walks that have turned, and forget those that are open again."""
    for progress in live.turned():
        kept.pop(progress.walk.walk_id, None)
        if progress.state is WalkState.COMPLETE:
            kept[progress.walk.walk_id] = as_finished(progress)


def as_finished(progress: Progress) -> FinishedWalk:
    assert progress.why is not None
    return FinishedWalk(
        crawls=progress.walk.crawls,
        max_pages=progress.walk.max_pages,
        why=progress.why,
        pages=progress.pages,
        rows=progress.rows,
        distinct=progress.distinct,
        overlaps=progress.overlaps,
        gaps=progress.gaps,
        notes=tuple(progress.notes),
        reused_from=None,
    )


def resumed(
    crawls: list[Crawl], finished: dict[str, FinishedWalk], landed: list[tuple[Request, PageFacts]]
) -> Frontier:
    """The frontier of a process that reads the pages of the other walks, and of these where they are opened again."""
    frontier = Frontier(crawls, finished=finished)
    wanted = {request.walk.walk_id for request, _ in landed} - finished.keys()
    while new := frontier.new_walks():
        wanted |= {walk.walk_id for walk in new}
        frontier.replay({request.key: facts for request, facts in landed if request.walk.walk_id in wanted})
    return frontier


def all_ready(frontier: Frontier) -> dict[str, list[str]]:
    """Keys of what is ready, by vendor, in the order in which it would be bought."""
    return {vendor: [r.key for r in iter(lambda v=vendor: frontier.take(v), None)] for vendor in VENDORS}  # type: ignore[misc]


@examples(40)
@given(jobs(), st.integers(0, 40), st.data())
def test_a_run_replayed_from_what_has_landed_stands_as_the_live_one_stood(
    crawls: list[Crawl], stop_after: int, data: st.DataObject
) -> None:
    live, stored, flying = Frontier(crawls), dict[str, PageFacts](), list[Request]()
    landed, kept = list[tuple[Request, PageFacts]](), dict[str, FinishedWalk]()
    for _ in range(stop_after):
        for vendor in VENDORS:
            if data.draw(st.booleans()) and (request := live.take(vendor)) is not None:
                flying.append(request)
        lands: bool = data.draw(st.booleans())
        if lands and flying:
            request = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            stored[request.key] = data.draw(answers(request))
            live.learn(request, stored[request.key])
            landed.append((request, stored[request.key]))
        if data.draw(st.booleans()):  # the walks that have ended are kept, as before a drain
            keep(live, kept)
    if data.draw(st.booleans()):  # as at the end of a process, which may also have died
        keep(live, kept)
    for request in flying:
        live.give_back(request)
    ready = all_ready(live)
    replayed = resumed(crawls, {}, landed)
    assert standing(replayed) == standing(live)
    assert all_ready(replayed) == ready
    restored = resumed(crawls, restorable(kept, crawls), landed)
    assert standing(restored) == standing(live)
    assert all_ready(restored) == ready


@examples(30)
@given(jobs(), st.data())
def test_no_request_is_made_twice_and_every_frontier_comes_to_rest(crawls: list[Crawl], data: st.DataObject) -> None:
    frontier, taken = Frontier(crawls), list[str]()
    while not frontier.idle:
        ready = [vendor for vendor in VENDORS if frontier.has_ready(vendor)]
        request = frontier.take(data.draw(st.sampled_from(ready)))
        assert request is not None
        taken.append(request.key)
        assert len(taken) < 500
        match data.draw(st.sampled_from(["ok"] * 8 + ["fail", "refuse"])):
            case "fail":
                frontier.fail(request, Why.REQUEST_FAILED)
            case "refuse":
                frontier.fail(request, Why.REFUSED)
                frontier.close(request.endpoint.full_name, Why.REFUSED)
            case _:
                frontier.learn(request, data.draw(answers(request)))
    assert len(taken) == len(set(taken))
    frontier.give_up(Why.BUDGET)
    assert all(progress.state is not WalkState.OPEN for progress in frontier.walks.values())
    tags = [dict(p.walk.params)["id"] for p in frontier.walks.values() if p.walk.endpoint.full_name == C_POSTS]
    assert len(tags) == len(set(tags))


def truthful(request: Request) -> PageFacts:
    """A vendor that tells the same of itself on every page: boards of 5 in pages of 2, feeds of 1 to 4 pages."""
    number = int(request.walk.walk_id, 16)
    if request.endpoint.full_name == C_POSTS:
        more = request.page < 1 + number % 4
        record = Record(f"{request.key}", None, None)
        return PageFacts(1, (record,), has_more=more, cursor=f"{request.page}-{number}" if more else None)
    places = range(2 * request.page - 1, min(2 * request.page, 5) + 1)
    records = tuple(Record(str((number + place) % 7), place, place) for place in places)
    return PageFacts(len(records), records, reported_page=request.page, size=2, total=5, has_more=request.page < 3)


def bought(crawls: list[Crawl], leftovers: list[str], budget: int, shares: dict[str, int], choose: Any) -> list[str]:
    """What a budget buys where `choose(n)` says which vendor is asked next and which answer lands next."""
    frontier = Frontier(crawls, leftovers, strict=may_outrun(crawls, budget, shares))
    left, flying, keys = budget, list[Request](), list[str]()
    of_share = dict(shares)
    while True:
        able = [vendor for vendor in VENDORS if frontier.may_take(vendor, left, of_share.get(vendor))]
        place = choose(len(able) + len(flying))
        if place is None:
            return sorted(keys)
        if place >= len(able):
            request = flying.pop(place - len(able))
            left -= request.endpoint.cost
            if of_share:
                of_share[request.endpoint.vendor] -= request.endpoint.cost
            keys.append(request.key)
            frontier.learn(request, truthful(request))
        elif (request := found(frontier, able[place])).endpoint.cost > min(left, of_share.get(able[place], left)):
            frontier.give_back(request)
            frontier.close(able[place], Why.BUDGET)
        else:
            flying.append(request)


def found(frontier: Frontier, vendor: str) -> Request:
    request = frontier.take(vendor)
    assert request is not None
    return request


@examples(30)
@given(jobs(), st.integers(2, 200), st.none() | st.integers(0, 100), st.booleans(), st.randoms(use_true_random=False))
def test_what_a_budget_buys_is_the_same_however_fast_the_answers_come(
    crawls: list[Crawl], budget: int, percent: int | None, again: bool, chance: Any
) -> None:
    """`percent`: of the budget, for the first vendor; the rest of it is for the other."""
    first = budget * (percent or 0) // 100
    shares = {} if percent is None else dict(zip(VENDORS, (first, budget - first), strict=True))
    leftovers: list[str] = []
    if again:  # the run after one that was cut short, in any order
        whole = Frontier(crawls)
        while request := next((r for vendor in VENDORS if (r := whole.take(vendor)) is not None), None):
            whole.learn(request, truthful(request))
        leftovers = chance.sample(sorted(whole.walks), k=min(3, len(whole.walks)))
    one_by_one = bought(crawls, leftovers, budget, shares, lambda n: n - 1 if n else None)
    at_random = bought(crawls, leftovers, budget, shares, lambda n: chance.randrange(n) if n else None)
    assert at_random == one_by_one


def test_a_share_that_is_used_up_buys_the_same_where_the_budget_would_reach() -> None:
    crawls = [
        crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}, max_pages=2),
        crawl(K_HASHTAGS, params={"region": "US"}, max_pages=1),
    ]
    shares = {"crawlora": 24, "keyapi": 100}
    one_by_one = bought(crawls, [], 124, shares, lambda n: n - 1 if n else None)
    assert len(one_by_one) == 4
    for seed in range(20):
        chance = random.Random(seed)
        assert bought(crawls, [], 124, shares, lambda n, c=chance: c.randrange(n) if n else None) == one_by_one


def test_a_share_holds_the_price_of_what_is_in_flight() -> None:
    frontier = Frontier([crawl(C_HASHTAGS, params={"country_code": ["US", "GB"]}, max_pages=1)])
    assert frontier.may_take("crawlora", 100, 8)
    first = found(frontier, "crawlora")
    assert not frontier.may_take("crawlora", 100, 8)
    assert frontier.may_take("crawlora", 100, 16)
    frontier.give_back(first)
    assert frontier.may_take("crawlora", 100, 8)


def test_in_strict_order_nothing_waits_for_an_answer_that_has_come() -> None:
    board, later = crawl(C_HASHTAGS, max_pages=1, priority=2), crawl(K_HASHTAGS, params={"region": "US"})
    frontier = Frontier([board, crawl(C_POSTS, each=C_HASHTAGS, priority=2), later], strict=True)
    first = found(frontier, "crawlora")
    assert not frontier.may_take("keyapi", 1_000)
    frontier.learn(first, PageFacts(0, (), has_more=False))
    assert frontier.may_take("keyapi", 1_000)


def test_in_strict_order_nothing_waits_for_children_of_an_endpoint_that_is_closed() -> None:
    board, later = crawl(C_HASHTAGS, max_pages=1, priority=2), crawl(K_HASHTAGS, params={"region": "US"})
    frontier = Frontier([board, crawl(C_POSTS, each=C_HASHTAGS, priority=2), later], strict=True)
    found(frontier, "crawlora")
    assert not frontier.may_take("keyapi", 1_000)
    frontier.close(C_POSTS, Why.REFUSED)
    assert frontier.may_take("keyapi", 1_000)


def test_in_strict_order_a_walk_that_another_crawl_wants_deeper_is_waited_for() -> None:
    crawls = [
        crawl(C_HASHTAGS, max_pages=1, priority=2),
        crawl(C_POSTS, "known", params={"id": "10"}, max_pages=1, priority=2),
        crawl(C_POSTS, "posts", each=C_HASHTAGS, priority=2),
        crawl(K_HASHTAGS, params={"region": "US"}),
    ]
    frontier = Frontier(crawls, strict=True)
    board, _ = found(frontier, "crawlora"), found(frontier, "crawlora")
    assert not frontier.may_take("keyapi", 1_000)
    frontier.learn(board, PageFacts(1, (Record("10", 1, 0),), has_more=False))
    assert not frontier.has_ready("crawlora")
    assert not frontier.may_take("keyapi", 1_000)
