"""Copying a whole state into another database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
from scraper.wiring.settings import Settings

if TYPE_CHECKING:
    from scraper.io.state.copy import TableSummary


def copy_state(source: str, target: str, settings: Settings) -> Sequence[TableSummary]:
    """Copy a whole state into an empty database; see `io.state.copy`. Each is a URL, a data directory or a file."""
    from scraper.io.state import copy_state as copy

    urls = _url(source), _url(target)
    if urls[0] == urls[1]:
        raise UsageError("the state would be copied onto itself. Nothing was changed; name two databases.")
    return copy(*urls, settings.clock.now())


def _url(place: str) -> str:
    from scraper.io.state import file_url, state_url

    if "://" in place:
        return place
    path = Path(place).expanduser()
    return state_url(path) if path.is_dir() or not path.suffix else file_url(path)
