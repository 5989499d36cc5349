"""Commands that a worker carries out: they end with it, and say what they are asked for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scraper.io.fleet import ChildPrograms
from scraper.ports.fleet import ProgramEnd
from tests.runs.told_project import ROOT

SAYS = """
import signal, sys
assert sys.argv[1:] == ["--attended", "run", "it"], sys.argv
print("a result", flush=True)
print("a warning\\n\\n", "the last word", sep="", file=sys.stderr, flush=True)
sys.exit(3)
"""
STOPS = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("up", file=sys.stderr, flush=True)
signal.sigwait([signal.SIGTERM])
sys.exit(130)
"""


def programs(script: str, heard: list[str]) -> ChildPrograms:
    return ChildPrograms(
        [sys.executable, "-c", script], dict(os.environ), lambda title, line: heard.append(f"{title}: {line}")
    )


def test_a_commands_lines_are_passed_on_and_its_end_is_told() -> None:
    heard = list[str]()
    end = asyncio.run(programs(SAYS, heard).carry_out("night", ["run", "it"]))
    assert end == ProgramEnd(3, b"a result\n", "the last word")
    assert heard == ["night: a warning", "night: the last word"]


def test_what_is_carried_out_is_asked_to_end_in_order_even_while_it_is_being_started() -> None:
    async def whole(*, at_once: bool) -> ProgramEnd:
        up = asyncio.Event()
        children = ChildPrograms([sys.executable, "-c", STOPS], dict(os.environ), lambda *_: up.set())
        if at_once:
            children.stop()
        carried = asyncio.ensure_future(children.carry_out("night", []))
        if not at_once:
            await up.wait()
            children.stop()
        return await carried

    assert asyncio.run(whole(at_once=False)).exit_code == 130
    assert asyncio.run(whole(at_once=True)).exit_code in {130, -15}, "it may not have come to block the signal"


def test_a_program_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(ChildPrograms(["/nowhere/scraper"], {}, print).carry_out("night", []))


def test_an_attended_command_ends_in_order_when_whoever_started_it_is_gone(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "scraper", "--attended", "sandbox", "--port", "0"]
    with subprocess.Popen(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stdin is not None
        assert process.stderr.readline().startswith("sandbox listening at ")
        process.stdin.close()
        assert "the process that started this one is gone: stopping in order\n" in process.stderr.readlines()
        assert process.wait(60) == 0
