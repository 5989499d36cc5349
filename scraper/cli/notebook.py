"""The progress of a run below a notebook's cell: the terminal's panel as one output that is drawn again in place.

rich's own live display needs ipywidgets there and moves the cell's result into its widget; an output that is updated by
its id does neither, and stays as the record of the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from rich.text import Text

from scraper.cli.progress import panel
from scraper.cli.progress_counts import ProgressCounts
from scraper.core.events import Event, RunEnded

WIDTH: Final = 80
SHORTEST_S: Final = 0.25
"""Shortest time between two drawings: a notebook keeps and sends each of them."""
TICK_S: Final = 1.0
"""Time between two drawings without an event."""


class NotebookProgress:
    """Draws the panel again after an event, and each second."""

    def __init__(
        self, draw: Callable[[Text], object], monotonic: Callable[[], float], likely_requests: int | None = None
    ) -> None:
        """`likely_requests`: of the whole run, over all its processes, as the plan has it."""
        self._draw, self._monotonic = draw, monotonic
        self._counts = ProgressCounts(monotonic(), likely_requests)
        self._drawn = float("-inf")

    def hear(self, event: Event) -> None:
        """Count an event; a panel that cannot be drawn never stops a run."""
        with suppress(Exception):
            now = self._monotonic()
            self._counts.add(event, now)
            if now - self._drawn >= SHORTEST_S or isinstance(event, RunEnded):
                self._show(now)

    async def tick(self) -> None:
        """Draw it each second until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            with suppress(Exception):
                self._show(self._monotonic())

    def _show(self, now: float) -> None:
        self._drawn = now
        self._draw(Text("\n").join(panel(self._counts, now, WIDTH)))


def drawn_in_place(display: Callable[..., Any]) -> Callable[[Text], object]:
    """Return the function that draws below a cell. `display`: IPython's."""
    handles: list[Any] = []

    def draw(text: Text) -> None:
        if handles:
            handles[0].update(text)
        else:
            handles.append(display(text, display_id=True))

    return draw
