"""The warnings of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scraper.core.catalogue import Basis, Parameter, Role
from scraper.core.changes.tonight import Tonight
from scraper.core.jobs import Account, Crawl, Job, OrderName
from scraper.core.planning.history import AccountStanding, Known, Yield
from scraper.core.planning.moving import move_words
from scraper.core.planning.ranges import Range
from scraper.core.planning.walks import CrawlEstimate, hard_limit
from scraper.core.units import Credits, iso_utc

POOR_SHARE = 0.1
"""Countries with less than this share of the rows that the endpoint yields elsewhere are named."""
ENOUGH_WALKS = 2
"""Fewest walks for a verdict on a country's yield."""


def warnings(job: Job, found: Sequence[CrawlEstimate], credits: Range, budget: Credits, known: Known) -> Iterator[str]:
    """Yield one sentence for each warning, the most important first."""
    if known.course:
        yield known.course
    for vendor in job.vendors:
        ours = [each for each in found if each.crawl.endpoint.vendor == vendor]
        likely = sum(each.requests.likely * each.crawl.endpoint.cost for each in ours)
        standing = known.standings.get(vendor, AccountStanding())
        share = known.shares.get(vendor, budget)
        yield from _account_warnings(job.accounts[vendor], standing, min(likely, share), known)
        if likely > share < budget:
            yield f"{vendor}: likely {likely} credits, tonight's share is {share}: the most valuable pages come first"
    if credits.likely > budget:
        yield f"likely {credits.likely} credits, the budget is {budget}: the most valuable pages come first"
    elif credits.high > budget:
        yield f"up to {credits.high} credits possible; the budget of {budget} is the ceiling"
    if known.tonight is not None:
        yield from _order_warnings(job, known.tonight, budget)
    if known.leftovers and not (known.tonight and (known.tonight.choices or job.order is not OrderName.VALUE)):
        yield f"{len(known.leftovers)} walks that the last run left over come first"
    yield from unknown_values(job.crawls)
    yield from _assumed_prices(job.crawls)
    for estimate in found:
        yield from _crawl_warnings(estimate, budget)
    yield from _poor_yields(job, known.history.yields())


def _order_warnings(job: Job, tonight: Tonight, budget: Credits) -> Iterator[str]:
    if not tonight.choices:
        yield from tonight.notes()
    if tonight.fell_back:
        yield f"boards are bought stalest first, {tonight.because}"
    if job.max_staleness is None or job.every is None:
        return
    nights = max(1, job.max_staleness // job.every.period)
    needed = -(-sum(choice.credits for choice in tonight.choices) // nights)
    if needed > budget:
        met = f"reading every board every {nights} nights takes {needed} credits a night, and the budget is {budget}"
        yield f"max_staleness can't be kept: {met}"


def unknown_values(crawls: Sequence[Crawl]) -> Iterator[str]:
    """Yield a warning for parameter values that no document lists, with the least that they cost."""
    for crawl in crawls:
        for name, values in crawl.params.items():
            parameter = crawl.endpoint.parameter(name)
            if parameter is not None and (unknown := parameter.unknown(values)):
                yield _unknown_words(crawl, parameter, unknown)


def _unknown_words(crawl: Crawl, parameter: Parameter, unknown: Sequence[str]) -> str:
    walks = crawl.combinations // len(crawl.params[parameter.name]) * len(unknown)
    price = f"{walks} walk{'' if walks == 1 else 's'}, at least {walks * crawl.endpoint.cost} credits"
    each = "" if crawl.each is None else " for each parent"
    met = f"{crawl.name}: {parameter.name} {', '.join(unknown)}"  # any code resembles some other: none is suggested
    listed = f"none of the {len(parameter.known)} documented values"
    return f"{met}: {listed}, so the answer may be empty and is charged ({price}{each}); scraper vendors lists them"


def _assumed_prices(crawls: Sequence[Crawl]) -> Iterator[str]:
    """Yield a sentence for each vendor with endpoints of the job whose price is assumed."""
    assumed: dict[str, dict[str, Credits]] = {}
    for endpoint in (crawl.endpoint for crawl in crawls):
        if endpoint.cost_basis is Basis.ASSUMED:
            assumed.setdefault(endpoint.vendor, {})[endpoint.full_name] = endpoint.cost
    for vendor, costs in assumed.items():
        names = ", ".join(f"{name} ({cost})" for name, cost in costs.items())
        yield f"{vendor}: no page states the price of {names}: these credits are assumed"


def _account_warnings(account: Account, standing: AccountStanding, likely: Credits, known: Known) -> Iterator[str]:
    vendor, subscription = account.vendor, account.subscription
    if subscription.assumed:
        fields = ", ".join(subscription.assumed)
        yield f"{vendor} publishes no plan: {fields} are assumed; state them in [accounts.{vendor}]"
    month = subscription.month_limit
    if month is not None and likely > month - standing.month.committed:
        used = standing.month.committed
        left = f"{max(0, month - used)} of {month} left" if used else str(month)
        yield f"{vendor}: likely {likely} credits, and the account's month has {left}: the run ends there"
    if standing.closed_until is not None and standing.closed_until > known.now:
        yield f"{vendor} has no quota left: nothing is sent before {iso_utc(standing.closed_until)}"


def _crawl_warnings(estimate: CrawlEstimate, budget: Credits) -> Iterator[str]:
    crawl = estimate.crawl
    if crawl.endpoint.pagination.open_ended and crawl.page_limit is None:
        yield f"{crawl.name}: its cursor has no known end; limit it with max_items or max_pages"
    walk = max([*estimate.depths, *estimate.leftover_depths], default=0) * crawl.endpoint.cost
    if walk > budget:
        yield f"{crawl.name}: one walk likely costs {walk} credits, more than the budget: none will be complete"
    if moving := move_words(estimate):
        yield moving
    most = crawl.endpoint.pagination.max_page
    if crawl.page_limit is None and most is not None and most > 1 and most in estimate.depths:
        rows = most * crawl.endpoint.pagination.rows_per_page
        yield f"{crawl.name}: at most {rows:,} rows of a walk are served; later ones are not bought"
    if crawl.endpoint.note:
        yield f"{crawl.endpoint.full_name}: {crawl.endpoint.note}"
    if estimate.walks.likely == 0:
        yield f"{crawl.name}: no parents are likely to be found"
    if estimate.crawl.each is None and hard_limit(crawl) is None and estimate.unbounded and estimate.walks.likely > 1:
        yield f"{crawl.name}: only the budget bounds it, so its later walks may get nothing"


def _poor_yields(job: Job, yields: Sequence[Yield]) -> Iterator[str]:
    """Yield a warning for each country of the job that was empty, or nearly so, in earlier runs."""
    endpoints = {crawl.endpoint.full_name: crawl for crawl in job.crawls}
    for met in yields:
        crawl = endpoints.get(met.endpoint)
        asked = crawl is not None and (crawl.each is not None or met.country in _countries(crawl))
        if not asked or met.country is None or met.walks < ENOUGH_WALKS:
            continue
        elsewhere = [other for other in yields if other.endpoint == met.endpoint and other.country != met.country]
        rows, walks = sum(other.rows for other in elsewhere), sum(other.walks for other in elsewhere)
        where = f"{met.endpoint} in {met.country}"
        if met.empty == met.walks:
            yield f"{where}: {met.walks} walks came back empty, {met.credits} credits for no rows"
        elif walks and met.rows / met.walks < POOR_SHARE * rows / walks:
            each = met.rows / met.walks
            yield f"{where}: {each:.0f} rows a walk, {rows / walks:.0f} elsewhere ({met.credits} credits so far)"


def _countries(crawl: Crawl) -> frozenset[str]:
    parameter = crawl.endpoint.with_role(Role.COUNTRY)
    return frozenset() if parameter is None else frozenset(crawl.params.get(parameter.name, ()))
