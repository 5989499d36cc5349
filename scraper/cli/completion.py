"""Values that a shell completes: names of the project and of its data.

If they cannot be read, there are none. Reading them is kept light, because a person waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Offers: TypeAlias = Callable[[click.Context], Iterable[CompletionItem]]


def _completer(offers: Offers) -> Completer:
    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        with suppress(Exception):  # a traceback would land in the line that is being typed
            return [item for item in offers(context) if item.value.startswith(begun)]
        return []

    return complete


def complete_job(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the project's jobs by name; files, once a path is begun."""
    found = [] if os.sep in begun else _job_names(context, parameter, begun)
    return found or [CompletionItem(begun, type="file")]


@_completer
def _job_names(_context: click.Context) -> Iterator[CompletionItem]:
    from scraper.wiring.project import job_names, project_of

    return map(CompletionItem, job_names(project_of().configs))


@_completer
def complete_run(context: click.Context) -> Iterator[CompletionItem]:
    """Offer the ids of the latest runs, newest first, each with its status."""
    from scraper.io.state.run_list import latest_runs
    from scraper.wiring.project import project_of

    stated = context.params.get("data")
    place = Path(stated) if stated else project_of().data_directory(sandbox=bool(context.params.get("sandbox")))
    return (CompletionItem(run_id, help=status) for run_id, status in latest_runs(place))


@_completer
def complete_vendor(context: click.Context) -> Iterator[CompletionItem]:
    """Offer the packaged vendors and those of the project."""
    from scraper.wiring.files import vendor_names

    return map(CompletionItem, vendor_names(_configs(context)))


@_completer
def complete_relation(context: click.Context) -> Iterator[CompletionItem]:
    """Offer tables, views and macros, each with the meaning of a row."""
    from scraper.core.coverage import RUN_TABLE_DESCRIPTIONS
    from scraper.core.tables import PAGES_DESCRIPTION, PAGES_TABLE
    from scraper.wiring.files import load_tables, load_views

    configs = _configs(context)
    described = {table.name: table.description for table in load_tables(configs)}
    described |= {PAGES_TABLE: PAGES_DESCRIPTION, **RUN_TABLE_DESCRIPTIONS}
    described |= {view.name: view.description for view in load_views(configs)}
    return (CompletionItem(name, help=words.partition(". ")[0]) for name, words in described.items())


@_completer
def complete_fault(_context: click.Context) -> Iterator[CompletionItem]:
    """Offer the kinds of faults of the sandbox."""
    from scraper.sandbox.faults.registry import KINDS

    return (CompletionItem(kind.name, help=kind.meaning) for kind in KINDS)


def _configs(context: click.Context) -> Path:
    from scraper.wiring.project import project_of

    stated = context.params.get("configs")
    return Path(stated) if stated else project_of().configs
