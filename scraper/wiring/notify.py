"""A run with its notifications."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from scraper.core.events import RunResult
from scraper.core.notify import failure_notice
from scraper.runs.notify import Nights, told_of
from scraper.wiring.settings import place_words
from scraper.wiring.state import stores_if_any

if TYPE_CHECKING:
    from scraper.core.errors import ScraperError
    from scraper.core.notify import NotifySettings
    from scraper.wiring.run import RunOrder
    from scraper.wiring.settings import Settings

PROJECT_FILE = "scraper.toml"


def notify_settings(settings: Settings) -> NotifySettings | None:
    """Return ``[notify]`` of the project; ``None`` without one."""
    root = settings.project.root
    if settings.sandbox or root is None or not (path := root / PROJECT_FILE).is_file():  # sandbox runs are no news
        return None
    from scraper.io.config_files.notify_table import read_notify

    found = read_notify(path, settings.environment)
    return found if found.urls or found.ping else None


async def run_and_tell(
    run: Callable[[], Awaitable[RunResult]],
    order: RunOrder,
    settings: Settings,
    notify: NotifySettings | None,
    say: Callable[[str], object],
) -> RunResult:
    """Carry out `run`, and send the project's notifications of it, if any."""
    if notify is None:
        return await run()
    from scraper.io.notify import Hooks, ToldStartsFile

    words = shlex.split(order.command)
    program = words[: words.index("run")] if "run" in words else words[:1]
    status = shlex.join([*program, "status", *place_words(settings)])
    told = ToldStartsFile(settings.data_directory, order.job.name)
    nights = Nights(lambda: stores_if_any(settings, None), order.job.name, told, settings.clock, status)
    return await told_of(run, Hooks(notify), nights, order.job.name, order.command, say)


async def tell_of_fault(settings: Settings, job: str, fault: ScraperError, command: str) -> Sequence[str]:
    """Report a run that could not start; return a sentence for each hook that failed."""
    if (notify := notify_settings(settings)) is None:
        return []
    from scraper.io.notify import Hooks, ToldStartsFile

    dead = await Hooks(notify).end(failure_notice(job, str(fault), fault.exit_code, command))
    ToldStartsFile(settings.data_directory, job).note(settings.clock.now())
    return dead
