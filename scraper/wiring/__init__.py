"""Settings → objects behind the ports: the only place that chooses.

A name's module is imported when the name is first asked for: `scraper sql` starts without what a run needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scraper.wiring.access import access_of, key_warning
    from scraper.wiring.auto_budget import budgeted_job
    from scraper.wiring.files import load_catalogue, load_job, load_tables, load_views
    from scraper.wiring.inspect import drift_of, status_of
    from scraper.wiring.plan import plan_job
    from scraper.wiring.query import connected, exported, queried, table_columns, table_list, write_views
    from scraper.wiring.reconcile import reconcile_job
    from scraper.wiring.run import RunOrder, opened_stores, probe_job, run_job
    from scraper.wiring.sandboxes import RunningSandbox, begin_sandbox, sandbox_server, sandbox_urls
    from scraper.wiring.settings import DATA, SANDBOX_DATA, SANDBOX_KEY, SANDBOX_VENDORS, Settings, data_is_there
    from scraper.wiring.upkeep import check_archive, compact_archive, rebuild_tables

__all__ = [
    "DATA",
    "SANDBOX_DATA",
    "SANDBOX_KEY",
    "SANDBOX_VENDORS",
    "RunOrder",
    "RunningSandbox",
    "Settings",
    "access_of",
    "begin_sandbox",
    "budgeted_job",
    "check_archive",
    "compact_archive",
    "connected",
    "data_is_there",
    "drift_of",
    "exported",
    "key_warning",
    "load_catalogue",
    "load_job",
    "load_tables",
    "load_views",
    "opened_stores",
    "plan_job",
    "probe_job",
    "queried",
    "rebuild_tables",
    "reconcile_job",
    "run_job",
    "sandbox_server",
    "sandbox_urls",
    "status_of",
    "table_columns",
    "table_list",
    "write_views",
]

_HOMES = {
    name: home
    for home, names in {
        "access": "access_of key_warning",
        "auto_budget": "budgeted_job",
        "files": "load_catalogue load_job load_tables load_views",
        "inspect": "drift_of status_of",
        "plan": "plan_job",
        "query": "connected exported queried table_columns table_list write_views",
        "reconcile": "reconcile_job",
        "run": "RunOrder opened_stores probe_job run_job",
        "sandboxes": "RunningSandbox begin_sandbox sandbox_server sandbox_urls",
        "settings": "DATA SANDBOX_DATA SANDBOX_KEY SANDBOX_VENDORS Settings data_is_there",
        "upkeep": "check_archive compact_archive rebuild_tables",
    }.items()
    for name in names.split()
}
"""Name → the module that it is imported from, as above."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - its type is the imported name's
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
