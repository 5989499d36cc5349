"""The log of a run on stderr and in a file: one line per event, as text for people or JSON for programs.

Names of events and fields are those of `core.events`, in both formats.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from scraper.cli.rows import json_text
from scraper.cli.streams import is_utf8
from scraper.core.errors import OutputError
from scraper.core.events import Ending, Event, RequestSettled, RunEnded, Waiting
from scraper.core.units import iso_utc

_TOLD_UNASKED: Final = {Ending.REFUSED, Ending.FAILED, Ending.LOST}
"""Requests logged without -v: no later line reports them. A retry is reported by its wait."""

_OWN: Final = 0o600
_IN_LABEL: Final = {"vendor", "endpoint", "page"}
_OF_BODY: Final = {"rows", "size_bytes"}
_LONGER_BY: Final = timedelta(seconds=1)
_BARE = re.compile(r"[\w./:+–-]+")


class LogListener:
    """Writes one line per event, immediately. A line that cannot be written is dropped: a log never stops a run."""

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
        self._pauses = Pauses()

    def hear(self, event: Event) -> None:
        """Log every event as JSON or with -v; otherwise only the events of interest during a run."""
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
                return self._pauses.is_longer(event, now)
            case _:
                return True


class Pauses:
    """The pauses that were reported, by vendor."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def is_longer(self, event: Waiting, now: datetime) -> bool:
        """Return False for a pause that was reported already: concurrent requests get the same refusal together."""
        until = now + timedelta(seconds=event.wait_s)
        told = self._until.get(event.vendor)
        if told is not None and now < told and until <= told + _LONGER_BY:
            return False
        self._until[event.vendor] = until
        return True


@contextmanager
def log_file(path: Path, now: datetime, format: Literal["text", "json"], command: str) -> Iterator[TextIO]:
    """Yield a log file, opened for appending, after writing a first line with the command and the time.

    Raises OutputError if that fails; a later failure stops nothing, as for any log (`LogListener`).
    """
    if format == "json":
        line = json_text({"at": iso_utc(now), "event": "log_opened", "command": command})
    else:
        line = f"{iso_utc(now.replace(microsecond=0))} log_opened command={_quoted(command)}"
    try:
        raw = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWN), "ab", buffering=0)
    except OSError as failure:
        raise _unwritable(path, failure) from failure
    with raw, io.TextIOWrapper(raw, encoding="utf-8", write_through=True) as stream:
        try:
            stream.write(line + "\n")
        except OSError as failure:
            raise _unwritable(path, failure) from failure
        yield stream


def _unwritable(path: Path, failure: OSError) -> OutputError:
    return OutputError(
        str(path), failure.strerror or str(failure), "Nothing was sent or spent: name another --log-file."
    )


def event_name(event: Event) -> str:
    """Return the class name in snake case: ``request_settled``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def event_fields(event: Event) -> dict[str, Any]:
    """Return the event's fields as plain values; the end of a run has those of ``scraper run --format json``."""
    if isinstance(event, RunEnded):
        return event.result.to_json()
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}


def _json_line(event: Event, now: datetime, ascii: bool) -> str:
    return json_text({"at": iso_utc(now), "event": event_name(event), **event_fields(event)}, ascii=ascii)


def _text_line(event: Event, now: datetime) -> str:
    """``2026-11-21T02:15:03Z waiting vendor=crawlora wait_s=12 reason="HTTP 429"``, without empty fields."""
    said = event_fields(event)
    if isinstance(event, RequestSettled):
        # The words before the figures; fields that the label has already, and an empty body, are left out.
        first = {key: said.pop(key) for key in ("label", "outcome", "detail")}
        said = first | {key: n for key, n in said.items() if key not in _IN_LABEL and (n or key not in _OF_BODY)}
    pairs = (f"{key}={_quoted(value)}" for key, value in _flat(said))
    return " ".join([iso_utc(now.replace(microsecond=0)), event_name(event), *pairs])


def _flat(said: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``credits.charged`` for nested fields; leave out empty fields and nested zeros."""
    for key, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value not in ("", None, []) and not (before and value == 0):
            yield f"{before}{key}", value


def _quoted(value: Any) -> str:  # noqa: ANN401 - whatever an event carries
    """Return one plain word as it is, anything else as JSON, so that spaces and quotes cannot mislead."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return json_text(value)
    text = f"{value:g}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e6 else str(value)
    return text if _BARE.fullmatch(text) else json_text(text)
