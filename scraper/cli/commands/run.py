"""``scraper run JOB``."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from scraper.cli.formatting import harmless
from scraper.cli.job_argument import job_file, jobs_argument
from scraper.cli.listeners import LogOptions, listening
from scraper.cli.notify import faults_told_of
from scraper.cli.options import (
    CREDITS,
    allow_host_option,
    aloud,
    data_option,
    fault_option,
    format_option,
    log_file_option,
    opened,
    output_option,
    program,
    rate_option,
    sandbox_option,
    settings_of,
    vendor_url_option,
    warn,
    writable,
)
from scraper.cli.output import Format, write_object
from scraper.cli.run_results import Bought, content_of, exit_code_of, format_for, print_bought, show_result
from scraper.cli.several import (
    ABORTED,
    INTERRUPTED,
    AbortedRun,
    JobsInTurn,
    refuse_strangers,
    without_accounts,
)
from scraper.cli.signals import to_its_end
from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from scraper.core.events import RunResult
    from scraper.core.jobs import Job
    from scraper.core.planning import Plan
    from scraper.ports import Listener
    from scraper.runs.resume import Opening
    from scraper.runs.standby import Stoppable
    from scraper.wiring.run import RunOrder
    from scraper.wiring.settings import Settings


@click.command()
@jobs_argument
@click.option("--budget", type=CREDITS, help="Budget of the whole run in credits, instead of the job's.")
@click.option("--resume", is_flag=True, help="Resume the last run even if it has ended; --budget is its new total.")
@click.option("--new", is_flag=True, help="Start a new run even if one is open or done.")
@click.option(
    "-y", "--yes", is_flag=True, help="Do not ask before a run that is likely to cost more than confirm_above."
)
@click.option(
    "--probe", is_flag=True, help="Send one request per endpoint and compare its answer with the vendor file."
)
@click.option(
    "--standby", is_flag=True, help="Wait while another process runs the job, and take over the run if that one dies."
)
@click.option("--no-rebuild", is_flag=True, help="Keep pages in the spool when a table's SELECT has changed.")
@sandbox_option
@rate_option
@fault_option
@data_option
@vendor_url_option
@allow_host_option
@format_option("table", "json")
@output_option
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    metavar="FILE.prom",
    help="Replace this file with the run's figures, for node-exporter's textfile collector.",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@log_file_option
@click.option("-v", "--verbose", is_flag=True, help="Log every request on stderr.")
def run(  # noqa: PLR0913 - one for each option
    *,
    jobs: Sequence[str],
    budget: int | None,
    resume: bool,
    new: bool,
    yes: bool,
    probe: bool,
    standby: bool,
    no_rebuild: bool,
    format_name: str | None,
    output: Path | None,
    metrics: Path | None,
    log_format: Literal["text", "json"],
    log_file: Path | None,
    verbose: bool,
    **places: Any,  # noqa: ANN401 - the options that `settings_of` takes
) -> int:
    """Run jobs within their budgets.

    Continues the open run of this night, or of a one-off job; no stored page is bought again. If this night's run is
    over, nothing is sent, and the command exits as that run did. A one-off job that is complete needs --new.

    Several jobs run one after the other, the highest weight first, and one that fails does not stop the others. Exits
    with the worst of their codes: 130, 1, 5, 2, 4, 6, 7, 3, 0, the worst first.

    In the sandbox, requests are sent without pacing; with --rate, they keep to the plan's rate.
    """
    opening = _opening(resume=resume, new=new, probe=probe, standby=standby)
    if places["rate"] and not places["sandbox"]:
        raise UsageError("--rate needs --sandbox: a vendor's rate is always kept.")
    if len(jobs) > 1 and budget is not None:
        raise UsageError("--budget applies to one run: give one job, or state a budget in each.")
    if len(jobs) > 1 and metrics is not None:
        raise UsageError("--metrics FILE contains the figures of one job: give one job, or one command for each.")
    chosen = _Chosen(
        opening, budget, yes, probe, standby, not no_rebuild, metrics, LogOptions(log_format, verbose, log_file), places
    )
    if len(jobs) > 1:
        return _in_turn(jobs, chosen, format_name, output)
    ready = _ready(_loaded(jobs[0], chosen), chosen)
    if not ready.wanted:
        return INTERRUPTED
    try:
        return show_result(_bought(ready, chosen), format_name, output, ready.settings)
    except AbortedRun:
        with aloud():
            click.echo(ABORTED, err=True)
        return INTERRUPTED


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The options of a command, for each of its jobs."""

    opening: Opening
    budget: int | None
    yes: bool
    probe: bool
    standby: bool
    rebuild: bool
    metrics: Path | None
    log: LogOptions
    places: Mapping[str, Any]
    """Those that `settings_of` takes."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A job as it was read."""

    path: Path
    order: RunOrder
    settings: Settings


@dataclass(frozen=True, slots=True)
class _Ready:
    """A job that may begin."""

    order: RunOrder
    settings: Settings
    likely_requests: int | None
    wanted: bool = True
    """False: the user was asked, and said no."""


def _loaded(words: str, chosen: _Chosen) -> _Loaded:
    with faults_told_of(words, chosen.places):
        return _read(words, chosen)


def _read(words: str, chosen: _Chosen) -> _Loaded:
    from scraper.wiring.files import load_job
    from scraper.wiring.run import RunOrder
    from scraper.wiring.settings import run_words

    path = job_file(words)
    settings = settings_of(job=path, **chosen.places)
    found, catalogue = load_job(path, chosen.budget, settings.project)
    command = shlex.join([*program(), *run_words(path, settings)])
    configs = settings.project.configs
    order = RunOrder(found, catalogue, configs, chosen.opening, chosen.budget, command, rebuild=chosen.rebuild)
    order = replace(order, standby=chosen.standby)
    return _Loaded(path, order, settings)


def _ready(loaded: _Loaded, chosen: _Chosen) -> _Ready:
    """Report what is missing, plan the run and, if it is expensive, ask."""
    with faults_told_of(str(loaded.path), chosen.places):
        return _planned_order(loaded, chosen)


def _planned_order(loaded: _Loaded, chosen: _Chosen) -> _Ready:
    from scraper.wiring.access import access_of, key_warning
    from scraper.wiring.run import refuse_made_up

    order, settings = loaded.order, loaded.settings
    refuse_made_up(order.job, settings)
    warn(key_warning(order.configs, settings))
    if not settings.sandbox:
        access_of(order.job, order.catalogue, order.configs, settings, None)  # printed before any question
    if chosen.probe:
        return _Ready(order, settings, None)
    planned = asyncio.run(_planned(order.job, settings))
    wanted = chosen.yes or settings.sandbox or _confirmed(order.job, planned)
    return _Ready(replace(order, most_requests=planned.requests.high), settings, planned.requests.likely, wanted)


def _bought(ready: _Ready, chosen: _Chosen) -> Bought:
    likely, metrics = ready.likely_requests, chosen.metrics
    return bought(ready.order, ready.settings, chosen.log, likely, probe=chosen.probe, metrics=metrics)


# --- several jobs -----------------------------------------------------------------------------------------------------


def _in_turn(jobs: Sequence[str], chosen: _Chosen, format_name: str | None, output: Path | None) -> int:
    """Run several jobs, the highest weight first; show their results and return the worst exit code."""
    turns = JobsInTurn()
    at_once = output is None and format_for(format_name, sys.stdout) is not Format.JSON
    kept: list[tuple[Bought, Settings]] = []
    for name, ready in _waiting(jobs, chosen, turns):
        if turns.interrupted or not ready.wanted:
            turns.without_result(name, INTERRUPTED, "interrupted" if turns.interrupted else "declined")
            continue
        bought = turns.attempt(name, partial(_bought, ready, chosen), "error")
        if bought is None:
            continue
        turns.ended(bought[0], content_of(*bought), exit_code_of(*bought))
        kept.append((bought, ready.settings))
        if at_once:
            turns.attempt(name, partial(show_result, bought, format_name, None, ready.settings), "error")
            click.echo(err=True)
    if not at_once:
        with opened(output) as stream:
            if format_for(format_name, stream) is Format.JSON:
                write_object(turns.content, stream)
            else:
                for bought, settings in kept:
                    print_bought(*bought, stream, settings)
    click.echo(harmless(" · ".join(turns.words)), err=True)
    return turns.exit_code()


def _waiting(jobs: Sequence[str], chosen: _Chosen, turns: JobsInTurn) -> Sequence[tuple[str, _Ready]]:
    """Return the jobs that may begin, by name, in the order in which they run; equal weights as they were given."""
    found = [turns.attempt(words, partial(_loaded, words, chosen)) for words in without_accounts(jobs)]
    loaded = list({each.path.resolve(): each for each in found if each is not None}.values())
    refuse_strangers([(each.path, each.order.job.name, each.settings.data_directory) for each in loaded])
    ready = []
    for each in sorted(loaded, key=lambda each: -each.order.job.weight):
        name = each.order.job.name
        if (one := turns.attempt(name, partial(_ready, each, chosen))) is not None:
            ready.append((name, one))
    return ready


def _opening(*, resume: bool, new: bool, probe: bool, standby: bool) -> Opening:
    from scraper.runs.resume import Opening

    if resume and new:
        raise UsageError("--resume and --new exclude each other: give one of them.")
    if standby and probe:
        raise UsageError("--standby waits to take over a run, and a probe cannot be taken over: give one of them.")
    return Opening.RESUME if resume else Opening.NEW if new else Opening.GO_ON


def bought(
    order: RunOrder,
    settings: Settings,
    log: LogOptions,
    likely_requests: int | None,
    *,
    probe: bool,
    metrics: Path | None = None,
) -> Bought:
    """Return the result, with a probe's findings. Raises AbortedRun if it was aborted."""
    from scraper.wiring.metrics import write_run_metrics
    from scraper.wiring.notify import notify_settings, run_and_tell
    from scraper.wiring.run import probe_job, run_job

    notify = notify_settings(settings)

    async def told(listener: Listener, begun: Callable[[Stoppable], None]) -> RunResult:
        result = await run_and_tell(lambda: run_job(order, settings, listener, begun), order, settings, notify, warn)
        return result if metrics is None else await write_run_metrics(metrics, result, order.job, settings)

    try:
        with listening(log, settings.clock, likely_requests, order.command) as listener:
            if probe:
                return to_its_end(lambda begun: probe_job(order, settings, listener, begun))
            return to_its_end(lambda begun: told(listener, begun)), None
    except asyncio.CancelledError as failure:  # raised here, once the panel is gone
        raise AbortedRun from failure


async def _planned(job: Job, settings: Settings) -> Plan:
    from scraper.core.planning import leaving_endpoints, unknown_values
    from scraper.wiring.auto_budget import budgeted_job
    from scraper.wiring.plan import plan_job

    leaving = () if settings.sandbox else leaving_endpoints(job.crawls)  # the sandbox reports these itself
    for sentence in (*leaving, *unknown_values(job.crawls)):
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
