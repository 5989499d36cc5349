"""Pages that are asked for by how many records come before them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.bodies import Json
from scraper.core.catalogue import Endpoint, Records
from scraper.core.pagination import PageCounting, PagePagination, WalkState, Why
from scraper.core.records import read_page
from scraper.core.requests import Walk, start
from tests.core.builders import K_VIDEOS, endpoint, full_page


def by_offset(size: int = 20, **told: str) -> Endpoint:
    paths = {**dict.fromkeys(("page_field", "size_field", "total_field", "has_more_field")), **told}
    pages = PagePagination("skip", "take", size, None, **paths, counts=PageCounting.RECORDS, first=0)  # type: ignore[arg-type]
    return replace(endpoint(K_VIDEOS), pagination=pages, records=Records("found", "id"))


def walked(known: Endpoint, records: int, size: int) -> tuple[list[int], WalkState, Why | None]:
    """A walk against a vendor that lists so many records: the ids that came, and how it ended."""
    progress, first = start(Walk(known, ()))
    seen: list[int] = []
    waiting = [first]
    while waiting:
        request = waiting.pop(0)
        offset = int(dict(request.query)["skip"])
        served = list(range(offset, min(offset + size, records)))
        seen += served
        listed: list[Json] = [{"id": str(number)} for number in served]
        body: Json = {"found": listed, "skip": offset, "of": records, "size": len(served)}
        page = read_page(known, body)
        assert page is not None
        waiting += progress.learn(request, page)
    return seen, progress.state, progress.why


@given(
    st.integers(0, 300),
    st.integers(1, 50),
    st.dictionaries(st.sampled_from(["page_field", "total_field"]), st.just(""), max_size=2).map(
        lambda told: {name: {"page_field": "skip", "total_field": "of"}[name] for name in told}
    ),
)
def test_a_walk_by_offset_lists_every_record_once(records: int, size: int, told: dict[str, str]) -> None:
    seen, state, why = walked(by_offset(size, **told), records, size)
    assert seen == list(range(records))
    assert (state, why) == (WalkState.COMPLETE if records else WalkState.EMPTY, Why.END)


def test_a_vendor_that_serves_fewer_than_were_asked_for_is_not_believed_to_be_complete() -> None:
    seen, state, why = walked(by_offset(20, total_field="of", size_field="size"), records=95, size=15)
    assert (seen, state, why) == (list(range(15)), WalkState.TRUNCATED, Why.GUARD)


@given(st.integers(1, 10_000), st.integers(1, 500), st.integers(0, 3), st.sampled_from(PageCounting))
def test_what_a_page_says_of_itself_is_the_page_that_was_asked_for(
    page: int, size: int, first: int, counts: PageCounting
) -> None:
    pages = PagePagination("p", None, size, None, None, None, None, None, counts, first)
    assert pages.page_of(pages.number_of(page)) == page


def test_an_offset_between_two_pages_is_none_of_ours() -> None:
    known = by_offset(20, page_field="skip")
    page = read_page(known, {"found": [], "skip": 30})
    assert page is not None
    assert page.reported_page == 0
    progress, first = start(Walk(known, ()))
    progress.learn(first, replace(full_page(1, 20, has_more=True), reported_page=page.reported_page))
    assert (progress.state, progress.why) == (WalkState.TRUNCATED, Why.GUARD)


@pytest.mark.parametrize(("size_param", "query"), [("take", {"skip": "40", "take": "20"}), (None, {"skip": "40"})])
def test_the_size_is_asked_for_only_where_the_vendor_takes_one(size_param: str | None, query: dict[str, str]) -> None:
    known = by_offset(20)
    assert isinstance(known.pagination, PagePagination)
    sized = replace(known, pagination=replace(known.pagination, size_param=size_param))
    assert dict(Walk(sized, ()).request(3).query) == query
