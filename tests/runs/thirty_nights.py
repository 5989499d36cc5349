"""Thirty nights with word of them: ``python -m tests.runs.thirty_nights`` plays each ending that a night can have.

The command line runs a nightly job in a project whose `[notify]` leads to a server on loopback, against the sandbox. Of
each night that went wrong one message arrives, and it names why; of one that went well none does. A night of which
nothing could be said at the time (its process was killed, its timer did not fire) is told of by the next run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

from scraper.io.state.schema import SCHEMA_VERSION
from tests.runs.told_project import FIRST, JOB, KEY_VARIABLES, NOBODY, ROOT, Project, environment

Play = Callable[[Project], int]
"""Plays a night; returns the exit code."""

# --- what a night does ------------------------------------------------------------------------------------------------


def plain(project: Project) -> int:
    return project.run()


def with_faults(*faults: str) -> Play:
    def play(project: Project) -> int:
        project.faults = faults
        return project.run()

    return play


def with_options(*options: str) -> Play:
    def play(project: Project) -> int:
        project.options = options
        return project.run()

    return play


def with_keys(**keys: str | None) -> Play:
    def play(project: Project) -> int:
        project.keys |= {name: key for name, key in keys.items() if key is not None}
        for name in (name for name, key in keys.items() if key is None):
            del project.keys[name]
        return project.run()

    return play


def with_job(**changes: str) -> Play:
    def play(project: Project) -> int:
        project.write_job(**changes)
        return project.run()

    return play


def twice(play: Play) -> Play:
    """A timer that fires twice in a night."""

    def both(project: Project) -> int:
        first, second = play(project), project.run()
        assert first == second, (first, second)
        return second

    return both


def no_start(_: Project) -> int:
    """The machine is off."""
    return 0


def killed(project: Project) -> int:
    """The process is killed with its second request in flight; that leaves no room for a message."""
    left = [1]
    urls, ready = project.loopback.sell(()), Queue[int]()

    def kill() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(ready.get(), signal.SIGKILL)

    project.loopback.arrived = kill
    began = {"TESTS_CLOCK": project.clock.now().isoformat(), "TESTS_CLOCK_BEGAN": repr(time.monotonic())}
    words = [sys.executable, "-m", "tests.program", "run", "night", *urls]
    with environment({**project.keys, **began, "PYTHONPATH": str(ROOT)}):
        process = subprocess.Popen(words, cwd=project.place, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ready.put(process.pid)
    code = process.wait(timeout=60)
    assert code == -signal.SIGKILL, code
    return code


def interrupted(project: Project) -> int:
    project.loopback.arrived = lambda: os.kill(os.getpid(), signal.SIGTERM)
    return project.run()


def broken_job(project: Project) -> int:
    project.job.write_text(JOB.replace("[[crawl]]", "[crawl]", 1))
    return project.run()


def broken_table(project: Project) -> int:
    (table := project.place / "configs" / "tables" / "mine.sql").write_text("SELEC 1")
    try:
        return project.run()
    finally:
        table.unlink()


def archive_gone(project: Project) -> int:
    """The archive's directory is not what it was: a mount that did not come up."""
    archive = project.place / "data" / "archive"
    archive.rename(aside := archive.with_name("aside"))
    archive.write_text("")
    try:
        return project.run()
    finally:
        archive.unlink()
        aside.rename(archive)


def newer_state(project: Project) -> int:
    """A newer version of the program has written the ledger."""
    project.query_state("UPDATE meta SET value = '99' WHERE key = 'schema'")
    try:
        return project.run()
    finally:
        project.query_state(f"UPDATE meta SET value = '{SCHEMA_VERSION}' WHERE key = 'schema'")


def clock_back(project: Project) -> int:
    """The machine's clock is set back by twenty days."""
    project.clock.set_back(days=20)
    return project.run()


def disk_full(project: Project) -> int:
    """Nothing is left on the data's disk."""
    filler = project.place / "data" / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(1_000_000))
    try:
        return project.run()
    finally:
        filler.unlink()


@dataclass(frozen=True, slots=True)
class Night:
    """One night, and what is to be heard of it."""

    name: str
    play: Play
    code: int
    told: Sequence[Sequence[str]] = ()
    """For each message: its title after ``scraper: night:``, then parts of its text."""


NIGHTS: Sequence[Night] = (
    Night("the first one", plain, 0),
    Night("no JSON", with_faults("html:share=1"), 6, [["failed", "not a JSON object"]]),
    Night("the run's budget is spent", with_options("--budget", "16"), 3),
    Night("the daily cap", with_job(credits_per_day="8"), 7, [["quota", "the day's limit is reached", "exit code 7"]]),
    Night("the month", with_job(credits_per_month="60"), 7, [["quota", "month"]]),
    Night(
        "rate refused",
        with_faults("rate_limit:share=1,wait_s=7200"),
        7,
        [["quota", "it asks to wait 7200 s (HTTP 429"]],
    ),
    Night("the vendor's day", with_faults("quota:reason=daily,share=1"), 7, [["quota", "crawlora"]]),
    Night("the vendor is down", with_faults("http_503:share=1"), 6, [["failed", "HTTP 503", "after 5 attempts"]]),
    Night("nobody listens", with_options(*NOBODY), 6, [["unreachable", "cannot be reached"]]),
    Night("a wrong key", with_keys(CRAWLORA_API_KEY="of-another-account"), 4, [["refused", "CRAWLORA_API_KEY"]]),
    Night("no key", with_keys(CRAWLORA_API_KEY=None), 2, [["error", "CRAWLORA_API_KEY", "exit code 2"]]),
    Night(
        "the endpoint is gone",
        with_faults("gone:endpoint=crawlora.hashtags,share=1"),
        6,
        [["failed", "no longer served", "404"]],
    ),
    Night("truncated", with_faults("repeated_page:endpoint=keyapi.videos,share=1"), 6, [["failed", "truncated"]]),
    Night("a blank board", with_faults("empty_page:endpoint=crawlora.hashtags,share=1"), 6, [["failed", "crawlora"]]),
    Night("the disk is full", disk_full, 5, [["error", "disk"]]),
    Night("answers are lost", with_faults("lost:endpoint=crawlora.hashtags,share=1"), 6, [["failed", "unknown"]]),
    Night("killed", killed, -9),
    Night("after the kill", plain, 0, [["died", "its process died"]]),
    Night("the machine is off", no_start, 0),
    Night("still off", no_start, 0),
    Night("on again", plain, 0, [["missed", "2 nights without a run: 2026-11-19 02:00 UTC, 2026-11-20 02:00 UTC"]]),
    Night("interrupted", interrupted, 130, [["interrupted", "exit code 130"]]),
    Night("a slip in the job", broken_job, 2, [["error", "write [[crawl]]"]]),
    Night("a slip in a table", broken_table, 2, [["error", "mine.sql"]]),
    Night("the archive is gone", archive_gone, 5, [["error", "archive"]]),
    Night("a newer ledger", newer_state, 5, [["error", "newer scraper"]]),
    Night("drift", with_faults("drift:share=1"), 0, [["complete", "warning: "]]),
    Night("a timer fires twice", twice(plain), 0),
    Night(
        "twice in a bad night", twice(with_faults("gone:endpoint=crawlora.hashtags,share=1")), 6, [["failed", "404"]]
    ),
    Night("the clock is set back", clock_back, 7, [["quota", "the clock has gone back by about 19 days"]]),
)


def played(project: Project, number: int, night: Night) -> list[str]:
    """Play a night; return what is wrong with it."""
    project.clock.go_to(FIRST + timedelta(days=number))
    project.write_job()
    project.faults, project.keys, project.options = (), dict(KEY_VARIABLES), ()
    loopback = project.loopback
    loopback.messages.clear()
    loopback.pings.clear()
    code = night.play(project)
    loopback.arrived = lambda: None
    wrong = [] if code == night.code else [f"exit code {code}, not {night.code}"]
    if len(loopback.messages) != len(night.told):
        wrong.append(f"{len(loopback.messages)} messages, not {len(night.told)}")
    for message, (title, *parts) in zip(loopback.messages, night.told, strict=False):
        if message.title != f"scraper: night: {title}":
            wrong.append(f"its title is {message.title!r}")
        wrong += [f"it does not say {part!r}" for part in parts if part not in message.body]
    return wrong


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A disk of its own for the data, where this machine allows it."""
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "scraper-nights", place], check=False)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", place], check=True)


def main() -> int:
    failed = 0
    with TemporaryDirectory() as place, small_disk(Path(place) / "data") as is_small:
        project = Project(Path(place))
        try:
            for number, night in enumerate(NIGHTS):
                if night.play is disk_full and not is_small:
                    sys.stdout.write(f"{number + 1:3}  {night.name:28} skipped: no disk can be mounted here\n")
                    continue
                wrong = played(project, number, night)
                failed += bool(wrong)
                messages, pings = project.loopback.messages, " ".join(project.loopback.pings)
                sys.stdout.write(f"{number + 1:3}  {night.name:28}{night.code:4}  {pings:16} {len(messages)} told\n")
                for message in messages:
                    sys.stdout.write(f"       {message.title}\n")
                    sys.stdout.write("".join(f"         {line}\n" for line in message.body.splitlines()))
                sys.stdout.write("".join(f"  WRONG: {each}\n" for each in wrong))
        finally:
            project.loopback.close()
    sys.stdout.write(f"{len(NIGHTS)} nights, {failed} of them not told as they went\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
