"""Servers that lie, drip, hang up, overflow or lead astray: each answer has a name, none raises, no key leaves."""

from __future__ import annotations

import asyncio
import gzip
import os
import ssl
import tracemalloc
import zlib
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from scraper.core.catalogue import OutcomeKind
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.io.http_transport import HttpTransport, Limits
from tests.core.builders import C_HASHTAGS, outcome_of
from tests.examples import examples
from tests.io.raw_server import KEY, REQUEST, Serve, Server, listening, raw, sent, transport
from tests.runs.harness import Bench, Heard, on_bench

HASTY = Limits(headers_s=2.0, between_bytes_s=1.0, whole_s=2.0)
MIB = 2**20


async def asked(serve: Serve, limits: Limits | None = None, *, times: int = 1) -> list[Reply]:
    """What comes of asking this server, a request after the other."""
    async with listening(serve) as port, transport(f"http://127.0.0.1:{port}", limits) as opened:
        return [await opened.send(REQUEST) for _ in range(times)]


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_server_that_never_answers_or_drips_or_stalls_ends_and_is_named() -> None:
    def dripping(begin: bytes, drip: bytes, every_s: float) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begin)
            while not writer.is_closing():
                await asyncio.sleep(every_s)
                writer.write(drip)
                await writer.drain()

        return serve

    async def script() -> list[Reply]:
        headers = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"
        servers = [
            dripping(b"", b"", 0.1),
            dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.1),
            dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.1),
            dripping(headers, b" ", 0.1),
            dripping(headers + b"{", b"", 0.1),
        ]
        return [reply for replies in await asyncio.gather(*(asked(s, HASTY) for s in servers)) for reply in replies]

    *lost, dripped, stalled = asyncio.run(script())
    assert lost == [NoAnswer(sent=True, reason="no answer within 2 s")] * 3
    assert isinstance(dripped, Answer)
    assert dripped.cut_short == "incomplete after 2 s"
    assert set(dripped.body) == {0x20}
    assert stalled == Answer(200, {}, b"{", "nothing came for 1 s")
    assert [outcome_of(C_HASHTAGS, reply).kind for reply in (*lost, dripped, stalled)] == [
        *[OutcomeKind.LOST] * 3,
        *[OutcomeKind.MALFORMED] * 2,
    ]


def test_a_host_that_does_not_shake_hands_was_not_sent_anything() -> None:
    async def script() -> Reply:
        silent = Server(lambda _: None)
        async with listening(silent) as port, transport(f"https://127.0.0.1:{port}", Limits(connect_s=0.2)) as opened:
            reply = await opened.send(REQUEST)
        assert silent.heads == []
        return reply

    assert asyncio.run(script()) == NoAnswer(sent=False, reason="no connection within 0.2 s")


# --- where a connection ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_answer_cut_at_any_byte_is_named_keeps_what_came_and_no_key(chunked: bool) -> None:
    body = b'{"code":200,"msg":"' + KEY.encode() + b'","data":"' + b"\\u0073" * 52 + KEY.encode() + b'"}'
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(body[i : i + 64]), body[i : i + 64]) for i in range(0, len(body), 64))
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    rest = (pieces + b"0\r\n\r\n") if chunked else body
    head = b"HTTP/1.1 200 OK\r\nX-Request-Id: %b-1\r\nX-Pad: %b\r\n%b\r\n\r\n"
    padding = 600 - len(head % (KEY.encode(), b"", framing)) - len(rest)
    answer = head % (KEY.encode(), b"p" * padding, framing) + rest
    assert len(answer) == 600
    begins_at = answer.index(b"\r\n\r\n") + 4

    replies = sent(Server(lambda number: answer[: number - 1]), *[REQUEST] * 601)
    for offset, reply in enumerate(replies):
        if offset < begins_at:
            assert reply == NoAnswer(sent=True, reason="the connection was closed before an answer"), offset
            continue
        assert isinstance(reply, Answer), offset
        assert reply.headers == {"x-request-id": "redacted-1"}
        assert (reply.cut_short is None) == (offset == 600), offset
        assert KEY[:4].encode() not in reply.body, offset
        assert offset == 600 or outcome_of(C_HASHTAGS, reply).kind is OutcomeKind.MALFORMED
        if not chunked:  # what came is there, but for the key
            came = answer[begins_at:offset]
            assert reply.body[:19] == came[:19]
            assert len(reply.body) >= len(came) - 2 * len(KEY)


GARBAGE = {
    "nothing of HTTP": b"hello\r\n\r\n",
    "HTTP/0.9": b"<html>it works</html>",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "a length in words": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "more than its length": raw(b"{}[]", length=2),
    "a header without a colon": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "a header of 90 KB": raw(b"{}", "X: " + "a" * 90_000),
    "two thousand headers": raw(b"{}", *(f"X-{n}: 1" for n in range(2_000))),
    "the key for a status line": f"HTTP/1.1 {KEY}\r\n\r\n".encode(),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_http_is_lost_and_named_in_a_line_without_the_key(name: str) -> None:
    (reply,) = sent(Server(lambda _: GARBAGE[name]), REQUEST)
    assert isinstance(reply, NoAnswer)
    assert reply.sent is True
    assert reply.reason.isprintable()
    assert 10 < len(reply.reason) <= 300
    assert KEY not in reply.reason


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKS + b"zz\r\n{}\r\n0\r\n\r\n",
        CHUNKS + b"2\r\n{}junk\r\n0\r\n\r\n",
        CHUNKS + b"ffffffffffffffffffff\r\n{}\r\n",
    ],
    ids=["size", "end", "huge"],
)
def test_broken_chunks_cut_a_body_short(answer: bytes) -> None:
    (reply,) = sent(Server(lambda _: answer), REQUEST)
    match reply:
        case Answer(status=200, cut_short=str(why)):
            assert why.isprintable()
        case NoAnswer(sent=True, reason=reason):  # the parser met it together with the headers
            assert reason.isprintable()
        case _:
            pytest.fail(f"{reply}")


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + raw(b"{}"), 200, b"{}"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nxyz", 101, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (CHUNKS + b"2;" + b"x" * 20_000 + b"\r\n{}\r\n0\r\n\r\n", 200, b"{}"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", 200, b"{}"),
        (raw(b"{}", status="299 " + "x" * 500), 299, b"{}"),
    ],
    ids=["informational", "upgrade", "no content", "chunk extension", "closed at its end", "long reason"],
)
def test_odd_answers_are_taken_for_what_they_are(answer: bytes, status: int, body: bytes) -> None:
    (reply,) = sent(Server(lambda _: answer), REQUEST)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize("late", [False, True])
def test_an_answer_that_nobody_asked_for_does_not_pass_for_the_next_one(late: bool) -> None:
    async def script() -> list[Reply]:
        answered, strayed, numbers = asyncio.Event(), asyncio.Event(), iter(range(1, 9))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.readuntil(b"\r\n\r\n"):
                number = next(numbers)
                writer.write(raw(b'{"answer":%d}' % number))
                if number == 1:
                    if late:
                        await answered.wait()
                    writer.write(raw(b'{"stray":true}'))
                    await writer.drain()
                    strayed.set()

        async with listening(serve) as port, transport(f"http://127.0.0.1:{port}") as opened:
            first = await opened.send(REQUEST)
            answered.set()
            await strayed.wait()
            for _ in range(5):  # the loop reads what has come
                await asyncio.sleep(0)
            return [first, await opened.send(REQUEST)]

    assert asyncio.run(script()) == [Answer(200, {}, b'{"answer":1}'), Answer(200, {}, b'{"answer":2}')]


HEADERS = st.sampled_from(
    [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"Content-Encoding: deflate",
     b"Connection: close", b"Content-Encoding: br", b"Content-Type: \xff", b"Retry-After: \x80"]
)  # fmt: skip


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HEADERS, max_size=4), st.binary(max_size=60), st.sampled_from([b"HTTP/1.1 200 OK\r\n", b""]))
@example(
    [b"Transfer-Encoding: chunked", b"Content-Encoding: deflate"], b"3\r\nabc\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n"
)
def test_no_bytes_raise_an_exception(headers: list[bytes], body: bytes, begin: bytes) -> None:
    answer = begin + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body
    (reply,) = sent(Server(lambda _: answer), REQUEST, limits=HASTY)
    assert isinstance(reply, Answer | NoAnswer)


# --- size -------------------------------------------------------------------------------------------------------------


def a_gigabyte(packing: str) -> bytes:
    """1 MB that unpacks to 1 GiB: in one stream, or in 64 gzip files strung together."""
    if packing == "members":
        return gzip.compress(bytes(16 * MIB)) * 64
    stream = zlib.compressobj(9, zlib.DEFLATED, 31 if packing == "gzip" else 15)
    begin = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
    again = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_FULL_FLUSH)
    return begin + again * 1023


@pytest.mark.parametrize("packing", ["gzip", "deflate", "members"])
def test_a_megabyte_that_unpacks_to_a_gigabyte_is_cut_in_flat_memory(packing: str) -> None:
    bomb = a_gigabyte(packing)
    assert 0.9 * MIB < len(bomb) < 1.2 * MIB
    encoding = "deflate" if packing == "deflate" else "gzip"
    server = Server(lambda _: raw(bomb, f"Content-Encoding: {encoding}"))

    async def script() -> int:
        (reply,) = await asked(server)
        assert isinstance(reply, Answer)
        assert (len(reply.body), reply.cut_short) == (16 * MIB, "it is larger than 16,777,216 bytes")
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        assert asyncio.run(script()) < 40 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_cut_at_the_limit_and_the_server_is_hung_up_on(chunked: bool) -> None:
    async def script() -> tuple[Reply, int]:
        written, hung_up = 0, asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CHUNKS if chunked else b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n" if chunked else bytes(65_536))
                    await writer.drain()
                    written += 65_536
            finally:
                hung_up.set()

        (reply,) = await asked(serve, Limits(body_bytes=MIB))
        await hung_up.wait()
        return reply, written

    reply, written = asyncio.run(script())
    assert reply == Answer(200, {}, bytes(MIB), "it is larger than 1,048,576 bytes", over_limit=True)
    assert written < 64 * MIB  # what the kernel's buffers take


@pytest.mark.parametrize(("size_bytes", "whole"), [(1_000, True), (1_001, False)])
def test_a_body_of_just_the_limit_is_whole(size_bytes: int, whole: bool) -> None:
    plain = raw(bytes(size_bytes))
    packed = raw(gzip.compress(bytes(size_bytes)), "Content-Encoding: gzip")
    server = Server(lambda number: plain if number == 1 else packed, keep_alive=True)
    why = None if whole else "it is larger than 1,000 bytes"
    met = Answer(200, {}, bytes(1_000), why, over_limit=not whole)
    assert sent(server, REQUEST, REQUEST, limits=Limits(body_bytes=1_000)) == [met] * 2


@pytest.mark.parametrize(
    ("encoding", "packed", "body", "cut_short"),
    [
        ("x-gzip", gzip.compress(b"{}", mtime=0) + gzip.compress(b"[]", mtime=0) + b"\0\0", b"{}[]", None),
        ("deflate", zlib.compress(b"{}"), b"{}", None),
        ("Deflate", zlib.compress(b"{}", wbits=-15), b"{}", None),
        ("identity, gzip", gzip.compress(b"{}", mtime=0), b"{}", None),
        ("gzip", b"", b"", None),
        ("gzip", gzip.compress(b"{}" * 999, mtime=0)[:-9], b"{}" * 999, "its gzip ends too early"),
        ("br", b"\x0b\x01\x80{}\x03", b"\x0b\x01\x80{}\x03", "it is compressed as br, which was not requested"),
        ("gzip, gzip", b"xx", b"xx", "it is compressed as gzip, gzip, which was not requested"),
    ],
)
def test_packed_bodies(encoding: str, packed: bytes, body: bytes, cut_short: str | None) -> None:
    assert sent(Server(lambda _: raw(packed, f"Content-Encoding: {encoding}")), REQUEST) == [
        Answer(200, {}, body, cut_short)
    ]


# --- where a key goes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_to_another_host_or_to_the_same(status: int) -> None:
    async def script() -> Reply:
        elsewhere = Server(lambda _: raw(b"{}"))
        async with listening(elsewhere) as port:
            told = (f"Location: http://127.0.0.1:{port}/", f"Refresh: 0; url=http://127.0.0.1:{port}/")
            first = Server(lambda _: raw(b"", *told, status=f"{status} Elsewhere"), keep_alive=True)
            (reply,) = await asked(first)
        assert (len(first.heads), elsewhere.heads) == (1, [])
        return reply

    reply = asyncio.run(script())
    assert reply == Answer(status, {}, b"")
    assert outcome_of(C_HASHTAGS, reply).kind is OutcomeKind.GONE


def test_a_self_signed_certificate_is_refused_before_a_byte_of_the_request_leaves() -> None:
    here = Path(__file__).parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(here / "self_signed.pem")
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received.append(await reader.read())

    async def script() -> tuple[Reply, int]:
        async with listening(serve, ssl=context) as port, transport(f"https://127.0.0.1:{port}") as opened:
            return await opened.send(REQUEST), port

    reply, port = asyncio.run(script())
    assert reply == NoAnswer(
        sent=False, reason=f"the certificate of 127.0.0.1:{port} is not trusted: self-signed certificate"
    )
    assert b"".join(received) == b""
    assert outcome_of(C_HASHTAGS, reply).credits == 0


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", os.devnull)
    assert sent(Server(lambda _: raw(b"{}")), REQUEST) == [Answer(200, {}, b"{}")]


def test_what_a_vendor_echoes_of_the_key_is_masked_wherever_it_stands() -> None:
    body = b'{"msg":"' + KEY.encode() + b'"}'
    (reply,) = sent(
        Server(lambda _: raw(gzip.compress(body, mtime=0), "Content-Encoding: gzip", f"X-Request-Id: {KEY}")), REQUEST
    )
    assert reply == Answer(200, {"x-request-id": "redacted"}, b'{"msg":"redacted"}')


def test_a_transport_shows_no_key() -> None:
    async def script() -> str:
        async with transport("http://127.0.0.1:9") as opened:
            assert isinstance(opened, HttpTransport)
            reply = await opened.send(REQUEST)
            return f"{opened!r} {vars(opened)!r} {reply!r}"

    assert KEY not in asyncio.run(script())


# --- in a run ---------------------------------------------------------------------------------------------------------


def test_what_came_of_a_charged_body_is_kept_with_its_charge_and_its_reason(tmp_path: Path) -> None:
    """Broken off, a bomb, and packed as nobody asked for: each is paid, in the ledger, and in the archive.

    The bomb is larger than is read, and would be each time: it is not bought again.
    """
    answers = {
        "US": raw(b'{"code":200,"data":', length=999),
        "GB": raw(gzip.compress(bytes(17 * MIB)), "Content-Encoding: gzip"),
        "JP": raw(b"\x0b\x01\x80{}\x03", "Content-Encoding: br"),
    }

    async def fault(request: web.Request) -> web.StreamResponse | None:
        assert isinstance(request.transport, asyncio.Transport)
        if (answer := answers.pop(request.query["country_code"], None)) is None:
            return None
        request.transport.write(answer)
        request.transport.close()
        return web.Response()

    async def use(made: Bench) -> None:
        job = made.write_job(
            '[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = { country_code = ["US", "GB", "JP"] }\nmax_pages = 1'
        )
        heard = Heard()
        result = await made.run(job, heard=heard)
        assert (result.charged, result.status.exit_code) == (40, 6)
        assert sorted(event.detail.partition(": ")[2][:24] for event in heard.settled) == [
            "",
            "",
            "Response payload is not ",
            "it is compressed as br, ",
            "it is larger than 16,777",
        ]
        kept = made.rows(
            "SELECT outcome, octet_length(body), body[1:5] FROM pages WHERE outcome <> 'ok' ORDER BY 2 DESC"
        )
        assert kept == [
            ("malformed", 16 * MIB, bytes(5)),
            ("malformed", 19, b'{"cod'),
            ("malformed", 6, b"\x0b\x01\x80{}"),
        ]

    on_bench(tmp_path, use, fault=fault)
