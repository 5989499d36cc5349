"""Faults of the connection: a request or its answer is lost or damaged on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from scraper.sandbox.faults.shapes import Charged, FaultKind, Option, Target

_Way = Callable[[], Awaitable[web.StreamResponse]]
_Wait = Callable[[float], Awaitable[None]]

HANGS_S = 3_600.0
"""A client that waits longer than this has no time limit."""
DRIPPED_PIECES = 64


async def _reset(target: Target, request: web.Request, on: _Way, wait: _Wait) -> web.StreamResponse:  # noqa: ARG001
    return _hung_up(request)


async def _lost(target: Target, request: web.Request, on: _Way, wait: _Wait) -> web.StreamResponse:  # noqa: ARG001
    await on()
    return _hung_up(request)


async def _truncated(target: Target, request: web.Request, on: _Way, wait: _Wait) -> web.StreamResponse:  # noqa: ARG001
    """Close the connection after half of the Content-Length."""
    answered = await on()
    body = _body_of(answered)
    cut = web.StreamResponse(status=answered.status, headers=answered.headers)
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()  # what is written still leaves
    return cut


async def _slow(target: Target, request: web.Request, on: _Way, wait: _Wait) -> web.StreamResponse:  # noqa: ARG001
    await wait(float(target.options["seconds"]))
    return await on()


async def _drip(target: Target, request: web.Request, on: _Way, wait: _Wait) -> web.StreamResponse:
    answered = await on()
    body = _body_of(answered)
    dripping = web.StreamResponse(status=answered.status, headers=answered.headers)
    dripping.content_length = len(body)
    await dripping.prepare(request)
    pieces = max(1, -(-len(body) // DRIPPED_PIECES))
    for start in range(0, len(body), pieces):
        await wait(float(target.options["seconds"]) / DRIPPED_PIECES)
        await dripping.write(body[start : start + pieces])
    await dripping.write_eof()
    return dripping


async def _hang(target: Target, request: web.Request, on: _Way, wait: _Wait) -> web.StreamResponse:  # noqa: ARG001
    await on()
    await wait(HANGS_S)
    return _hung_up(request)


def _hung_up(request: web.Request) -> web.Response:
    """Close the connection before the first byte of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _body_of(answered: web.StreamResponse) -> bytes:
    body = answered.body if isinstance(answered, web.Response) else b""
    return body if isinstance(body, bytes) else b""


PASSAGES: tuple[FaultKind, ...] = (
    FaultKind(
        "reset",
        "the connection breaks before the vendor has seen the request",
        Charged.UNSEEN,
        passage=_reset,
        arrives=False,
    ),
    FaultKind(
        "lost",
        "the vendor answers, and the connection breaks before a byte arrives",
        Charged.YES,
        passage=_lost,
        arrives=False,
    ),
    FaultKind(
        "truncated", "the connection breaks in the middle of the body", Charged.YES, passage=_truncated, arrives=False
    ),
    FaultKind("slow", "the answer comes late", Charged.YES, passage=_slow, options=(Option("seconds", "3"),)),
    FaultKind("drip", "the body comes in small pieces", Charged.YES, passage=_drip, options=(Option("seconds", "3"),)),
    FaultKind("hang", "the vendor answers, and nothing ever arrives", Charged.YES, passage=_hang, arrives=False),
)
