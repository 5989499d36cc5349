"""A run with word of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from scraper.core.events import RunResult
from scraper.runs.notify import rows_the_night_before, told_of
from scraper.wiring.run import stores_if_any

if TYPE_CHECKING:
    from scraper.core.notify import NotifySettings
    from scraper.wiring.run import RunOrder
    from scraper.wiring.settings import Settings

PROJECT_FILE = "scraper.toml"


def notify_settings(settings: Settings) -> NotifySettings | None:
    """Return ``[notify]`` of the project; ``None`` where nobody wants to be told."""
    root = settings.project.root
    if settings.sandbox or root is None:  # a sandbox's runs are nobody's news
        return None
    from scraper.io.config_files.notify_table import read_notify

    path = root / PROJECT_FILE
    found = read_notify(path, settings.environment) if path.is_file() else None
    return found if found is not None and (found.urls or found.ping) else None


async def run_and_tell(
    run: Callable[[], Awaitable[RunResult]],
    order: RunOrder,
    settings: Settings,
    notify: NotifySettings | None,
    say: Callable[[str], object],
) -> RunResult:
    """Carry out `run`, and tell of it where somebody wants to be told."""
    if notify is None:
        return await run()
    from scraper.io.notify import Hooks

    async def before(result: RunResult) -> Mapping[str, int] | None:
        with stores_if_any(settings, None) as stores:
            return None if stores is None else await rows_the_night_before(stores.runs, result)

    return await told_of(run, Hooks(notify), before, order.job.name, order.command, say)
