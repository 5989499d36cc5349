"""Drift of a drain: verdicts as DuckDB's own, nothing told of what is documented, nothing lost of what is hostile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import Records
from scraper.core.drift.casts import Verdict, verdict, verdict_of_type
from scraper.core.drift.findings import DriftKind
from scraper.core.drift.observe import as_json
from scraper.core.tables import TableSelect, table_select
from scraper.io.archive import ParquetArchive
from scraper.io.archive.table_select import Selects
from scraper.ports import Written, drain_order
from tests.core.builders import catalogue_of
from tests.examples import examples
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, endpoint, hashtag, page
from tests.io.test_archive import archive, rows
from tests.io.test_bad_bytes import raw

NUMBERS = st.integers() | st.integers(-(2**66), 2**66) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.from_regex(r"\A ?[+-]?[0-9]{0,22}(\.[0-9]{0,3})?(e[+-]?[0-9]{1,2})?k? ?\Z") | st.sampled_from(
    ["true", "False", "t", "F", "yes", "NO", "y", "n", "1", "0", "2", "", " ", "on", "off", "tru"]
)
TYPES = ["BIGINT", "INTEGER", "UTINYINT", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "DECIMAL(18,2)"]


@pytest.fixture(scope="module")
def selects() -> Iterator[Selects]:
    with Selects({}) as opened:
        yield opened


@examples(80)
@given(st.lists(NUMBERS | TEXTS | st.booleans(), min_size=1), st.sampled_from(TYPES))
def test_a_verdict_says_what_a_column_holds_of_a_value(selects: Selects, values: list[Any], type_name: str) -> None:
    holds = selects.typed(type_name, [as_json(value) for value in values])
    assert len(holds) == len(values)
    for value, held in zip(values, holds, strict=True):
        said = verdict(value, held)
        assert verdict_of_type(type(value), type_name) in {None, said}
        assert (said is Verdict.UNFIT) == (held is None)
        if type(value) is int and type_name == "BIGINT":
            assert (held == value) == (-(2**63) <= value < 2**63)
        if isinstance(value, int | float) and not isinstance(value, bool) and isinstance(held, int | float):
            assert (said is Verdict.COERCED) == (held != value)
        if said is Verdict.TYPE and isinstance(value, str) and type_name in {"BIGINT", "INTEGER", "UTINYINT"}:
            assert Decimal(value) == held


@pytest.mark.parametrize(
    ("type_name", "value", "said"),
    [
        ("BIGINT", "12", Verdict.TYPE),
        ("BIGINT", " 12 ", Verdict.TYPE),
        ("BIGINT", "9007199254740993", Verdict.TYPE),
        ("BIGINT", "1e3", Verdict.TYPE),
        ("BIGINT", "5.7", Verdict.COERCED),
        ("BIGINT", "12k", Verdict.UNFIT),
        ("BIGINT", {"a": 1}, Verdict.UNFIT),
        ("UTINYINT", -1, Verdict.UNFIT),
        ("DOUBLE", "0.1", Verdict.TYPE),
        ("BOOLEAN", "yes", Verdict.TYPE),
        ("BOOLEAN", 2, Verdict.COERCED),
        ("BOOLEAN", "2", Verdict.UNFIT),
        ("DATE", "2026-01-31", Verdict.FITS),
        ("DATE", "31st of January", Verdict.UNFIT),
        ("TIMESTAMPTZ", "2026-01-31T02:15:00Z", Verdict.FITS),
        ("MAP(VARCHAR, BIGINT)", {"a": 1}, Verdict.FITS),
    ],
)
def test_duckdb_itself_says_what_becomes_of_a_value(
    selects: Selects, type_name: str, value: Any, said: Verdict
) -> None:
    [held] = selects.typed(type_name, [as_json(value)])
    assert verdict(value, held) is said


# --- values that an expression of the SELECT makes null of ------------------------------------------------------------

EVENTS = table_select(
    "events",
    """
SELECT endpoint, request_key, page, position, record.id AS id,
  CASE WHEN record.at BETWEEN 0 AND 253402300799 THEN make_timestamp(record.at * 1000000) END AS begins_at,
  TRY_CAST(record.born AS DATE) AS born, TRY_CAST(record.born AS DATE) + 365 AS one_year_old,
  record.url AS url, TRY_CAST(regexp_extract(record.url, 'expires=([0-9]+)', 1) AS BIGINT) AS url_expires,
  coalesce(record.exact.views, record.views) AS views, nullif(record.sound, '') AS sound,
  list_transform(record.days, lambda day: {'on': TRY_CAST(day.on AS DATE), 'views': day.views}) AS days,
  record.pictures[1].url AS picture
FROM (
  SELECT * EXCLUDE (list), unnest(list) AS record, generate_subscripts(list, 1) AS position FROM (
    SELECT *, from_json(records, '[{
      "id": "VARCHAR", "at": "BIGINT", "born": "VARCHAR", "url": "VARCHAR", "views": "BIGINT", "sound": "VARCHAR",
      "exact": {"views": "BIGINT"}, "days": [{"on": "VARCHAR", "views": "BIGINT"}], "pictures": [{"url": "VARCHAR"}]
    }]') AS list FROM pages
  )
)
WHERE record.id IS NOT NULL
""",
)
SOUND: dict[str, Any] = {
    "id": "1", "at": 1_700_000_000, "born": "2001-02-28", "url": "https://a.example", "views": 5, "sound": "",
    "exact": None, "days": [{"on": "2026-01-01", "views": 1}, None, {"on": None}],
    "pictures": [{"url": "a"}, {"url": "b"}],
}  # fmt: skip


def told(place: Path, *records: dict[str, Any], table: TableSelect = EVENTS) -> dict[tuple[str, str, str], int]:
    events = endpoint("shop.events", Records("rows", "id"), "events")
    body = orjson.dumps({"rows": records})
    written = ParquetArchive(place, [table], catalogue_of({"shop.events": events})).write(
        1, [page("shop.events", body, page_id=1)]
    )
    [looked] = written.looked
    return {(one.finding.kind.value, one.finding.path, one.finding.detail): one.count for one in looked.found}


def test_a_record_of_which_everything_is_kept_loses_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, SOUND, {"id": "2"}, {**SOUND, "at": 0, "born": "", "days": []}) == {}


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        ({"at": 1_700_000_000_000}, ("unfit", "at", "integer for column begins_at")),
        ({"at": -1}, ("unfit", "at", "integer for column begins_at")),
        ({"born": "28th of February"}, ("unfit", "born", "string for column born")),
        ({"days": [{"on": "2026-01-01"}, {"on": "tomorrow"}]}, ("unfit", "days[].on", "string for column days")),
        ({"at": "12k"}, ("unfit", "at", "string for BIGINT")),
    ],
)
def test_a_value_that_an_expression_makes_null_of_is_unfit(
    lost: dict[str, Any], found: tuple[str, str, str], tmp_path: Path
) -> None:
    assert told(tmp_path, SOUND, {**SOUND, **lost}, {**SOUND, **lost}, {"id": "4"}) == {found: 2}


def test_a_select_that_refuses_some_values_is_watched_for_others() -> None:
    unguarded = EVENTS.sql.replace(
        "CASE WHEN record.at BETWEEN 0 AND 253402300799 THEN make", "CASE WHEN true THEN make"
    )
    with Selects({"events": table_select("events", unguarded)}) as opened:
        assert {one.path for one in opened.fragile("events")} == {"born", "days[].on"}


def test_a_time_past_all_calendars_of_python_is_kept_and_not_lost(tmp_path: Path) -> None:
    unguarded = EVENTS.sql.replace(
        "CASE WHEN record.at BETWEEN 0 AND 253402300799 THEN", "CASE WHEN record.at > 0 THEN"
    )
    late = {**SOUND, "at": 1_700_000_000_000, "born": "?"}
    assert told(tmp_path, late, table=table_select("events", unguarded)) == {
        ("unfit", "born", "string for column born"): 1
    }


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


@dataclass(frozen=True)
class Drained:
    """A drain of all hostile records: three pages of an endpoint of its own for each."""

    place: Path
    archive: ParquetArchive
    written: Written
    rows: list[dict[str, Any]]
    bodies: Mapping[str, list[bytes]]


def named(name: str) -> str:
    return f"crawlora.case_{list(HOSTILE).index(name)}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Drained:
    place = tmp_path_factory.mktemp("hostile")
    boards = Records("data.data.list", "hashtag_id")
    endpoints = {named(name): endpoint(named(name), boards, "hashtags") for name in HOSTILE}
    bodies = {
        named(name): [board(hashtag(1)), raw(record), b"\xef\xbb\xbf" + raw(record)]
        for name, (record, _, _) in HOSTILE.items()
    }
    pages = [
        page(name, body, page_id=1_000 * case + number, number=number)
        for case, name in enumerate(bodies)
        for number, body in enumerate(bodies[name])
    ]
    made = ParquetArchive(place, TABLES[:1], catalogue_of(endpoints))
    written = made.write(1, sorted(pages, key=drain_order))
    return Drained(place, made, written, rows(place, "hashtags"), bodies)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_loses_nothing_and_its_drift_is_counted(name: str, hostile: Drained) -> None:
    _, row, told = HOSTILE[name]
    held = [held for held in hostile.rows if held["endpoint"] == named(name)]
    expected = {"hashtag_id": "2", "rank": 2, **(row or {})}
    assert [{key: one[key] for key in expected} for one in held if one["page"]] == [expected] * (
        2 if row is not None else 0
    )
    assert [one["hashtag_id"] for one in held if not one["page"]] == ["1"]
    [looked] = [looked for looked in hostile.written.looked if looked.endpoint == named(name)]
    counted = {f"{found.finding.kind} {found.finding.path}": found.count for found in looked.found}
    byte_order_mark = {"repaired ": 2 if "repaired " in told else 1}
    assert counted == {**dict.fromkeys(told, 2), **byte_order_mark}


def test_every_hostile_page_is_kept_as_it_came_and_none_is_unreadable(hostile: Drained) -> None:
    assert hostile.written.unreadable == {}
    kept = [row["body"] for row in rows(hostile.place, "pages")]
    assert sorted(kept) == sorted(body for bodies in hostile.bodies.values() for body in bodies)


def test_a_rebuild_makes_the_same_rows_of_hostile_records_and_counts_nothing_again(hostile: Drained) -> None:
    for part in (hostile.place / "archive/hashtags").rglob("*.parquet"):
        part.unlink()
    assert hostile.archive.rebuild("hashtags", hostile.archive.sources()).looked == ()
    assert rows(hostile.place, "hashtags") == hostile.rows


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
    [looked] = ParquetArchive(tmp_path, [touchy], catalogue_of(ENDPOINTS)).write(1, pages).looked
    [refused] = [found for found in looked.found if found.finding.kind is DriftKind.UNREADABLE]
    assert (refused.count, refused.request_key, "poison met" in refused.finding.detail) == (1, "k2", True)
