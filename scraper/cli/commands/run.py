"""``scraper run JOB``."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from scraper.cli.options import (
    CREDITS,
    allow_host_option,
    aloud,
    data_option,
    fault_option,
    format_option,
    is_quiet,
    job_argument,
    log_file_option,
    opened,
    output_option,
    program,
    sandbox_option,
    settings_of,
    vendor_url_option,
    warn,
)
from scraper.core.errors import OutputError, UsageError

if TYPE_CHECKING:
    from scraper.core.events import Event, RunResult
    from scraper.core.jobs import Job
    from scraper.core.planning import Plan
    from scraper.ports import Clock, Listener
    from scraper.runs.crawl import CrawlProcess
    from scraper.runs.probe import ProbeFinding
    from scraper.runs.resume import Opening
    from scraper.wiring.run import RunOrder
    from scraper.wiring.settings import Settings

T = TypeVar("T")

INTERRUPTED = 130
_NORMAL_ENDS = {0, 3}
"""Complete, or the budget is spent: with -q, a run says nothing of these."""
SAME_REQUEST_S = 1.0
"""coreutils' `timeout` signals a process and then its group: two signals at once count as one."""


@click.command()
@job_argument
@click.option("--budget", type=CREDITS, help="Budget of the whole run in credits, instead of the job's.")
@click.option("--resume", is_flag=True, help="Resume the last run, even if it has ended, under --budget.")
@click.option("--new", is_flag=True, help="Start a new run even if one is open, or done.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a run likely to cost more than confirm_above.")
@click.option(
    "--probe", is_flag=True, help="Send one request per endpoint and compare its answer with the vendor file."
)
@click.option("--no-rebuild", is_flag=True, help="Keep pages in the spool when a table's SELECT has changed.")
@sandbox_option
@fault_option
@data_option
@vendor_url_option
@allow_host_option
@format_option("table", "json")
@output_option
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@log_file_option
@click.option("-v", "--verbose", is_flag=True, help="Log every request on stderr.")
@click.pass_context
def run(  # noqa: PLR0913 - one for each option
    context: click.Context,
    /,
    *,
    job: Path,
    budget: int | None,
    resume: bool,
    new: bool,
    yes: bool,
    probe: bool,
    no_rebuild: bool,
    sandbox: bool,
    data: Path | None,
    format_name: str | None,
    output: Path | None,
    log_format: str,
    log_file: Path | None,
    verbose: bool,
    **options: Any,  # noqa: ANN401 - of `settings_of`
) -> int:
    """Run a job within its budget.

    Goes on with the open run of this night, or of a one-off job; no stored page is bought again. A night that is done
    is left alone, and the command exits as its run did. A one-off job that is complete needs --new.
    """
    from scraper.wiring.access import access_of, key_warning
    from scraper.wiring.files import load_job
    from scraper.wiring.run import RunOrder, refuse_made_up_accounts

    opening = _opening(resume=resume, new=new)
    settings = settings_of(data, job=job, sandbox=sandbox, **options)  # --seed, --day, --fault, --vendor-url, …
    configs = settings.project.configs
    found, catalogue = load_job(job, budget, settings.project)
    command = _command(context, job, data, settings)
    order = RunOrder(found, catalogue, configs, opening, budget, command, rebuild=not no_rebuild)
    refuse_made_up_accounts(found, settings)
    warn(key_warning(configs, settings))
    if not sandbox:
        access_of(found, catalogue, configs, settings, None)  # what is missing is told before anything is asked
    planned = None if probe else asyncio.run(_planned(found, settings))
    if planned is not None and not (yes or sandbox) and not _confirmed(found, planned):
        return INTERRUPTED
    likely = planned.requests.likely if planned else None
    listening = _logging(settings.clock, log_format, verbose, likely, (log_file, command))
    bought = _bought(order, settings, listening, probe=probe)
    return INTERRUPTED if bought is None else _show(*bought, format_name, output, settings)


def _opening(*, resume: bool, new: bool) -> Opening:
    from scraper.runs.resume import Opening

    if resume and new:
        raise UsageError("--resume and --new exclude each other: give one of them.")
    return Opening.RESUME if resume else Opening.NEW if new else Opening.GO_ON


def _bought(
    order: RunOrder, settings: Settings, listening: AbstractContextManager[Listener], *, probe: bool
) -> tuple[RunResult, Sequence[ProbeFinding] | None] | None:
    """Return the result, with a probe's findings; ``None`` if it was aborted."""
    from scraper.wiring.run import probe_job, run_job

    try:
        with listening as listener:
            if probe:
                return _to_its_end(lambda begun: probe_job(order, settings, listener, begun))
            return _to_its_end(lambda begun: run_job(order, settings, listener, begun)), None
    except asyncio.CancelledError:  # printed here, after the panel has gone
        with aloud():
            click.echo("aborted: requests in flight count as unknown until reconciled", err=True)
        return None


async def _planned(job: Job, settings: Settings) -> Plan:
    from scraper.core.planning import unknown_values
    from scraper.wiring.auto_budget import budgeted_job
    from scraper.wiring.plan import plan_job

    for sentence in unknown_values(job.crawls):
        warn(sentence)
    resolved, allowance = await budgeted_job(job, settings)
    return await plan_job(resolved, settings, allowance)


def _confirmed(job: Job, planned: Plan) -> bool:
    """Ask on a terminal before a run that is likely to cost more than confirm_above."""
    is_dear = planned.credits.likely > job.confirm_above and not planned.done
    with aloud():
        if not (is_dear and sys.stdin.isatty() and sys.stderr.isatty()):
            return True
        spends = f"about {planned.credits.likely:,} credits, at most {planned.credits.high:,}"
        if click.confirm(f"This run will spend {spends}. Start it?", err=True):
            return True
        click.echo("Not started: nothing was spent.", err=True)
    return False


def _command(context: click.Context, job: Path, data: Path | None, settings: Settings) -> str:
    """Return the command that repeats this run."""
    from scraper.wiring.project import job_words

    words = [*program(), "run", job_words(job)]
    words += ["--sandbox"] if settings.sandbox else []
    words += ["--seed", str(settings.seed)] if settings.seed else []
    words += ["--day", str(settings.day)] if settings.day else []
    for fault in settings.faults:
        words += ["--fault", fault]
    given = context.get_parameter_source("data")
    words += ["--data", str(data)] if data is not None and given is click.core.ParameterSource.COMMANDLINE else []
    for vendor, url in settings.vendor_urls.items():
        words += ["--vendor-url", f"{vendor}={url}"]
    for host in settings.allow_hosts:
        words += ["--allow-host", host]
    return shlex.join(words)


# --- hearing ----------------------------------------------------------------------------------------------------------


class _PanelAndLog:
    """Feeds the panel and the log; events that the panel or the summary shows are not logged without -v."""

    def __init__(self, panel: Listener, log: Listener, verbose: bool) -> None:
        self._panel, self._log, self._verbose = panel, log, verbose

    def hear(self, event: Event) -> None:
        from scraper.core.events import Drained, ProjectInUse, RunEnded, RunStarted

        self._panel.hear(event)
        told = isinstance(event, RunStarted) and event.access  # where keys go is always said
        shown = isinstance(event, RunStarted | Drained | RunEnded) and not told
        if self._verbose or not (shown or (isinstance(event, ProjectInUse) and not event.new_ledger)):
            self._log.hear(event)


class _Both:
    """Two listeners that hear the same."""

    def __init__(self, first: Listener, second: Listener) -> None:
        self._first, self._second = first, second

    def hear(self, event: Event) -> None:
        self._first.hear(event)
        self._second.hear(event)


@contextmanager
def _logging(
    clock: Clock, log_format: str, verbose: bool, likely_requests: int | None, into: tuple[Path | None, str]
) -> Iterator[Listener]:
    """Yield what listens on stderr and, where there is one, the log file of this command."""
    from scraper.cli.log import LogListener, log_file

    path, command = into
    with ExitStack() as stack:
        in_file = None
        format: Literal["text", "json"] = "json" if log_format == "json" else "text"
        if path is not None:
            stream = stack.enter_context(log_file(path, clock.now(), format, command))
            in_file = LogListener(stream, clock.now, format, verbose)
        shown = stack.enter_context(_listening(clock, log_format, verbose, likely_requests))
        yield shown if in_file is None else _Both(in_file, shown)


@contextmanager
def _listening(clock: Clock, log_format: str, verbose: bool, likely_requests: int | None) -> Iterator[Listener]:
    """Yield the log, on a terminal with the panel below its lines."""
    from scraper.cli.log import LogListener

    if log_format == "text" and sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True)
        if not console.is_dumb_terminal:  # one that cannot go back up its lines
            from scraper.cli.progress import ProgressListener

            with ProgressListener(console, clock.monotonic, likely_requests) as panel:
                yield _PanelAndLog(panel, LogListener(panel.lines_above, clock.now, "text", verbose), verbose)
            return
    yield LogListener(sys.stderr, clock.now, "json" if log_format == "json" else "text", verbose)


# --- signals ----------------------------------------------------------------------------------------------------------


def _to_its_end(begin: Callable[[Callable[[CrawlProcess], None]], Coroutine[Any, Any, T]]) -> T:
    """Run it on an event loop. The first SIGINT, SIGTERM or SIGHUP stops it in order, the second aborts.

    A SIGHUP that was ignored at the start stays ignored: that is what nohup asks for.
    """

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

        hung_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        for number in (signal.SIGINT, signal.SIGTERM, *hung_up):
            loop.add_signal_handler(number, asked_to_stop)
        return await task

    return asyncio.run(watched())


# --- showing ----------------------------------------------------------------------------------------------------------


def _show(
    result: RunResult,
    findings: Sequence[ProbeFinding] | None,
    format_name: str | None,
    output: Path | None,
    settings: Settings,
) -> int:
    """Print the result; return its exit code."""
    from scraper.cli.formatting import harmless

    try:
        _write(result, findings, format_name, output, settings)
    except OutputError as failure:
        kept = f"Run {result.run_id} has ended ({result.status}), and what it bought is kept: scraper status"
        raise OutputError(failure.place, failure.reason, f"{kept} {result.run_id}") from failure
    if is_quiet() and result.exit_code not in _NORMAL_ENDS:  # otherwise the log has said it
        with aloud():
            click.echo(harmless(f"error: {result.message or result.status}"), err=True)
    as_described = findings is None or all(finding.as_described for finding in findings)
    return result.exit_code or (0 if as_described else 6)


def _write(
    result: RunResult,
    findings: Sequence[ProbeFinding] | None,
    format_name: str | None,
    output: Path | None,
    settings: Settings,
) -> None:
    from scraper.cli.formatting import harmless
    from scraper.cli.output import Format, console_on, default_format, write_object

    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            content = result.to_json()
            if findings is not None:
                content["findings"] = [
                    {"endpoint": f.endpoint, "as_described": f.as_described, "text": f.text} for f in findings
                ]
            write_object(content, stream)
            return
        from scraper.cli.display.run import print_result

        with console_on(stream) as console:
            if findings is not None:
                _print_findings(findings, console)
            print_result(result, console, str(settings.data_directory), shlex.join(program()))
    if not stream.isatty() and result.message:
        click.echo(harmless(result.message), err=True)


def _print_findings(findings: Sequence[ProbeFinding], console: Any) -> None:  # noqa: ANN401 - rich is imported late
    from rich.text import Text

    from scraper.cli.formatting import harmless

    endpoint = None
    for finding in findings:
        if finding.endpoint != endpoint:
            endpoint = finding.endpoint
            console.print(Text(harmless(endpoint), style="bold"))
        mark, style = ("as described", "green") if finding.as_described else ("differs     ", "yellow")
        console.print(Text(f"  {mark}  ", style=style) + Text(harmless(finding.text), style=""))
    console.print()
