"""Where each capability lives: modules and folders of the same name in several layers of the package."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.docs.markdown import ROOT

PACKAGE = ROOT / "scraper"
OTHER_SENSES = {"pages", "plans", "records", "files", "sandbox", "schema", "worker"}
"""Names that a folder uses for something of its own: faults of pages, the sandbox's records, the state's schema; a
worker is a fleet's, or the process that an archive is written in."""

CAPABILITIES = {
    "account": "show accounts, and lift what locks them",
    "account_pages": "the vendor's own pages about an account: periods, statements, billing events",
    "adopt": "make a lost or outdated ledger again from its archive",
    "archive": "write and read the Parquet files",
    "auto_budget": "divide what is left of a month among nights and jobs",
    "backtest": "replay known boards under another budget or order",
    "board_order": "choose the boards of a night, and keep the choice",
    "check": "compare the archive with the ledger, and repair it",
    "clock": "the time, and waiting for it",
    "clock_gap": "requests that are dated after now",
    "compact": "merge small files of a partition",
    "coverage": "how far each walk of a run came, and what it cost",
    "decisions": "read stored answers again by today's vendor files",
    "destinations": "where keys go, and what of that the user must allow",
    "docs": "the manual, shown by `scraper docs`",
    "draft": "a vendor's files from its OpenAPI document",
    "drift": "fields and types that nothing describes",
    "errors": "failures as sentences with an exit code",
    "export": "write a table or a view to a file",
    "fleet": "workers on several hosts that share the jobs",
    "history": "what earlier runs have shown, for plans",
    "init": "make a project",
    "leases": "who runs a job or writes the archive of a shared state",
    "ledger": "credits and attempts",
    "metrics": "figures of a run for Prometheus",
    "month_use": "how far an account's month is used",
    "notify": "tell people of a run",
    "outcomes": "what an attempt ended in, and its price",
    "plan": "estimate requests, credits, rows and time",
    "probe": "ask each endpoint once, and compare the answers with the vendor file",
    "query": "read-only SQL",
    "rebuild": "make tables again from stored pages",
    "reconcile": "hold the ledger against the vendor's books, and settle what is unknown",
    "report": "nights, credits and boards as one HTML page",
    "retries": "ask again, or give up",
    "run": "carry out a job",
    "runs": "runs, their walks and their results",
    "schedule": "timers that start a job",
    "signals": "stop a run in order",
    "state": "the database of ledger, journal and runs, and its copy",
    "status": "how last night went, what is missing, what comes next",
    "tables": "typed tables, their columns and how they are shown",
    "worlds": "lists by board and night, to be replayed",
}


def layers_of_stems(package: Path = PACKAGE) -> dict[str, list[str]]:
    """Stem → its modules (``core/drift/`` for a folder), of stems that stand in more than one layer."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in package.rglob("*.py"):
        place = path.relative_to(package)
        if len(place.parts) == 1:
            continue
        if path.name == "__init__.py":
            found[place.parent.name].add(f"{place.parent.as_posix()}/")
        else:
            found[path.stem].add(place.as_posix())
    return {
        stem: sorted(places)
        for stem, places in sorted(found.items())
        if stem not in OTHER_SENSES and len({place.partition("/")[0] for place in places}) > 1
    }


def capability_table() -> str:
    """The table of CONTRIBUTING. KeyError: a stem stands in two layers, and CAPABILITIES does not say what it is."""
    rows = [
        f"| {stem} | {CAPABILITIES[stem]} | {', '.join(f'`{place}`' for place in places)} |"
        for stem, places in layers_of_stems().items()
    ]
    return "\n".join(["| capability | what it does | files |", "|---|---|---|", *rows])
