"""Sandboxes inside this process, or on a port of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scraper.core.catalogue import Charge
from scraper.core.errors import UsageError
from scraper.core.jobs import Job
from scraper.core.nearest import nearest
from scraper.core.subscriptions import Subscription
from scraper.wiring.files import load_catalogue
from scraper.wiring.settings import SANDBOX_KEY, SANDBOX_VENDORS, Settings

if TYPE_CHECKING:
    from scraper.sandbox import FailedRequests, Sandbox


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox running in this process."""

    accounts: Sandbox
    url: str


async def begin_sandbox(job: Job, settings: Settings, opened: AsyncExitStack) -> RunningSandbox:
    from scraper.sandbox import Sandbox, endpoints_played, read_injections, serve

    if unknown := [vendor for vendor in job.vendors if vendor not in SANDBOX_VENDORS]:
        raise UsageError(f"the sandbox plays {' and '.join(SANDBOX_VENDORS)}, not {', '.join(unknown)}")
    subscriptions = {vendor: job.accounts[vendor].subscription for vendor in job.vendors}
    sandbox = Sandbox(
        subscriptions=subscriptions,
        keys=dict.fromkeys(subscriptions, SANDBOX_KEY),
        seed=settings.seed,
        day=settings.day,
        clock=settings.clock.now,
        faults=read_injections(settings.faults, endpoints_played(subscriptions)),
        failed_requests=_failed_requests(job),
    )
    return RunningSandbox(sandbox, await opened.enter_async_context(serve(sandbox)))


def _failed_requests(job: Job) -> FailedRequests:
    """Return the billing of failures that the user stated for the account, by default free."""
    stated = job.accounts["keyapi"].failed_requests if "keyapi" in job.accounts else None
    return "charged" if stated is Charge.CHARGED else "free"


def sandbox_urls(base_url: str) -> dict[str, str]:
    """Return vendor → its base URL in a sandbox."""
    return {"crawlora": f"{base_url}/api/v1", "keyapi": base_url}


@asynccontextmanager
async def sandbox_server(
    plans: Mapping[str, str],
    keys: Mapping[str, str],
    settings: Settings,
    *,
    port: int,
    failed_requests: FailedRequests = "free",
) -> AsyncIterator[tuple[str, Mapping[str, Subscription]]]:
    """Serve a sandbox on a port of its own; yield its URL and the subscriptions of its accounts.

    `plans` by vendor; default: the first of the vendor file. UsageError for an unknown plan, ConfigurationError for
    faults that cannot be parsed.
    """
    from scraper.sandbox import Sandbox, endpoints_played, read_injections, serve

    subscriptions = {}
    for name in SANDBOX_VENDORS:
        known = {plan.name: plan for plan in load_catalogue(None).vendors[name].plans}
        wanted = plans.get(name, next(iter(known)))
        if wanted not in known:
            raise UsageError(f"{name} has no plan {wanted!r}{nearest(wanted, known)}; it has {', '.join(known)}")
        subscriptions[name] = known[wanted]
    accepted = {name: keys.get(name) or SANDBOX_KEY for name in SANDBOX_VENDORS}
    sandbox = Sandbox(
        subscriptions=subscriptions,
        keys=accepted,
        seed=settings.seed,
        day=settings.day,
        clock=settings.clock.now,
        faults=read_injections(settings.faults, endpoints_played(subscriptions)),
        failed_requests=failed_requests,
    )
    async with serve(sandbox, port=port) as url:
        yield url, subscriptions
