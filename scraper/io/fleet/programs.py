"""Commands of this program as child processes that do not outlive the worker.

A child's standard input is the reading end of a pipe. When the worker ends, for whatever reason, the system closes the
other end, and the child shuts down gracefully (`scraper --attended`): a parent-death signal exists on Linux only, is
tied to a thread, and leaves requests in flight no time to finish. A child is in a session of its own, so that a Ctrl-C
at the worker's terminal reaches it once, through the worker.
"""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from scraper.ports.fleet import ProgramEnd

_LONGEST_LINE: Final = 1_000_000
_KEPT: Final = 4_000_000
"""Bytes of stdout that are kept: a result is a few kilobytes."""


class ChildPrograms:
    """`program`: the command line that starts this program. `hear` receives a task's title and a line of its stderr."""

    def __init__(
        self, program: Sequence[str], environment: Mapping[str, str], hear: Callable[[str, str], object]
    ) -> None:
        self._program, self._environment, self._hear = tuple(program), dict(environment), hear
        self._processes: set[Process] = set()
        self._stopping = False

    async def carry_out(self, title: str, words: Sequence[str]) -> ProgramEnd:
        process = await asyncio.create_subprocess_exec(
            *self._program,
            "--attended",
            *words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._environment,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        self._processes.add(process)
        if self._stopping:  # `stop` was called while the process was being started
            self._signal(process, signal.SIGTERM)
        try:
            stdout, last_words, code = await asyncio.gather(_all(process), self._told(process, title), process.wait())
        except BaseException:
            self._signal(process, signal.SIGKILL)
            raise
        finally:
            self._processes.discard(process)
            if process.stdin is not None:
                process.stdin.close()
        return ProgramEnd(code, stdout, last_words)

    def stop(self) -> None:
        self._stopping = True
        for process in self._processes:
            self._signal(process, signal.SIGTERM)

    async def _told(self, process: Process, title: str) -> str:
        """Pass on each line of stderr; return the last one."""
        assert process.stderr is not None  # noqa: S101 - a pipe
        last = ""
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than anything that we write
                continue
            if not line:
                return last
            if text := line.decode("utf-8", "replace").rstrip():
                last = text
                self._hear(title, text)

    @staticmethod
    def _signal(process: Process, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


async def _all(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe
    kept = bytearray()
    while chunk := await process.stdout.read(65_536):
        kept += chunk[: _KEPT - len(kept)]
    return bytes(kept)
