"""Queues of a fleet for tests: over a real server, each worker of it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest

from scraper.core.fleet import Finished, FleetTask, TaskKind
from scraper.io.fleet.queue import PostgresQueue, opened_queue
from scraper.io.state import libpq_settings
from scraper.ports.fleet import QueuedTask, ServeTerms, TaskEnd, TaskState
from tests.databases import the_server
from tests.fleet.postgres_server import NOT_THERE, binaries

DONE = TaskEnd(Finished(), 0, "complete")
DAY = timedelta(days=1)


def database_url() -> str:
    """An empty database of its own; the test is skipped where there is no server."""
    if binaries() is None:
        pytest.skip(NOT_THERE)
    return the_server().new_database()


def run_of(job: str, *accounts: str, weight: int = 1) -> FleetTask:
    return FleetTask(TaskKind.RUN, job, accounts or ("crawlora/default",), weight)


async def each_moment() -> AsyncIterator[None]:
    """To look whether another process, or the server, has come so far."""
    while True:
        yield
        await asyncio.sleep(0.01)


@dataclass(slots=True)
class Fleet:
    """Workers over one database; `jobs` are those that they take."""

    url: str
    jobs: tuple[str, ...]
    opened: AsyncExitStack
    said: list[str] = field(default_factory=list)
    _serving: list[tuple[PostgresQueue, asyncio.Task[None]]] = field(default_factory=list)

    async def queue(self, name: str = "here:1", **terms: float) -> PostgresQueue:
        served = ServeTerms(lambda: self.jobs, **terms)  # type: ignore[arg-type]
        return await self.opened.enter_async_context(
            opened_queue(libpq_settings(self.url), name, self.said.append, served)
        )

    async def worker(
        self, name: str, perform: Callable[[FleetTask, int], Awaitable[TaskEnd]], **terms: float
    ) -> PostgresQueue:
        """One that takes tasks from now on."""
        queue = await self.queue(name, **terms)
        self._serving.append((queue, asyncio.ensure_future(queue.serve(perform))))
        return queue

    async def close(self) -> None:
        for queue, _ in self._serving:
            queue.stop()
        await asyncio.gather(*(serving for _, serving in self._serving))

    async def tasks(self, queue: PostgresQueue, *states: TaskState) -> Sequence[QueuedTask]:
        found = (await queue.overview(DAY)).tasks
        return [each for each in found if each.state in states or not states]

    async def all_over(self, queue: PostgresQueue, tasks: int) -> Sequence[QueuedTask]:
        """So many tasks, once they have ended."""
        async with asyncio.timeout(30):
            async for _ in each_moment():
                found = await self.tasks(queue, TaskState.DONE, TaskState.GIVEN_UP)
                if len(found) >= tasks:
                    return found
        raise AssertionError

    async def change(self, sql: str) -> None:
        """Do to the queue what the program would not."""
        async with await psycopg.AsyncConnection.connect(libpq_settings(self.url), autocommit=True) as connection:
            await connection.execute("SET search_path = scraper_fleet")
            await connection.execute(sql.encode())


@asynccontextmanager
async def a_fleet(*jobs: str, url: str | None = None) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as opened:
        fleet = Fleet(url or database_url(), jobs, opened)
        try:
            yield fleet
        finally:
            await fleet.close()
