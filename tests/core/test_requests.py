"""Walks and requests: by which key a page is known for ever."""

from __future__ import annotations

from dataclasses import replace

from scraper.core.requests import Walk, canonical
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, K_VIDEOS, endpoint, walk_of


def test_documented_defaults_are_filled_in_so_that_saying_them_makes_no_other_walk() -> None:
    assert canonical(endpoint(C_HASHTAGS), {"country_code": "US"}) == (("country_code", "US"), ("period", "7"))
    assert walk_of(C_HASHTAGS, country_code="US").walk_id == walk_of(C_HASHTAGS, country_code="US", period="7").walk_id


def test_keys_are_the_same_in_every_run() -> None:
    walk = walk_of(C_HASHTAGS, country_code="US")
    assert (walk.walk_id, walk.request(2).key) == ("e964f0ad6d0011fe", "ef9976d81d17a4a7a769d2e86d2c9559")


def test_the_order_of_parameters_makes_no_other_key_and_their_case_does() -> None:
    known = endpoint(K_HASHTAGS)
    assert canonical(known, {"region": "US", "period": "30"}) == canonical(known, {"period": "30", "region": "US"})
    keys = {walk_of(K_VIDEOS, region=region).request(1).key for region in ("US", "us", "GB")}
    assert len(keys) == 3


def test_two_vendors_endpoints_never_share_a_key() -> None:
    one, other = walk_of(K_HASHTAGS, region="US"), walk_of(K_VIDEOS, region="US")
    assert one.walk_id != other.walk_id
    assert one.request(1).key != other.request(1).key


def test_a_page_is_asked_for_at_the_largest_size_that_the_endpoint_serves() -> None:
    assert dict(walk_of(C_HASHTAGS, country_code="US").request(3).params) == {
        "country_code": "US", "period": "7", "page": "3", "limit": "100",
    }  # fmt: skip
    assert dict(walk_of(K_VIDEOS).request(1).params)["limit"] == "20"


def test_a_cursor_stands_in_the_parameters_only_where_a_page_handed_one_out() -> None:
    walk = walk_of(C_POSTS)
    assert dict(walk.request(1).params) == {"id": "3242"}
    assert dict(walk.request(2, "30").params) == {"id": "3242", "cursor": "30"}
    assert len({walk.request(1).key, walk.request(2, "30").key, walk.request(2, "60").key}) == 3


def test_the_depth_of_a_walk_does_not_change_what_it_is() -> None:
    walk = walk_of(C_HASHTAGS, country_code="US")
    deeper = replace(walk, max_pages=5, crawls=("other",), priority=3, order=(1, 2, 3), leftover=0)
    assert (deeper.walk_id, deeper.request(1).key) == (walk.walk_id, walk.request(1).key)


def test_country_and_period_are_read_from_the_roles_of_the_parameters() -> None:
    assert (walk_of(C_HASHTAGS, country_code="US").country, walk_of(C_HASHTAGS).country) == ("US", None)
    assert (walk_of(K_HASHTAGS).country, walk_of(K_HASHTAGS).period_days) == (None, 7)
    assert (walk_of(K_HASHTAGS, region="GB", period="120").period_days, walk_of(C_POSTS).period_days) == (120, None)


def test_a_request_is_told_to_people_by_its_endpoint_parameters_and_page() -> None:
    assert walk_of(C_HASHTAGS, country_code="US").request(4).label == (
        "crawlora.hashtags country_code=US period=7 page 4"
    )


def test_a_parameter_that_stands_in_the_route_is_quoted_there_and_not_in_the_query() -> None:
    detail = replace(endpoint(C_HASHTAGS), path="/tiktok/hashtag/{country_code}")
    request = Walk(detail, (("country_code", "U S/é"), ("period", "7"))).request(1)
    assert request.path == "/tiktok/hashtag/U%20S%2F%C3%A9"
    assert request.query == (("limit", "100"), ("page", "1"), ("period", "7"))
    assert dict(request.params)["country_code"] == "U S/é"
