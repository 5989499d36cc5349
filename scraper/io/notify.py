"""Hooks: Apprise's services, and a check that expects a ping.

Apprise is an extra: its import takes as long as a query, and few need it. Everything happens in a thread, within a time
limit; no hook changes the run's result.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.request import HTTPRedirectHandler, Request, build_opener

from scraper.core.notify import Notice, NoticeLevel, NotifySettings, ping_url, without_secrets

LONGEST_S: Final = 20.0
"""For all hooks together: a run's end waits for them."""
PING_S: Final = 10.0
TOLD_STARTS: Final = "told"
"""Directory of reported starts, in the data directory."""
_ROOM_BYTES: Final = 4_096
_MOST_LINES: Final = 100

_Hook = tuple[str, Callable[[], str | None]]
"""The hook's address, and a call that returns the reason if it failed."""


class Hooks:
    """Implements `Notifier`."""

    def __init__(self, settings: NotifySettings, longest_s: float = LONGEST_S) -> None:
        self._settings = settings
        self._longest_s = longest_s

    async def begin(self) -> Sequence[str]:
        ping = self._settings.ping
        return [] if ping is None else await self._told([(ping, lambda: _ping(ping_url(ping, "start"), ""))])

    async def end(self, notice: Notice) -> Sequence[str]:
        return await self._told([*self._pings(notice), *self._messages(notice)])

    async def ping(self, notice: Notice) -> Sequence[str]:
        return await self._told(self._pings(notice))

    async def tell(self, notice: Notice) -> Sequence[str]:
        return await self._told(self._messages(notice))

    def _pings(self, notice: Notice) -> Sequence[_Hook]:
        ping = self._settings.ping
        if ping is None:
            return []
        end = "fail" if notice.level is NoticeLevel.FAILURE else ""
        return [(ping, lambda: _ping(ping_url(ping, end), f"{notice.title}\n{notice.body}"))]

    def _messages(self, notice: Notice) -> Sequence[_Hook]:
        if notice.level not in self._settings.on:
            return []
        return [(url, partial(_send, url, notice)) for url in self._settings.urls]

    async def _told(self, hooks: Sequence[_Hook]) -> Sequence[str]:
        tasks = [_in_a_thread(hook) for _, hook in hooks]
        if tasks:
            await asyncio.wait(tasks, timeout=self._longest_s)
        sentences = []
        for (url, _), task in zip(hooks, tasks, strict=True):
            met = task.result() if task.done() else f"no answer within {self._longest_s:g} s"
            if met is not None:
                sentences.append(f"notify: {without_secrets(url)} was not notified: {met}")
        return sentences


class ToldStartsFile:
    """Implements `ToldStarts`: lines in a file beside the ledger, which may be what fails.

    The file has its room from the last run on: a note is written in place, so that it fits on a full disk too.
    """

    def __init__(self, data_directory: Path, job: str) -> None:
        self._path = data_directory / TOLD_STARTS / job

    def note(self, at: datetime) -> None:
        lines = [*self.all(), at][-_MOST_LINES:]
        self._write("".join(f"{line.isoformat()}\n" for line in lines))

    def all(self) -> Sequence[datetime]:
        try:
            return [datetime.fromisoformat(line) for line in self._path.read_text(encoding="utf-8").split()]
        except (OSError, ValueError):
            return []

    def clear(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        with suppress(OSError):
            if not self._path.parent.parent.is_dir():
                return
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            with self._path.open("r+b" if self._path.exists() else "wb", buffering=0) as stream:
                stream.write(text.encode().ljust(_ROOM_BYTES))


def _in_a_thread(hook: Callable[[], str | None]) -> asyncio.Future[str | None]:
    """Run it in a thread that the program's end does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str | None] = loop.create_future()

    def settle(met: str | None) -> None:
        if not future.done():
            future.set_result(met)

    def run() -> None:
        met = hook()
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, met)

    threading.Thread(target=run, name="notify", daemon=True).start()
    return future


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _ping(url: str, body: str) -> str | None:
    """Return why a check could not be notified, without its address."""
    try:
        request = Request(url, body.encode(), {"Content-Type": "text/plain; charset=utf-8"})  # noqa: S310 - http or https: notify_table
        with build_opener(_NoRedirect()).open(request, timeout=PING_S):
            return None
    except (OSError, ValueError, HTTPException) as failure:
        status = getattr(failure, "code", None)
        return f"it answers HTTP {status}" if status else _reason(failure)


def _reason(failure: BaseException) -> str:
    inner = getattr(failure, "reason", None)
    return getattr(inner, "strerror", None) or type(inner if isinstance(inner, BaseException) else failure).__name__


def _send(url: str, notice: Notice) -> str | None:
    """Return why a service could not be notified, without its URL."""
    try:
        from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415 - an extra
    except ImportError:
        return "Apprise is not installed: pip install apprise"
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it logs addresses
    types = {NoticeLevel.SUCCESS: NotifyType.SUCCESS, NoticeLevel.WARNING: NotifyType.WARNING}
    try:
        service = Apprise()
        if not service.add(url):
            return "Apprise knows no such URL"
        sent = service.notify(
            body=notice.body,
            title=notice.title,
            notify_type=types.get(notice.level, NotifyType.FAILURE),
            body_format=NotifyFormat.TEXT,
        )
    except Exception as failure:  # a hundred services, each with a library of its own
        return type(failure).__name__
    return None if sent else "the service could not be reached, or refused it"
