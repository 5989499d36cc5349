"""``scraper reconcile JOB``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from scraper.cli.formatting import harmless
from scraper.cli.job_argument import job_argument
from scraper.cli.options import (
    allow_host_option,
    data_option,
    format_option,
    opened,
    output_option,
    settings_of,
    vendor_url_option,
    warn,
)
from scraper.core.errors import UsageError
from scraper.core.units import LARGEST_COUNT

STILL_UNKNOWN = 6
"""Exit code while credits are still unknown."""


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


@click.command()
@job_argument
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
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@vendor_url_option
@allow_host_option
@format_option("table", "json")
@output_option
def reconcile(  # noqa: PLR0913 - one for each option
    *,
    job: Path,
    assume: str | None,
    used: Mapping[str, int],
    sandbox: bool,
    data: Path | None,
    vendor_urls: Mapping[str, str],
    allow_hosts: Sequence[str],
    format_name: str | None,
    output: Path | None,
) -> int:
    """Settle unknown credits in the ledger.

    Requests that were sent and never answered count as charged until they are reconciled. Without options the vendor's
    billing events decide, where its file describes them; with one, you decide.
    """
    import asyncio

    from scraper.cli.output import Format, default_format, write_object, write_rows
    from scraper.cli.rows import rows_of_objects
    from scraper.core.catalogue import Charge
    from scraper.wiring.access import key_warning
    from scraper.wiring.files import load_job
    from scraper.wiring.reconcile import reconcile_job
    from scraper.wiring.run import RunOrder

    if assume is not None and used:
        raise UsageError("--assume settles attempts, --used states the month's total: give one of them.")
    settings = settings_of(data, job=job, sandbox=sandbox, vendor_urls=vendor_urls, allow_hosts=allow_hosts)
    configs = settings.project.configs
    found, catalogue = load_job(job, project=settings.project)
    order = RunOrder(found, catalogue, configs)
    warn(key_warning(configs, settings))
    charge = None if assume is None else Charge(assume)
    done = asyncio.run(reconcile_job(order, settings, assume=charge, used=used))
    objects = [account.to_json() for account in done]
    exit_code = STILL_UNKNOWN if any(account.still_unknown for account in done) else 0
    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            write_object(objects, stream)
            return exit_code
        columns = ("account", "charged", "free", "still_unknown", "adjusted")
        write_rows(rows_of_objects(objects, columns), Format.TABLE, stream)
    for account in done:
        if account.message:
            click.echo(harmless(f"{account.account}: {account.message}"), err=True)
    return exit_code
