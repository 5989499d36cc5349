"""Connections to vendors: which may be used again, and the instant at which a request may leave over one."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.connector import Connection

from scraper.io.running_time import RunningTime
from scraper.ports import Start, at_once

needs_new_connection: Final[ContextVar[bool]] = ContextVar("needs_new_connection", default=False)
"""Set for the request that this task sends."""
_SUSPENSION_S: Final = 1.0
"""A shorter difference between two of the machine's clocks is none."""


slot_of_request: Final[ContextVar[Start]] = ContextVar("slot_of_request", default=at_once)
"""Waits for the slot of the request that this task sends."""


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
        while True:
            async with self._time.until(self._time.now() + self._connect_s):
                connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None:
                return connection
            suspended_s = self._suspended_s()
            slept_s = suspended_s - self._used.get(protocol, suspended_s)
            unwanted = protocol in self._used and needs_new_connection.get()
            if not (protocol.should_close or unwanted or slept_s > _SUSPENSION_S):
                if not await _started(connection):
                    raise NotStartedError
                if connection.protocol is protocol and protocol.is_connected() and not protocol.should_close:
                    self._used[protocol] = suspended_s
                    return connection
            connection.close()


async def _started(connection: Connection) -> bool:
    """Wait for the request's slot; a connection that is not used goes back to the pool."""
    started = False
    try:
        started = await slot_of_request.get()()
    finally:
        if not started:
            connection.release()
    return started


def sent_trace() -> aiohttp.TraceConfig:
    """Return a trace that sets `sent` once there is a connection: from then on the request may reach its vendor."""

    async def connecting(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.sent = False

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.sent = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_start.append(connecting)
    tracing.on_connection_create_end.append(connected)
    tracing.on_connection_reuseconn.append(connected)
    return tracing
