"""Lists by board and night: from a world file, or from the boards of an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import ConfigurationError, Fault, UsageError
from scraper.core.nearest import nearest
from scraper.io.worlds import read_world
from scraper.wiring.settings import Settings

if TYPE_CHECKING:
    from scraper.sandbox import Aging, GivenLists, Turnover

_LISTS = """
SELECT s.endpoint || '/' || coalesce(s.country, 'all') || coalesce('/' || s.period_days, '') AS board,
  s.snapshot_at, list(s.entry_id ORDER BY s.place, s.entry_id) AS entries
FROM board_sightings AS s JOIN (
  SELECT endpoint, country, period_days, min(walk_id) AS walk_id FROM board_reads WHERE whole GROUP BY ALL
) USING (walk_id)
JOIN (SELECT walk_id, run_id FROM board_reads WHERE whole) USING (walk_id, run_id)
GROUP BY ALL ORDER BY board, s.snapshot_at
"""
"""The whole reads of one walk for each endpoint, country and period."""


def sandbox_world(settings: Settings) -> tuple[Aging, GivenLists | None]:
    """Return the turnover of the sandbox's boards, and the lists that they replay. Raises for faulty options."""
    from scraper.sandbox import BOARD_KINDS, Aging, GivenLists

    for kind in settings.turnover:
        if kind not in BOARD_KINDS:
            raise UsageError(f"--turnover: {kind!r} is none of {', '.join(BOARD_KINDS)}{nearest(kind, BOARD_KINDS)}")
    asked = tuple((kind, _turnover(kind, text)) for kind, text in settings.turnover.items())
    lists = None if settings.world is None else GivenLists(_lists(settings.world, settings))
    return Aging(asked), lists


def _turnover(kind: str, text: str) -> Turnover:
    from scraper.sandbox import Turnover, UnreachableTurnoverError
    from scraper.sandbox.records.turnover import shares

    try:
        after_1, after_7, after_30 = (float(part) / 100 for part in text.split(","))
        found = Turnover(after_1, after_7, after_30)
        shares(found)
    except UnreachableTurnoverError as fault:
        raise UsageError(f"--turnover {kind}={text}: {fault}.") from fault
    except ValueError as fault:
        raise UsageError(f"--turnover {kind}={text}: write three percentages, as {kind}=15,55,85.") from fault
    return found


def _lists(path: Path, settings: Settings) -> Mapping[str, Sequence[Sequence[str]]]:
    if not path.is_dir():
        return {
            name: [[str(one) for one in night.entries] for night in nights] for name, nights in read_world(path).items()
        }
    from scraper.wiring.query import queried

    found: dict[str, list[Sequence[str]]] = {}
    with queried(replace(settings, data=path, archive=str(path / "archive"), world=None), None, _LISTS) as reader:
        for batch in reader:
            for row in batch.to_pylist():
                found.setdefault(row["board"], []).append(row["entries"])
    if not found:
        raise ConfigurationError([Fault(str(path), "its archive contains no complete board")])
    return found
