"""Connections to vendors: which may be used again, and the instant at which a request may leave over one."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.connector import Connection

from scraper.io.running_time import RunningTime
from scraper.ports import Start, at_once

_SUSPENSION_S: Final = 1.0
"""A shorter difference between two of the machine's clocks is none."""


@dataclass(slots=True)
class Sending:
    """A request on its way to its vendor."""

    start: Start = at_once
    """Waits for its slot."""
    needs_new_connection: bool = False
    sent: bool = False
    """It has its slot and a connection: from now on it may reach its vendor."""


sending: Final[ContextVar[Sending]] = ContextVar("sending")
"""The request that this task sends."""


class NotStartedError(Exception):
    """The request must not leave."""


class CleanConnector(aiohttp.TCPConnector):
    """Discards kept-alive connections that cannot be trusted.

    Unrequested bytes on one would be taken for the next answer; one from before the machine was suspended has been
    closed by its vendor, and what is sent there is lost.
    """

    def __init__(
        self,
        trusted: ssl.SSLContext | None,
        time: RunningTime,
        connect_s: float,
        suspended_s: Callable[[], float],
    ) -> None:
        # The ledger limits the requests in flight; a queue here would delay a request past its slot.
        super().__init__(limit=0, ttl_dns_cache=300, ssl=True if trusted is None else trusted)
        self._time, self._connect_s, self._suspended_s = time, connect_s, suspended_s
        self._used: WeakKeyDictionary[object, float] = WeakKeyDictionary()
        """Connection → how long the machine had been suspended when it was last used."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name that aiohttp calls it by
    ) -> Connection:
        request = sending.get()
        while True:
            async with self._time.until(self._time.now() + self._connect_s):
                connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None:
                return connection
            suspended_s = self._suspended_s()
            slept_s = suspended_s - self._used.get(protocol, suspended_s)
            unwanted = protocol in self._used and request.needs_new_connection
            if not (protocol.should_close or unwanted or slept_s > _SUSPENSION_S):
                if not await _started(request, connection):
                    raise NotStartedError
                if connection.protocol is protocol and protocol.is_connected() and not protocol.should_close:
                    self._used[protocol] = suspended_s
                    request.sent = True
                    return connection
            connection.close()


async def _started(request: Sending, connection: Connection) -> bool:
    """Wait for the request's slot; a connection that is not used goes back to the pool."""
    started = False
    try:
        started = await request.start()
    finally:
        if not started:
            connection.release()
    return started
