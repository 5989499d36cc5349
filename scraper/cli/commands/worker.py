"""``scraper worker [JOB...]``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import click

from scraper.cli.completion import complete_job
from scraper.cli.formatting import harmless
from scraper.cli.options import allow_host_option, aloud, data_option, settings_of, vendor_url_option


@click.command()
@click.argument("jobs", metavar="[JOB...]", nargs=-1, shell_complete=complete_job)
@click.option("--at-once", type=click.IntRange(1, 100), default=1, show_default=True, help="Tasks carried out at once.")
@click.option(
    "--per-account",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Runs that may use one account at once, over all workers.",
)
@click.option(
    "--lost-after",
    type=click.FloatRange(3, 3600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Silence after which a worker counts as lost and its tasks are queued again.",
)
@data_option
@vendor_url_option
@allow_host_option
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Log every request of the runs on stderr.")
def worker(  # noqa: PLR0913 - one for each option
    *,
    jobs: Sequence[str],
    at_once: int,
    per_account: int,
    lost_after: float,
    data: Path | None,
    vendor_urls: Mapping[str, str],
    allow_hosts: Sequence[str],
    log_format: Literal["text", "json"],
    verbose: bool,
) -> None:
    """Run the project's jobs as one of several workers.

    Queues each night of the jobs with `every` once, takes tasks from the queue, and carries each out in its own
    process, as `scraper run JOB` would. Workers share the queue and the ledger in the state's PostgreSQL database; if
    one is lost, the others take over its runs. SIGTERM or Ctrl-C stops the worker and its runs in order.

    With one or more JOBs, takes runs of these jobs only; otherwise of every job of the project.
    """
    import asyncio

    from scraper.core.units import iso_utc
    from scraper.wiring.fleet import WorkerOptions, work

    settings = settings_of(data, vendor_urls=vendor_urls, allow_hosts=allow_hosts)

    def say(title: str, words: str) -> None:
        now = iso_utc(settings.clock.now().replace(microsecond=0))
        if log_format == "json":
            write_line({"at": now, "event": "worker", "task": title or None, "message": words})
        else:
            click.echo(harmless(f"{now} {f'{title}: ' if title else ''}{words}"), err=True)

    def hear(title: str, line: str) -> None:
        with nullcontext() if verbose else aloud():  # without -v, runs print errors only
            if log_format == "json" and not line.startswith("{"):
                write_line({"event": "run", "task": title, "message": line})
            else:
                click.echo(harmless(line if log_format == "json" else f"  {title} | {line}"), err=True)

    run_words = ("-v" if verbose else "-q", "--log-format", log_format)
    asyncio.run(work(settings, WorkerOptions(tuple(jobs), at_once, per_account, lost_after, run_words), say, hear))


def write_line(content: Mapping[str, object]) -> None:
    import orjson

    sys.stderr.write(orjson.dumps(content).decode() + "\n")
