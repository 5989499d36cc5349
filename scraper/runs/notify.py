"""Tells of a run, before and after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from scraper.core.errors import ScraperError
from scraper.core.events import RunResult
from scraper.core.notify import failure_notice, notice_of
from scraper.ports import Runs
from scraper.ports.notifier import Notifier

_RUNS_LOOKED_AT = 200
"""For the night before, among the runs of all jobs."""


async def told_of(
    run: Callable[[], Awaitable[RunResult]],
    notifier: Notifier,
    rows_before: Callable[[RunResult], Awaitable[Mapping[str, int] | None]],
    job: str,
    command: str,
    say: Callable[[str], object],
) -> RunResult:
    """Carry out a run and tell of it; hooks that could not be told are warnings of its result.

    A run that raises is told of as well, and `say` gets the sentences of dead hooks.
    """
    dead = list(await notifier.begin())
    try:
        result = await run()
    except ScraperError as failure:
        dead += await notifier.end(failure_notice(job, str(failure), failure.exit_code, command))
        for sentence in dict.fromkeys(dead):
            say(sentence)
        raise
    dead += await notifier.end(notice_of(result, await rows_before(result), command))
    return replace(result, warnings=(*result.warnings, *dict.fromkeys(dead)))


async def rows_the_night_before(runs: Runs, result: RunResult) -> Mapping[str, int] | None:
    """Return the rows by table of the job's run before this one; ``None``: there was none."""
    of_job = [run for run in await runs.latest_runs(_RUNS_LOOKED_AT) if run.job == result.job]
    ids = [run.run_id for run in of_job]
    place = ids.index(result.run_id) + 1 if result.run_id in ids else 0
    if place >= len(ids):
        return None
    rows = (await runs.totals(ids[place])).rows
    return {table: rows.get(table, 0) for table in result.rows}
