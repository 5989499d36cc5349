"""Settings that commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UnreadableError, UsageError
from scraper.io.clock import SystemClock
from scraper.wiring.project import (
    ARCHIVE_VARIABLE,
    SANDBOX,
    STATE_VARIABLE,
    Project,
    first_with_data,
    has_data,
    job_words,
)

if TYPE_CHECKING:
    from scraper.io.archive.tree import Tree
    from scraper.ports import Clock

SANDBOX_KEY = "sandbox-key"
"""Accepted by our sandbox only."""
SANDBOX_VENDORS = ("crawlora", "keyapi")


@dataclass(frozen=True, slots=True)
class Settings:
    """Data directory, vendors and sandbox, as the command line states them."""

    data: Path | None = None
    """``None``: the project's, or `sandbox` below it with the sandbox."""
    state: str | None = field(default=None, repr=False)
    """URL of the state, which may contain a password; see `state_url`."""
    archive: str | None = None
    """The archive; see `archive_place`."""
    project: Project = field(default_factory=Project)
    """Default: outside any project."""
    sandbox: bool = False
    seed: int = 0
    world: Path | None = None
    """Lists that the sandbox replays: a world file, or a data directory."""
    turnover: Mapping[str, str] = field(default_factory=dict)
    """Table → turnover of the sandbox's boards after 1, 7 and 30 days in percent: ``15,55,85``."""
    day: date | None = None
    """The day for which the sandbox generates records; ``None``: the clock's."""
    keeps_rate: bool = True
    """In the sandbox requests keep to the accounts' rates, as they do at the vendors."""
    faults: Sequence[str] = ()
    """Faults to inject into the sandbox, in the syntax of `--fault`."""
    vendor_urls: Mapping[str, str] = field(default_factory=dict)
    """Vendor → a base URL that replaces the vendor file's."""
    allow_hosts: Sequence[str] = ()
    """Hosts that keys may go to because the user says so: HOST or HOST=VARIABLE."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    """The clock of the program and of the sandbox's metering."""

    @property
    def data_directory(self) -> Path:
        return self.project.data_directory(sandbox=self.sandbox) if self.data is None else self.data

    @property
    def state_url(self) -> str:
        """The URL of the state: a file in the data directory, unless another database is named.

        A directory named with `data`, or the sandbox's, has a state of its own, not the project's.
        """
        from scraper.io.state import state_url

        return self._place(self.state, STATE_VARIABLE, self.project.state) or state_url(self.data_directory)

    @property
    def state_elsewhere(self) -> str:
        """The URL of a state outside the data directory, without its password; else empty."""
        from scraper.io.state import without_password

        named = self._place(self.state, STATE_VARIABLE, self.project.state)
        return "" if named is None else without_password(named)

    @property
    def state_place(self) -> str:
        """The place of the state, for messages."""
        return self.state_elsewhere or str(self.data_directory)

    @property
    def archive_place(self) -> str:
        """The archive: a directory, by default in the data directory, or ``s3://bucket/prefix``."""
        return self.archive_elsewhere or str(self.data_directory / "archive")

    @property
    def archive_elsewhere(self) -> str:
        """The archive if one is named; empty: it is in the data directory. UsageError for an unknown scheme."""
        named = self._place(self.archive, ARCHIVE_VARIABLE, self.project.archive)
        return named_archive(named or "")

    def _place(self, named: str | None, variable: str, of_project: str | None) -> str | None:
        """Return the place from an option, the environment, or the project's file for its own data; else ``None``."""
        if named is not None or self.sandbox:
            return named
        return self.environment.get(variable) or (of_project if self._is_of_project else None)

    @property
    def _is_of_project(self) -> bool:
        """Return whether the data is the project's own, even if its directory was named, as a timer does."""
        return self.data is None or os.path.realpath(self.data) == os.path.realpath(self.project.data)

    @property
    def lifts_rate(self) -> bool:
        """True if requests may follow each other at once; never where an address may be a vendor's."""
        return self.sandbox and not self.keeps_rate and not self.vendor_urls

    @property
    def kind(self) -> str:
        """``real`` or ``sandbox``: the kind of a data directory never changes."""
        return "sandbox" if self.sandbox else "real"


def run_words(job: Path, settings: Settings) -> Sequence[str]:
    """Return the words after `scraper` that run a job with these settings."""
    return ["run", job_words(job), *option_words(settings)]


def place_words(settings: Settings) -> Sequence[str]:
    """Return the options that lead to the same data."""
    words = ["--sandbox"] if settings.sandbox else []
    return words + _named_places(settings)


def _named_places(settings: Settings) -> list[str]:
    """Return the places named on the command line; a state's URL without its password."""
    from scraper.io.state import without_password

    words = ["--data", str(settings.data)] if settings.data is not None else []
    words += ["--state", without_password(settings.state)] if settings.state is not None else []
    return words + (["--archive", settings.archive] if settings.archive is not None else [])


def option_words(settings: Settings) -> Sequence[str]:
    """Return the options that lead to the same vendors and the same data."""
    words = ["--sandbox"] if settings.sandbox else []
    words += ["--seed", str(settings.seed)] if settings.seed else []
    words += ["--day", str(settings.day)] if settings.day else []
    words += ["--world", str(settings.world)] if settings.world else []
    for table, turnover in settings.turnover.items():
        words += ["--turnover", f"{table}={turnover}"]
    words += ["--rate"] if settings.sandbox and settings.keeps_rate else []
    for fault in settings.faults:
        words += ["--fault", fault]
    words += _named_places(settings)
    for vendor, url in settings.vendor_urls.items():
        words += ["--vendor-url", f"{vendor}={url}"]
    for host in settings.allow_hosts:
        words += ["--allow-host", host]
    return words


def data_is_there(settings: Settings) -> None:
    """Raise UsageError unless the data directory holds data: commands that read create none."""
    try:
        found = has_data(settings.data_directory)
    except OSError as failure:
        raise UnreadableError(str(settings.data_directory), failure.strerror) from failure
    if not found:
        raise no_data(settings)


def no_ledger(settings: Settings) -> UsageError:
    """Return the error of a command that reads the ledger where there is none, beside an archive or not."""
    where = settings.data_directory
    if settings.state_elsewhere:
        return UsageError(
            f"there is no ledger in {settings.state_elsewhere}: the next run begins one, or adopts that of the "
            "archive; scraper state copy copies one there."
        )
    if not archive_is_there(settings):
        return no_data(settings)
    return UsageError(
        f"there is no ledger in {where} beside its archive: the next run, or scraper check --repair, recreates it "
        "from the archive; or put the ledger back from a backup."
    )


def archive_is_there(settings: Settings) -> bool:
    """Return whether the data directory has an archive: a part, or the mark of a run that has archived nothing yet."""
    tree = archive_tree(settings)
    return bool(tree.notes() or tree.paths())


def named_archive(place: str) -> str:
    """Return the place of an archive; UsageError for a URL of another scheme than ``s3://``."""
    if "://" in place and not place.startswith("s3://"):
        raise UsageError(
            f"an archive is in a directory or at s3://<bucket>/<prefix>, not at {place.partition('://')[0]}://. "
            "Nothing was changed; name another place."
        )
    return place


def archive_tree(settings: Settings) -> Tree:
    """Return the parts of the archive, opened without a request."""
    from scraper.io.archive.disk import Disk
    from scraper.io.archive.storage import open_tree
    from scraper.io.archive.tree import Places

    archive = settings.archive_place
    places = Places.of(settings.data_directory, archive)
    return open_tree(places, Disk(), archive, environment=settings.environment, now=settings.clock.now)


def no_data(settings: Settings) -> UsageError:
    """Return the error for a directory without data; it says where data is."""
    where = settings.data_directory
    return UsageError(f"there is no data in {where}{_but_elsewhere(settings)}")


def _but_elsewhere(settings: Settings) -> str:
    """Return the end of the sentence: the directory that the user probably means, or the usual advice."""
    where, real = settings.data_directory, settings.project.data
    sandbox = settings.project.data_directory(sandbox=True)
    place = first_with_data(place for place in (where / SANDBOX, sandbox, real) if place != where)
    if place is None:
        return "; name another directory with --data, or run a job first."
    if settings.data is None:
        return f". {'Real' if settings.sandbox else 'Sandbox'} data is in {place}: " + (
            "leave out --sandbox." if settings.sandbox else "add --sandbox."
        )
    return f". There is data in {place}: --data {shlex.quote(str(place))}"
