"""Settling unknown attempts, by billing events of vendors that have them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import scraper
from scraper.core.catalogue import Charge
from scraper.core.errors import UsageError
from scraper.core.units import Credits
from scraper.wiring.access import access_of
from scraper.wiring.run import RunOrder, known_stores
from scraper.wiring.settings import Settings

if TYPE_CHECKING:
    from scraper.runs.reconcile import Reconciled


async def reconcile_job(
    order: RunOrder, settings: Settings, *, assume: Charge | None, used: Mapping[str, Credits]
) -> tuple[Reconciled, ...]:
    """Settle the unknown attempts of a job's accounts; see `runs.reconcile`.

    By the vendors' billing events, unless the user states `assume` for every unknown attempt, or `used` by vendor.
    """
    from scraper.runs.reconcile import note_used, reconcile

    job = order.job
    if unknown := [vendor for vendor in used if vendor not in job.accounts]:
        raise UsageError(f"job {job.name} has no account with {', '.join(unknown)}")
    async with AsyncExitStack() as opened:
        ledger = opened.enter_context(known_stores(settings, settings.kind)).ledger
        books = None
        if assume is None and not used and not settings.sandbox:
            from scraper.io.http_transport import HttpTransport

            transport = HttpTransport(
                access_of(job, order.catalogue, order.configs, settings, None), f"scraper/{scraper.__version__}"
            )
            books = await opened.enter_async_context(transport)
        done = []
        for vendor in used or job.vendors:
            account = job.accounts[vendor]
            if vendor in used:
                done.append(await note_used(account, used[vendor], ledger))
            else:
                now = settings.clock.now()
                done.append(await reconcile(account, order.catalogue.vendors[vendor], ledger, books, assume, now))
        return tuple(done)
