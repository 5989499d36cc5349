"""``scraper reconcile JOB``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import click

from scraper.cli.job_argument import job_argument
from scraper.cli.options import (
    allow_host_option,
    data_option,
    format_option,
    output_option,
    settings_of,
    vendor_url_option,
    warn,
)
from scraper.core.errors import UsageError
from scraper.core.units import LARGEST_COUNT

STILL_UNKNOWN = 6
"""Exit code while credits are unknown, or the month does not add up."""


def _used(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Mapping[str, int]:
    used = {}
    for value in values:
        vendor, _, credits = value.partition("=")
        if not vendor or not credits.isdecimal():
            raise click.BadParameter(f"{value!r} is not of the form VENDOR=CREDITS")
        if len(credits) > len(str(LARGEST_COUNT)):
            raise click.BadParameter(f"{vendor}: more than {LARGEST_COUNT:,} credits")
        used[vendor] = int(credits)
    return used


def _month(_context: click.Context, _option: click.Parameter, value: str | None) -> date | Literal["last"] | None:
    if value is None or value == "last":
        return "last" if value else None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither last nor a day like 2026-11-14") from None


@click.command()
@job_argument
@click.option(
    "--month", metavar="DAY|last", callback=_month, help="The billing month to compare: last, or one of its UTC days."
)
@click.option(
    "--assume", type=click.Choice(["charged", "free"]), help="Settle all unknown attempts as charged or as free."
)
@click.option(
    "--used",
    multiple=True,
    metavar="VENDOR=CREDITS",
    callback=_used,
    help="Credits used this month, as the vendor's console shows.",
)
@click.option("--all", "every", is_flag=True, help="List requests that agree as well.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@vendor_url_option
@allow_host_option
@format_option("table", "json", "csv", "ndjson")
@output_option
def reconcile(  # noqa: PLR0913 - one for each option
    *,
    job: Path,
    month: date | Literal["last"] | None,
    assume: str | None,
    used: Mapping[str, int],
    every: bool,
    sandbox: bool,
    data: Path | None,
    vendor_urls: Mapping[str, str],
    allow_hosts: Sequence[str],
    format_name: str | None,
    output: Path | None,
) -> int:
    """Reconcile the ledger with the vendor's billing.

    Requests that were sent and never answered count as charged until they are settled. Without --assume and --used, the
    vendor's account pages decide if its file describes them, and the current month is compared with them line by line:
    requests that only one side has are listed with time, endpoint and credits. CSV and NDJSON have a row for each.
    Exits 6 while credits are unknown, or if the month does not add up to the vendor's total.
    """
    import asyncio

    from scraper.cli.display.reconcile import show_reconciled
    from scraper.cli.output import written
    from scraper.core.catalogue import Charge
    from scraper.wiring.access import key_warning
    from scraper.wiring.files import load_job
    from scraper.wiring.reconcile import reconcile_job
    from scraper.wiring.run import RunOrder

    if sum((assume is not None, bool(used), month is not None)) > 1:
        raise UsageError(
            "--assume settles attempts, --used states the month's total, --month reads the vendor's account pages: "
            "give one of them."
        )
    settings = settings_of(data, job=job, sandbox=sandbox, vendor_urls=vendor_urls, allow_hosts=allow_hosts)
    configs = settings.project.configs
    found, catalogue = load_job(job, project=settings.project)
    order = RunOrder(found, catalogue, configs)
    warn(key_warning(configs, settings))
    charge = None if assume is None else Charge(assume)
    done = asyncio.run(reconcile_job(order, settings, assume=charge, used=used, month=month))
    with written(output, format_name) as (stream, format):
        show_reconciled(done, format, stream, every=every)
    return 0 if all(account.is_settled for account in done) else STILL_UNKNOWN
