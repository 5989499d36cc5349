"""A service and a timer of systemd, for the user who runs the job."""

from __future__ import annotations

from collections.abc import Sequence

from scraper.core.schedule.timing import ScheduledJob, ScheduleFile, comment

_UNITS = "~/.config/systemd/user"


def systemd_files(scheduled: ScheduledJob) -> Sequence[ScheduleFile]:
    """Return the service and its timer. systemd catches up on a start that the machine was off for."""
    name = f"scraper-{scheduled.name}"
    return [
        ScheduleFile(f"{name}.service", _service(scheduled), f"put it into {_UNITS}/"),
        unit_file(f"{name}.timer", _timer(scheduled)),
    ]


def unit_file(name: str, content: str) -> ScheduleFile:
    enable = f"systemctl --user daemon-reload && systemctl --user enable --now {name} && loginctl enable-linger"
    return ScheduleFile(name, content, f"put it into {_UNITS}/, then: {enable}")


def _service(scheduled: ScheduledJob) -> str:
    command = [*scheduled.program, *scheduled.arguments, *scheduled.places]
    keys, shared = " and ".join(scheduled.key_variables) or "no key", ", ".join(scheduled.shared_variables)
    told = comment(
        f"Keys ({keys}): scraper reads them from .env in its working directory, or from this file, if it exists.",
        f"Only from this file: {shared}." if shared else "",
    )
    normal = comment("3: the run's own budget is spent, as on every night of a job with more boards than budget.")
    orderly = comment("SIGTERM stops a run in order: requests in flight land, for at most 90 s each.")
    return f"""[Unit]
Description=scraper run {specifiers(scheduled.job)}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={specifiers(scheduled.base)}
{told}EnvironmentFile=-%E/scraper.env
ExecStart={" ".join(map(word, command))}
{normal}SuccessExitStatus=3
{orderly}TimeoutStopSec=180
Nice=10
NoNewPrivileges=yes
"""


def _timer(scheduled: ScheduledJob) -> str:
    inexact = comment(*scheduled.inexact)
    return f"""[Unit]
Description=scraper run {specifiers(scheduled.job)}, {scheduled.timing.words} UTC

[Timer]
{inexact}OnCalendar={scheduled.timing.on_calendar()}
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def specifiers(text: str) -> str:
    return text.replace("%", "%%")


def word(word: str) -> str:
    """Return a word of ExecStart, quoted where it has to be."""
    escaped = specifiers(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return escaped if escaped and not set(escaped) & set(" \t'\"\\;") else f'"{escaped}"'
