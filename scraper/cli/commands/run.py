"""``scraper run JOB``."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scraper.cli.options import (
    data_option,
    fault_option,
    format_option,
    job_argument,
    opened,
    output_option,
    program,
    sandbox_option,
    settings_of,
    vendor_url_option,
    warn,
)
from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from scraper.core.events import Event, RunResult
    from scraper.core.jobs import Job
    from scraper.core.planning import Plan
    from scraper.ports import Listener
    from scraper.runs.crawl import CrawlProcess
    from scraper.runs.probe import ProbeFinding
    from scraper.wiring import Settings

T = TypeVar("T")

INTERRUPTED = 130
SAME_REQUEST_S = 1.0
"""coreutils' `timeout` signals a process and then its group: two signals at once are one wish to stop."""


@click.command()
@job_argument
@click.option(
    "--budget", type=click.IntRange(min=1), help="Credits that the whole run may spend, in place of the job's."
)
@click.option("--resume", is_flag=True, help="Go on with the last run, even one that has ended, under --budget.")
@click.option("--new", is_flag=True, help="Begin a new run, whatever is open.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a run that costs more than confirm_above.")
@click.option("--probe", is_flag=True, help="One request for each endpoint, held against the vendor file.")
@click.option("--no-rebuild", is_flag=True, help="Where a table's SELECT has changed, let pages wait in the spool.")
@sandbox_option
@fault_option
@data_option
@vendor_url_option
@format_option("table", "json")
@output_option
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="A line for every request on stderr.")
@click.pass_context
def run(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    job: Path,
    budget: int | None,
    resume: bool,
    new: bool,
    yes: bool,
    probe: bool,
    no_rebuild: bool,
    sandbox: bool,
    seed: int,
    faults: Sequence[str],
    data: Path | None,
    vendor_urls: Mapping[str, str],
    format_name: str | None,
    output: Path | None,
    log_format: str,
    verbose: bool,
) -> int:
    """Run a job inside its budget.

    Goes on with the job's open run, if one was interrupted or met a quota within resume_within; nothing that is
    stored is bought again.
    """
    from scraper import wiring
    from scraper.runs.resume import Opening

    if resume and new:
        raise UsageError("--resume goes on with the last run, --new begins another: give one of the two.")
    if faults and not sandbox:
        raise UsageError("--fault is for the sandbox, where nothing is spent: give --sandbox as well.")
    found, catalogue = wiring.load_job(job, budget)
    settings = settings_of(data, sandbox=sandbox, seed=seed, faults=faults, vendor_urls=vendor_urls)
    order = wiring.RunOrder(
        job=found,
        catalogue=catalogue,
        configs=job.parent,
        opening=Opening.RESUME if resume else Opening.NEW if new else Opening.GO_ON,
        ceiling=budget,
        command=_command(context, job, data, settings),
        rebuild=not no_rebuild,
    )
    warn(wiring.key_warning(job.parent, settings))
    findings: Sequence[ProbeFinding] | None = None
    planned = None if probe else asyncio.run(_planned(found, settings))
    if planned is not None and not (yes or sandbox) and not _confirmed(found, planned):
        return INTERRUPTED
    with _listening(log_format, verbose, planned.requests.likely if planned else None) as listener:
        if probe:
            result, findings = _to_its_end(lambda begun: wiring.probe_job(order, settings, listener, begun))
        else:
            result = _to_its_end(lambda begun: wiring.run_job(order, settings, listener, begun))
    _show(result, findings, format_name, output, settings)
    exit_code = result.status.exit_code
    if findings is not None and exit_code == 0 and not all(finding.as_described for finding in findings):
        return 6
    return exit_code


async def _planned(job: Job, settings: Settings) -> Plan:
    from scraper import wiring

    resolved, allowance = await wiring.budgeted_job(job, settings)
    return await wiring.plan_job(resolved, settings, allowance)


def _confirmed(job: Job, planned: Plan) -> bool:
    """Asks, where somebody is there to answer, before more is spent than the job lets go by itself."""
    asked = planned.credits.likely > job.confirm_above and sys.stdin.isatty() and sys.stderr.isatty()
    if not asked:
        return True
    spends = f"about {planned.credits.likely:,} credits, at most {planned.credits.high:,}"
    if click.confirm(f"This run spends {spends}. Begin?", err=True):
        return True
    click.echo("Not begun: nothing was spent.", err=True)
    return False


def _command(context: click.Context, job: Path, data: Path | None, settings: Settings) -> str:
    """How to type this run again."""
    words = [*program(), "run", str(job)]
    words += ["--sandbox"] if settings.sandbox else []
    words += ["--seed", str(settings.seed)] if settings.seed else []
    for fault in settings.faults:
        words += ["--fault", fault]
    given = context.get_parameter_source("data")
    words += ["--data", str(data)] if data is not None and given is click.core.ParameterSource.COMMANDLINE else []
    for vendor, url in settings.vendor_urls.items():
        words += ["--vendor-url", f"{vendor}={url}"]
    return shlex.join(words)


# --- hearing ----------------------------------------------------------------------------------------------------------


class _PanelAndLog:
    """On a terminal: what panel and summary show is not said again in lines above them, unless -v asks for all."""

    def __init__(self, panel: Listener, log: Listener, verbose: bool) -> None:
        self._panel, self._log, self._verbose = panel, log, verbose

    def hear(self, event: Event) -> None:
        from scraper.core.events import Drained, RunEnded, RunStarted

        self._panel.hear(event)
        if self._verbose or not isinstance(event, RunStarted | Drained | RunEnded):
            self._log.hear(event)


@contextmanager
def _listening(log_format: str, verbose: bool, likely_requests: int | None) -> Iterator[Listener]:
    """The log, and on a terminal the panel with the log's lines above it."""
    import time
    from datetime import UTC, datetime

    from scraper.cli.log import LogListener

    def now() -> datetime:
        return datetime.now(UTC)

    if log_format == "json" or not sys.stderr.isatty():
        yield LogListener(sys.stderr, now, "json" if log_format == "json" else "text", verbose)
        return
    from rich.console import Console

    from scraper.cli.progress import ProgressListener

    with ProgressListener(Console(stderr=True), time.monotonic, likely_requests) as panel:
        yield _PanelAndLog(panel, LogListener(panel.lines_above, now, "text", verbose), verbose)


# --- signals ----------------------------------------------------------------------------------------------------------


def _to_its_end(begin: Callable[[Callable[[CrawlProcess], None]], Coroutine[Any, Any, T]]) -> T:
    """Runs it on an event loop. SIGINT or SIGTERM stops it in order, a second one at once; the ledger holds."""
    import asyncio

    async def watched() -> T:
        loop, crawls = asyncio.get_running_loop(), list[Any]()
        task = asyncio.ensure_future(begin(crawls.append))
        asked_at: float | None = None

        def asked_to_stop() -> None:
            nonlocal asked_at
            if asked_at is None and crawls:
                asked_at = loop.time()
                crawls[-1].stop()
            elif asked_at is None or loop.time() - asked_at > SAME_REQUEST_S:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked_to_stop)
        return await task

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        click.echo("stopped at once: what was in flight counts as unknown until reconciled", err=True)
        raise SystemExit(INTERRUPTED) from None


# --- showing ----------------------------------------------------------------------------------------------------------


def _show(
    result: RunResult,
    findings: Sequence[ProbeFinding] | None,
    format_name: str | None,
    output: Path | None,
    settings: Settings,
) -> None:
    from scraper.cli.output import Format, console_on, default_format, write_object
    from scraper.cli.wording import harmless

    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            content = result.to_json()
            if findings is not None:
                content["findings"] = [
                    {"endpoint": f.endpoint, "as_described": f.as_described, "text": f.text} for f in findings
                ]
            write_object(content, stream)
            return
        from scraper.cli.summaries import print_result

        with console_on(stream) as console:
            if findings is not None:
                _print_findings(findings, console)
            print_result(result, console, str(settings.data_directory), shlex.join(program()))
    if not stream.isatty() and result.message:
        click.echo(harmless(result.message), err=True)


def _print_findings(findings: Sequence[ProbeFinding], console: Any) -> None:  # noqa: ANN401 - rich is imported late
    from rich.text import Text

    from scraper.cli.wording import harmless

    endpoint = None
    for finding in findings:
        if finding.endpoint != endpoint:
            endpoint = finding.endpoint
            console.print(Text(harmless(endpoint), style="bold"))
        mark, style = ("as described", "green") if finding.as_described else ("differs     ", "yellow")
        console.print(Text(f"  {mark}  ", style=style) + Text(harmless(finding.text), style=""))
    console.print()
