"""Workers and tasks of a fleet, as tables for people and plain objects for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from scraper.cli.formatting import count, duration, harmless, instant
from scraper.cli.tables import heading, new_table, print_fields
from scraper.core.units import iso_utc
from scraper.ports import Lease
from scraper.ports.fleet import FleetOverview, QueuedTask, TaskState, WorkerRecord


def print_fleet(fleet: FleetOverview, leases: Sequence[Lease], console: Console) -> None:
    """Print the workers, then running, queued and ended tasks, and the leases that are held."""
    alive = [worker for worker in fleet.workers if not worker.is_lost]
    open_tasks = [task for task in fleet.tasks if task.state in {TaskState.RUNNING, TaskState.QUEUED}]
    running = sum(task.state is TaskState.RUNNING for task in open_tasks)
    words = f"{_workers_words(fleet.workers)} · {count(running)} running · {count(len(open_tasks) - running)} queued"
    console.print(Text(words, style="bold" if alive or not open_tasks else "bold red"))
    if open_tasks and not alive:
        console.print(Text("Tasks wait until a worker runs: scraper worker"))
    if fleet.workers:
        console.print()
        _print_workers(fleet, console)
    if open_tasks:
        heading(console, "tasks")
        states = ["lost" if task.is_lost else task.state.value for task in open_tasks]
        print_fields(console, list(zip(states, (_open_words(task, fleet) for task in open_tasks), strict=True)))
    if ended := [task for task in fleet.tasks if task not in open_tasks]:
        heading(console, "ended")
        print_fields(console, [(task.state.value, _ended_words(task)) for task in ended])
    if leases:
        heading(console, "leases")
        print_fields(console, [(_held(lease), f"{harmless(lease.words)}, epoch {lease.epoch}") for lease in leases])


def _workers_words(workers: Sequence[WorkerRecord]) -> str:
    lost = sum(worker.is_lost for worker in workers)
    alive = len(workers) - lost
    words = f"{count(alive)} worker{'' if alive == 1 else 's'}" if alive else "no worker"
    return words + (f" · {count(lost)} lost" if lost else "")


def _print_workers(fleet: FleetOverview, console: Console) -> None:
    table = new_table()
    for title in ("worker", "since", "seen", "tasks", "jobs"):
        table.add_column(title, overflow="ellipsis" if title == "jobs" else "fold", no_wrap=title == "jobs")
    for worker in fleet.workers:
        busy = sum(task.worker == worker.name and task.state is TaskState.RUNNING for task in fleet.tasks)
        seen = f"{duration((fleet.at - worker.seen_at).total_seconds())} ago"
        table.add_row(
            Text(harmless(worker.name)),
            instant(worker.started_at),
            Text(f"lost, {seen}", style="red") if worker.is_lost else Text(seen),
            f"{busy} of {worker.at_once}",
            Text(harmless(", ".join(worker.jobs))),
        )
    console.print(table)


def _held(lease: Lease) -> str:
    return lease.what if lease.job is None else f"job {lease.job}"


def _open_words(task: QueuedTask, fleet: FleetOverview) -> str:
    words = [harmless(task.task.title)]
    alive = [worker for worker in fleet.workers if not worker.is_lost]
    if task.task.night_at is not None:
        words.append(f"night of {instant(task.task.night_at)}")
    if task.state is TaskState.RUNNING:
        words.append(f"on {harmless(task.worker)} for {duration((fleet.at - task.since).total_seconds())}")
    elif task.not_before is not None and task.not_before > fleet.at:
        words.append(f"not before {instant(task.not_before)}")
    elif task.task.job and alive and not any(task.task.job in worker.jobs for worker in alive):
        words.append("no worker has this job")
    if task.attempts:
        words.append(f"tried {task.attempts}×")
    if task.words and task.attempts and task.state is TaskState.QUEUED:
        words.append(harmless(task.words))
    return " · ".join(words)


def _ended_words(task: QueuedTask) -> str:
    code = "" if task.exit_code is None else f" · exit code {task.exit_code}"
    return f"{harmless(task.task.title)} · {instant(task.since)}{code} · {harmless(task.words)}"


def fleet_json(fleet: FleetOverview, leases: Sequence[Lease]) -> dict[str, Any]:
    return {
        "at": iso_utc(fleet.at),
        "workers": [
            {
                "name": worker.name,
                "version": worker.version,
                "started_at": iso_utc(worker.started_at),
                "seen_at": iso_utc(worker.seen_at),
                "lost": worker.is_lost,
                "at_once": worker.at_once,
                "jobs": list(worker.jobs),
            }
            for worker in fleet.workers
        ],
        "tasks": task_rows(fleet),
        "leases": [
            {
                "what": lease.what,
                "holder": lease.holder,
                "epoch": lease.epoch,
                "since": iso_utc(lease.since),
                "expires_at": iso_utc(lease.expires_at),
            }
            for lease in leases
        ],
    }


def task_rows(fleet: FleetOverview) -> list[dict[str, Any]]:

    return [
        {
            "task_id": task.task_id,
            "kind": task.task.kind.value,
            "job": task.task.job or None,
            "table": task.task.table,
            "partition": task.task.partition,
            "state": task.state.value.replace(" ", "_"),
            "lost": task.is_lost,
            "night_at": _iso(task.task.night_at),
            "since": iso_utc(task.since),
            "not_before": _iso(task.not_before),
            "attempts": task.attempts,
            "worker": task.worker or None,
            "exit_code": task.exit_code,
            "message": task.words or None,
        }
        for task in fleet.tasks
    ]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso_utc(moment)
