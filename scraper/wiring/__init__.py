"""Settings → objects behind the ports: the only place that chooses."""

from scraper.wiring.access import access_of, key_warning
from scraper.wiring.auto_budget import budgeted_job
from scraper.wiring.files import load_catalogue, load_job, load_tables, load_views
from scraper.wiring.inspect import (
    connected,
    drift_of,
    exported,
    queried,
    status_of,
    table_columns,
    table_list,
    write_views,
)
from scraper.wiring.plan import plan_job
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
    "Served",
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
