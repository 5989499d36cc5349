"""Errors as sentences on stderr."""

from __future__ import annotations

import click

from scraper.cli.formatting import harmless
from scraper.core.errors import ConfigurationError, ScraperError

MOST_FAULTS = 100
MOST_CHARACTERS = 2_000
"""Longest fault: enough for one that lists all allowed values."""


def tell(fault: ScraperError | click.ClickException, job: str = "") -> None:
    """Print an error. `job`: its job, if a command has several."""
    of = f"{job}: " if job else ""
    if isinstance(fault, click.ClickException):
        click.echo(harmless(f"error: {of}{fault.format_message()}"), err=True)
        return
    if isinstance(fault, ConfigurationError) and len(fault.faults) > 1:
        click.echo(harmless(f"error: {of}{len(fault.faults)} problems; nothing was sent:"), err=True)
        for each in fault.faults[:MOST_FAULTS]:
            click.echo(f"  {harmless(str(each))[:MOST_CHARACTERS]}", err=True)
        if len(fault.faults) > MOST_FAULTS:
            click.echo(f"  and {len(fault.faults) - MOST_FAULTS:,} more", err=True)
        return
    said = str(fault)
    stop = "" if said.endswith((".", "?")) else "."
    nothing_sent = f"{stop} Nothing was sent." if isinstance(fault, ConfigurationError) else ""
    click.echo(harmless(f"error: {of}{said}{nothing_sent}"), err=True)
