"""``scraper probe [VENDOR]``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from scraper.cli.listeners import LogOptions
from scraper.cli.options import (
    allow_host_option,
    aloud,
    data_option,
    fault_option,
    format_option,
    log_file_option,
    output_option,
    program,
    sandbox_option,
    settings_of,
    vendor_url_option,
    warn,
)
from scraper.cli.run_results import show_result
from scraper.cli.several import ABORTED, INTERRUPTED, AbortedRun

if TYPE_CHECKING:
    from scraper.core.jobs import Job


@click.command()
@click.argument("vendor", required=False)
@click.option("-y", "--yes", is_flag=True, help="Send the requests without asking.")
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
def probe(
    *,
    vendor: str | None,
    yes: bool,
    format_name: str | None,
    output: Path | None,
    log_format: Literal["text", "json"],
    log_file: Path | None,
    verbose: bool,
    **places: Any,  # noqa: ANN401 - the options that `settings_of` takes
) -> int:
    """Send a vendor one request for each endpoint; no job needed.

    States the cost first and, on a terminal, asks. Each answer is compared with the vendor file: where the records,
    the pagination and the ids are, and what was charged. Accounts come from accounts.toml, else from the first plan of
    the vendor file; without VENDOR, every vendor in accounts.toml is probed. Pages are kept as in any run. Exits 6 if
    an answer differs.
    """
    from scraper.cli.commands.run import bought
    from scraper.wiring.access import access_of, key_warning
    from scraper.wiring.probe import first_contact
    from scraper.wiring.run import RunOrder
    from scraper.wiring.settings import option_words

    settings = settings_of(**places, rate=False)
    job, catalogue, left_out = first_contact(vendor, settings)
    configs = settings.project.configs
    words = [*program(), "probe", *([] if vendor is None else [vendor]), *option_words(settings)]
    order = RunOrder(job, catalogue, configs, command=shlex.join(words))
    warn(key_warning(configs, settings))
    if not settings.sandbox:
        access_of(job, catalogue, configs, settings, None)  # report what is missing before asking
    if not _confirmed(job, left_out, ask=not (yes or settings.sandbox)):
        return INTERRUPTED
    try:
        met = bought(order, settings, LogOptions(log_format, verbose, log_file), len(job.crawls), probe=True)
    except AbortedRun:
        with aloud():
            click.echo(ABORTED, err=True)
        return INTERRUPTED
    return show_result(met, format_name, output, settings)


def _confirmed(job: Job, left_out: Sequence[str], *, ask: bool) -> bool:
    """State the cost, and what is left out; ask on a terminal."""
    for sentence in left_out:
        warn(sentence)
    cost = sum(crawl.endpoint.cost for crawl in job.crawls)
    requests = f"{len(job.crawls)} request{'' if len(job.crawls) == 1 else 's'} to {' and '.join(job.vendors)}"
    accounts = ", ".join(f"{job.accounts[v].id}, plan {job.accounts[v].subscription.name}" for v in job.vendors)
    costs = f"{requests} cost {cost} credits, at most {job.budget} if attempts fail and are charged ({accounts})"
    click.echo(f"{costs}.", err=True)
    if not (ask and sys.stdin.isatty() and sys.stderr.isatty()) or click.confirm("Send them?", err=True):
        return True
    click.echo("Not sent: nothing was spent.", err=True)
    return False
