"""Rich's live display, adapted to windows that change their size.

Rich goes up as many lines as it has printed. If the window has become narrower meanwhile, a terminal wraps them
again (tmux, VTE, kitty, iTerm, Konsole, Windows Terminal), they take more lines, and those above stay on the screen.
Here the lines are counted at the present width, except on terminals that cut lines instead (xterm, the Linux console):
they would lose as many lines of the log above.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.control import Control
from rich.live import Live
from rich.live_render import LiveRender
from rich.segment import ControlType, Segment

ROOM_FOR_KEYS: Final = 4
"""Columns at the right that stay free: the terminal echoes ``^C`` at the end of the last line, twice at most."""


def wraps_again(environment: Mapping[str, str]) -> bool:
    """Return False for terminals that cut lines when the window becomes narrower: xterm, the Linux console."""
    is_inside_another = "TMUX" in environment or "STY" in environment
    cuts = "XTERM_VERSION" in environment or environment.get("TERM") == "linux"
    return is_inside_another or not cuts


class ResizableLive(Live):
    """A transient display, redrawn in place, that leaves nothing behind."""

    def __init__(self, renderable: ConsoleRenderable, console: Console, refresh_per_second: float) -> None:
        super().__init__(
            renderable,
            console=console,
            refresh_per_second=refresh_per_second,
            transient=True,
            redirect_stdout=False,
        )
        self._live_render = ReflowedRender(renderable, lambda: console.size, wraps_again(os.environ))


class ReflowedRender(LiveRender):
    """The last drawing of the panel, and the way back to its beginning at the present size of the window."""

    def __init__(self, renderable: ConsoleRenderable, size: Callable[[], tuple[int, int]], wraps: bool = True) -> None:
        """`size`: columns and rows of the window. `wraps`: the terminal wraps lines again when it becomes narrower."""
        super().__init__(renderable)
        self._size, self._wraps = size, wraps
        self._widths: Sequence[int] = ()

    @property
    def last_render_height(self) -> int:
        """The rows that the last render takes now."""
        columns, rows = self._size()
        if not self._wraps:
            return min(rows, len(self._widths))
        return min(rows, sum(max(1, -(-width // max(1, columns))) for width in self._widths))

    def position_cursor(self) -> Control:
        """Return the control codes that clear the last render from its last row, where the cursor is."""
        if not self._widths:
            return Control()
        up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        return Control(
            ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *(up * (self.last_render_height - 1))
        )

    def restore_cursor(self) -> Control:
        """Return the control codes that clear the last render from the row below it."""
        up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        return Control(ControlType.CARRIAGE_RETURN, *(up * self.last_render_height))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw at most one line fewer than the window has rows, at the end of a run as well."""
        lines = console.render_lines(self.renderable, options, pad=False)[: max(1, options.size.height - 1)]
        self._widths = [Segment.get_line_length(line) for line in lines]
        self._shape = Segment.get_shape(lines)
        for place, line in enumerate(lines):
            if place:
                yield Segment.line()
            yield from line
