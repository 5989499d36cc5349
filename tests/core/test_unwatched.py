"""Records that nobody watches are decoded exactly where those that somebody watches are."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.drift.expected import Elements, Fields, Leaf, Structure, expected_of
from scraper.core.drift.observe import PageMark, Watch
from scraper.core.drift.unwatched import Unwatched
from tests.core.builders import NOON
from tests.examples import examples
from tests.io.archive_fixtures import TABLES

SCALARS: Final = st.sampled_from([1.5, 1e30, "1.5", 7, None, True])
OTHERS: Final = SCALARS | st.lists(SCALARS, max_size=2) | st.just({"x": 1.5})


def values(structure: Structure) -> st.SearchStrategy[Any]:
    """Values of a structure, and now and then something else in its place."""
    match structure:
        case Fields(of):
            return st.fixed_dictionaries({}, optional={key: values(each) for key, each in of.items()}) | OTHERS
        case Elements(of):
            return st.lists(values(of), max_size=2) | OTHERS
        case Leaf("VARCHAR"):
            return st.sampled_from(["a", 7]) | OTHERS
        case Leaf():
            return st.sampled_from([1, 1.5, "7"])


RECORDS: Final = {
    table.name: st.lists(values(expected.record), min_size=1, max_size=2)
    for table in TABLES
    if (expected := expected_of(table.sql)) is not None and table.name in {"hashtags", "videos"}
}


@examples(60)
@given(st.data(), st.sampled_from(sorted(RECORDS)))
def test_a_number_that_is_kept_as_text_is_seen_by_both(data: st.DataObject, table: str) -> None:
    records = data.draw(RECORDS[table])
    told = []
    for watch in (Watch(TABLES), Unwatched(TABLES)):
        watch.turn_to(PageMark("a.b", "key", NOON), table)
        told.append(watch.look("a.b", records))
    assert told[0] == told[1]
