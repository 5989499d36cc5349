"""The state: opened for a command, and copied into another database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
from scraper.io.clock import SystemClock
from scraper.wiring.settings import Settings, archive_tree, no_ledger

if TYPE_CHECKING:
    from scraper.io.state.copy import TableSummary
    from scraper.ports import Stores


def _on_stderr(told: str) -> None:
    sys.stderr.write(f"{told}\n")


@contextmanager
def opened_stores(settings: Settings, kind: str | None, say: Callable[[str], object] = _on_stderr) -> Iterator[Stores]:
    """Open the state of the data directory; see `io.state.open_stores`."""
    from scraper.io.state import open_stores, state_exists

    if kind is not None and not state_exists(settings.state_url):
        refuse_other_kind(settings, kind)
    clock = settings.clock
    follow = clock if isinstance(clock, SystemClock) else None
    with open_stores(settings.state_url, clock.now, kind=kind, say=say, follow=follow) as stores:
        yield stores


def refuse_other_kind(settings: Settings, kind: str) -> None:
    """Raise UsageError before a state of this kind is made beside an archive of the other one."""
    from scraper.io.archive.identity import read_identity

    if (known := read_identity(archive_tree(settings))) is not None and known[1] != kind:
        other = "place with --archive" if settings.archive_elsewhere else "directory with --data"
        raise UsageError(
            f"{settings.archive_elsewhere or settings.data_directory} contains {known[1]} data, and this is a {kind} "
            f"run. Nothing was changed; name another {other}."
        )


@contextmanager
def stores_if_any(settings: Settings, kind: str | None) -> Iterator[Stores | None]:
    """Open the state if there is one, else yield ``None``; reading creates none."""
    from scraper.io.state import state_exists

    if not state_exists(settings.state_url):
        yield None
        return
    with opened_stores(settings, kind) as stores:
        yield stores


@contextmanager
def known_stores(settings: Settings, kind: str | None = None) -> Iterator[Stores]:
    """Open the state; UsageError if there is none."""
    with stores_if_any(settings, kind) as stores:
        if stores is None:
            raise no_ledger(settings)
        yield stores


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
