"""Results of a reconciliation, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from scraper.cli.formatting import counted, harmless
from scraper.cli.output import Format, console_on, write_object, write_rows
from scraper.cli.rows import rows_of_objects
from scraper.cli.tables import MOST_ROWS, heading, print_fields, print_rows
from scraper.core.reconcile import Entry, EntryKind, MonthHeld
from scraper.core.reconcile.verdict import entry_json

if TYPE_CHECKING:
    from rich.console import Console

    from scraper.runs.reconcile import Reconciled

_SUMS = ("account", "charged", "free", "still_unknown", "adjusted")
_LINES = ("finding", "at", "endpoint", "ours", "theirs", "request_id", "run_id", "page", "params")


def show_reconciled(done: Sequence[Reconciled], format: Format, stream: TextIO, *, every: bool) -> None:
    """Write the results; sentences go to stderr unless the object has them. `every`: include requests that agree."""
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
    sums = [{**account.to_json(), "adjusted": account.adjusted or 0} for account in done]
    print_rows(rows_of_objects(sums, _SUMS), console)
    for account in done:
        entries = () if account.month is None else account.month.entries
        told = [entry for entry in entries if every or entry.kind is not EntryKind.AGREES]
        if told:
            heading(console, f"{harmless(account.account)}: {'requests' if every else 'requests to look at'}")
            print_fields(console, [(entry.kind.value, _words(entry)) for entry in told[:MOST_ROWS]])
        if len(told) > MOST_ROWS:
            console.print(f"and {len(told) - MOST_ROWS:,} more: --format csv lists them all")


def _words(entry: Entry) -> str:
    """Return a request in two lines: time, endpoint and credits; then its id and run."""
    at = "at an unknown time" if entry.at is None else f"{entry.at:%Y-%m-%d %H:%M:%S}"
    line = entry.attempt
    named = [f"request {entry.request_id}" if entry.request_id else "without a request id"]
    if line is not None:
        named.append(f"run {line.run_id}, page {line.page} of {line.params}")
    return harmless(f"{at}  {entry.endpoint}  {_credits(entry)}") + "\n" + harmless("; ".join(named))


def _credits(entry: Entry) -> str:
    match entry.ours, entry.theirs:
        case None, theirs:
            return f"{counted(theirs or 0, 'credit')} billed"
        case ours, None:
            return f"{counted(ours or 0, 'credit')} in the ledger"
        case ours, theirs if ours == theirs:
            return counted(ours, "credit")
        case ours, theirs:
            return f"{counted(theirs, 'credit')} billed, {ours:,} in the ledger"


def _sentences(account: Reconciled) -> Iterator[str]:
    if account.month is not None:
        yield account.month.sentence()
    if account.message:
        yield account.message
