"""A server on loopback that answers raw bytes, and the transport that meets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from scraper.core.outcomes import Reply
from scraper.core.requests import Request
from scraper.io.http_transport import Access, HttpTransport, Limits
from tests.core.builders import C_HASHTAGS, vendor_of, walk_of

KEY = "sk_test_4f1d"
REQUEST = walk_of(C_HASHTAGS, country_code="US").request(1)


@asynccontextmanager
async def transport(
    url: str, limits: Limits | None = None, key: str = KEY, **options: Any
) -> AsyncIterator[HttpTransport]:
    access = {name: Access(vendor_of(f"{name}.hashtags"), url, key) for name in ("crawlora", "keyapi")}
    async with HttpTransport(access, "scraper/test", limits, **options) as opened:
        yield opened


@dataclass(slots=True)
class Server:
    """Answers raw bytes, once for each request, and remembers the requests' heads."""

    script: Callable[[int], bytes | None]
    """Number of the request, from 1 → the answer; ``None``: the connection is closed without one."""
    keep_alive: bool = False
    heads: list[str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head.decode())
                if (raw := self.script(len(self.heads))) is None:
                    break
                writer.write(raw)
                await writer.drain()
                if not self.keep_alive:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            self.closed.set()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve, **options: Any) -> AsyncIterator[int]:
    """A server on a port of loopback, whose connections end with it; `options` of asyncio.start_server."""

    async def ending(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    server = await asyncio.start_server(ending, "127.0.0.1", 0, **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


def raw(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    told = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(told).encode("latin-1") + b"\r\n\r\n" + body


def sent(server: Server, *requests: Request, path: str = "", limits: Limits | None = None) -> list[Reply]:
    """Sends the requests one after another; the replies."""

    async def script() -> list[Reply]:
        async with listening(server) as port, transport(f"http://127.0.0.1:{port}{path}", limits) as opened:
            return [await opened.send(request) for request in requests]

    return asyncio.run(script())
