"""Assembly of a run: stores, archive, transport, pacers."""

from __future__ import annotations

import asyncio
import random
import secrets
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import scraper
from scraper.core.catalogue import Catalogue
from scraper.core.errors import UsageError
from scraper.core.events import Noted, ProjectInUse, RunResult, StateLocked
from scraper.core.jobs import Job
from scraper.core.tables import TableSelect
from scraper.core.units import Credits
from scraper.ports import Archive, Listener
from scraper.runs.context import RunContext
from scraper.runs.execute import execute
from scraper.runs.resume import Opening
from scraper.runs.standby import Stoppable
from scraper.wiring.access import access_of
from scraper.wiring.archive import archive_in
from scraper.wiring.destinations import destinations_of
from scraper.wiring.files import load_tables
from scraper.wiring.sandboxes import RunningSandbox, begin_sandbox, without_rate
from scraper.wiring.settings import Settings, place_words
from scraper.wiring.state import opened_stores

if TYPE_CHECKING:
    from scraper.io.archive.apart import ArchiveApart
    from scraper.runs.probe import ProbeFinding


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run as the command line requests it."""

    job: Job
    catalogue: Catalogue
    configs: Path
    opening: Opening = Opening.GO_ON
    ceiling: Credits | None = None
    command: str = "scraper run JOB"
    archive: Archive | None = None
    """Default: Parquet in the data directory."""
    most_requests: int = 0
    """The most requests by its plan; 0: unknown."""
    rebuild: bool = True
    """Rebuild tables whose SELECT has changed before adding pages; if False, pages wait in the spool."""
    standby: bool = False
    """While another process runs the job, wait for its end, and resume the run if it dies."""


async def run_job(
    order: RunOrder, settings: Settings, listener: Listener, begun: Callable[[Stoppable], None]
) -> RunResult:
    """Run a job; see `runs.execute.execute`. `begun` receives the crawl, so that a signal can stop it."""
    asked = order.job
    order = _in_haste(order, settings)
    async with AsyncExitStack() as opened:
        sandbox = await begin_sandbox(order.job, settings, opened) if settings.sandbox else None
        context = await opened.enter_async_context(_context(order, settings, listener, sandbox))
        result = await execute(
            order.job,
            order.catalogue.vendors,
            context,
            opening=order.opening,
            ceiling=order.ceiling,
            suffix=secrets.token_hex(2),
            command=order.command,
            begun=begun,
        )
        if sandbox is None:
            return result
        return replace(
            result,
            sandbox_charged=sandbox.charged(asked),
            sandbox_faults=sandbox.accounts.faults_met() if settings.faults else None,
            sandbox_at_rate_s=sandbox.at_rate_s(asked) if settings.lifts_rate else None,
        )


def _in_haste(order: RunOrder, settings: Settings) -> RunOrder:
    """Return the order as it is carried out: without the accounts' rates where the settings lift them."""
    return replace(order, job=without_rate(order.job)) if settings.lifts_rate else order


async def probe_job(
    order: RunOrder, settings: Settings, listener: Listener, begun: Callable[[Stoppable], None]
) -> tuple[RunResult, tuple[ProbeFinding, ...]]:
    """Send one request for each endpoint of the job and compare it with the vendor file; see `runs.probe`."""
    from scraper.runs.probe import probe

    order = _in_haste(order, settings)
    async with AsyncExitStack() as opened:
        sandbox = await begin_sandbox(order.job, settings, opened) if settings.sandbox else None
        context = await opened.enter_async_context(_context(order, settings, listener, sandbox))
        return await probe(
            order.job, order.catalogue.vendors, context, suffix=secrets.token_hex(2), command=order.command, begun=begun
        )


def _project_in_use(settings: Settings, new_ledger: str) -> ProjectInUse:
    places = settings.project.in_use()
    return ProjectInUse(
        project=places.get("project", ""),
        data=str(settings.data_directory.absolute()),
        state=settings.state_elsewhere,
        archive=settings.archive_elsewhere,
        configs=places["configs"],
        accounts=places.get("accounts", ""),
        new_ledger=new_ledger,
    )


def _new_ledger(job: Job, settings: Settings) -> str:
    """Return what a ledger that begins now cannot know of accounts with limits; empty if there is nothing to say."""
    from scraper.io.state import state_exists

    if settings.sandbox or state_exists(settings.state_url):
        return ""
    accounts = (job.accounts[vendor] for vendor in job.vendors)
    limited = [
        f"{account.vendor}/{account.name}"
        for account in accounts
        if account.subscription.credits_per_day is not None or account.subscription.credits_per_month is not None
    ]
    if not limited:
        return ""
    return (
        f"new ledger in {settings.state_place}: credits that were spent elsewhere on {', '.join(limited)} are not "
        "counted; scraper reconcile --used states them"
    )


def refuse_made_up(job: Job, settings: Settings) -> None:
    """Raise UsageError where made-up accounts would be used at a vendor."""
    if job.sandbox_only and not settings.sandbox:
        raise UsageError(
            f"job {job.name} runs against the sandbox alone, as its accounts are made up. Nothing was sent; "
            "add --sandbox, or write a job for your own accounts: scraper init."
        )


@asynccontextmanager
async def _context(
    order: RunOrder, settings: Settings, listener: Listener, sandbox: RunningSandbox | None
) -> AsyncIterator[RunContext]:
    from scraper.io.http_transport import HttpTransport
    from scraper.io.pacing import SmoothPacer

    job = order.job
    refuse_made_up(job, settings)
    async with AsyncExitStack() as opened:
        access = access_of(order.job, order.catalogue, order.configs, settings, sandbox)
        new_ledger = _new_ledger(job, settings)
        loop = asyncio.get_running_loop()

        def say(told: str) -> None:  # in the writing thread
            loop.call_soon_threadsafe(listener.hear, StateLocked(told))

        def note(told: str) -> None:
            loop.call_soon_threadsafe(listener.hear, Noted(told))

        archive = await opened.enter_async_context(_opened_archive(order, settings, note))
        stores = opened.enter_context(opened_stores(settings, settings.kind, say))
        listener.hear(_project_in_use(settings, new_ledger))
        transport = await opened.enter_async_context(HttpTransport(access, f"scraper/{scraper.__version__}"))
        yield RunContext(
            stores=stores,
            archive=await archive,
            transport=transport,
            pacers={vendor: SmoothPacer(job.accounts[vendor].subscription) for vendor in job.vendors},
            clock=settings.clock,
            listener=listener,
            jitter=random.random,
            rebuild=order.rebuild,
            standby=order.standby,
            places="".join(f" {shlex.quote(word)}" for word in place_words(settings)),
            access="; ".join(each.words for each in destinations_of(job, order.catalogue, settings)),
            books=transport,
            keeps_books=sandbox is None,
        )


APART_FROM: Final = 200
"""Requests from which a worker writes the archive of a run: its start takes half a second of a core."""


@asynccontextmanager
async def _opened_archive(
    order: RunOrder, settings: Settings, note: Callable[[str], object]
) -> AsyncIterator[Awaitable[Archive]]:
    """Yield the archive of a run while it is being opened; a large run's is behind a worker.

    If all its tables are packaged, and so covered by our tests, requests do not wait for the worker: it checks the
    SELECTs that the job needs, and the first drain would raise a fault. `note` gets a sentence, in any thread, if the
    worker ends before its time.
    """
    tables, packaged = load_tables(order.configs), load_tables(None)
    own = {table.name for table in tables if table not in packaged}
    asked = own | {crawl.endpoint.table for crawl in order.job.crawls}

    def opened() -> Archive:
        if apart is None:
            return order.archive or archive_in(settings, order.configs, order.catalogue)
        apart.open(asked)
        return apart

    with ExitStack() as held:
        apart = _archive_apart(order, settings, tables, held, note)
        opening = asyncio.ensure_future(asyncio.to_thread(opened))
        try:
            yield opening if apart is None or own else _at_once(apart)
        finally:
            await asyncio.gather(opening, return_exceptions=True)


async def _at_once(archive: Archive) -> Archive:
    return archive


def _archive_apart(
    order: RunOrder,
    settings: Settings,
    tables: Sequence[TableSelect],
    held: ExitStack,
    note: Callable[[str], object],
) -> ArchiveApart | None:
    """Start a worker for a run that is large enough; ``None`` if it is not, or no process can be started."""
    if order.archive is not None or order.most_requests < APART_FROM:
        return None
    from scraper.io.archive.apart import ArchiveApart
    from scraper.io.worker import Worker

    try:
        worker = Worker()
    except OSError:
        return None
    held.callback(worker.close)
    archive = settings.archive_place
    return ArchiveApart(settings.data_directory, tables, order.catalogue, worker, note, archive)
