"""Replays side by side, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from scraper.cli.formatting import count, counted
from scraper.cli.tables import new_table, print_notes
from scraper.core.changes.replay import Replay
from scraper.core.changes.spells import Seen


def print_replays(replays: Sequence[Replay], console: Console) -> None:
    """Print one row for each order."""
    first = replays[0]
    console.print(
        Text(f"{counted(first.boards, 'board')} over {counted(first.nights, 'night')} after learning", style="bold")
    )
    console.print()
    table = new_table()
    table.add_column("order")
    for title in ("credits", "entries seen", "dated", "exits seen", "dated", "freshness"):
        table.add_column(title, justify="right")
    for found in replays:
        table.add_row(
            found.order,
            count(found.credits),
            _share(found.entries.seen, found.entries),
            _share(found.entries.dated, found.entries),
            _share(found.exits.seen, found.exits),
            _share(found.exits.dated, found.exits),
            f"{found.freshness:.1%}",
        )
    console.print(table)
    if any(found.fell_back for found in replays):
        print_notes(
            console,
            "note",
            ["changes: the boards change alike, or are not known well enough; most nights bought the stalest first"],
        )


def _share(part: int, seen: Seen) -> str:
    return f"{part / seen.all:.1%}" if seen.all else "–"
