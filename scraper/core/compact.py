"""The parts of a partition that compaction merges: pure arithmetic over names and sizes.

A part of a table has the name of the pages part that it was made from, so the pages decide for every table: those that
become one there become one everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scraper.core.part_names import age, merged_name, merged_runs_name

LARGE_BYTES = 1 << 30
"""Bodies, uncompressed, at which a part is large: some 100 to 200 MB of file. An ordinary day stays far below it and
becomes one file; a part is still rebuilt, moved or read over a network in seconds."""

NEARLY = 0.8
"""From this share of `LARGE_BYTES` on a part counts as large: a merged part is not merged again because its size
is reported a little smaller afterwards."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Parts of a directory that become one."""

    target: str
    """File name in the new directory, by `part_names`."""
    sources: tuple[str, ...]
    """File names in the old one, oldest first. A single one is linked under its new name, not rewritten."""

    @property
    def kept(self) -> bool:
        """True if the part is unchanged."""
        return self.sources == (self.target,)


def groups(sizes: Mapping[str, int], large: int = LARGE_BYTES) -> tuple[tuple[str, ...], ...]:
    """Return groups of pages parts, each to become one part, by the uncompressed sizes of their bodies.

    A group is closed once it is large, so a later compaction finds nothing to merge in the result: at most one part
    that is not large.
    """
    found: list[tuple[str, ...]] = []
    gathered: list[str] = []
    gathered_bytes = 0
    for name in sorted(sizes, key=age):
        if sizes[name] >= NEARLY * large:
            found.append((name,))
            continue
        gathered.append(name)
        gathered_bytes += sizes[name]
        if gathered_bytes >= large:
            found.append(tuple(gathered))
            gathered, gathered_bytes = [], 0
    if gathered:
        found.append(tuple(gathered))
    return tuple(found)


def merges(
    compaction_id: int,
    grouped: Sequence[Sequence[str]],
    tables: Mapping[str, Sequence[str]],
    runs: Mapping[str, Sequence[str]],
    token: str = "",
) -> dict[str, tuple[Merge, ...]]:
    """Return table → the contents of its new directory; tables in which nothing changes are left out.

    `grouped`: names of pages parts; `tables`: table → names of its parts, `pages` among them; `runs`: run table → names
    of its parts that become one; `token`: of the epoch. A part without pages is kept unchanged.
    """
    planned = {}
    for table, names in tables.items():
        there = set(names)
        after = []
        for number, group in enumerate(grouped):
            sources = tuple(name for name in group if name in there)
            target = group[0] if len(group) == 1 else merged_name(compaction_id, number, token)
            if sources:
                after.append(Merge(target, sources))
            there.difference_update(group)
        if len(together := sorted(there.intersection(runs.get(table, ())))) > 1:
            after.append(Merge(merged_runs_name(compaction_id, token), tuple(together)))
            there.difference_update(together)
        after += [Merge(name, (name,)) for name in sorted(there)]
        if not all(merge.kept for merge in after):
            planned[table] = tuple(after)
    return planned
