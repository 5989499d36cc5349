"""Drift of a drain: verdicts as DuckDB's own, nothing told of what is documented, nothing lost of what is hostile."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.core.drift import DriftKind, Finding
from scraper.core.tables import table_select
from scraper.core.verdicts import Verdict, verdict
from scraper.io.archive import ParquetArchive
from scraper.ports import Written, drain_order
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, hashtag, page
from tests.io.test_archive import archive, rows
from tests.io.test_bad_bytes import raw
from tests.io.test_payloads import CASES, archived

NUMBERS = st.integers() | st.integers(-(2**66), 2**66) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.from_regex(r"\A ?[+-]?[0-9]{0,22}(\.[0-9]{0,3})?(e[+-]?[0-9]{1,2})?k? ?\Z") | st.sampled_from(
    ["true", "False", "t", "F", "yes", "NO", "y", "n", "1", "0", "2", "", " ", "on", "off", "tru"]
)
CONNECTION = duckdb.connect()


def column_of(value: Any, type_name: str) -> Any:
    """What the column holds."""
    query = "SELECT from_json(?, ?).a"
    return CONNECTION.execute(query, [json.dumps({"a": value}), json.dumps({"a": type_name})]).fetchall()[0][0]


@settings(max_examples=400, deadline=None)
@given(NUMBERS | TEXTS | st.booleans(), st.sampled_from(["BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "VARCHAR"]))
def test_a_verdict_says_what_becomes_of_a_value(value: Any, type_name: str) -> None:
    held, said = column_of(value, type_name), verdict(value, type_name)
    assert (held is None) == (said is Verdict.UNFIT)
    if said is Verdict.FITS:
        assert held == value
    elif said is Verdict.TYPE and type_name in {"BIGINT", "INTEGER"}:
        assert math.isclose(float(value), held, rel_tol=1e-15)
    elif said is Verdict.COERCED and type_name != "BOOLEAN":
        assert type(held) is not type(value) or held != value


ODD = {
    "crawlora.creators/full-and-bare": {"type items[].vv", "without_key "},
    "crawlora.creators/worldwide": {"type items[].vv"},
    "crawlora.hashtag_posts/documented-minimum": {"type id", "without_key "},
    "crawlora.hashtag_posts/older": {"type music.id", "unfit textExtra"},
    "crawlora.hashtags/odd-values": {
        "new a_new_field", "type hashtag_id", "type rank", "type trend[].value", "type video_views", "unfit ",
        "unfit country_info", "unfit publish_cnt", "unfit video_views", "without_key ",
    },
    "keyapi.videos/missing-fields": {"type duration", "type item_id", "without_key "},
    "reseller.creators/nested": {"type items[].vv", "without_key "},
}  # fmt: skip
"""What the saved answers hold on purpose beside what is documented and recorded."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_of_a_saved_answer_only_its_odd_values_are_drift(case: Path, tmp_path: Path) -> None:
    told = {f"{finding.kind} {finding.path}" for finding in findings(archived(case, tmp_path)[1])}
    assert told == ODD.get(f"{case.parent.name}/{case.name}", set())


def findings(written: Written) -> dict[Finding, int]:
    return {found.finding: found.count for looked in written.looked for found in looked.found}


# --- hostile records --------------------------------------------------------------------------------------------------


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


HOSTILE: dict[str, tuple[bytes, dict[str, Any] | None, set[str]]] = {
    "as documented": (b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":7}', {"video_views": 7}, set()),
    "missing": (b'{"hashtag_id":"2","hashtag_name":"n","rank":2}', {"video_views": None}, set()),
    "null": (b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"trend":null,"creators":null}', {"trend": None}, set()),
    "reordered": (b'{"video_views":7,"rank":2,"hashtag_name":"n","hashtag_id":"2"}', {"video_views": 7}, set()),
    "int for string": (b'{"hashtag_id":2,"hashtag_name":"n","rank":2}', {}, {"type hashtag_id"}),
    "string for int": (b'{"hashtag_id":"2","hashtag_name":"n","rank":"2"}', {}, {"type rank"}),
    "unknown": (b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"x":{"y":1}}', {}, {"new x"}),
    "2^53+1 id": (
        b'{"hashtag_id":9007199254740993,"hashtag_name":"n","rank":2}',
        {"hashtag_id": "9007199254740993"},
        {"type hashtag_id"},
    ),
    "id past 2^64": (
        b'{"hashtag_id":123456789012345678901,"hashtag_name":"n","rank":2}',
        {"hashtag_id": "123456789012345678901"},
        {"type hashtag_id"},
    ),
    "count past 2^63": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":9223372036854775808}',
        {"video_views": None},
        {"unfit video_views"},
    ),
    "count past 2^64": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":99999999999999999999}',
        {"video_views": None},
        {"unfit video_views"},
    ),
    "5.7": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":5.7}',
        {"video_views": 6},
        {"coerced video_views"},
    ),
    "true": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":true}',
        {"video_views": 1},
        {"coerced video_views"},
    ),
    "NaN": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":NaN}', {"video_views": None}, {"repaired "},
    ),
    "lone surrogate": (
        b'{"hashtag_id":"2","hashtag_name":"a\\ud83d","rank":2}', {"hashtag_name": "a\ufffd"}, {"repaired "},
    ),
    "NUL": (b'{"hashtag_id":"2","hashtag_name":"a\\u0000","rank":2}', {"hashtag_name": "a\0"}, set()),
    "control character": (
        b'{"hashtag_id":"2","hashtag_name":"a\x01","rank":2}', {"hashtag_name": "a\x01"}, {"repaired "},
    ),
    "the same key twice": (b'{"hashtag_id":"1","hashtag_id":"2","hashtag_name":"n","rank":2}', {}, set()),
    "empty lists": (b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"trend":[]}', {"trend": []}, set()),
    "[null]": (b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"trend":[null]}', {}, set()),
    "a list of strings": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"trend":["x"]}', {}, {"unfit trend[]"},
    ),
    "an object for a list": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"trend":{"0":1}}', {"trend": None}, {"unfit trend"},
    ),
    "nested 300 deep": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"x":' + deep(300) + b"}", {}, {"new x"},
    ),
    "nested 1,100 deep": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"x":' + deep(1_100) + b"}", {}, {"new x", "repaired "},
    ),
    "nested 1,100 deep for a count": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":' + deep(1_100) + b"}",
        {"video_views": None},
        {"unfit video_views", "repaired "},
    ),
    "a caption of a megabyte": (
        b'{"hashtag_id":"2","rank":2,"hashtag_name":"' + b"x" * 2**20 + b'"}', {"hashtag_name": "x" * 2**20}, set(),
    ),
    "a number of 5,000 digits": (
        b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":' + b"9" * 5_000 + b"}",
        {"video_views": None},
        {"repaired "},
    ),
    "null for a record": (b"null", None, {"without_key "}),
    "a string for a record": (b'"x"', None, {"unfit ", "without_key "}),
    "no id": (b'{"hashtag_id":null,"hashtag_name":"n","rank":2}', None, {"without_key "}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_loses_nothing_and_its_drift_is_counted(name: str, tmp_path: Path) -> None:
    record, row, told = HOSTILE[name]
    bodies = [board(hashtag(1)), raw(record), b"\xef\xbb\xbf" + raw(record), board(hashtag(3))]
    pages = [page("crawlora.hashtags", body, page_id=n, number=n) for n, body in enumerate(bodies)]
    written = archive(tmp_path).write(1, pages)
    found = [held for held in rows(tmp_path, "hashtags") if held["page"] in {1, 2}]
    expected = {"hashtag_id": "2", "rank": 2, **(row or {})}
    assert [{key: held[key] for key in expected} for held in found] == ([expected] * 2 if row is not None else [])
    assert [held["body"] for held in rows(tmp_path, "pages")] == bodies
    assert (written.rows(), written.unreadable) == ({"pages": 4, "hashtags": 2 + len(found)}, {})
    by_name = {f"{finding.kind} {finding.path}": count for finding, count in findings(written).items()}
    bom = {"repaired ": 2 if "repaired " in told else 1}
    assert by_name == {**dict.fromkeys(told, 2), **bom}


def test_a_rebuild_makes_the_same_rows_of_hostile_records(tmp_path: Path) -> None:
    bodies = [raw(record) for record, _, _ in HOSTILE.values()]
    pages = [page("crawlora.hashtags", body, page_id=n, number=n) for n, body in enumerate(bodies)]
    archive(tmp_path).write(1, pages)
    before = rows(tmp_path, "hashtags")
    for part in (tmp_path / "archive/hashtags").rglob("*.parquet"):
        part.unlink()
    assert archive(tmp_path).rebuild("hashtags", archive(tmp_path).sources()).looked == ()
    assert rows(tmp_path, "hashtags") == before


def test_pages_that_cannot_be_read_are_counted_by_their_reason_and_found_by_their_key(tmp_path: Path) -> None:
    bodies = [b"<html>", b"", raw(b'{"x":1}'), b'{"data":{"data":{"list":{}}}}', b"<html>"]
    pages = [page("crawlora.hashtags", body, page_id=n, number=n) for n, body in enumerate(bodies)]
    pages.append(page("shop.things", b"{}", page_id=9, number=9))
    by_kind: dict[tuple[str, DriftKind], list[tuple[int, str]]] = {}
    for looked in archive(tmp_path).write(1, sorted(pages, key=drain_order)).looked:
        for found in looked.found:
            by_kind.setdefault((looked.endpoint, found.finding.kind), []).append((found.count, found.request_key))
    assert by_kind == {
        ("crawlora.hashtags", DriftKind.UNREADABLE): [(2, "k0"), (1, "k1"), (1, "k3")],
        ("crawlora.hashtags", DriftKind.NEW): [(1, "k2")],
        ("crawlora.hashtags", DriftKind.WITHOUT_KEY): [(1, "k2")],
        ("shop.things", DriftKind.UNREADABLE): [(1, "k9")],
    }


def test_a_page_that_only_its_select_refuses_is_unreadable_too(tmp_path: Path) -> None:
    condition = "WHERE CASE WHEN records LIKE '%poison%' THEN error('poison met') IS NULL ELSE true END\n),\nplaces AS"
    touchy = table_select("hashtags", TABLES[0].sql.replace("),\nplaces AS", condition))
    pages = [
        page("crawlora.hashtags", board(hashtag(n, trend="poison" if n == 2 else None)), page_id=n) for n in (1, 2)
    ]
    [looked] = ParquetArchive(tmp_path, [touchy], ENDPOINTS).write(1, pages).looked
    [refused] = [found for found in looked.found if found.finding.kind is DriftKind.UNREADABLE]
    assert (refused.count, refused.request_key, "poison met" in refused.finding.detail) == (1, "k2", True)
