"""The start times of a job, as cron and systemd write them, and the command to start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
MINUTES_OF_AN_HOUR: Final = (10, 12, 15, 20, 30)
HOURS_OF_A_DAY: Final = (1, 2, 3, 4, 6, 8, 12)
"""The periods that cron can state within an hour and a day: they divide it."""

BUCKET_VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
"""Credentials of an archive in a bucket, for a machine without a role for it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The period and the time at which a job is started. A timer can only state periods that divide a day or a week;
    for any other, it starts the job more often, and the starts beyond one a night send nothing."""

    period: timedelta = DAY
    starts_at: timedelta = timedelta(hours=2, minutes=15)
    """Time of day, UTC. Shorter periods start at this time and at each period from it."""

    @property
    def step(self) -> timedelta:
        """The longest period a timer can state that is at most `period`."""
        if self.period < HOUR:
            fitting = [m for m in MINUTES_OF_AN_HOUR if timedelta(minutes=m) <= self.period]
            return timedelta(minutes=max(fitting, default=MINUTES_OF_AN_HOUR[0]))
        if self.period < DAY:
            return HOUR * max(h for h in HOURS_OF_A_DAY if HOUR * h <= self.period)
        return DAY if self.period < WEEK else WEEK

    @property
    def is_exact(self) -> bool:
        return self.step == self.period

    @property
    def words(self) -> str:
        """``every day at 02:15``, ``every 6 hours, at 02:15 among them``."""
        hours, minutes = self._clock()
        clock = f"{hours:02}:{minutes:02}"
        if self.step == WEEK:
            return f"every Monday at {clock}"
        if self.step == DAY:
            return f"every day at {clock}"
        if self.step < HOUR:
            return f"every {self.step // timedelta(minutes=1)} minutes"
        return "every hour" if self.step == HOUR else f"every {self.step // HOUR} hours, at {clock} among them"

    def cron(self, zone: timedelta = timedelta(0)) -> str:
        """Return the five fields of cron; `zone`: the time by which the reader's clock is ahead of UTC."""
        hours, minutes = self._clock(zone)
        if self.step < HOUR:
            step = self.step // timedelta(minutes=1)
            return f"{minutes % step}-59/{step} * * * *"
        if self.step == HOUR:
            return f"{minutes} * * * *"
        if self.step < DAY:
            step = self.step // HOUR
            return f"{minutes} {','.join(str(hour) for hour in range(hours % step, 24, step))} * * *"
        weekday = (1 + (self.starts_at + zone) // DAY) % 7 if self.step == WEEK else "*"
        return f"{minutes} {hours} * * {weekday}"

    def on_calendar(self) -> str:
        """Return systemd's calendar expression."""
        hours, minutes = self._clock()
        if self.step < HOUR:
            step = self.step // timedelta(minutes=1)
            return f"*-*-* *:{minutes % step:02}/{step}:00 UTC"
        if self.step < DAY:
            step = self.step // HOUR
            return f"*-*-* {hours % step:02}/{step}:{minutes:02}:00 UTC"
        return f"{'Mon ' if self.step == WEEK else ''}*-*-* {hours:02}:{minutes:02}:00 UTC"

    def _clock(self, zone: timedelta = timedelta(0)) -> tuple[int, int]:
        minutes = (self.starts_at + zone) % DAY // timedelta(minutes=1)
        return minutes // 60, minutes % 60


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job and its place on this machine. Paths are absolute, except `job`, which is relative to `base` if it is
    inside it."""

    name: str
    """Letters, digits, ``-``, ``_`` and ``.``."""
    job: str
    base: str
    """The working directory: the project."""
    data: str
    shared: tuple[str, ...]
    """The options that name a state or an archive outside the data directory: `--data` alone would leave them out."""
    shared_variables: tuple[str, ...]
    """Variables of PostgreSQL's client and the bucket, which are not read from `.env`."""
    extras: tuple[str, ...]
    """Extras of the distribution that state and archive need."""
    program: tuple[str, ...]
    """The command that starts this program here, without arguments."""
    distribution: str
    """The name by which package indexes know this program."""
    version: str
    key_variables: tuple[str, ...]
    timing: Timing
    zone: timedelta = timedelta(0)
    """Time by which this machine's clock is ahead of UTC today; cron uses that clock."""

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("run", self.job)

    @property
    def variables(self) -> tuple[str, ...]:
        return (*self.key_variables, *self.shared_variables)

    @property
    def places(self) -> tuple[str, ...]:
        return ("--data", self.data, *self.shared)

    @property
    def requirement(self) -> str:
        """The distribution with its extras, as pip takes it."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.distribution}{extras}=={self.version}"

    @property
    def inexact(self) -> tuple[str, ...]:
        """The comment for a timer with more starts than nights."""
        if self.timing.is_exact:
            return ()
        return ("More starts than nights: a start in a night that already has its run sends nothing.",)


@dataclass(frozen=True, slots=True)
class ScheduleFile:
    """A file to be installed."""

    name: str
    content: str
    install: str
    """How to install it, in a line for people."""


def comment(*lines: str) -> str:
    return "".join(f"# {line}\n" for line in lines if line)
