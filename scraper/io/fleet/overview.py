"""Workers and tasks as `scraper fleet` shows them, in two statements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from procrastinate.connector import BaseConnector

from scraper.core.fleet import task_of
from scraper.ports.fleet import FleetOverview, QueuedTask, TaskState, WorkerRecord

_WORKERS: Final = """
SELECT known.name, known.version, known.started_at, worker.last_heartbeat AS seen_at, known.at_once, known.jobs,
    worker.last_heartbeat < now() - make_interval(secs => %(lost_after_s)s::float) AS is_lost
FROM procrastinate_workers AS worker JOIN fleet_workers AS known ON known.worker_id = worker.id
ORDER BY known.started_at
"""
_TASKS: Final = """
SELECT task.id, task.args, task.status::text, task.attempts, task.scheduled_at, work.worker, work.exit_code, work.words,
    changed.at AS since, now() AS at,
    task.status = 'doing' AND (
        worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(lost_after_s)s::float)
    ) AS is_lost
FROM procrastinate_jobs AS task
LEFT JOIN fleet_work AS work ON work.task_id = task.id
LEFT JOIN procrastinate_workers AS worker ON worker.id = task.worker_id
CROSS JOIN LATERAL (
    SELECT max(at) AS at FROM procrastinate_events WHERE job_id = task.id AND type <> 'scheduled'
) AS changed
WHERE task.status IN ('todo', 'doing') OR changed.at > now() - make_interval(secs => %(since_s)s::float)
ORDER BY task.status NOT IN ('doing', 'todo'), task.status <> 'doing',
    CASE WHEN task.status IN ('doing', 'todo') THEN -task.priority ELSE 0 END,
    CASE WHEN task.status IN ('doing', 'todo') THEN task.id ELSE 0 END,
    changed.at DESC
"""
_STATES: Final[Mapping[str, TaskState]] = {
    "todo": TaskState.QUEUED,
    "doing": TaskState.RUNNING,
    "succeeded": TaskState.DONE,
    "aborted": TaskState.DONE,
}


async def overview(connector: BaseConnector, since: timedelta, lost_after_s: float) -> FleetOverview:
    """Return workers, waiting and running tasks, and tasks that ended within `since`."""
    at = await connector.execute_query_one_async(query="SELECT now() AS at")
    workers = await connector.execute_query_all_async(query=_WORKERS, lost_after_s=lost_after_s)
    tasks = await connector.execute_query_all_async(
        query=_TASKS, lost_after_s=lost_after_s, since_s=since.total_seconds()
    )
    return FleetOverview(
        at["at"],
        [WorkerRecord(**{**row, "jobs": tuple(row["jobs"])}) for row in workers],
        [_task(row) for row in tasks],
    )


def _task(row: Mapping[str, Any]) -> QueuedTask:
    state = _STATES.get(row["status"], TaskState.GIVEN_UP)
    return QueuedTask(
        task_id=row["id"],
        task=task_of(row["args"]),
        state=state,
        attempts=row["attempts"],
        since=row["since"],
        not_before=row["scheduled_at"] if state is TaskState.QUEUED else None,
        worker=row["worker"] or "",
        is_lost=row["is_lost"],
        exit_code=row["exit_code"],
        words=row["words"] or "",
    )
