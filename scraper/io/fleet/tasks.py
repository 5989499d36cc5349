"""Replacements for some of Procrastinate's statements.

- A task is taken only if none of its accounts has its maximum of runs already: Procrastinate's one lock for each task
  cannot express that (`fleet_take` of `place.py`).
- A worker ends only tasks that are still its own: after a long pause another one may have them. Ending a task twice
  changes nothing, so that a statement whose answer was lost may be repeated.
- A worker whose row was pruned while it was suspended inserts it again, instead of failing with a foreign key.
- Lost tasks (Procrastinate's issue 1518) are those whose worker is gone or silent, and those that were assigned to
  this worker in an answer that never arrived.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Final

from procrastinate import jobs
from procrastinate.connector import BaseConnector
from procrastinate.manager import JobManager

from scraper.ports.fleet import ServeTerms

_ALIVE: Final = (
    "SELECT fleet_alive(%(worker_id)s, %(name)s::text, %(version)s::text, %(at_once)s::integer, %(jobs)s::text[])"
)
_TAKE: Final = """
SELECT id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts, worker_id
FROM fleet_take(%(worker_id)s, %(name)s::text, %(jobs)s::text[], %(runs_of_account)s::integer)
"""
_NOTE: Final = "UPDATE fleet_work SET exit_code = %(exit_code)s, words = %(words)s WHERE task_id = %(task_id)s"
_FINISH: Final = """
SELECT procrastinate_finish_job_v1(id, %(status)s::procrastinate_job_status, false), fleet_wake()
FROM procrastinate_jobs WHERE id = %(task_id)s AND status = 'doing' AND worker_id = %(worker_id)s
"""
_RETRY: Final = """
SELECT fleet_back(id, %(wait_s)s::float, %(counted)s)
FROM procrastinate_jobs WHERE id = %(task_id)s AND status = 'doing' AND worker_id = %(worker_id)s
"""
_RESCUE: Final = """
WITH lost AS (
    SELECT task.id, task.args, task.attempts
    FROM procrastinate_jobs AS task LEFT JOIN procrastinate_workers AS worker ON worker.id = task.worker_id
    WHERE task.status = 'doing' AND (
        worker.id IS NULL
        OR worker.last_heartbeat < now() - make_interval(secs => %(lost_after_s)s::float)
        OR (
            task.worker_id = %(worker_id)s AND task.id <> ALL(%(mine)s::bigint[])
            AND now() - make_interval(secs => %(lost_after_s)s::float)
                > (SELECT max(at) FROM procrastinate_events WHERE job_id = task.id)
        )
    )
    FOR UPDATE OF task SKIP LOCKED
)
SELECT lost.id, lost.args, lost.attempts, work.worker, now() AS at, fleet_back(lost.id, 0, 1) AS is_back
FROM lost LEFT JOIN fleet_work AS work ON work.task_id = lost.id
"""


class FleetTasks(JobManager):
    """The tasks of one worker."""

    def __init__(self, connector: BaseConnector, name: str, terms: ServeTerms) -> None:
        super().__init__(connector)
        self._name, self._terms = name, terms
        self._worker_id = 0
        self._mine: set[int] = set()
        self._uncounted: set[int] = set()
        self._taking, self._beating = asyncio.Lock(), asyncio.Lock()

    async def register_worker(self) -> int:
        self._worker_id = await super().register_worker()
        await self.update_heartbeat(self._worker_id)
        return self._worker_id

    async def unregister_worker(self, worker_id: int) -> None:
        async with self._beating:
            await super().unregister_worker(worker_id)
            self._worker_id = 0

    async def beat(self, interval_s: float) -> None:
        """Send heartbeats until cancelled: Procrastinate's own end when a worker stops, before its last runs do."""
        while True:
            await asyncio.sleep(interval_s)
            async with self._beating:
                if self._worker_id:
                    await self.update_heartbeat(self._worker_id)

    async def update_heartbeat(self, worker_id: int) -> None:
        await self.connector.execute_query_async(
            query=_ALIVE,
            worker_id=worker_id,
            name=self._name,
            version=self._terms.version,
            at_once=self._terms.at_once,
            jobs=sorted(self._terms.jobs()),
        )

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> jobs.Job | None:  # noqa: ARG002 - there is one queue
        async with self._taking:
            await self.update_heartbeat(worker_id)
            rows = await self.connector.execute_query_all_async(
                query=_TAKE,
                worker_id=worker_id,
                name=self._name,
                jobs=sorted(self._terms.jobs()),
                runs_of_account=self._terms.runs_of_account,
            )
            taken = [jobs.Job.from_row(row) for row in rows]
            self._mine.update(each.id for each in taken if each.id is not None)
        return next(iter(taken), None)

    async def note_end(self, task_id: int, exit_code: int | None, words: str, *, counts: bool) -> None:
        """Store how a task's command ended, before the task is ended. `counts`: it counts as an attempt."""
        if not counts:
            self._uncounted.add(task_id)
        await self.connector.execute_query_async(query=_NOTE, task_id=task_id, exit_code=exit_code, words=words)

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:  # noqa: ARG002 - none is
        await self._end(_FINISH, job, status=status.value)

    async def retry_job(
        self,
        job: jobs.Job,
        retry_at: datetime.datetime | None = None,
        priority: int | None = None,  # noqa: ARG002 - a task keeps its own
        queue: str | None = None,  # noqa: ARG002
        lock: str | None = None,  # noqa: ARG002
    ) -> None:
        wait_s = 0.0 if retry_at is None else (retry_at - datetime.datetime.now(datetime.UTC)).total_seconds()
        await self._end(_RETRY, job, wait_s=max(0.0, wait_s), counted=int(job.id not in self._uncounted))

    async def _end(self, statement: str, job: jobs.Job, **arguments: Any) -> None:  # noqa: ANN401 - as Procrastinate has it
        try:
            await self.connector.execute_query_async(
                query=statement, task_id=job.id, worker_id=self._worker_id, **arguments
            )
        finally:
            self._mine.discard(job.id or 0)
            self._uncounted.discard(job.id or 0)

    async def rescue(self) -> Sequence[dict[str, Any]]:
        """Queue lost tasks again; return them."""
        async with self._taking:
            return await self.connector.execute_query_all_async(
                query=_RESCUE,
                worker_id=self._worker_id,
                mine=list(self._mine),
                lost_after_s=self._terms.lost_after_s,
            )
