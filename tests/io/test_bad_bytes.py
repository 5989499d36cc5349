"""Whatever a vendor sends: no page stops a drain, none is lost, and the others give their rows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import OutcomeKind
from scraper.core.tables import table_select
from scraper.io.archive import ParquetArchive
from scraper.ports import SpooledPage, Written
from tests.core.builders import catalogue_of
from tests.examples import examples
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, hashtag, page
from tests.io.test_archive import rows

USED = [table for table in TABLES if table.name in {"hashtags", "posts"}]


def archive(data: Path) -> ParquetArchive:
    return ParquetArchive(data, USED, catalogue_of(ENDPOINTS))


def between(body: bytes) -> list[SpooledPage]:
    """The body as page 2 of three; the others have one row each."""
    bodies = [board(hashtag(1)), body, board(hashtag(3))]
    return [page("crawlora.hashtags", one, page_id=n, number=n) for n, one in enumerate(bodies, start=1)]


def drained(data: Path, body: bytes) -> tuple[list[dict[str, Any]], Written]:
    """The rows of the body, once it is sure that the others' are there and that its bytes are kept."""
    written = archive(data).write(1, between(body))
    assert [row["body"] for row in rows(data, "pages") if row["page"] == 2] == [body]
    found = rows(data, "hashtags")
    assert [row["hashtag_id"] for row in found if row["page"] != 2] == ["1", "3"]
    return [row for row in found if row["page"] == 2], written


def raw(record: bytes) -> bytes:
    return b'{"data":{"data":{"list":[' + record + b"]}}}"


def named(name: bytes) -> bytes:
    return raw(b'{"hashtag_id":"2","rank":2,"hashtag_name":"' + name + b'"}')


def test_a_page_with_a_lone_surrogate_does_not_stop_the_drain(tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, named(b"a\\ud83d b"))
    assert row["hashtag_name"] == "a� b"


def test_a_page_with_broken_utf8_keeps_what_can_be_read(tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, named(b"caf\xe9!"))
    assert row["hashtag_name"] == "caf�!"


def test_a_page_with_a_control_character_is_read(tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, named(b"a\x01\n\tb"))
    assert row["hashtag_name"] == "a\x01\n\tb"


def test_a_page_with_a_nul_is_read(tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, named(b"a\\u0000b"))
    assert row["hashtag_name"] == "a\0b"


def test_a_page_behind_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, b"\xef\xbb\xbf" + named(b"bom"))
    assert row["hashtag_name"] == "bom"


def test_a_page_with_nan_and_infinity_has_nulls_there(tmp_path: Path) -> None:
    record = b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"trend":[{"time":0,"value":NaN},{"value":-Infinity}]}'
    [row], _ = drained(tmp_path, raw(record))
    assert [point["value"] for point in row["trend"]] == [None, None]


def test_a_caption_of_a_megabyte_is_kept_whole(tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, named(b"x" * 2**20))
    assert len(row["hashtag_name"]) == 2**20


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b'"12"', 12),
        (b'"12k"', None),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", None),
        (b"123456789012345678901234567890", None),
        (b"1e999", None),
        (b"-1", -1),
        (b"true", 1),
        (b"5.7", 6),
        (b"[]", None),
        (b"{}", None),
        (b'""', None),
    ],
)
def test_an_odd_count_is_a_number_or_null_and_loses_no_row(value: bytes, count: int | None, tmp_path: Path) -> None:
    [row], _ = drained(tmp_path, raw(b'{"hashtag_id":"2","hashtag_name":"n","rank":2,"video_views":' + value + b"}"))
    assert row["video_views"] == count


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>busy</html>", "not JSON"),
        (b'{"data":{"data":{"list":{"0":{}}}}}', "data.data.list is no list of records but an object"),
        (b'{"data":{"data":{"list":"none"}}}', "data.data.list is no list of records but text"),
    ],
)
def test_a_page_that_cannot_be_read_is_kept_with_its_error(body: bytes, reason: str, tmp_path: Path) -> None:
    found, written = drained(tmp_path, body)
    [error] = [row["error"] for row in rows(tmp_path, "pages") if row["page"] == 2]
    assert found == []
    assert error.startswith(reason)
    assert written.unreadable == {2: error}


@pytest.mark.parametrize(
    ("body", "without_key"),
    [
        (raw(b"null"), 1),
        (raw(b'"a","b"'), 2),
        (raw(b"[[{}]],5"), 2),
        (raw(b'{"hashtag_id":null,"hashtag_name":"n","rank":1}'), 1),
        (raw(b""), 0),
        (b'{"data":{"data":{"list":null}}}', 0),
        (b'{"data":[]}', 0),
        (b"[]", 0),
    ],
)
def test_records_without_their_key_are_counted_and_are_no_rows(body: bytes, without_key: int, tmp_path: Path) -> None:
    found, written = drained(tmp_path, body)
    assert found == []
    assert written.unreadable == {}
    assert written.rows_without_key == ({"hashtags": without_key} if without_key else {})


def test_a_page_that_a_select_refuses_is_found_among_many_and_kept_with_its_error(tmp_path: Path) -> None:
    condition = "WHERE CASE WHEN records LIKE '%poison%' THEN error('poison met') IS NULL ELSE true END\n),\nplaces AS"
    touchy = table_select("hashtags", TABLES[0].sql.replace("),\nplaces AS", condition))
    bodies = [board(hashtag(n + 1, note="poison" if n in (7, 30) else "")) for n in range(40)]
    pages = [page("crawlora.hashtags", body, page_id=n, number=n) for n, body in enumerate(bodies)]
    written = ParquetArchive(tmp_path, [touchy], catalogue_of(ENDPOINTS)).write(1, pages)
    assert sorted(written.unreadable) == [7, 30]
    assert "poison met" in written.unreadable[7]
    assert sorted(row["page"] for row in rows(tmp_path, "hashtags")) == [n for n in range(40) if n not in (7, 30)]
    assert sorted(row["page"] for row in rows(tmp_path, "pages") if row["error"]) == [7, 30]


def test_an_endpoint_that_no_vendor_file_describes_keeps_its_pages(tmp_path: Path) -> None:
    written = archive(tmp_path).write(1, [page("crawlora.gone", board(hashtag(1)))])
    assert written.unreadable == {1: "no vendor file describes crawlora.gone"}
    assert len(rows(tmp_path, "pages")) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("hashtag_id", "hashtag_name", "rank", "trend", "country_info", "id", "author", "stats", "video", "createTime")
RECORD = st.dictionaries(st.sampled_from(FIELDS), JSON) | JSON


@examples(15)
@given(st.lists(st.tuples(st.booleans(), st.lists(RECORD, max_size=3) | JSON), max_size=12), st.binary(max_size=40))
def test_no_body_stops_a_drain(bodies: list[tuple[bool, Any]], noise: bytes) -> None:
    pages = [
        page(
            "crawlora.hashtag_posts" if posts else "crawlora.hashtags",
            loose({"data": {"itemList": value} if posts else {"data": {"list": value}}}),
            page_id=number,
            number=number,
            parameters='{"id":"1"}',
        )
        for number, (posts, value) in enumerate(sorted(bodies, key=lambda one: one[0]))
    ]
    pages.append(page("crawlora.hashtags", noise, page_id=99, number=99))
    with tempfile.TemporaryDirectory() as place:
        written = archive(Path(place)).write(1, pages)
        kept = sorted(row["body"] for row in rows(Path(place), "pages"))
    assert kept == sorted(one.body for one in pages)
    assert set(written.unreadable) <= {one.page_id for one in pages if one.outcome is OutcomeKind.OK}


def loose(value: object) -> bytes:
    """JSON as careless services write it: NaN, lone surrogates, numbers of any length."""
    return json.dumps(value).encode()
