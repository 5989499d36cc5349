"""Laws of the frontier: a resumed run is a replay, nothing is asked twice, it always comes to rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.core.frontier import Frontier
from scraper.core.jobs import Crawl
from scraper.core.pagination import PageFacts, Record, WalkState, Why
from scraper.core.requests import Request
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, crawl

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
        children.append(crawl(C_POSTS, f"posts-{number}", each=parent, max_pages=draw(limits), **best))
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


def standing(frontier: Frontier) -> dict[str, tuple[WalkState, Why | None, int, int]]:
    return {
        walk_id: (progress.state, progress.why, progress.pages, progress.rows)
        for walk_id, progress in frontier.walks.items()
    }


def all_ready(frontier: Frontier) -> dict[str, list[str]]:
    """Keys of what is ready, by vendor, in the order in which it would be bought."""
    return {vendor: [r.key for r in iter(lambda v=vendor: frontier.take(v), None)] for vendor in VENDORS}  # type: ignore[misc]


@settings(max_examples=200, deadline=None)
@given(jobs(), st.integers(0, 40), st.data())
def test_a_run_replayed_from_what_has_landed_stands_as_the_live_one_stood(
    crawls: list[Crawl], stop_after: int, data: st.DataObject
) -> None:
    live, stored, flying = Frontier(crawls), dict[str, PageFacts](), list[Request]()
    for _ in range(stop_after):
        for vendor in VENDORS:
            if data.draw(st.booleans()) and (request := live.take(vendor)) is not None:
                flying.append(request)
        lands: bool = data.draw(st.booleans())
        if lands and flying:
            request = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            stored[request.key] = data.draw(answers(request))
            live.learn(request, stored[request.key])
    for request in flying:
        live.give_back(request)
    replayed = Frontier(crawls)
    replayed.replay(stored)
    assert standing(replayed) == standing(live)
    assert all_ready(replayed) == all_ready(live)


@settings(max_examples=150, deadline=None)
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
