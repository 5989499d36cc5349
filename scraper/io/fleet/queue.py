"""The task queue in PostgreSQL: Procrastinate's worker over our statements."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision, jobs
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.worker import Worker

from scraper.core.errors import StateError
from scraper.core.fleet import Again, Finished, FleetTask, GivenUp, task_of
from scraper.io.fleet.connector import Outage, PatientConnector, sentence_of
from scraper.io.fleet.overview import overview
from scraper.io.fleet.place import connected, prepared_schema
from scraper.io.fleet.tasks import FleetTasks
from scraper.ports.fleet import FleetOverview, Perform, QueuedTask, ServeTerms, TaskState

_QUEUE: Final = "scraper"
_TASK: Final = "scraper.fleet"
_HEARTBEATS: Final = 3
"""Heartbeats within the time after which a worker counts as lost."""
_SHOWN_LOST: Final = 20
"""A lost worker is shown for this many times the time after which it counts as lost."""
_POLL_S: Final = 5.0
"""Interval for tasks that become due; the database notifies workers of new tasks and free accounts."""
_PERMANENT: Final = (
    "FATAL",
    "no password supplied",
    "failed to resolve host",
    "no pg_hba.conf entry",
    "SSL",
    "does not support",
)
_NO_LOGIN: Final = (
    "the queue in the state's database cannot be used: {}. Nothing was changed; correct the user and the password in "
    "the state's URL, or put the password into ~/.pgpass."
)
_REFUSED: Final = (
    "the queue in the state's database cannot be used: {}. Nothing was changed; check the state's URL, and that its "
    "user may create a schema."
)
_PASSING: Final = ("starting up", "shutting down", "recovery", "too many", "remaining connection slots")


class _AgainError(Exception):
    """The task goes back into the queue."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("again")
        self.wait = wait


class _GivenUpError(Exception):
    """The task has failed for good."""


class _AsSaid(BaseRetryStrategy):
    """Retries a task if its verdict asks for it."""

    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> RetryDecision | None:  # noqa: ARG002
        if isinstance(exception, _AgainError):
            return RetryDecision(retry_at=datetime.now(UTC) + exception.wait)
        return RetryDecision() if isinstance(exception, StateError) else None  # its end could not be stored


class PostgresQueue:
    """See `ports.fleet.TaskQueue`; opened by `opened_queue`."""

    def __init__(self, connector: PatientConnector, outage: Outage, name: str, terms: ServeTerms) -> None:
        self._outage, self._terms = outage, terms
        self._app = App(connector=connector)
        self._tasks = self._app.job_manager = FleetTasks(connector, name, terms)
        self._perform: Perform | None = None
        self._worker: Worker | None = None
        self._app.task(name=_TASK, pass_context=True, retry=_AsSaid(), queue=_QUEUE)(self._carry_out)

    async def queue_night(self, task: FleetTask, number: int) -> bool:
        stored = {**task.to_json(), "timestamp": number}
        try:
            return await self._tasks.defer_periodic_job(_job(task, stored), task.job, number) is not None
        except AlreadyEnqueued:
            return False

    async def submit(self, task: FleetTask) -> int | None:
        try:
            return (await self._tasks.defer_job_async(_job(task, task.to_json()))).id
        except AlreadyEnqueued:
            return None

    async def rescue(self) -> Sequence[QueuedTask]:
        found = await self._tasks.rescue()
        return [
            QueuedTask(row["id"], task_of(row["args"]), TaskState.QUEUED, row["attempts"] + 1, row["at"],
                       worker=row["worker"] or "")
            for row in found
            if row["is_back"]
        ]  # fmt: skip

    async def tidy(self, older_than: timedelta) -> None:
        await self._tasks.prune_stalled_workers(_SHOWN_LOST * self._terms.lost_after_s)
        hours = max(1, older_than // timedelta(hours=1))
        await self._tasks.delete_old_jobs(hours, include_failed=True, include_cancelled=True, include_aborted=True)

    async def serve(self, perform: Perform) -> None:
        self._perform, terms = perform, self._terms
        beat_s = terms.lost_after_s / _HEARTBEATS
        self._worker = Worker(
            self._app,
            concurrency=terms.at_once,
            install_signal_handlers=False,
            update_heartbeat_interval=beat_s,
            stalled_worker_timeout=terms.lost_after_s,
            fetch_job_polling_interval=_POLL_S,
        )
        asyncio.get_running_loop().set_exception_handler(_without_outages)
        beating = asyncio.ensure_future(self._tasks.beat(beat_s))
        try:
            await self._worker.run()  # type: ignore[no-untyped-call]
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    def stop(self) -> None:
        self._outage.give_up_soon()
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]

    async def overview(self, since: timedelta) -> FleetOverview:
        return await overview(self._app.connector, since, self._terms.lost_after_s)

    async def _carry_out(self, context: JobContext, /, **stored: Any) -> None:  # noqa: ANN401 - the task as stored
        assert self._perform is not None  # noqa: S101 - set by `serve`
        job = context.job
        end = await self._perform(task_of(stored), job.attempts)
        if job.id is not None:
            counts = not isinstance(end.verdict, Again) or end.verdict.counts
            await self._tasks.note_end(job.id, end.exit_code, end.words, counts=counts)
        match end.verdict:
            case Again(wait=wait):
                raise _AgainError(wait)
            case GivenUp():
                raise _GivenUpError
            case Finished():
                return


def _without_outages(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Suppress what `Outage` has reported: an asyncio task of Procrastinate that could not store a task's end."""
    if not isinstance(context.get("exception"), StateError):
        loop.default_exception_handler(context)


def _job(task: FleetTask, stored: dict[str, Any]) -> jobs.Job:
    return jobs.Job(
        id=None,
        queue=_QUEUE,
        task_name=_TASK,
        lock=task.lock,
        queueing_lock=task.key,
        priority=task.priority,
        task_kwargs=stored,
    )


@asynccontextmanager
async def opened_queue(
    conninfo: str, name: str, say: Callable[[str], object], terms: ServeTerms | None = None
) -> AsyncIterator[PostgresQueue]:
    """Open the queue beside the state, and create its schema if there is none.

    `conninfo`: the state's server, as libpq reads it. `name`: this process, ``host:pid``. `terms`: those of a worker,
    which waits for a database that does not answer; without them that is a StateError. A refused login always is.
    """
    for logger in ("procrastinate", "psycopg"):  # `Outage` reports each failure once
        logging.getLogger(logger).addHandler(logging.NullHandler())
        logging.getLogger(logger).propagate = False
    outage = Outage(conninfo, say, waits=terms is not None)
    schema = await outage.outlasted(lambda: _prepared(conninfo))
    connector = PatientConnector(conninfo, schema, outage)
    await connector.open_async()
    try:
        yield PostgresQueue(connector, outage, name, terms or ServeTerms(tuple))
    finally:
        await connector.close_async()


async def _prepared(conninfo: str) -> str:
    """Return the name of the schema; StateError if the server answers and refuses."""
    try:
        async with await connected(conninfo) as connection:
            return await prepared_schema(connection)
    except psycopg.OperationalError as failure:
        if (refusal := lasting_refusal(failure)) is not None:
            raise StateError(refusal) from failure
        raise
    except psycopg.Error as failure:
        raise StateError(_REFUSED.format(sentence_of(failure))) from failure


def lasting_refusal(failure: psycopg.OperationalError) -> str | None:
    """Return the message for a login that the server will always refuse; ``None`` if it may accept it later."""
    words = str(failure)
    if not any(sign in words for sign in _PERMANENT) or any(sign in words for sign in _PASSING):
        return None
    return (_NO_LOGIN if "password" in words else _REFUSED).format(sentence_of(failure))
