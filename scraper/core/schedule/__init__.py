"""Timers for a repeated job, and units for a worker of a fleet, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from scraper.core.schedule.cron import cron_files
from scraper.core.schedule.github_actions import github_actions_files
from scraper.core.schedule.kubernetes import kubernetes_files
from scraper.core.schedule.systemd import systemd_files
from scraper.core.schedule.timing import BUCKET_VARIABLES, ScheduledJob, ScheduleFile, Timing
from scraper.core.schedule.worker import WORKER_KINDS, ScheduledWorker

__all__ = ["BUCKET_VARIABLES", "KINDS", "WORKER_KINDS", "ScheduleFile", "ScheduledJob", "ScheduledWorker", "Timing"]

KINDS: Final[Mapping[str, Callable[[ScheduledJob], Sequence[ScheduleFile]]]] = {
    "cron": cron_files,
    "systemd": systemd_files,
    "github-actions": github_actions_files,
    "kubernetes": kubernetes_files,
}
"""Kind of timer → the files that it needs."""
