"""Settings → objects behind the ports: the only place that chooses."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import scraper
from scraper.core.catalogue import Catalogue, Charge, Vendor
from scraper.core.errors import ConfigurationError, Fault, UsageError
from scraper.core.events import RunResult
from scraper.core.jobs import Job, nearest
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits
from scraper.io.clock import SystemClock
from scraper.ports import AccountBalance, Archive, Clock, Listener, RunRecord, RunTotals, WalkRecord
from scraper.runs.crawl import Crawl
from scraper.runs.execute import execute
from scraper.runs.opening import Opening
from scraper.runs.world import World

if TYPE_CHECKING:
    import pyarrow

    from scraper.core.tables import TableSelect
    from scraper.io.http_transport import Access
    from scraper.io.state import SqlState
    from scraper.runs.probe import Finding
    from scraper.runs.reconcile import Reconciled
    from scraper.sandbox import Sandbox

DATA = Path("data")
SANDBOX_DATA = Path("data/sandbox")
SANDBOX_KEY = "sandbox-key"
"""Opens nothing but a sandbox of ours."""
SANDBOX_VENDORS = ("crawlora", "keyapi")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says about where and how."""

    data: Path | None = None
    """``None``: `data`, or `data/sandbox` with the sandbox."""
    sandbox: bool = False
    seed: int = 0
    vendor_urls: Mapping[str, str] = field(default_factory=dict)
    """Other base URLs, by vendor."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Clock = field(default_factory=SystemClock)

    @property
    def data_directory(self) -> Path:
        """Where state and archive are."""
        if self.data is not None:
            return self.data
        return SANDBOX_DATA if self.sandbox else DATA

    @property
    def kind(self) -> str:
        """``real`` or ``sandbox``: what a data directory is for ever."""
        return "sandbox" if self.sandbox else "real"


# --- files ------------------------------------------------------------------------------------------------------------


def load_catalogue(configs: Path | None) -> Catalogue:
    """The vendors; ConfigurationError with every fault."""
    from scraper.io.config_files import read_catalogue

    return read_catalogue(configs)


def load_job(path: Path, budget: Credits | None = None) -> tuple[Job, Catalogue]:
    """A job and the vendors that it is checked against; ConfigurationError with every fault."""
    from scraper.io.config_files import read_job

    catalogue = load_catalogue(path.parent)
    return read_job(path, catalogue, budget), catalogue


def load_tables(configs: Path | None) -> tuple[TableSelect, ...]:
    """The archive's typed tables."""
    from scraper.io.config_files import read_tables

    return read_tables(configs)


# --- running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run as the command line asks for it."""

    job: Job
    catalogue: Catalogue
    configs: Path
    opening: Opening = Opening.GO_ON
    ceiling: Credits | None = None
    command: str = "scraper run JOB"
    archive: Archive | None = None
    """Default: Parquet in the data directory."""


async def run_job(order: RunOrder, settings: Settings, listener: Listener, begun: Callable[[Crawl], None]) -> RunResult:
    """Runs a job; see `runs.execute.execute`. `begun` is handed the crawl, so that a signal can stop it."""
    async with AsyncExitStack() as opened:
        sandbox = await _begin_sandbox(order.job, settings, opened) if settings.sandbox else None
        world = await opened.enter_async_context(_world(order, settings, listener, sandbox))
        result = await execute(
            order.job,
            order.catalogue.vendors,
            world,
            opening=order.opening,
            ceiling=order.ceiling,
            suffix=secrets.token_hex(2),
            command=order.command,
            begun=begun,
        )
        if sandbox is None:
            return result
        charged = {vendor: sandbox.accounts.account(vendor)["credits_charged"] for vendor in order.job.vendors}
        return replace(result, sandbox_charged=charged)


async def probe_job(
    order: RunOrder, settings: Settings, listener: Listener, begun: Callable[[Crawl], None]
) -> tuple[RunResult, tuple[Finding, ...]]:
    """One request for each endpoint of the job, held against the vendor files; see `runs.probe`."""
    from scraper.runs.probe import probe

    async with AsyncExitStack() as opened:
        sandbox = await _begin_sandbox(order.job, settings, opened) if settings.sandbox else None
        world = await opened.enter_async_context(_world(order, settings, listener, sandbox))
        return await probe(
            order.job, order.catalogue.vendors, world, suffix=secrets.token_hex(2), command=order.command, begun=begun
        )


@asynccontextmanager
async def _world(
    order: RunOrder, settings: Settings, listener: Listener, sandbox: _Served | None
) -> AsyncIterator[World]:
    from scraper.io.archive import ParquetArchive
    from scraper.io.http_transport import HttpTransport
    from scraper.io.pacing import SmoothPacer

    job = order.job
    async with AsyncExitStack() as opened:
        access = _access(order, settings, sandbox)
        state = await opened.enter_async_context(_state(settings, settings.kind))
        transport = HttpTransport(access, f"scraper/{scraper.__version__}")
        endpoints = {endpoint.full_name: endpoint for endpoint in order.catalogue.endpoints}
        yield World(
            state=state,
            archive=order.archive or ParquetArchive(settings.data_directory, load_tables(order.configs), endpoints),
            transport=await opened.enter_async_context(transport),
            pacers={vendor: SmoothPacer(job.accounts[vendor].subscription) for vendor in job.vendors},
            clock=settings.clock,
            listener=listener,
            jitter=random.random,
        )


@asynccontextmanager
async def _state(settings: Settings, kind: str | None) -> AsyncIterator[SqlState]:
    from scraper.io.state import SqlState

    state = SqlState(settings.data_directory, settings.clock.now, kind=kind)
    try:
        yield state
    finally:
        await state.close()


# --- vendors' addresses and keys --------------------------------------------------------------------------------------


def _access(order: RunOrder, settings: Settings, sandbox: _Served | None) -> dict[str, Access]:
    from scraper.io.http_transport import Access

    vendors = {name: order.catalogue.vendors[name] for name in order.job.vendors}
    urls = _checked_urls(order.catalogue, settings)
    keys = _keys(order.job, vendors, settings)
    if sandbox is not None:
        urls = {**sandbox_urls(sandbox.url), **urls}
    return {
        name: Access(vendor, urls.get(name, vendor.base_url).rstrip("/"), keys[name])
        for name, vendor in vendors.items()
    }


def _checked_urls(catalogue: Catalogue, settings: Settings) -> dict[str, str]:
    from scraper.io.config_files import url_fault

    faults = []
    for name, url in settings.vendor_urls.items():
        if name not in catalogue.vendors:
            faults.append(Fault("--vendor-url", f"no such vendor: {name}{nearest(name, catalogue.vendors)}"))
        elif fault := url_fault(url):
            faults.append(Fault("--vendor-url", fault))
    if faults:
        raise ConfigurationError(faults)
    return dict(settings.vendor_urls)


def _keys(job: Job, vendors: Mapping[str, Vendor], settings: Settings) -> dict[str, str]:
    if settings.sandbox:
        return dict.fromkeys(vendors, SANDBOX_KEY)
    keys = {name: settings.environment.get(job.accounts[name].key_env, "").strip() for name in vendors}
    faults = [
        Fault(
            job.accounts[name].key_env,
            f"this environment variable must hold the {vendors[name].title} key, and is "
            f"{'empty' if job.accounts[name].key_env in settings.environment else 'not set'} (--sandbox needs no key)",
        )
        for name, key in keys.items()
        if not key
    ]
    if faults:
        raise ConfigurationError(faults)
    return keys


# --- the sandbox ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Served:
    """A sandbox under way in this process."""

    accounts: Sandbox
    url: str


async def _begin_sandbox(job: Job, settings: Settings, opened: AsyncExitStack) -> _Served:
    from scraper.sandbox import Sandbox, serve

    if unknown := [vendor for vendor in job.vendors if vendor not in SANDBOX_VENDORS]:
        raise UsageError(f"the sandbox plays {' and '.join(SANDBOX_VENDORS)}, not {', '.join(unknown)}")
    subscriptions = {vendor: job.accounts[vendor].subscription for vendor in job.vendors}
    sandbox = Sandbox(subscriptions=subscriptions, keys=dict.fromkeys(subscriptions, SANDBOX_KEY), seed=settings.seed)
    return _Served(sandbox, await opened.enter_async_context(serve(sandbox)))


def sandbox_urls(base_url: str) -> dict[str, str]:
    """The vendors' base URLs in a sandbox."""
    return {"crawlora": f"{base_url}/api/v1", "keyapi": base_url}


@asynccontextmanager
async def sandbox_server(
    plans: Mapping[str, str], keys: Mapping[str, str], *, seed: int, port: int
) -> AsyncIterator[tuple[str, Mapping[str, Subscription]]]:
    """A sandbox on a port of its own: its URL, and the plans that its accounts are on.

    `plans` by vendor; default: the vendor file's first. UsageError for a plan that the vendor does not have.
    """
    from scraper.sandbox import Sandbox, serve

    subscriptions = {}
    for name in SANDBOX_VENDORS:
        known = {plan.name: plan for plan in load_catalogue(None).vendors[name].plans}
        wanted = plans.get(name, next(iter(known)))
        if wanted not in known:
            raise UsageError(f"{name} has no plan {wanted!r}{nearest(wanted, known)}; it has {', '.join(known)}")
        subscriptions[name] = known[wanted]
    accepted = {name: keys.get(name) or SANDBOX_KEY for name in SANDBOX_VENDORS}
    sandbox = Sandbox(subscriptions=subscriptions, keys=accepted, seed=seed)
    async with serve(sandbox, port=port) as url:
        yield url, subscriptions


async def reconcile_job(
    order: RunOrder, settings: Settings, *, assume: Charge | None, used: Mapping[str, Credits]
) -> tuple[Reconciled, ...]:
    """Settles what is unknown of the accounts that a job uses; see `runs.reconcile`.

    From the vendors' billing events, unless the user says better: `assume` for every unknown attempt, `used` by vendor.
    """
    from scraper.io.state import FILE_NAME
    from scraper.runs.reconcile import reconcile, tell_used

    _data_is_there(settings, FILE_NAME)
    job = order.job
    if unknown := [vendor for vendor in used if vendor not in job.accounts]:
        raise UsageError(f"job {job.name} has no account with {', '.join(unknown)}")
    async with AsyncExitStack() as opened:
        state = await opened.enter_async_context(_state(settings, settings.kind))
        books = None
        if assume is None and not used and not settings.sandbox:
            from scraper.io.http_transport import HttpTransport

            transport = HttpTransport(_access(order, settings, None), f"scraper/{scraper.__version__}")
            books = await opened.enter_async_context(transport)
        done = []
        for vendor in used or job.vendors:
            account = job.accounts[vendor]
            if vendor in used:
                done.append(await tell_used(account, used[vendor], state))
            else:
                now = settings.clock.now()
                done.append(await reconcile(account, order.catalogue.vendors[vendor], state, books, assume, now))
        return tuple(done)


# --- looking ----------------------------------------------------------------------------------------------------------


async def status_of(
    settings: Settings, run_id: str | None, limit: int
) -> tuple[list[tuple[RunRecord, RunTotals]], Sequence[AccountBalance], Sequence[WalkRecord]]:
    """The last runs, or one, with what they came to; every account's day and month; of one run every walk."""
    from scraper.io.state import FILE_NAME

    _data_is_there(settings, FILE_NAME)
    async with _state(settings, None) as state:
        found = await state.runs(limit) if run_id is None else [await state.run(run_id)]
        runs = [(run, await state.totals(run.run_id)) for run in found]
        coverage = await state.coverage(run_id) if run_id is not None else ()
        return runs, await state.account_balances(settings.clock.now()), coverage


def _data_is_there(settings: Settings, file: str = "") -> None:
    """Looking creates nothing: a mistyped directory is told of, not made."""
    if not (settings.data_directory / file).exists():
        where = settings.data_directory
        raise UsageError(f"there is no data in {where}: name the directory with --data, or run a job first.")


@contextmanager
def queried(settings: Settings, configs: Path | None, sql: str) -> Iterator[pyarrow.RecordBatchReader]:
    """The rows of a read-only query over the archive; QueryError where it is refused."""
    from scraper.io.query import open_archive, query

    _data_is_there(settings)
    connection = open_archive(settings.data_directory, load_tables(configs))
    try:
        yield query(connection, sql)
    finally:
        connection.close()


def table_list(settings: Settings, configs: Path | None) -> list[dict[str, object]]:
    """Every table with its rows, files, bytes and description."""
    from scraper.core.tables import PAGES_DESCRIPTION, PAGES_TABLE
    from scraper.io.query import table_facts

    _data_is_there(settings)
    descriptions = {table.name: table.description for table in load_tables(configs)} | {PAGES_TABLE: PAGES_DESCRIPTION}
    return [
        {
            "table": facts.name,
            "rows": facts.rows,
            "files": facts.files,
            "bytes": facts.size_bytes,
            "one row is": descriptions[facts.name],
        }
        for facts in table_facts(settings.data_directory, list(descriptions))
    ]


def table_columns(settings: Settings, configs: Path | None, name: str) -> list[dict[str, object]]:
    """One table's columns: name, type, meaning. UsageError where there is no such table."""
    from scraper.core.tables import PAGES_COLUMNS, PAGES_TABLE, PATH_COLUMNS

    tables = {table.name: table for table in load_tables(configs)}
    if name not in tables and name != PAGES_TABLE:
        known = [*tables, PAGES_TABLE]
        raise UsageError(f"no table {name}{nearest(name, known)}; there are {', '.join(known)}")
    of_pages = {column.name: column.meaning for column in (*PATH_COLUMNS, *PAGES_COLUMNS)}
    with queried(settings, configs, f'DESCRIBE "{name}"') as reader:
        described = [(row["column_name"], row["column_type"]) for batch in reader for row in batch.to_pylist()]
    return [
        {
            "column": column,
            "type": type_name,
            "meaning": tables[name].meaning(column) if name in tables else of_pages.get(column, ""),
        }
        for column, type_name in described
    ]
