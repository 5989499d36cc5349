"""What records hold beside what their table's SELECT reads, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.drift import observe
from scraper.core.drift.expected import expected_of
from scraper.core.drift.findings import DriftKind, Finding, Found, Looked, Presence
from scraper.core.drift.observe import PageMark, Watch
from scraper.core.drift.ordinary import OrdinaryRecords
from scraper.core.tables import table_select
from scraper.io.archive.table_select import Selects
from tests.examples import examples

NOW = datetime(2026, 11, 21, 2, 15, tzinfo=UTC)
SQL = """
-- A table of a test.
-- known, not kept: ignored, seller.phone, odd.*
-- known as string: seller.rating, stats, stats.*
SELECT list FROM (SELECT from_json(records, '[{
  "id": "VARCHAR", "price": "BIGINT", "new": "BOOLEAN", "weight": "DOUBLE", "note": "JSON",
  "seller": {"name": "VARCHAR", "rating": "BIGINT"}, "stats": {"sold": "BIGINT"}, "odd": {"a": "BIGINT"},
  "tags": ["VARCHAR"], "offers": [{"at": "BIGINT", "by": {"id": "VARCHAR"}}]
}]') AS list FROM pages)
"""
TABLE = table_select("things", SQL)
GOOD: dict[str, Any] = {
    "id": "1", "price": 5, "new": True, "weight": 1.5, "note": {"any": [1]}, "seller": {"name": "n", "rating": 4},
    "stats": {"sold": "7"}, "odd": {"a": 1}, "tags": ["x", None], "offers": [{"at": 1, "by": {"id": "9"}}, None],
}  # fmt: skip


@cache
def selects() -> Selects:
    return Selects({})


def watched(*pages: Sequence[Any]) -> Looked:
    watch = Watch([TABLE])
    for number, records in enumerate(pages):
        watch.turn_to(PageMark("shop.things", f"k{number}", NOW + timedelta(seconds=number)), "things")
        watch.look("shop.things", records)
    watch.settle(selects().typed)
    [looked] = watch.looked()
    return looked


def findings(*records: Any) -> dict[tuple[str, str, str], int]:
    return {
        (found.finding.kind.value, found.finding.path, found.finding.detail): found.count
        for found in watched(records).found
    }


def test_records_as_they_are_read_have_not_drifted() -> None:
    assert findings(GOOD, GOOD, {}, {"id": None, "seller": None, "tags": [], "offers": None}) == {}


def test_what_is_known_and_not_kept_is_not_told() -> None:
    record = {**GOOD, "ignored": 1, "seller": {"phone": "1", "rating": "4"}, "odd": {"zzz": 1}, "stats": {"sold": "8"}}
    assert findings(record) == {}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"extra": {"a": 1}}, ("new", "extra", "object")),
        ({"seller": {"x y": None}}, ("new", 'seller."x y"', "null")),
        ({"offers": [{"at": 1}, {"by": {"name": []}}]}, ("new", "offers[].by.name", "list")),
        ({"id": 12}, ("type", "id", "integer for VARCHAR")),
        ({"id": {"a": 1}}, ("type", "id", "object for VARCHAR")),
        ({"price": "12"}, ("type", "price", "string for BIGINT")),
        ({"price": 5.0}, ("type", "price", "number for BIGINT")),
        ({"price": 5.7}, ("coerced", "price", "number for BIGINT")),
        ({"price": True}, ("coerced", "price", "boolean for BIGINT")),
        ({"price": "12k"}, ("unfit", "price", "string for BIGINT")),
        ({"price": 2**63}, ("unfit", "price", "integer for BIGINT")),
        ({"price": [1]}, ("unfit", "price", "list for BIGINT")),
        ({"stats": {"sold": "many"}}, ("unfit", "stats.sold", "string for BIGINT")),
        ({"new": 2}, ("coerced", "new", "integer for BOOLEAN")),
        ({"weight": 2**53 + 1}, ("coerced", "weight", "integer for DOUBLE")),
        ({"seller": "n"}, ("unfit", "seller", "string for an object")),
        ({"tags": {"0": "x"}}, ("unfit", "tags", "object for a list")),
        ({"tags": ["x", 5]}, ("type", "tags[]", "integer for VARCHAR")),
        ({"offers": ["x"]}, ("unfit", "offers[]", "string for an object")),
        ("a string", ("unfit", "", "string for an object")),
    ],
)
def test_a_value_that_is_not_read_as_it_came_is_told(record: Any, told: tuple[str, str, str]) -> None:
    assert findings(GOOD, record, record) == {told: 2}


def test_a_record_counts_once_however_often_it_differs_at_a_path() -> None:
    assert findings({"offers": [{"x": 1}, {"x": 2}]}, {"offers": [{"x": 1}]}) == {("new", "offers[].x", "integer"): 2}


def test_a_finding_names_its_first_page_and_when_it_was_met() -> None:
    looked = watched([GOOD], [GOOD, {"extra": 1}], [{"extra": 2}])
    finding = Finding(DriftKind.NEW, "extra", "integer")
    assert looked.found == (Found(finding, 2, "k1", NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)),)
    assert (looked.pages, looked.records, looked.request_key) == (3, 4, "k0")


def test_keys_that_are_ids_are_told_apart_to_a_limit_and_counted_beyond() -> None:
    looked = watched([{f"id{number}": 1} for number in range(1_000)])
    assert len(looked.found) == observe.MOST_FINDINGS + 1
    [others] = [found for found in looked.found if found.finding.path == observe.OTHERS]
    assert others.count == 1_000 - observe.MOST_FINDINGS


def test_a_record_of_many_keys_is_counted_in_bounded_memory() -> None:
    told = findings({f"id{number}": 1 for number in range(50_000)})
    assert len(told) == observe.MOST_FINDINGS + 1
    assert told["new", observe.OTHERS, f"more than {observe.MOST_FINDINGS}: not listed separately"] == 1


def test_presence_is_exact_though_shapes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "MOST_SHAPES", 2)
    records = [{"id": "1", **{key: 1 for bit, key in enumerate("abcd") if number >> bit & 1}} for number in range(16)]
    presence = watched([*records, {"id": None, "offers": [{"at": 1}, {}]}]).presence
    assert presence["id"] == Presence(17, 16)
    assert presence["offers[].at"] == Presence(2, 1)
    assert presence["offers[].by.id"] == Presence(0, 0)


def test_a_key_of_a_megabyte_makes_no_long_path() -> None:
    [(kind, path, _)] = findings({"x" * 2**20: 1})
    assert (kind, len(path) <= 120) == ("new", True)


# --- missing ----------------------------------------------------------------------------------------------------------


def missing(before: Presence, parents: int, present: int = 0) -> list[str]:
    looked = replace(watched([GOOD]), presence={"price": Presence(parents, present)})
    return [found.finding.path for found in looked.missing({"price": before})]


@pytest.mark.parametrize(
    ("before", "records", "told"),
    [
        (Presence(1_000, 1_000), 20, True),
        (Presence(1_000, 960), 20, True),
        (Presence(1_000, 940), 500, False),
        (Presence(50, 26), 100, False),
        (Presence(19, 19), 100, False),
        (Presence(100, 100), 1, False),
        (Presence(100, 100), 2, True),
        (Presence(0, 0), 100, False),
    ],
)
def test_only_what_nearly_all_records_had_can_be_missing(before: Presence, records: int, told: bool) -> None:
    assert missing(before, records) == (["price"] if told else [])


def test_what_is_there_once_is_not_missing_and_what_had_no_place_neither() -> None:
    assert missing(Presence(1_000, 1_000), 20, present=1) == []
    assert missing(Presence(1_000, 1_000), 0) == []


# --- what is read -----------------------------------------------------------------------------------------------------


def test_what_is_known_is_told_in_comments_and_rebuilds_nothing() -> None:
    without = table_select("things", "\n".join(line for line in SQL.splitlines() if "known" not in line))
    assert without.hash == TABLE.hash
    assert without.columns == TABLE.columns


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "SELECT from_json(records, '{\"a\": 1}')", "SELECT from_json(records, 'x')"]
)
def test_a_select_that_reads_in_another_way_has_no_drift_to_tell(sql: str) -> None:
    assert expected_of(sql) is None


@pytest.mark.parametrize(
    ("finding", "settled"),
    [
        (Finding(DriftKind.NEW, "extra", "object"), False),
        (Finding(DriftKind.NEW, "seller.name", "string"), True),
        (Finding(DriftKind.NEW, "odd.zzz", "string"), True),
        (Finding(DriftKind.TYPE, "seller.rating", "string for BIGINT"), True),
        (Finding(DriftKind.TYPE, "price", "string for BIGINT"), False),
        (Finding(DriftKind.UNFIT, "price", "string for INTEGER"), True),
        (Finding(DriftKind.UNFIT, "seller", "string for an object"), False),
        (Finding(DriftKind.UNFIT, "stats", "string for an object"), True),
        (Finding(DriftKind.MISSING, "price", "was in 9 of 9"), False),
        (Finding(DriftKind.MISSING, "gone", "was in 9 of 9"), True),
        (Finding(DriftKind.UNREADABLE, "", "not JSON"), False),
    ],
)
def test_a_select_settles_what_it_has_come_to_read_or_to_know(finding: Finding, settled: bool) -> None:
    expected = expected_of(SQL)
    assert expected is not None
    assert expected.settles(finding) is settled


# --- ordinary records -------------------------------------------------------------------------------------------------

ODD: dict[str, Any] = {"unknown": 1}
"""Beside it every record of a page is looked at by itself."""

_NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.text(max_size=3)
_TEXTS = st.sampled_from(["7", "-7", "07", "-0", " 7", "7.0", "9" * 18, "9" * 19, "", "x"])
_ANY = _SCALARS | _TEXTS | st.lists(_SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["a", "id"]), _SCALARS)
_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=2) | _ANY,
        "price": st.integers(0, 9) | _ANY,
        "weight": st.floats(allow_nan=False) | _ANY,
        "note": _ANY,
        "ignored": _SCALARS,
        "seller": st.fixed_dictionaries({"rating": _TEXTS | st.integers()}, optional={"phone": _ANY}) | _ANY,
        "stats": st.fixed_dictionaries({"sold": _TEXTS | _SCALARS}) | _ANY,
        "tags": st.lists(st.text(max_size=1) | st.none(), max_size=2) | _ANY,
        "offers": st.lists(st.fixed_dictionaries({"at": st.integers(0, 9)}) | _ANY, max_size=2) | _ANY,
    },
)


@given(st.lists(_RECORDS, max_size=4))
@examples(40)
def test_records_that_are_admitted_together_are_those_of_which_nothing_is_told_one_by_one(records: list[Any]) -> None:
    together, alone = watched(records, [ODD]), watched([*records, ODD])
    assert {found.finding: found.count for found in together.found} == {
        found.finding: found.count for found in alone.found
    }
    assert (together.records, together.presence) == (alone.records, alone.presence)


def test_ordinary_records_are_admitted_without_being_looked_at_one_by_one() -> None:
    expected = expected_of(SQL)
    assert expected is not None
    records = OrdinaryRecords(expected)
    known: dict[str, Any] = {
        "ignored": {"x": 1},
        "stats": "none",
        "seller": {"rating": "12", "phone": 1},
        "offers": [],
        "price": 2**62,
    }
    assert records.admit([GOOD, known, {}])
    assert not records.admit([GOOD, ODD])
    assert records.presence()["price"] == Presence(3, 2)
