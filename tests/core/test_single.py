"""An endpoint that answers one record to one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from scraper.core.catalogue import Basis, Endpoint, OutcomeKind, Records
from scraper.core.jobs import Crawl, Job, crawl_faults
from scraper.core.outcomes import classify
from scraper.core.pagination import PageFacts, Record, SinglePagination, WalkState, Why
from scraper.core.planning import Known, NothingSeen, Range, plan
from scraper.core.requests import Walk, start
from tests.core.builders import C_CREATORS, CATALOGUE, NOON, account, answer, endpoint, facts, vendor_of

CREATOR = replace(
    endpoint(C_CREATORS),
    name="creator",
    pagination=SinglePagination(),
    records=Records("data.user", "user_id", fields=("handle", "stats.tier")),
    typical_total=None,
)


def read(body: Any, described: Endpoint = CREATOR) -> tuple[OutcomeKind, str, PageFacts | None]:
    outcome = classify(vendor_of(C_CREATORS), described, answer(body), NOON)
    return outcome.kind, outcome.detail, outcome.facts


def test_an_object_is_one_record_with_the_fields_that_children_take() -> None:
    user = {"user_id": 77, "handle": "ann", "stats": {"tier": 2}}
    record = Record("77", fields={"handle": "ann", "stats.tier": "2"})
    assert read({"code": 200, "data": {"user": user}}) == (OutcomeKind.OK, "", PageFacts(1, (record,)))
    assert read({"code": 200, "data": {"user": {"handle": "ann"}}}) == (OutcomeKind.OK, "", PageFacts(1))


@pytest.mark.parametrize("data", [{"user": {}}, {"user": None}, {}])
def test_an_empty_object_and_null_are_no_record(data: Mapping[str, Any]) -> None:
    assert read({"code": 200, "data": data}) == (OutcomeKind.EMPTY, "", PageFacts(0))


@pytest.mark.parametrize("user", [[{"user_id": "1"}], [], "1", 7, True, False, 0, ""])
def test_anything_but_an_object_is_malformed(user: Any) -> None:
    assert read({"code": 200, "data": {"user": user}}) == (
        OutcomeKind.MALFORMED,
        "data.user is not a JSON object",
        None,
    )


def test_the_whole_body_may_be_the_record_and_nothing_at_all_is_no_success() -> None:
    whole = replace(CREATOR, records=Records("", "user_id"), success=())
    assert read({"user_id": "5"}, whole) == (OutcomeKind.OK, "", PageFacts(1, (Record("5"),)))
    assert read([{"user_id": "5"}], whole)[0] is OutcomeKind.MALFORMED
    assert read({"other": 1})[0] is OutcomeKind.MALFORMED


def test_a_walk_is_one_request_without_paging_parameters() -> None:
    walk = Walk(CREATOR, (("id", "77"),), crawls=("one",))
    for page, state in ((facts("77"), WalkState.COMPLETE), (PageFacts(0), WalkState.EMPTY)):
        progress, first = start(walk)
        assert (first.params, progress.outstanding()) == ((("id", "77"),), [first])
        assert (progress.learn(first, page), progress.outstanding()) == ([], [])
        assert (progress.state, progress.why, progress.pages, progress.gaps) == (state, Why.END, 1, 0)
        assert progress.widen(replace(walk, max_pages=9)) == []


def test_a_request_that_failed_leaves_a_gap() -> None:
    progress, first = start(Walk(CREATOR, ()))
    progress.fail(first, Why.REQUEST_FAILED)
    assert (progress.state, progress.gaps, progress.outstanding()) == (WalkState.FAILED, 1, [])


def test_a_plan_knows_its_requests_and_rows() -> None:
    crawl = Crawl("creator", CREATOR, {"creator_country": ("US", "GB", "JP")})
    planned = plan(Job("one", 100, (crawl,), {"crawlora": account()}), Known(NOON, NothingSeen()))
    (one,) = planned.crawls
    assert (one.requests, one.rows.likely, one.basis) == (Range(3, 3, 3), 3, Basis.KNOWN)
    assert "a walk has at most 1 page: an answer is one record (known)" in one.explanation


@pytest.mark.parametrize("limit", ["max_pages", "max_items"])
def test_more_pages_than_the_one_are_refused(limit: str) -> None:
    assert crawl_faults("crawl", Crawl("creator", CREATOR, **{limit: 1}), CATALOGUE, {}) == []  # type: ignore[arg-type]
    more = Crawl("creator", CREATOR, **{limit: 2})  # type: ignore[arg-type]
    (fault,) = crawl_faults("crawl", more, CATALOGUE, {})
    assert str(fault) == f"crawl.{limit}: crawlora.creator returns one record per request; leave it out"
