"""The ranking of parents, from which `top` and `top_per_board` pick."""

from __future__ import annotations

from collections.abc import Iterable, Set

from scraper.core.catalogue import Records
from scraper.core.pagination import Record

UNRANKED = 1_000_000
"""Rank of a parent without one: after every real rank."""


def as_parents(found: Iterable[Record], described: Records, name: str) -> Iterable[Record]:
    """Return the records with this field, which fills a child's parameter, as their id; skip those without it."""
    if name == described.id:
        return found
    return [record._replace(id=value) for record in found if (value := record.fields.get(name)) is not None]


def all_hold(found: Iterable[Record], described: Records, names: Set[str]) -> bool:
    """Return whether all records carry these fields; pages read before the vendor file named them do not."""
    needed = names - {described.id}
    return not needed or all(needed <= record.fields.keys() for record in found)


def best(found: Iterable[Record]) -> list[Record]:
    """Return distinct records, by best rank, then views, then id."""
    known: dict[str, Record] = {}
    for record in found:
        before = known.get(record.id)
        known[record.id] = record if before is None else _better(before, record)
    return sorted(known.values(), key=lambda record: (rank_of(record), -(record.views or 0), record.id))


def rank_of(record: Record) -> int:
    """Return the rank; `UNRANKED` without one."""
    return UNRANKED if record.rank is None else record.rank


def _better(one: Record, other: Record) -> Record:
    return Record(one.id, min(rank_of(one), rank_of(other)), max(one.views or 0, other.views or 0))
