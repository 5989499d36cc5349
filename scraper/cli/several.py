"""Several jobs of one command, one after the other: a job that fails does not keep the others from running."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from scraper.cli.error_text import tell
from scraper.cli.options import aloud
from scraper.core.errors import ScraperError, UsageError, worst_exit_code

if TYPE_CHECKING:
    from scraper.core.events import RunResult

T = TypeVar("T")

INTERRUPTED: Final = 130
NOT_STARTED: Final = "not_started"
ABORTED: Final = "aborted: requests in flight count as unknown until reconciled"


class AbortedRun(Exception):  # noqa: N818 - not a fault
    """The user pressed Ctrl-C twice, and a run ended without its result."""


class JobsInTurn:
    """The ends of a command's jobs, in order."""

    def __init__(self) -> None:
        self._codes: list[int] = []
        self.content: list[Mapping[str, Any]] = []
        """An object for each job: its result, or the reason why there is none."""
        self.words: list[str] = []
        """``night complete``, for people."""
        self.interrupted = False
        """True if Ctrl-C was pressed: no other job is started."""
        self._bug: Exception | None = None

    def attempt(self, job: str, step: Callable[[], T], status: str = NOT_STARTED) -> T | None:
        """Return the step's result; ``None`` if it fails, which is printed and recorded.

        `status`: the job's in that case.
        """
        try:
            return step()
        except AbortedRun:
            with aloud():
                click.echo(ABORTED, err=True)
            self.interrupted = True
            self.without_result(job, INTERRUPTED, ABORTED, "interrupted")
        except (KeyboardInterrupt, click.exceptions.Abort):  # click turns one into the other
            self.interrupted = True
            self.without_result(job, INTERRUPTED, "interrupted", status)
        except (ScraperError, click.ClickException) as fault:
            with aloud():
                tell(fault, job)
            message = fault.format_message() if isinstance(fault, click.ClickException) else str(fault)
            self.without_result(job, fault.exit_code, message, status)
        except Exception as bug:
            self._bug = self._bug or bug
            self.without_result(job, ScraperError.exit_code, f"a bug in scraper: {type(bug).__name__}", status)
        return None

    def ended(self, result: RunResult, content: Mapping[str, Any], exit_code: int) -> None:
        from scraper.cli.display.run import STATUS_WORDS
        from scraper.core.events import RunStatus

        self.interrupted = self.interrupted or result.status is RunStatus.INTERRUPTED
        self._codes.append(exit_code)
        self.content.append(content)
        self.words.append(f"{result.job} {STATUS_WORDS[result.status]}")

    def without_result(self, job: str, exit_code: int, message: str, status: str = NOT_STARTED) -> None:
        """Record a job that was not started, or that ended without a result."""
        self._codes.append(exit_code)
        self.content.append({"job": job, "status": status, "exit_code": exit_code, "message": message})
        self.words.append(f"{job} {status.replace('_', ' ')}")

    def exit_code(self) -> int:
        """Return the worst code of the jobs; raise a bug of one of them, now that the others have run."""
        if self._bug is not None:
            raise self._bug
        return worst_exit_code(self._codes)


def without_accounts(jobs: Sequence[str]) -> Sequence[str]:
    """Return the jobs without accounts.toml, which a pattern such as ``configs/*.toml`` matches too."""
    from scraper.wiring.project import ACCOUNTS_FILE

    return [words for words in jobs if Path(words).name != ACCOUNTS_FILE]


def refuse_strangers(jobs: Sequence[tuple[Path, str, Path]]) -> None:
    """Raise UsageError if jobs belong to different ledgers, or have one name. A job: file, name, data."""
    by_name: dict[str, Path] = {}
    for path, name, data in jobs:
        first = jobs[0]
        if data.resolve() != first[2].resolve():
            raise UsageError(
                f"{first[0]} and {path} belong to different projects, with data in {first[2]} and {data}, and neither "
                "ledger counts the other's credits. Nothing was sent; run them one by one, or name one directory "
                "with --data."
            )
        if name in by_name:
            raise UsageError(
                f"{by_name[name]} and {path} are both named {name}, and runs are found by their job's name. "
                "Nothing was sent; give one of them another name."
            )
        by_name[name] = path
