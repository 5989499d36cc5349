"""Which records of boards are the best: the parents that `top` and `top_per_board` pick."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace

from scraper.core.catalogue import Records
from scraper.core.pagination import Record

UNRANKED = 1_000_000
"""Place of a parent whose record carries no rank: behind every board's ranks."""


def as_parents(found: Iterable[Record], described: Records, name: str) -> Iterable[Record]:
    """Each record by the value of this field, which fills a child's parameter; records without a value feed none."""
    if name == described.id:
        return found
    return [replace(record, id=value) for record in found if (value := record.fields.get(name)) is not None]


def all_hold(found: Iterable[Record], described: Records, names: Set[str]) -> bool:
    """Whether these fields were kept of all records: pages read before a vendor file named them hold them not."""
    needed = names - {described.id}
    return not needed or all(needed <= record.fields.keys() for record in found)


def best(found: Iterable[Record]) -> list[Record]:
    """Distinct records, by best rank, then views, then id."""
    known: dict[str, Record] = {}
    for record in found:
        before = known.get(record.id)
        known[record.id] = record if before is None else _better(before, record)
    return sorted(known.values(), key=lambda record: (rank_of(record), -(record.views or 0), record.id))


def rank_of(record: Record) -> int:
    """Its rank; behind all others where it carries none."""
    return UNRANKED if record.rank is None else record.rank


def _better(one: Record, other: Record) -> Record:
    return Record(one.id, min(rank_of(one), rank_of(other)), max(one.views or 0, other.views or 0))
