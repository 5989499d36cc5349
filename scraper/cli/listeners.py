"""The listeners of a run in progress: the log, a terminal's panel, a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scraper.core.events import Event
    from scraper.ports import Clock, Listener


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The options of a command about its log."""

    format: Literal["text", "json"] = "text"
    verbose: bool = False
    file: Path | None = None


class Together:
    """Two listeners that receive the same events."""

    def __init__(self, first: Listener, second: Listener) -> None:
        self._first, self._second = first, second

    def hear(self, event: Event) -> None:
        self._first.hear(event)
        self._second.hear(event)


@contextmanager
def listening(options: LogOptions, clock: Clock, likely_requests: int | None, command: str) -> Iterator[Listener]:
    """Yield the listener for stderr and, if there is one, the log file. `command`: the first line of the file."""
    from scraper.cli.log import LogListener, log_file

    with ExitStack() as stack:
        in_file = None
        if options.file is not None:
            stream = stack.enter_context(log_file(options.file, clock.now(), options.format, command))
            in_file = LogListener(stream, clock.now, options.format, options.verbose)
        shown = stack.enter_context(_on_stderr(options, clock, likely_requests))
        yield shown if in_file is None else Together(in_file, shown)


@contextmanager
def _on_stderr(options: LogOptions, clock: Clock, likely_requests: int | None) -> Iterator[Listener]:
    """Yield the log, on a terminal with the panel below its lines."""
    from scraper.cli.log import LogListener

    if options.format == "text" and sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True)
        if not console.is_dumb_terminal:  # one without cursor movement
            from scraper.cli.progress import ProgressListener
            from scraper.cli.progress_lines import PersonLines

            with ProgressListener(console, clock.monotonic, likely_requests) as panel:
                if options.verbose:
                    yield Together(panel, LogListener(panel.lines_above, clock.now, "text", verbose=True))
                    return
                lines = PersonLines(console, clock.now)
                try:
                    yield Together(panel, lines)
                finally:
                    lines.close()
            return
    yield LogListener(sys.stderr, clock.now, options.format, options.verbose)
