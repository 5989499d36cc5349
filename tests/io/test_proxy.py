"""Through an HTTP proxy to a vendor behind TLS: a tunnel, or a request that was not sent and costs nothing."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.io.http_transport import Access, HttpTransport, Limits, Proxy
from tests.core.builders import C_HASHTAGS, outcome_of, vendor_of
from tests.io.raw_server import KEY, REQUEST, Serve, Server, listening, raw

CERTIFICATE = Path(__file__).parents[1] / "hostile" / "self_signed.pem"
CREDENTIALS = "ann:correct-horse-7"
BASIC = base64.b64encode(CREDENTIALS.encode()).decode()


@dataclass(slots=True)
class Tunnels:
    """A proxy that opens tunnels, with a password or without; keeps all that it was sent."""

    credentials: str = ""
    heads: list[str] = field(default_factory=list)
    passed: bytearray = field(default_factory=bytearray)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        wanted = f"Basic {base64.b64encode(self.credentials.encode()).decode()}"
        if self.credentials and f"Proxy-Authorization: {wanted}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        host, _, port = head.split()[1].rpartition(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self._pass(reader, to_writer, keep=True), self._pass(to_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bool = False) -> None:
        while chunk := await reader.read(2**16):
            if keep:
                self.passed += chunk
            writer.write(chunk)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def opened(port: int, proxy: Proxy, limits: Limits | None = None) -> AsyncIterator[HttpTransport]:
    """A transport to a vendor on this port of loopback, that trusts its certificate."""
    access = {"crawlora": Access(vendor_of(C_HASHTAGS), f"https://127.0.0.1:{port}", KEY, proxy)}
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with HttpTransport(access, "scraper/test", limits, trusted) as transport:
        yield transport


def sent_through(
    serve: Serve, vendor: Server, credentials: str = "", *, times: int = 1, limits: Limits | None = None
) -> tuple[list[Reply], str]:
    """The replies through this proxy to this vendor, and the proxy's address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def script() -> tuple[list[Reply], str]:
        async with listening(vendor, ssl=context) as port, listening(serve) as proxy_port:
            place = f"127.0.0.1:{proxy_port}"
            async with opened(port, Proxy(f"http://{place}", credentials), limits) as transport:
                return [await transport.send(REQUEST) for _ in range(times)], place

    return asyncio.run(script())


def test_a_request_goes_through_a_tunnel_and_the_proxy_sees_neither_key_nor_answer() -> None:
    proxy, vendor = Tunnels(CREDENTIALS), Server(lambda _: raw(b'{"code":200}'), keep_alive=True)
    replies, _ = sent_through(proxy, vendor, CREDENTIALS, times=3)
    assert replies == [Answer(200, {}, b'{"code":200}')] * 3
    assert len(vendor.heads) == 3
    assert all(f"x-api-key: {KEY}" in head and BASIC not in head for head in vendor.heads)
    [connect] = proxy.heads  # one tunnel, kept alive
    assert connect.startswith("CONNECT 127.0.0.1:")
    assert f"Proxy-Authorization: Basic {BASIC}" in connect
    assert KEY not in connect
    assert KEY.encode() not in proxy.passed
    assert b"hashtag" not in proxy.passed


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


def answering(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return serve


async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


FAILURES: dict[str, tuple[Callable[[], Serve], str]] = {
    "no password": (
        lambda: Tunnels("ann:another-password"),
        "it opens no tunnel: HTTP 407 Proxy Authentication Required; proxy_auth_env names the variable with "
        "user:password for it",
    ),
    "refused": (
        lambda: answering(b"HTTP/1.1 403 Forbidden by policy\r\nContent-Length: 4\r\n\r\nnope"),
        "it opens no tunnel: HTTP 403 Forbidden by policy",
    ),
    "hung up": (lambda: hang_up, "the connection was closed before an answer"),
    "no HTTP": (lambda: answering(b"SSH-2.0-OpenSSH\r\n\r\n"), "the answer is not HTTP: "),
    "stalled": (lambda: stall, "no answer within 0.3 s"),
    "the password in its answer": (
        lambda: answering(f"HTTP/1.1 502 {CREDENTIALS} {BASIC} {KEY}\r\nContent-Length: 0\r\n\r\n".encode()),
        "it opens no tunnel: HTTP 502 redacted redacted",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_tunnel_that_does_not_open_is_a_request_that_was_not_sent_and_is_free(name: str) -> None:
    serve, reason = FAILURES[name]
    vendor = Server(lambda _: raw(b"{}"))
    [reply], place = sent_through(serve(), vendor, CREDENTIALS, limits=Limits(headers_s=0.3))
    assert isinstance(reply, NoAnswer)
    assert reply.sent is False
    assert reply.reason.startswith(f"by way of the proxy {place}: {reason}")
    assert not any(secret in reply.reason for secret in ("correct-horse", BASIC[4:-4], KEY))
    assert vendor.heads == []
    met = outcome_of(C_HASHTAGS, reply)
    assert (met.kind, met.charge, met.credits) == (OutcomeKind.NOT_SENT, Charge.FREE, 0)


def test_a_proxy_that_is_not_there_is_named_and_costs_nothing() -> None:
    async def script() -> tuple[Reply, str]:
        async with listening(hang_up) as port:
            place = f"127.0.0.1:{port}"
        async with opened(port, Proxy(f"http://{place}")) as transport:
            return await transport.send(REQUEST), place

    reply, place = asyncio.run(script())
    assert isinstance(reply, NoAnswer)
    assert reply.sent is False
    assert reply.reason.startswith(f"by way of the proxy {place}: no connection to {place}: ")


def test_an_answer_that_does_not_come_out_of_an_open_tunnel_may_have_been_billed() -> None:
    [reply], _ = sent_through(Tunnels(), Server(lambda _: None))
    assert reply == NoAnswer(sent=True, reason="the connection was closed before an answer")


def test_a_certificate_that_is_not_trusted_is_met_inside_the_tunnel_before_the_key_leaves() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    vendor, proxy = Server(lambda _: raw(b"{}")), Tunnels()

    async def script() -> Reply:
        async with listening(vendor, ssl=context) as port, listening(proxy) as proxy_port:
            way = Proxy(f"http://127.0.0.1:{proxy_port}")
            access = {"crawlora": Access(vendor_of(C_HASHTAGS), f"https://127.0.0.1:{port}", KEY, way)}
            async with HttpTransport(access, "scraper/test") as transport:
                return await transport.send(REQUEST)

    reply = asyncio.run(script())
    assert isinstance(reply, NoAnswer)
    assert (reply.sent, vendor.heads) == (False, [])
    assert "is not trusted: self-signed certificate" in reply.reason
