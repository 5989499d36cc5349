"""Sandboxes inside this process, or on a port of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scraper.core.catalogue import Charge
from scraper.core.errors import UsageError
from scraper.core.jobs import Job
from scraper.core.nearest import nearest
from scraper.core.planning import at_rate_s
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits
from scraper.wiring.files import load_catalogue
from scraper.wiring.settings import SANDBOX_KEY, SANDBOX_VENDORS, Settings
from scraper.wiring.worlds import sandbox_world

if TYPE_CHECKING:
    from scraper.sandbox import FailedRequests, Sandbox


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox running in this process."""

    accounts: Sandbox
    url: str

    def charged(self, job: Job) -> Mapping[str, Credits]:
        return {vendor: self.accounts.account(vendor)["credits_charged"] for vendor in job.vendors}

    def at_rate_s(self, job: Job) -> int | None:
        """Return the seconds that the requests would have taken at the rates of the job's accounts, if these have any.

        This is the least: a child also waits for its parent, and each answer takes its time.
        """
        if all(job.accounts[vendor].subscription.starts_per_second is None for vendor in job.vendors):
            return None
        sent = {vendor: self.accounts.account(vendor)["requests"] for vendor in job.vendors}
        return max(at_rate_s(job.accounts[vendor].subscription, requests) for vendor, requests in sent.items())


def without_rate(job: Job) -> Job:
    """Return the job with accounts without rate limits; limits on credits stay."""
    accounts = {
        vendor: replace(account, subscription=account.subscription.without_rate)
        for vendor, account in job.accounts.items()
    }
    return replace(job, accounts=accounts)


async def begin_sandbox(job: Job, settings: Settings, opened: AsyncExitStack) -> RunningSandbox:
    from scraper.sandbox import serve

    if unknown := [vendor for vendor in job.vendors if vendor not in SANDBOX_VENDORS]:
        raise UsageError(f"the sandbox plays {' and '.join(SANDBOX_VENDORS)}, not {', '.join(unknown)}")
    subscriptions = {vendor: job.accounts[vendor].subscription for vendor in job.vendors}
    stated = job.accounts["keyapi"].failed_requests if "keyapi" in job.accounts else None
    failed_requests: FailedRequests = "charged" if stated is Charge.CHARGED else "free"
    sandbox = _sandbox(settings, subscriptions, dict.fromkeys(subscriptions, SANDBOX_KEY), failed_requests)
    return RunningSandbox(sandbox, await opened.enter_async_context(serve(sandbox)))


def _sandbox(
    settings: Settings,
    subscriptions: Mapping[str, Subscription],
    keys: Mapping[str, str],
    failed_requests: FailedRequests,
    retired: bool = False,
) -> Sandbox:
    from scraper.sandbox import Sandbox, endpoints_played, read_injections

    aging, lists = sandbox_world(settings)
    return Sandbox(
        subscriptions=subscriptions,
        keys=keys,
        seed=settings.seed,
        day=settings.day,
        clock=settings.clock.now,
        faults=read_injections(settings.faults, endpoints_played(subscriptions)),
        failed_requests=failed_requests,
        retired=retired,
        aging=aging,
        lists=lists,
    )


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
    retired: bool = False,
) -> AsyncIterator[tuple[str, Mapping[str, Subscription]]]:
    """Serve a sandbox on a port of its own; yield its URL and the subscriptions of its accounts.

    `plans` by vendor; default: the first of the vendor file. Their rates are left out if the settings lift them.
    UsageError for an unknown plan or turnover, ConfigurationError for faults that cannot be parsed.
    """
    from scraper.sandbox import serve

    subscriptions = {}
    for name in SANDBOX_VENDORS:
        known = {plan.name: plan for plan in load_catalogue(None).vendors[name].plans}
        wanted = plans.get(name, next(iter(known)))
        if wanted not in known:
            raise UsageError(f"{name} has no plan {wanted!r}{nearest(wanted, known)}; it has {', '.join(known)}")
        subscriptions[name] = known[wanted].without_rate if settings.lifts_rate else known[wanted]
    accepted = {name: keys.get(name) or SANDBOX_KEY for name in SANDBOX_VENDORS}
    async with serve(_sandbox(settings, subscriptions, accepted, failed_requests, retired), port=port) as url:
        yield url, subscriptions
