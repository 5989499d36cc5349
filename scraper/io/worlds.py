"""World files: boards with their entries on each night, JSON of the form ``{board: [[day, [id, …]], …]}``."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from scraper.core.changes.spells import Nights
from scraper.core.errors import ConfigurationError, Fault, UnreadableError

_GZIP: Final = b"\x1f\x8b"
MOST_FAULTS: Final = 20
"""Faults that are reported of one file."""


@dataclass(frozen=True, slots=True)
class WorldNight:
    """A board's list of one night."""

    day: str | int
    """As the file names it."""
    entries: tuple[str | int, ...]
    """Best first."""


def read_world(path: Path) -> Mapping[str, Sequence[WorldNight]]:
    """Return board → its nights, in the file's order; the file may be gzipped.

    Raises UnreadableError for a file that cannot be read, ConfigurationError with the faults of its contents.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as failure:
        raise UnreadableError(str(path), getattr(failure, "strerror", None) or str(failure)) from failure
    try:
        boards = orjson.loads(content)
    except orjson.JSONDecodeError as failure:
        raise ConfigurationError([Fault(str(path), f"not JSON: {failure}")]) from failure
    if not isinstance(boards, dict) or not boards:
        raise ConfigurationError([Fault(str(path), 'must be an object {"board": [[day, [id, …]], …]} of some boards')])
    faults = [Fault(str(path), fault) for name, nights in boards.items() if (fault := _fault(name, nights))]
    if faults:
        raise ConfigurationError(faults[:MOST_FAULTS])
    return {name: [WorldNight(day, tuple(entries)) for day, entries in nights] for name, nights in boards.items()}


def nights_of(boards: Mapping[str, Sequence[WorldNight]]) -> Mapping[str, Nights]:
    """Return board → the entries of each night, in no order."""
    return {name: [frozenset(night.entries) for night in nights] for name, nights in boards.items()}


def _fault(name: str, nights: Any) -> str | None:  # noqa: ANN401 - whatever the file holds
    if not isinstance(nights, list) or not nights:
        return f"board {name!r} must be a list of nights [day, [id, …]], with one at least"
    for place, night in enumerate(nights):
        is_night = isinstance(night, list) and len(night) == 2 and isinstance(night[1], list)
        is_night = is_night and isinstance(night[0], str | int)
        if not is_night or not all(isinstance(entry, str | int) for entry in night[1]):
            return f"board {name!r}: night {place} must be [day, [id, …]], with ids that are texts or whole numbers"
    return None
