"""The program's commands, one a module: a module is imported when its command runs, not when the command is listed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

SHORT_HELPS: Final[Mapping[str, str]] = {
    "init": "Make a project: jobs, accounts and settings to start from.",
    "probe": "Send a vendor one request for each endpoint; no job needed.",
    "plan": "Estimate the cost of a job; spends nothing.",
    "run": "Run jobs within their budgets.",
    "backtest": "Replay a job's past nights under different terms; spends nothing.",
    "schedule": "Print a timer that runs a job every night.",
    "worker": "Run the project's jobs as one of several workers.",
    "submit": "Queue runs, a compaction or a rebuild for the workers.",
    "fleet": "Show a fleet's workers, tasks and leases.",
    "status": "Show how last night went, what is missing and what comes next.",
    "account": "Show accounts: balances, pauses, closures and pace.",
    "report": "Write nights, credits, boards and failures as one HTML page.",
    "sql": "Query the archive in read-only SQL.",
    "duckdb": "Open DuckDB's shell on the archive, or write a database for it.",
    "export": "Write a table or a view to a file, or to a Delta table.",
    "tables": "List the archive's tables, views and columns.",
    "vendors": "List endpoints, prices, plans and rules.",
    "schema": "Print the JSON Schema of a kind of settings file.",
    "sandbox": "Serve simulated vendors on a local port.",
    "drift": "Show where answers differ from the tables' SELECTs.",
    "archive": "Copy the archive to another place.",
    "state": "Copy the state to another database.",
    "check": "Check the archive against the ledger.",
    "compact": "Merge many small files into few large ones.",
    "rebuild": "Rebuild tables from the pages, for 0 credits.",
    "reconcile": "Reconcile the ledger with the vendor's billing.",
    "completion": "Print a script that completes commands, options and names.",
    "docs": "Read the manual.",
}
"""Command → the first sentence of its help, for `scraper --help` and shell completion."""


def listed() -> dict[str, click.Command]:
    """Return every command with its name and its short help only; none of them can run."""
    return {name: click.Command(name, short_help=said) for name, said in SHORT_HELPS.items()}


def imported(name: str) -> click.Command:
    """Return the command itself: the object of its module that has its name. Every command and subcommand has -q."""
    from scraper.cli.options import QUIET

    found = getattr(import_module(f"{__name__}.{name}"), name)
    if not isinstance(found, click.Command):
        raise TypeError(f"{found!r} is not a command")
    for command in (found, *getattr(found, "commands", {}).values()):
        if QUIET not in command.params:
            command.params.append(QUIET)
    return found


class Commands(click.Group):
    """A group of commands that imports only the one that is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; the error for a command's option names its place."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as fault:
            name = next((word for word in args if word in SHORT_HELPS), "COMMAND")
            nearest = f" Did you mean {fault.possibilities[0]}?" if fault.possibilities else ""
            raise click.UsageError(
                f"No option {fault.option_name} goes before a command.{nearest} Options of a command follow it: "
                f"scraper {name} {fault.option_name}",
                ctx,
            ) from fault

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known, rest = super().resolve_command(ctx, args)
        return name, imported(name) if name and known else None, rest
