"""A process that stood still: its deadlines count only the time in which its event loop ran."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.io.http_transport import HttpTransport, Limits
from scraper.io.running_time import BEAT_S, LONGEST_GAP_S, RunningTime
from tests.core.builders import C_HASHTAGS, walk_of
from tests.examples import examples
from tests.io.raw_server import REQUEST, listening, raw, transport

T = TypeVar("T")

IN_FLIGHT = 200
MINUTE = Limits(connect_s=10.0, headers_s=60.0, between_bytes_s=30.0, whole_s=90.0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop that can stand still for any time without anybody waiting for it."""

    stood_still_s = 0.0

    def time(self) -> float:
        return super().time() + self.stood_still_s

    def stand_still(self, seconds: float) -> None:
        """What comes due meanwhile is due in this very tick."""
        self.stood_still_s += seconds


def on_jumping_loop(script: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(script)


def the_loop() -> JumpingLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    return loop


async def ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# --- requests in flight -----------------------------------------------------------------------------------------------


async def answers_after(pause_s: float, before: bytes, after: bytes, limits: Limits = MINUTE) -> list[Reply]:
    """Requests in flight at once; the process stands still in the tick in which their answers (`after`) have come."""
    arrived, everybody_is_here = [0], asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(before)
        arrived[0] += 1
        if arrived[0] == IN_FLIGHT:
            await ticks(50)  # the clients read `before`
            everybody_is_here.set()
        await everybody_is_here.wait()
        writer.write(after)

    async def stopped() -> None:
        await everybody_is_here.wait()
        the_loop().stand_still(pause_s)

    requests = [walk_of(C_HASHTAGS, country_code="US").request(1) for _ in range(IN_FLIGHT)]
    async with listening(serve, backlog=IN_FLIGHT) as port, transport(f"http://127.0.0.1:{port}", limits) as opened:
        standing = asyncio.ensure_future(stopped())
        replies = await asyncio.gather(*(opened.send(request) for request in requests))
        await standing
    return list(replies)


@pytest.mark.parametrize("pause_s", [2.0, 66.0, 86_400.0])
@pytest.mark.parametrize("came_before", [0, 40, 45], ids=["nothing", "half a body", "all but a byte"])
def test_no_answer_is_lost_that_came_while_the_process_stood_still(pause_s: float, came_before: int) -> None:
    answer = raw(b'{"code":200}', "X: y")
    limits = Limits(connect_s=1.0, headers_s=1.5, between_bytes_s=1.0, whole_s=1.9) if pause_s == 2.0 else MINUTE
    replies = on_jumping_loop(answers_after(pause_s, answer[:came_before], answer[came_before:], limits))
    assert replies == [Answer(200, {}, b'{"code":200}')] * IN_FLIGHT


def test_a_connection_under_way_when_the_process_stood_still_is_no_failure() -> None:
    async def script() -> Reply:
        async with listening(_answering) as port, transport(f"http://127.0.0.1:{port}", MINUTE) as opened:
            sending = asyncio.ensure_future(opened.send(REQUEST))
            await asyncio.sleep(0)  # its connection begins
            the_loop().stand_still(70)
            return await sending

    assert on_jumping_loop(script()) == Answer(200, {}, b"{}")


def test_a_vendor_that_is_silent_is_given_up_after_as_long_as_the_process_ran() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def script() -> Reply:
        limits = Limits(headers_s=0.1)
        async with listening(silent) as port, transport(f"http://127.0.0.1:{port}", limits) as opened:
            sending = asyncio.ensure_future(opened.send(REQUEST))
            await ticks(50)
            the_loop().stand_still(70)
            return await sending

    assert on_jumping_loop(script()) == NoAnswer(sent=True, reason="no answer within 0.1 s")


async def _answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(raw(b"{}"))


@pytest.mark.parametrize(("suspended_for_s", "connections"), [(0.0, 1), (0.4, 1), (30.0, 2)])
def test_a_kept_connection_is_not_used_again_after_the_machine_was_suspended(
    suspended_for_s: float, connections: int
) -> None:
    async def script() -> int:
        asked, suspended_s = [0], [7.0]

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked[0] += 1
            await _answering(reader, writer)

        def told() -> float:
            return suspended_s[0]

        async with (
            listening(serve) as port,
            transport(f"http://127.0.0.1:{port}", suspended_s=told) as opened,
        ):
            await _sent_once(opened)
            suspended_s[0] += suspended_for_s
            await _sent_once(opened)
            await _sent_once(opened)
        return asked[0]

    assert asyncio.run(script()) == connections


async def _sent_once(opened: HttpTransport) -> None:
    assert isinstance(await opened.send(REQUEST), Answer)


# --- running time -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 100.0)), max_size=30))
@examples(60)
def test_running_time_counts_no_more_than_a_beat_of_each_gap(
    passing: list[tuple[bool, float]],
) -> None:
    async def script() -> None:
        time, ran_s = RunningTime(), 0.0
        time.begin()
        began = time.now()
        for stood_still, seconds in passing:
            if stood_still:
                the_loop().stand_still(seconds + LONGEST_GAP_S)
                ran_s += BEAT_S
            else:  # many ticks, each in time
                for _ in range(int(seconds / BEAT_S)):
                    the_loop().stand_still(BEAT_S)
                    time.now()
                    ran_s += BEAT_S
            assert time.now() - began == pytest.approx(ran_s, abs=0.2)
        time.end()

    on_jumping_loop(script())


@pytest.mark.parametrize(("tick_s", "at_most_s"), [(LONGEST_GAP_S * 0.4, 22.0), (LONGEST_GAP_S * 2, 400.0)])
def test_a_loop_that_is_slow_but_runs_comes_to_its_deadlines(tick_s: float, at_most_s: float) -> None:
    """Of ticks that take three seconds, at least every third counts as half a second."""

    async def slow(time: RunningTime) -> None:
        async with time.until(time.now() + 20.0):
            while True:
                the_loop().stand_still(tick_s)
                await asyncio.sleep(0)

    async def script() -> float:
        time, began = RunningTime(), the_loop().time()
        time.begin()
        with pytest.raises(TimeoutError):
            await slow(time)
        time.end()
        return the_loop().time() - began

    assert 20.0 <= on_jumping_loop(script()) <= at_most_s


def test_a_block_that_ends_in_time_leaves_no_timer_behind() -> None:
    async def script() -> None:
        time = RunningTime()
        time.begin()
        async with time.until(time.now() + 1.0):
            pass
        the_loop().stand_still(1.2)
        await ticks(2)
        time.end()

    on_jumping_loop(script())
