"""The log of a run on stderr: a line for each event, as text for people or as JSON for programs.

Names of events and fields are those of `core.events`, in both formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TextIO

from scraper.cli.rows import json_text
from scraper.cli.streams import is_utf8
from scraper.core.events import Drained, Ending, Event, RequestSettled, RunEnded, RunStarted, Stopped, Waiting
from scraper.core.units import iso_utc

_TOLD_UNASKED: Final = {Ending.REFUSED, Ending.FAILED, Ending.LOST}
"""Requests that a person hears of without -v: nothing comes after them that would tell. A retry comes with its wait."""

_IN_LABEL: Final = {"vendor", "endpoint", "page"}
_OF_BODY: Final = {"rows", "size_bytes"}
_LONGER_BY: Final = timedelta(seconds=1)
_BARE = re.compile(r"[\w./:+–-]+")


class LogListener:
    """Writes what it hears, one line each, at once. What cannot be written is dropped: a log stops no run."""

    def __init__(
        self,
        stream: TextIO,
        now: Callable[[], datetime],
        format: Literal["text", "json"] = "text",
        verbose: bool = False,
    ) -> None:
        self._stream = stream
        self._now = now
        self._json = format == "json"
        self._ascii = not is_utf8(stream)
        self._verbose = verbose
        self._waits_until: dict[str, datetime] = {}

    def hear(self, event: Event) -> None:
        """Every event as JSON or with -v; else what somebody would want to know while the run goes on."""
        with suppress(Exception):
            now = self._now()
            if self._json or self._is_news(event, now):
                line = _json_line(event, now, self._ascii) if self._json else _text_line(event, now)
                self._stream.write(line + "\n")
                self._stream.flush()

    def _is_news(self, event: Event, now: datetime) -> bool:
        match event:
            case _ if self._verbose:
                return True
            case RequestSettled():
                return event.ending in _TOLD_UNASKED
            case Waiting():
                return self._waits_longer(event, now)
            case _:
                return True

    def _waits_longer(self, event: Waiting, now: datetime) -> bool:
        """Requests in flight together meet the same refusal together: one wait is told once."""
        until = now + timedelta(seconds=event.wait_s)
        told = self._waits_until.get(event.vendor)
        if told is not None and now < told and until <= told + _LONGER_BY:
            return False
        self._waits_until[event.vendor] = until
        return True


def event_name(event: Event) -> str:
    """The class's name in the manner of fields: ``request_settled``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def event_fields(event: Event) -> dict[str, Any]:
    """The event's fields as plain values; a run's end has those of ``scraper run --format json``."""
    match event:
        case RunEnded(result):
            return result.to_json()
        case RequestSettled() | RunStarted() | Waiting() | Stopped() | Drained():
            return {field.name: _rounded(getattr(event, field.name)) for field in fields(event)}


def _rounded(value: Any) -> Any:  # noqa: ANN401 - whatever an event carries
    """Times to the millisecond: more is noise."""
    return round(value, 3) if isinstance(value, float) else value


def _json_line(event: Event, now: datetime, ascii: bool) -> str:
    return json_text({"at": iso_utc(now), "event": event_name(event), **event_fields(event)}, ascii=ascii)


def _text_line(event: Event, now: datetime) -> str:
    """``2026-11-21T02:15:03Z waiting vendor=crawlora wait_s=12 reason="HTTP 429"``, without what is empty."""
    said = event_fields(event)
    if isinstance(event, RequestSettled):
        # The words before the figures; what the label holds already, and an empty body, are left out.
        first = {key: said.pop(key) for key in ("label", "outcome", "detail")}
        said = first | {key: n for key, n in said.items() if key not in _IN_LABEL and (n or key not in _OF_BODY)}
    pairs = (f"{key}={_quoted(value)}" for key, value in _flat(said))
    return " ".join([iso_utc(now.replace(microsecond=0)), event_name(event), *pairs])


def _flat(said: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """``credits.charged`` for what stands in an object of its own; nothing for what is empty, or a count of nothing."""
    for key, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value not in ("", None, []) and not (before and value == 0):
            yield f"{before}{key}", value


def _quoted(value: Any) -> str:  # noqa: ANN401 - whatever an event carries
    """As it is where that is one plain word, else as JSON: spaces, quotes and control characters cannot mislead."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return json_text(value)
    text = f"{value:g}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e6 else str(value)
    return text if _BARE.fullmatch(text) else json_text(text)
