"""A line of crontab(5)."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta

from scraper.core.schedule.timing import ScheduledJob, ScheduleFile, comment


def cron_files(scheduled: ScheduledJob) -> Sequence[ScheduleFile]:
    timing, zone = scheduled.timing, scheduled.zone
    keys, shared = " and ".join(scheduled.key_variables) or "no key", ", ".join(scheduled.shared_variables)
    clock = (
        "UTC" if not zone else f"UTC, which this machine's clock shows {_ahead(zone)} today; cron goes by that clock"
    )
    head = comment(
        f"{scheduled.name}: {timing.words} {clock}",
        *scheduled.inexact,
        f"Keys ({keys}): scraper reads them from {scheduled.base}/.env",
        f"Set in the crontab, above this line, as NAME=value: {shared}. .env is not read for these." if shared else "",
        "A start while the last one still runs is left out (flock). cron mails what is printed: the log of a night",
        "that failed. Exit code 3 is no failure: the run's own budget is spent. cron does not catch up on a night",
        "that was missed while the machine was off; systemd's timers do.",
    )
    log = f"{scheduled.name}.log"
    command = shlex.join([*scheduled.program, *scheduled.arguments, *scheduled.places])
    watched = f"{command} >{log} 2>&1 || [ $? -eq 3 ] || cat {log}"
    locked = ["flock", "--nonblock", "--conflict-exit-code", "0", scheduled.job, "sh", "-c", watched]
    line = f"cd {shlex.quote(scheduled.base)} && {shlex.join(locked)}"
    escaped = line.replace("%", r"\%")  # cron turns a bare one into a line break
    content = f"{head}{timing.cron(zone)} {escaped}\n"
    return [ScheduleFile(f"{scheduled.name}.cron", content, "add its line with: crontab -e")]


def _ahead(zone: timedelta) -> str:
    minutes = abs(zone) // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02} h {'later' if zone > timedelta(0) else 'earlier'}"
