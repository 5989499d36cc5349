"""``scraper account [NAME]``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from scraper.cli.completion import complete_vendor
from scraper.cli.options import FORMATS, data_option, format_option, output_option, program, settings_of


@click.command()
@click.argument("name", required=False, shell_complete=complete_vendor)
@click.option("--lift", is_flag=True, help="End pauses, closures, and locks left by a clock that was ahead.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@format_option(*FORMATS)
@output_option
def account(
    *, name: str | None, lift: bool, sandbox: bool, data: Path | None, format_name: str | None, output: Path | None
) -> None:
    """Show accounts: balances, pauses, closures and pace.

    NAME is a vendor or an account: crawlora, crawlora/default. --lift ends what locks them: a pause or a closure by the
    vendor, or the lock of a clock that was ahead, which left requests dated after now. The ledger records who lifted
    it. Needs no key and no network.
    """
    import asyncio

    from scraper.cli.display.account import account_rows, accounts_json, lifted_sentence, print_accounts
    from scraper.cli.output import Format, console_on, write_object, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.account import accounts_of
    from scraper.wiring.settings import place_words

    settings = settings_of(data, sandbox=sandbox)
    found, lifted = asyncio.run(accounts_of(settings, name, lift_by=_person() if lift else None))

    def lifting(account: str) -> str:
        return shlex.join([*program(), "account", account, "--lift", *place_words(settings)])

    with written(output, format_name) as (stream, format):
        match format:
            case Format.JSON:
                write_object(accounts_json(found), stream)
            case Format.TABLE:
                with console_on(stream) as console:
                    print_accounts(found, console, lifting)
            case Format.CSV | Format.NDJSON:
                write_rows(rows_of_objects(account_rows(found)), format, stream)
    for account_id, lifts in lifted.items():
        click.echo(lifted_sentence(account_id, lifts), err=True)


def _person() -> str:
    """Return the user's name: ``ann@laptop``."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user id without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
