"""The boards of a night: which are bought, which are left, and what plan and frontier make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import orjson

from scraper.core.changes.order import Because
from scraper.core.changes.reads import FeedVisits, WholeRead, in_order
from scraper.core.changes.tonight import Candidate, NightTerms, Tonight, tonight
from scraper.core.frontier import Frontier
from scraper.core.jobs import Job, OrderName
from scraper.core.nights import DAY, Every
from scraper.core.pagination import WalkState, Why
from scraper.core.planning import Known, NothingSeen, plan
from scraper.core.planning.board_order import board_walks, tonight_of
from scraper.core.requests import Walk
from tests.core.builders import C_CREATORS, C_HASHTAGS, C_POSTS, K_HASHTAGS, NOON, crawl, facts, job

COUNTRIES = ("US", "GB", "JP", "DE")


def read(night: int, entries: Sequence[str], pages: int = 1) -> WholeRead:
    return WholeRead(NOON + night * DAY, frozenset(entries), pages)


@dataclass(frozen=True, slots=True)
class Reads(NothingSeen):
    """A history of whole reads."""

    told: Mapping[str, Sequence[WholeRead]] = field(default_factory=dict)
    visits: Sequence[FeedVisits] = ()

    def reads(self, walks: Sequence[Walk]) -> Mapping[str, Sequence[WholeRead]]:
        return {walk.walk_id: self.told[walk.walk_id] for walk in walks if walk.walk_id in self.told}

    def feeds(self, endpoints: Sequence[str]) -> Sequence[FeedVisits]:
        return self.visits if endpoints else ()


def by_changes(*crawls: object, budget: int = 16, **told: object) -> Job:
    made = job(*crawls, budget=budget)  # type: ignore[arg-type]
    return replace(made, every=Every(DAY, "day"), order=OrderName.CHANGES, **told)  # type: ignore[arg-type]


def boards_of(made: Job) -> dict[str, str]:
    """Country → walk id."""
    return {walk.country or "": walk_id for walk_id, walk in board_walks(made).items()}


def terms(budget: int, order: OrderName = OrderName.CHANGES, **told: object) -> NightTerms:
    return NightTerms(order, NOON, DAY, budget, **{"shares": {}, **told})  # type: ignore[arg-type]


def candidate(name: str, reads: Sequence[WholeRead] = (), credits: int = 8, vendor: str = "crawlora") -> Candidate:
    return Candidate(name, "boards", name, vendor, ("boards",), credits, reads=reads)


def names(found: Tonight) -> tuple[list[str], list[str]]:
    return [choice.name for choice in found.bought], [choice.name for choice in found.left]


def test_boards_that_were_never_read_come_first_then_the_stalest() -> None:
    boards = [candidate("a", [read(-1, "x")]), candidate("b"), candidate("c", [read(-3, "x")])]
    found = tonight(boards, terms(16))
    assert names(found) == (["b", "c"], ["a"])
    assert [choice.because for choice in found.choices] == [Because.UNREAD, Because.STALEST, Because.STALEST]
    assert [choice.nights for choice in found.choices] == [None, 3, 1]
    assert (found.fell_back, found.because) == (True, "as 1 board has no complete read yet")
    assert names(tonight(boards, terms(16, OrderName.STALEST))) == (["b", "c"], ["a"])


def test_a_board_that_is_too_dear_for_what_is_left_is_passed_over_and_each_vendor_keeps_to_its_share() -> None:
    boards = [candidate("dear", credits=24), candidate("cheap"), candidate("other", credits=2, vendor="keyapi")]
    assert names(tonight(boards, terms(16))) == (["cheap", "other"], ["dear"])
    found = tonight(boards, terms(40, shares={"crawlora": 24, "keyapi": 1}))
    assert names(found) == (["dear"], ["cheap", "other"])
    assert names(found.within(40)) == (["dear", "cheap", "other"], [])


def test_a_board_that_fails_each_time_is_not_tried_before_all_others_for_ever() -> None:
    failing = replace(candidate("failing"), tried_at=NOON - DAY)
    boards = [failing, candidate("a", [read(-2, "x")]), candidate("b", [read(-3, "x")])]
    found = tonight(boards, terms(16))
    assert names(found) == (["b", "a"], ["failing"])
    assert found.choices[-1].nights is None
    assert names(tonight([replace(failing, tried_at=NOON - 4 * DAY), *boards[1:]], terms(16)))[0] == ["failing", "b"]


def test_what_the_state_keeps_of_a_night_is_all_of_it() -> None:
    found = tonight([candidate("a", [read(-2, "xy")]), candidate("b")], terms(8), ["feed"])
    assert Tonight.from_json(orjson.loads(orjson.dumps(found.to_json()))) == found


def test_reads_of_tonight_do_not_count() -> None:
    before = [candidate("a", [read(-1, "x")]), candidate("b", [read(-2, "x")])]
    after = [candidate("a", [read(-1, "x")]), candidate("b", [read(-2, "x"), read(0, "xyz")])]
    assert tonight(before, terms(8)) == tonight(after, terms(8))


def test_a_higher_priority_comes_before_any_rate() -> None:
    first = crawl(C_HASHTAGS, params={"country_code": COUNTRIES}, max_pages=1)
    second = crawl(C_CREATORS, params={"creator_country": "US"}, max_pages=1, priority=2)
    made = by_changes(first, second)
    found = tonight_of(made, NothingSeen(), terms(16), NOON)
    assert [choice.crawl for choice in found.bought] == [C_CREATORS, C_HASHTAGS]


def test_a_board_as_old_as_max_staleness_comes_before_any_priority() -> None:
    boards = [
        replace(candidate("wanted", [read(-1, "x")]), priority=2),
        candidate("old", [read(-3, "x")]),
        candidate("young", [read(-2, "x")]),
    ]
    found = tonight(boards, terms(8, max_staleness=3 * DAY))
    assert (names(found)[0], found.choices[0].because) == (["old"], Because.OVERDUE)
    assert names(tonight(boards, terms(8, max_staleness=4 * DAY)))[0] == ["wanted"]


def test_young_boards_are_reused_and_do_not_compete() -> None:
    made = by_changes(crawl(C_HASHTAGS, params={"country_code": COUNTRIES}, max_pages=1), max_age=timedelta(hours=20))
    us = boards_of(made)["US"]
    found = tonight_of(made, Reads({us: [read(0, "x")]}), terms(16), NOON + timedelta(hours=1))
    assert us not in {choice.walk_id for choice in found.choices}


def test_a_staleness_that_the_budget_cannot_keep_is_told_with_what_it_takes() -> None:
    boards = crawl(C_HASHTAGS, params={"country_code": COUNTRIES}, max_pages=1)
    made = by_changes(boards, budget=8, max_staleness=2 * DAY)
    found = tonight_of(made, NothingSeen(), terms(8, max_staleness=2 * DAY), NOON)
    told = plan(made, Known(NOON, tonight=found)).warnings
    assert (
        "max_staleness can't be kept: reading every board every 2 nights takes 16 credits a night, and the budget is 8"
        in told
    )
    assert "boards are bought stalest first, as 4 boards have no complete read yet" in told


def test_a_plan_drops_what_the_order_leaves_and_children_get_the_rest_of_the_budget() -> None:
    boards = crawl(C_HASHTAGS, params={"country_code": COUNTRIES}, max_pages=1)
    made = by_changes(boards, crawl(C_POSTS, "posts", each=C_HASHTAGS, top=3, max_pages=1), budget=24)
    found = tonight_of(made, NothingSeen(), terms(24), NOON)
    planned = plan(made, Known(NOON, tonight=found))
    assert planned.dropped == (
        "crawlora.hashtags: 1 of 4 boards left to a later night: 1 of 4 requests",
        "posts: page 1: 3 of 3 requests",
    )
    assert planned.credits.likely == 24


def test_the_plan_of_a_nightly_job_says_what_it_would_cost_to_know_less() -> None:
    made = job(crawl(K_HASHTAGS, params={"region": ["US", "GB"]}, max_pages=2))
    nights = [read(night, [f"{entry}" for entry in range(4 * night, 4 * night + 40)], 2) for night in range(-9, 0)]
    history = Reads(dict.fromkeys(board_walks(made), nights))
    assert plan(made, Known(NOON, history)).knowing is None  # a one-off job has no nights
    planned = plan(replace(made, every=Every(DAY, "day")), Known(NOON, history))
    assert planned.knowing is not None
    assert list(planned.knowing.sentences()) == [
        "every second night would see 94% of the entries and save 4 of 8 credits a night (by 2 boards, 9 nights)",
        "every third night would see 88% of the entries and save 5 of 8 credits a night (by 2 boards, 9 nights)",
        'keyapi.hashtags: delta = "new_to_top_100" would have shown 100% of the entries for 32 instead of 56 credits '
        "in 7 nights (by 9 nights)",
    ]
    told = planned.to_json()["knowing"]
    assert [each["credits_a_night"] for each in told["cadences"]] == [4, 2.67]
    assert told["deltas"]["keyapi.hashtags"]["seen"] == told["deltas"]["keyapi.hashtags"]["entries"] == 64


def test_the_frontier_buys_in_the_order_and_leaves_the_rest_with_its_reason() -> None:
    boards = crawl(C_HASHTAGS, params={"country_code": COUNTRIES}, max_pages=1)
    made = by_changes(boards, crawl(C_POSTS, "posts", each=C_HASHTAGS, top=1, max_pages=1))
    ids = boards_of(made)
    frontier = Frontier(made.crawls, [ids["JP"], ids["GB"]], left={ids["US"], ids["DE"]}, strict=True)
    asked = []
    while (request := frontier.take("crawlora")) is not None:
        asked.append(request.walk.country or "posts")
        frontier.learn(request, facts("1", total=1))
    assert asked == ["JP", "GB", "posts"]
    stood = {progress.walk.country: (progress.state, progress.why) for progress in frontier.walks.values()}
    assert stood["US"] == stood["DE"] == (WalkState.NOT_ATTEMPTED, Why.ORDER)
    assert stood["JP"][0] is WalkState.COMPLETE


def test_in_strict_order_a_board_of_one_page_holds_up_no_other() -> None:
    made = by_changes(crawl(C_HASHTAGS, params={"country_code": COUNTRIES}, max_pages=1))
    frontier = Frontier(made.crawls, list(boards_of(made).values()), strict=True)
    for _ in COUNTRIES:
        assert frontier.may_take("crawlora", 1_000)
        assert frontier.take("crawlora") is not None


def test_feeds_with_more_new_records_come_first_and_those_never_read_before_them() -> None:
    same, some = frozenset("ab"), [frozenset("ab"), frozenset("bc"), frozenset("cde")]
    visits = [FeedVisits("still", [same, same], 2), FeedVisits("lively", some, 3), FeedVisits("once", [same], 1)]
    assert [visit.new_a_page for visit in visits] == [0, 1.5, 2]
    assert in_order(visits) == ["once", "lively", "still"]
    parent = crawl(C_HASHTAGS, params={"country_code": "US"}, max_pages=1)
    child = crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=1)
    first, second = (child.walk(next(iter(child.sweep(one)))).walk_id for one in ("1", "2"))
    frontier = Frontier([parent, child], feeds=[second, first])
    request = frontier.take("crawlora")
    assert request is not None
    frontier.learn(request, facts("1", "2", "3", total=3))
    asked = [dict(request.params)["id"] for _ in range(3) if (request := frontier.take("crawlora")) is not None]
    assert asked == ["3", "2", "1"]
