"""Records that are not at their path: found elsewhere in the body, and named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from scraper.core.displaced import MOST_VALUES, Displaced, advice, displaced_records
from scraper.core.pagination import SinglePagination
from tests.core.builders import C_HASHTAGS, C_POSTS, endpoint

TAGS: list[Any] = [{"hashtag_id": str(number)} for number in range(100)]
PEOPLE = [{"user_id": str(number)} for number in range(300)]


def advised(name: str, document: Any, *, by_id: bool = False) -> str | None:
    return advice(endpoint(name), orjson.dumps(document), by_id=by_id)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"code": 200, "data": {"data": {"hashtags": TAGS}}}, "data.data.hashtags"),
        ({"hashtags": TAGS}, "hashtags"),
        (TAGS, "the root"),
        ({"data": {"data": {"list": None, "people": PEOPLE, "rows": TAGS}}}, "data.data.rows"),
        ({"data": {"data": {"list": {"items": TAGS}}}}, "data.data.list.items"),
    ],
)
def test_a_list_with_the_records_ids_is_named_wherever_it_is(document: Any, path: str) -> None:
    assert advised(C_HASHTAGS, document, by_id=True) == (
        f"no list at data.data.list; a list of 100 objects with hashtag_id is at {path}: "
        "correct records.path in configs/vendors/crawlora.toml"
    )


def test_without_ids_the_longest_list_is_named_unless_only_ids_count() -> None:
    document = {"data": {"few": PEOPLE[:1], "many": PEOPLE}}
    assert advised(C_HASHTAGS, document) == (
        "no list at data.data.list; a list of 300 objects without hashtag_id is at data.many: "
        "correct records.path and records.id in configs/vendors/crawlora.toml"
    )
    assert advised(C_HASHTAGS, document, by_id=True) is None


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"data": {"list": [], "hashtags": TAGS}}},
        {"data": {"data": {"list": TAGS}}},
        {"data": {"data": {"names": ["a", "b"], "none": []}}},
        {"data": {"a.b": TAGS}},
        {"data": [{"hashtags": TAGS}, 1]},
        "text",
    ],
)
def test_nothing_is_named_where_the_list_is_at_its_path_or_no_path_leads_to_another(document: Any) -> None:
    assert advised(C_HASHTAGS, document) is None


def test_a_body_that_is_no_json_has_no_advice() -> None:
    assert advice(endpoint(C_POSTS), b"<html>", by_id=False) is None


def test_records_of_a_wrapping_vendor_are_known_by_the_id_inside() -> None:
    known = endpoint(C_HASHTAGS)
    wrapping = replace(known, records=replace(known.records, nested_in="hashtag"))
    document: Any = {"rows": [{"hashtag": tag} for tag in TAGS]}
    assert displaced_records(wrapping, document) == Displaced("rows", 100, 100)


def test_one_record_is_found_by_its_id_alone() -> None:
    one = replace(endpoint(C_HASHTAGS), pagination=SinglePagination())
    assert displaced_records(one, {"data": {"tag": TAGS[0], "other": {"x": 1}}}) == Displaced("data.tag", 1, 1)
    assert displaced_records(one, {"data": {"other": {"x": 1}}}) is None


def test_a_huge_or_deep_body_is_looked_through_only_so_far() -> None:
    wide: Any = {f"k{number}": number for number in range(MOST_VALUES * 2)} | {"late": {"list": TAGS}}
    deep: Any = TAGS
    for _ in range(200):
        deep = {"in": deep}
    assert displaced_records(endpoint(C_HASHTAGS), wide) is None
    assert displaced_records(endpoint(C_HASHTAGS), deep) is None
