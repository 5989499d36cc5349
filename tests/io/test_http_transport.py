"""One request, once, over a real connection to a server on loopback."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.rate_headers import RateHeaders
from scraper.io.http_transport import Access, HttpTransport
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, vendor_of, walk_of
from tests.io.raw_server import KEY, REQUEST, Server, listening, raw, sent, transport

CLOSED = "the connection was closed before an answer"


def test_the_body_comes_as_it_was_sent_with_the_headers_that_are_used() -> None:
    body = b'{"a":"\xff\\ud800"}\r\n'
    headers = ("X-Request-Id: r-1", "Retry-After: 7", "Server: nginx", "Set-Cookie: a=b")
    assert sent(Server(lambda _: raw(body, *headers)), REQUEST) == [
        Answer(200, {"x-request-id": "r-1", "retry-after": "7"}, body)
    ]


def test_a_compressed_body_is_unpacked() -> None:
    packed = gzip.compress(b'{"code":200}' * 1_000)
    assert sent(Server(lambda _: raw(packed, "Content-Encoding: gzip")), REQUEST) == [
        Answer(200, {}, b'{"code":200}' * 1_000)
    ]


def test_parameters_travel_encoded_below_the_base_address() -> None:
    server = Server(lambda _: raw(b"{}"))
    sent(server, walk_of(C_POSTS, id="a b&c=d/é+").request(2, "10#%"), path="/api/v1")
    line = server.heads[0].partition("\r\n")[0]
    assert line == "GET /api/v1/tiktok/hashtags?cursor=10%23%25&id=a+b%26c%3Dd/%C3%A9%2B HTTP/1.1"


@pytest.mark.parametrize(
    ("full_name", "header"), [(C_HASHTAGS, f"x-api-key: {KEY}"), (K_HASHTAGS, f"Authorization: Bearer {KEY}")]
)
def test_the_key_goes_in_the_vendors_header_and_in_no_text_of_ours(full_name: str, header: str) -> None:
    server = Server(lambda _: raw(b"{}"))
    request = walk_of(full_name).request(1)
    sent(server, request)
    (head,) = server.heads
    assert [line for line in head.split("\r\n") if KEY in line] == [header]
    assert KEY not in repr(Access(vendor_of(full_name), "http://127.0.0.1", KEY)) + repr(request)


def test_a_redirect_is_an_answer_and_its_target_never_sees_the_key() -> None:
    async def script() -> None:
        elsewhere = Server(lambda _: raw(b"{}"))
        other = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
        target = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/"
        first = await asyncio.start_server(
            Server(lambda _: raw(b"", f"Location: {target}", status="302 Found")), "127.0.0.1", 0
        )
        port = first.sockets[0].getsockname()[1]
        async with other, first, transport(f"http://127.0.0.1:{port}") as opened:
            assert await opened.send(REQUEST) == Answer(302, {}, b"")
        assert elsewhere.heads == []

    asyncio.run(script())


def test_a_refused_connection_sent_nothing() -> None:
    async def script() -> Reply:
        listening = await asyncio.start_server(Server(lambda _: None), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        async with transport(f"http://127.0.0.1:{port}") as opened:
            reply = await opened.send(REQUEST)
            assert isinstance(reply, NoAnswer)
            assert reply.reason.startswith(f"no connection to 127.0.0.1:{port}: ")
            return reply

    reply = asyncio.run(script())
    assert isinstance(reply, NoAnswer)
    assert reply.sent is False


def test_a_failed_tls_handshake_sent_nothing() -> None:
    async def script() -> Reply:
        listening = await asyncio.start_server(Server(lambda _: None), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]

        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()

        listening.close()
        listening = await asyncio.start_server(hang_up, "127.0.0.1", port)
        async with listening, transport(f"https://127.0.0.1:{port}") as opened:
            return await opened.send(REQUEST)

    reply = asyncio.run(script())
    assert isinstance(reply, NoAnswer)
    assert reply.sent is False
    assert not reply.reason.endswith(": ")


def test_a_host_name_that_cannot_be_is_no_crash() -> None:
    async def script() -> Reply:
        async with transport(f"http://{'a' * 70}.test") as opened:
            return await opened.send(REQUEST)

    reply = asyncio.run(script())
    assert isinstance(reply, NoAnswer)
    assert reply.sent is False


def test_a_connection_closed_without_an_answer_may_have_been_billed() -> None:
    server = Server(lambda _: None)
    assert sent(server, REQUEST) == [NoAnswer(sent=True, reason=CLOSED)]
    assert len(server.heads) == 1


def test_a_kept_connection_that_turns_out_to_be_closed_is_not_asked_again_unseen() -> None:
    server = Server(lambda number: raw(b"{}") if number == 1 else None, keep_alive=True)
    replies = sent(server, REQUEST, REQUEST)
    assert replies == [Answer(200, {}, b"{}"), NoAnswer(sent=True, reason=CLOSED)]
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    "answered",
    [
        raw(b'{"code":200', length=50),
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"code":200\r\n',
    ],
    ids=["length", "chunked"],
)
def test_a_truncated_body_is_an_answer_that_says_so(answered: bytes) -> None:
    (reply,) = sent(Server(lambda _: answered), REQUEST)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (200, b'{"code":200')
    assert reply.cut_short


def test_a_body_that_cannot_be_unpacked_is_an_answer_that_says_so() -> None:
    (reply,) = sent(Server(lambda _: raw(b"abcde", "Content-Encoding: gzip")), REQUEST)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.cut_short) == (
        200,
        "it cannot be decompressed: Error -3 while decompressing data: incorrect header check",
    )


@pytest.mark.parametrize(
    "answered",
    [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", raw(b"", "X: " + "a" * 99_999)],
    ids=["no HTTP", "negative length", "endless header"],
)
def test_what_is_no_http_is_lost_and_told_in_one_line(answered: bytes) -> None:
    (reply,) = sent(Server(lambda _: answered), REQUEST)
    assert isinstance(reply, NoAnswer)
    assert reply.sent is True
    assert "\n" not in reply.reason


def test_a_header_that_is_no_text_becomes_some_that_a_database_takes() -> None:
    (reply,) = sent(Server(lambda _: raw(b"{}", "X-Request-Id: r\xff")), REQUEST)
    assert isinstance(reply, Answer)
    assert reply.headers["x-request-id"].encode() == b"r?"


def test_answers_side_by_side_do_not_wait_for_each_other() -> None:
    """As many requests in flight as are sent: the last answers first."""

    async def script() -> list[int]:
        arrived, everybody_is_here = [0], asyncio.Event()

        async def serve(_: web.Request) -> web.Response:
            arrived[0] += 1
            if arrived[0] == 150:
                everybody_is_here.set()
            await everybody_is_here.wait()
            return web.json_response({})

        runner = await served(serve)
        host, port = runner.addresses[0]
        async with transport(f"http://{host}:{port}") as opened:
            replies = await asyncio.gather(*(opened.send(REQUEST) for _ in range(150)))
        await runner.cleanup()
        return [reply.status for reply in replies if isinstance(reply, Answer)]

    assert asyncio.run(script()) == [200] * 150


async def served(serve: Callable[[web.Request], Awaitable[web.Response]]) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/{tail:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


@pytest.mark.parametrize("headers", [["X-Policy: " + "p" * 60_000], [f"X-{n}: v" for n in range(900)]])
def test_a_good_answer_with_large_or_many_headers_is_read(headers: list[str]) -> None:
    (reply,) = sent(Server(lambda _: raw(b"{}", *headers)), REQUEST)
    assert isinstance(reply, Answer)
    assert reply.body == b"{}"


def test_an_answer_lost_on_a_kept_connection_is_asked_for_again_over_a_new_one() -> None:
    async def script() -> tuple[list[Reply], list[int]]:
        connections = [0]
        asked: list[int] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Each connection answers twice, and hangs up on its third request."""
            connections[0] += 1
            mine = connections[0]
            for _ in range(2):
                await reader.readuntil(b"\r\n\r\n")
                asked.append(mine)
                writer.write(raw(b"{}"))
                await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
            asked.append(mine)

        async with listening(serve) as port, transport(f"http://127.0.0.1:{port}") as opened:
            first = await asyncio.gather(*(opened.send(REQUEST) for _ in range(2)))  # two kept connections
            return [*first, *[await opened.send(REQUEST) for _ in range(4)]], asked

    replies, asked = asyncio.run(script())
    lost = [isinstance(reply, NoAnswer) for reply in replies].index(True)
    assert len(set(asked[: lost + 1])) == 2
    assert asked[lost + 1] == 3, "not the other kept connection"
    assert isinstance(replies[lost + 1], Answer)


def test_headers_that_a_vendor_file_names_come_with_the_answer() -> None:
    server = Server(lambda _: raw(b"{}", "X-RateLimit-Remaining: 3", "RateLimit-Reset: 9"))
    named = replace(vendor_of(C_HASHTAGS), rate_headers=RateHeaders("x-ratelimit-remaining", "ratelimit-reset"))

    async def script() -> Reply:
        async with listening(server) as port:
            access = {"crawlora": Access(named, f"http://127.0.0.1:{port}", KEY)}
            async with HttpTransport(access, "scraper/test") as opened:
                return await opened.send(REQUEST)

    assert asyncio.run(script()) == Answer(200, {"x-ratelimit-remaining": "3", "ratelimit-reset": "9"}, b"{}")
