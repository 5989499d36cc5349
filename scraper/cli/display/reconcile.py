"""The ledger held against the vendors' books, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from scraper.cli.formatting import harmless
from scraper.cli.output import Format, console_on, default_format, write_object, write_rows
from scraper.cli.rows import rows_of_objects
from scraper.cli.tables import heading, print_rows
from scraper.core.reconcile import EntryKind, MonthHeld
from scraper.core.reconcile.verdict import entry_json

if TYPE_CHECKING:
    from rich.console import Console

    from scraper.runs.reconcile import Reconciled

_SUMS = ("account", "charged", "free", "still_unknown", "adjusted")
_LINES = ("finding", "at", "endpoint", "ours", "theirs", "request_id", "run_id", "page", "params")


def show_reconciled(done: Sequence[Reconciled], format_name: str | None, stream: TextIO, *, every: bool) -> None:
    """Write the results; sentences go to stderr unless they are part of the object. `every`: agreeing requests too."""
    format = Format(format_name or default_format(stream))
    if format is Format.JSON:
        write_object([_object(account, every) for account in done], stream)
        return
    if format is Format.TABLE:
        with console_on(stream) as console:
            _print(done, console, every)
    else:
        rows = [{"account": account.account, **row} for account in done for row in _rows(account.month, every)]
        write_rows(rows_of_objects(rows, ("account", *_LINES)), format, stream)
    for account in done:
        for sentence in _sentences(account):
            click.echo(harmless(f"{account.account}: {sentence}"), err=True)


def _object(account: Reconciled, every: bool) -> dict[str, Any]:
    told = account.to_json()
    if every and account.month is not None:
        told["month"]["lines"] = list(_rows(account.month, every))
    return told


def _rows(month: MonthHeld | None, every: bool) -> Iterator[dict[str, Any]]:
    for entry in () if month is None else month.entries:
        if every or entry.kind is not EntryKind.AGREES:
            yield entry_json(entry)


def _print(done: Sequence[Reconciled], console: Console, every: bool) -> None:
    print_rows(rows_of_objects([account.to_json() for account in done], _SUMS), console)
    for account in done:
        if rows := list(_rows(account.month, every)):
            heading(console, f"{account.account}: requests to look at" if not every else account.account)
            print_rows(rows_of_objects(rows, _LINES), console)


def _sentences(account: Reconciled) -> Iterator[str]:
    if account.month is not None:
        yield account.month.sentence()
    if account.message:
        yield account.message
