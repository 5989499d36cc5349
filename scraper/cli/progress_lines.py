"""The log of a run above its panel, for people. Repeated events are counted, not printed again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeAlias

from rich.console import Console
from rich.text import Text

from scraper.cli.formatting import counted, duration, harmless
from scraper.cli.log import Pauses
from scraper.core.events import (
    Ending,
    Event,
    LedgerSettled,
    Noted,
    ProjectInUse,
    RequestSettled,
    RunStarted,
    Stopped,
    Waiting,
)

MOST_LINES: Final = 20
"""Reasons of one vendor that get a line each; the others are counted together."""

_TOLD: Final = {Ending.REFUSED, Ending.FAILED, Ending.LOST}
_ID: Final = re.compile(r"\b(?=[0-9a-f-]*[0-9])[0-9a-f-]{8,}\b", re.IGNORECASE)
"""An id of a request or an instant in a vendor's message: two messages that differ only in it are the same."""

Repeat: TypeAlias = tuple[str, str, str]
"""Vendor or endpoint, the event there, and its reason."""


class PersonLines:
    """Prints each event of interest once, with its time; `close` sums up the repeats."""

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        self._console = console
        self._now = now
        self._met: Counter[Repeat] = Counter()
        self._reasons: Counter[str] = Counter()
        self._pauses = Pauses()

    def hear(self, event: Event) -> None:
        """Print a new event. A line that cannot be written is dropped: a log never stops a run."""
        with suppress(Exception):
            now = self._now()
            for words in self._words(event, now):
                self._console.print(Text(f"{now:%H:%M:%S}  {harmless(words)}"))

    def close(self) -> None:
        """Print the number of times that each repeated event happened."""
        with suppress(Exception):
            for words in self.repeats():
                self._console.print(Text(words))

    def repeats(self) -> Iterator[str]:
        """Yield a line for each event that happened more than once."""
        for (place, happened, why), times in self._met.items():
            if times > 1:
                yield harmless(f"{place} {happened} {counted(times, 'time')}{': ' if why else ''}{why}")

    def _words(self, event: Event, now: datetime) -> Iterator[str]:
        match event:
            case RequestSettled():
                yield from self._failed(event)
            case Waiting():
                yield from self._paused(event, now)
            case Stopped(vendor, reason):
                yield reason if vendor is None else f"{vendor}: no more requests: {reason}"
            case ProjectInUse(new_ledger=sentence) | LedgerSettled(sentence) | Noted(sentence) if sentence:
                yield sentence
            case RunStarted(access=access) if access:
                yield f"keys: {access}"
            case _:
                pass  # the panel and the summary show it

    def _failed(self, event: RequestSettled) -> Iterator[str]:
        why = event.detail or event.outcome.value.replace("_", " ")
        if event.ending in _TOLD and self._is_new(event.vendor, event.endpoint, event.ending.value, why):
            yield f"{event.ending.value}: {event.label}: {why}"

    def _paused(self, event: Waiting, now: datetime) -> Iterator[str]:
        reason = f": {event.reason}" if event.reason else ""
        if self._pauses.is_longer(event, now) and self._is_new(event.vendor, event.vendor, "paused", event.reason):
            yield f"{event.vendor}: pausing {duration(max(1.0, event.wait_s))}{reason}"

    def _is_new(self, vendor: str, place: str, happened: str, why: str) -> bool:
        reason: Repeat = (place, happened, _ID.sub("…", why))
        if reason not in self._met:
            self._reasons[vendor] += 1
            if self._reasons[vendor] > MOST_LINES:
                reason = (vendor, "met something else", "")
        self._met[reason] += 1
        return self._met[reason] == 1 and reason[2] != ""
