"""When a request leaves: over a connection that is there, in its slot, or not at all."""

from __future__ import annotations

import asyncio

from scraper.core.outcomes import Answer, NoAnswer
from tests.io.raw_server import REQUEST, Server, listening, raw, transport


def test_a_request_leaves_after_its_slot_was_asked_for_over_a_connection_that_is_there() -> None:
    server, heads_at_start = Server(lambda _: raw(b"{}"), keep_alive=True), list[int]()

    async def start() -> bool:
        heads_at_start.append(len(server.heads))
        return True

    async def script() -> list[object]:
        async with listening(server) as port, transport(f"http://127.0.0.1:{port}") as opened:
            return [await opened.send(REQUEST, start) for _ in range(2)]

    assert asyncio.run(script()) == [Answer(200, {}, b"{}")] * 2
    assert heads_at_start == [0, 1]


def test_a_request_whose_slot_is_gone_never_leaves_and_its_connection_serves_the_next_one() -> None:
    server, connections = Server(lambda _: raw(b"{}"), keep_alive=True), list[object]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await server(reader, writer)

    async def gone() -> bool:
        return False

    async def script() -> list[object]:
        async with listening(serve) as port, transport(f"http://127.0.0.1:{port}") as opened:
            return [await opened.send(REQUEST, gone), await opened.send(REQUEST)]

    assert asyncio.run(script()) == [NoAnswer(sent=False, reason="its slot is gone"), Answer(200, {}, b"{}")]
    assert (len(server.heads), len(connections)) == (1, 1)


def test_a_connection_that_ends_while_it_waits_for_a_slot_loses_no_request() -> None:
    server, asked, ended = Server(lambda _: raw(b"{}"), keep_alive=True), list[str](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not ended.is_set():  # the first connection ends before anything was written to it
            writer.close()
            await writer.wait_closed()
            ended.set()
        else:
            await server(reader, writer)

    async def start() -> bool:
        asked.append("slot")
        await ended.wait()
        for _ in range(10):  # our side sees the end in a turn of the loop
            await asyncio.sleep(0)
        return True

    async def script() -> object:
        async with listening(serve) as port, transport(f"http://127.0.0.1:{port}") as opened:
            return await opened.send(REQUEST, start)

    assert asyncio.run(script()) == Answer(200, {}, b"{}")
    assert (asked, len(server.heads)) == (["slot", "slot"], 1)
