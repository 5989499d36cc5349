"""The live progress panel of a run.

It has no border and is only as wide as its text, because a shrinking window would wrap lines of full width. The lines
stay the same throughout a run, so that nothing jumps; only long ones wrap.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, TextIO, cast

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.file_proxy import FileProxy
from rich.text import Text

from scraper.cli.formatting import count, duration, harmless, percent
from scraper.cli.progress_counts import ProgressCounts
from scraper.cli.progress_live import ROOM_FOR_KEYS, ResizableLive
from scraper.core.events import Ending, Event

REFRESHES_PER_SECOND: Final = 4
WIDEST_BAR: Final = 48
MOST_ENDPOINTS: Final = 4
"""Endpoints named in the panel; the others are summed up."""

_LABEL: Final = 10


class ProgressListener:
    """Draws the progress of a run in place, on a terminal; elsewhere it draws nothing.

    Events arrive on the event loop's thread; rich draws on another.
    """

    def __init__(self, console: Console, monotonic: Callable[[], float], likely_requests: int | None = None) -> None:
        """`likely_requests`: of the whole run, over all its processes, as the plan has it."""
        self._console = console
        self._monotonic = monotonic
        self._tally = ProgressCounts(monotonic(), likely_requests)
        self._lock = threading.Lock()
        self._live = ResizableLive(self, console, REFRESHES_PER_SECOND)

    @property
    def lines_above(self) -> TextIO:
        """A stream for the log, whose lines appear above the panel instead of tearing it."""
        return cast("TextIO", FileProxy(self._console, self._console.file))

    def hear(self, event: Event) -> None:
        """Count an event; the next refresh draws it."""
        with suppress(Exception), self._lock:
            self._tally.add(event, self._monotonic())

    def __enter__(self) -> ProgressListener:
        if self._console.is_terminal:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, met: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            lines = list(panel(self._tally, self._monotonic(), max(1, options.max_width - ROOM_FOR_KEYS)))
        yield Text("\n").join(lines)


def panel(counts: ProgressCounts, now: float, width: int) -> Iterator[Text]:
    """Yield the panel's lines at an instant, none wider than `width`."""
    yield _cut(Text(harmless(counts.run_id) or "starting", style="bold"), width)
    yield from _field("credits", _credits(counts), width)
    yield _bar(counts, width)
    yield from _field("requests", _requests(counts, now), width)
    yield from _field("rows", _rows(counts.rows) or ["none yet"], width)
    if counts.archived:
        yield from _field("archived", [f"{harmless(table)} {count(n)}" for table, n in counts.archived.items()], width)
    yield from _field("time", _times(counts, now), width)
    yield from _field("now", [harmless(counts.doing(now))], width)


def _credits(counts: ProgressCounts) -> list[str]:
    if not counts.run_id:  # the budget comes with the run
        return ["none yet"]
    return [f"{count(counts.spent)} of {count(counts.budget)}", *_credit_kinds(counts)]


def _credit_kinds(counts: ProgressCounts) -> list[str]:
    """Return the share of the budget, and the kinds of credits unless all are charged by this process."""
    kinds = {
        "before": counts.spent_before,
        "charged": counts.charged,
        "presumed": counts.presumed,
        "unknown": counts.unknown,
    }
    told = {name: credits for name, credits in kinds.items() if credits}
    share = [percent(counts.spent, counts.budget)]
    return share if set(told) <= {"charged"} else share + [f"{count(credits)} {name}" for name, credits in told.items()]


def _bar(counts: ProgressCounts, width: int) -> Text:
    """Return the bar; each kind of credits has its own character, readable without colour."""
    cells = max(1, min(WIDEST_BAR, width - _LABEL))
    kinds = (
        ("█", "green", counts.spent_before + counts.charged),
        ("▓", "yellow", counts.presumed),
        ("▒", "red", counts.unknown),
    )
    bar, spent, drawn = Text(" " * min(_LABEL, width - cells)), 0, 0
    for sign, style, credits in kinds:
        spent += credits
        # Rounded up, so that one credit is seen; the end is only reached where the budget is.
        reach = cells if spent >= counts.budget else min(math.ceil(cells * spent / counts.budget), cells - 1)
        reach = reach if spent else 0
        bar.append(sign * max(0, reach - drawn), style=style)
        drawn = max(drawn, reach)
    return _cut(bar.append("░" * (cells - drawn), style="dim"), width)


def _requests(counts: ProgressCounts, now: float) -> list[str]:
    likely = f" of about {count(counts.likely_left + counts.sent)}" if counts.likely_left else ""
    rate = counts.per_minute(now)
    endings = {ending: counts.endings.get(ending, 0) for ending in Ending}
    told = [f"{count(n)} {e.value}" for e, n in endings.items() if e is not Ending.NOT_SENT and (n or e is Ending.OK)]
    return [f"{count(counts.sent)} sent{likely}", *told, *([] if rate is None else [f"{count(rate)} a minute"])]


def _rows(rows: Mapping[str, int]) -> list[str]:
    named = list(rows.items())
    told = [f"{harmless(endpoint)} {count(n)}" for endpoint, n in named[:MOST_ENDPOINTS]]
    others = named[MOST_ENDPOINTS:]
    if others:
        told.append(f"{count(len(others))} more: {count(sum(n for _, n in others))}")
    return told


def _times(counts: ProgressCounts, now: float) -> list[str]:
    left_s = counts.seconds_left(now)
    left = f"about {duration(left_s)} left" if left_s is not None else "time left not known"
    return [duration(counts.elapsed_s(now)), *([] if counts.stopped else [left])]


def _field(label: str, items: Sequence[str], width: int) -> Iterator[Text]:
    """Yield items after a label, as many to a line as fit; an item longer than a line is cut."""
    room = width - _LABEL
    lines: list[str] = []
    for item in items:
        if lines and cell_len(lines[-1]) + 3 + cell_len(item) <= room:
            lines[-1] += f" · {item}"
        else:
            lines.append(item)
    for place, line in enumerate(lines):
        start = Text((label if place == 0 else "").ljust(_LABEL), style="dim")
        yield _cut(start.append(line, style="none"), width)


def _cut(line: Text, width: int) -> Text:
    line.no_wrap = True
    line.truncate(max(1, width), overflow="ellipsis")
    return line
