"""Reconcile the accounts of a job with the vendors' billing records."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import date
from typing import TYPE_CHECKING, Literal

import scraper
from scraper.core.catalogue import Charge
from scraper.core.errors import UsageError
from scraper.core.units import Credits
from scraper.wiring.access import access_of
from scraper.wiring.settings import Settings
from scraper.wiring.state import known_stores

if TYPE_CHECKING:
    from scraper.runs.reconcile import Reconciled
    from scraper.wiring.run import RunOrder


async def reconcile_job(
    order: RunOrder,
    settings: Settings,
    *,
    assume: Charge | None = None,
    used: Mapping[str, Credits] | None = None,
    month: date | Literal["last"] | None = None,
) -> tuple[Reconciled, ...]:
    """Settle the unknown attempts of a job's accounts and compare a month line by line; see `runs.reconcile`.

    The vendors' billing records decide, unless the user states `assume` for every unknown attempt, or `used` by vendor.
    """
    from scraper.io.http_transport import HttpTransport
    from scraper.runs import reconcile

    job = order.job
    if unknown := [vendor for vendor in used or () if vendor not in job.accounts]:
        raise UsageError(f"job {job.name} has no account with {', '.join(unknown)}")
    async with AsyncExitStack() as opened:
        ledger = opened.enter_context(known_stores(settings, settings.kind)).ledger
        if used:
            return tuple([await reconcile.note_used(job.accounts[name], each, ledger) for name, each in used.items()])
        if assume is not None:
            return tuple([await reconcile.assume(job.accounts[name], ledger, assume) for name in job.vendors])
        if settings.sandbox:
            return tuple([await reconcile.without_books(job.accounts[name], ledger) for name in job.vendors])
        access = access_of(job, order.catalogue, order.configs, settings, None)
        books = await opened.enter_async_context(HttpTransport(access, f"scraper/{scraper.__version__}"))
        vendors = order.catalogue.vendors
        return tuple(
            [
                await reconcile.reconcile(job.accounts[name], vendors[name], ledger, books, settings.clock, month)
                for name in job.vendors
            ]
        )
