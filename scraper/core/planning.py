"""What a job will do and cost, before a credit is spent: pure arithmetic over the job and the vendor files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scraper.core.catalogue import Basis, CursorPagination, PagePagination
from scraper.core.jobs import Account, Crawl, Job
from scraper.core.units import Credits

LATENCY_S = 1.0
"""Seconds that one answer takes: assumed, until runs have been observed."""


@dataclass(frozen=True, slots=True)
class Range:
    """A figure that is not known to the unit: low ≤ likely ≤ high."""

    low: int
    likely: int
    high: int

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: int) -> Range:
        """The range of so many of these."""
        return Range(self.low * factor, self.likely * factor, self.high * factor)

    def at_most(self, ceiling: int) -> Range:
        """The range below a ceiling."""
        return Range(min(self.low, ceiling), min(self.likely, ceiling), min(self.high, ceiling))

    @property
    def exact(self) -> bool:
        """Known to the unit."""
        return self.low == self.high

    def to_json(self) -> dict[str, int]:
        """``{"low": …, "likely": …, "high": …}``."""
        return {"low": self.low, "likely": self.likely, "high": self.high}


NOTHING = Range(0, 0, 0)


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """One crawl's share of the plan."""

    name: str
    endpoint: str
    vendor: str
    table: str
    walks: Range
    requests: Range
    credits: Range
    rows: Range
    basis: Basis
    bounded_by_budget: bool = False
    """Nothing but the budget says where this crawl ends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of a job will do."""

    job: str
    budget: Credits
    fits: bool
    """The likely cost is within the budget."""
    crawls: tuple[CrawlPlan, ...]
    requests: Range
    credits: Range
    rows: Mapping[str, Range]
    duration_s: Range
    days: int
    overage_usd: Decimal
    dropped: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of INTERFACE."""
        return {
            "job": self.job,
            "fits": self.fits,
            "budget": self.budget,
            "requests": self.requests.to_json(),
            "credits": self.credits.to_json(),
            "rows": {table: rows.to_json() for table, rows in self.rows.items()},
            "duration_s": self.duration_s.to_json(),
            "days": self.days,
            "overage_usd": str(self.overage_usd),
            "crawls": [
                {
                    "name": crawl.name,
                    "endpoint": crawl.endpoint,
                    "walks": crawl.walks.to_json(),
                    "requests": crawl.requests.to_json(),
                    "credits": crawl.credits.to_json(),
                    "rows": crawl.rows.to_json(),
                    "basis": "bounded by budget" if crawl.bounded_by_budget else crawl.basis.value,
                }
                for crawl in self.crawls
            ],
            "dropped": list(self.dropped),
            "warnings": list(self.warnings),
        }


def plan(job: Job) -> Plan:
    """The plan of a job that starts afresh."""
    crawls: list[CrawlPlan] = []
    for crawl in job.crawls:
        parent = next((found for found in crawls if found.name == crawl.each), None)
        crawls.append(_plan_crawl(crawl, parent, job.budget))
    credits = _sum(crawl.credits for crawl in crawls)
    fits = credits.likely <= job.budget
    by_vendor = {vendor: _within_budget(job, crawls, vendor) for vendor in job.vendors}
    of_vendor = {vendor: _credits_of(crawls, vendor).at_most(job.budget) for vendor in job.vendors}
    tables = dict.fromkeys(crawl.table for crawl in crawls)
    return Plan(
        job=job.name,
        budget=job.budget,
        fits=fits,
        crawls=tuple(crawls),
        requests=_within_budget(job, crawls),
        credits=credits.at_most(job.budget),
        rows={table: _sum(crawl.rows for crawl in crawls if crawl.table == table) for table in tables},
        duration_s=_duration(job, by_vendor),
        days=max((_days(job.accounts[vendor], of_vendor[vendor]) for vendor in job.vendors), default=1),
        overage_usd=sum((_overage(job.accounts[v], of_vendor[v]) for v in job.vendors), Decimal(0)),
        dropped=() if fits else _dropped(job, crawls),
        warnings=tuple(_warnings(job, crawls, credits)),
    )


def _sum(ranges: Any) -> Range:  # noqa: ANN401 - any iterable of ranges; sum() needs a start of our own type
    return sum(ranges, NOTHING)


def _credits_of(crawls: list[CrawlPlan], vendor: str) -> Range:
    return _sum(crawl.credits for crawl in crawls if crawl.vendor == vendor)


def _within_budget(job: Job, crawls: list[CrawlPlan], vendor: str | None = None) -> Range:
    """Requests of one vendor, or of all: no more than the whole budget pays for at the lowest price among them."""
    costs = [crawl.endpoint.cost for crawl in job.crawls if vendor in {None, crawl.endpoint.vendor}]
    requests = _sum(crawl.requests for crawl in crawls if vendor in {None, crawl.vendor})
    return requests.at_most(job.budget // min(costs)) if costs else requests


def pages_of_a_walk(crawl: Crawl) -> tuple[Range, bool]:
    """Pages of one walk, and whether it has an end that does not depend on the budget."""
    endpoint, limit = crawl.endpoint, crawl.page_limit
    clamp = endpoint.pagination.max_page if isinstance(endpoint.pagination, PagePagination) else None
    most = min((pages for pages in (limit, clamp) if pages is not None), default=None)
    whole = -(-endpoint.typical_total // endpoint.pagination.rows_per_page) if endpoint.typical_total else None
    likely = min((pages for pages in (most, whole) if pages is not None), default=1)
    # A walk is at least one request; where nothing bounds it, twice the usual board stands in until the budget does.
    return Range(1, likely, most if most is not None else 2 * likely), most is not None or whole is not None


def _plan_crawl(crawl: Crawl, parent: CrawlPlan | None, budget: Credits) -> CrawlPlan:
    endpoint = crawl.endpoint
    walks = Range(1, 1, 1) if parent is None else _parents(crawl, parent)
    walks = walks.times(crawl.combinations)
    pages, has_end = pages_of_a_walk(crawl)
    requests = Range(walks.low * pages.low, walks.likely * pages.likely, walks.high * pages.high)
    unbounded = not has_end
    affordable = budget // endpoint.cost
    high = affordable if unbounded else min(requests.high, affordable)
    # What is likely stands as it is, so that a job that does not fit shows by how much.
    requests = Range(requests.low, requests.likely, max(requests.likely, high))
    size = endpoint.pagination.rows_per_page
    most_rows = endpoint.typical_total or pages.high * size
    rows = Range(0, walks.likely * min(most_rows, pages.likely * size), requests.high * size)
    return CrawlPlan(
        name=crawl.name,
        endpoint=endpoint.full_name,
        vendor=endpoint.vendor,
        table=endpoint.table,
        walks=walks,
        requests=requests,
        credits=requests.times(endpoint.cost),
        rows=rows,
        basis=Basis.KNOWN if requests.exact else Basis.ASSUMED,
        bounded_by_budget=unbounded,
    )


def _parents(crawl: Crawl, parent: CrawlPlan) -> Range:
    """Distinct parents: boards overlap or come up empty, so the low end is none."""
    found = parent.rows
    if crawl.top_per_board is not None:
        boards = parent.walks
        best = boards.times(crawl.top_per_board)
        return Range(0, min(found.likely, best.likely), min(found.high, best.high))
    return found if crawl.top is None else found.at_most(crawl.top)


def _duration(job: Job, requests: Mapping[str, Range]) -> Range:
    """Seconds at the accounts' rates; accounts run side by side, so the slowest decides."""

    def seconds(vendor: str, count: int) -> int:
        rate = job.accounts[vendor].subscription.starts_per_second
        return 0 if count == 0 else round(LATENCY_S + (count - 1) / rate if rate else LATENCY_S)

    low, likely, high = (
        max((seconds(vendor, getattr(counts, end)) for vendor, counts in requests.items()), default=0)
        for end in ("low", "likely", "high")
    )
    return Range(low, likely, high)


def _days(account: Account, credits: Range) -> int:
    """UTC days that the likely cost takes under the account's daily cap."""
    cap = account.subscription.credits_per_day
    return 1 if not cap else max(1, -(-credits.likely // cap))


def _overage(account: Account, credits: Range) -> Decimal:
    """Dollars past the month's credits, for a month of which nothing is used yet; never more than the limit allows."""
    subscription = account.subscription
    most = subscription.month_limit
    return Decimal(0) if most is None else subscription.overage_usd(min(credits.likely, most))


def _dropped(job: Job, crawls: list[CrawlPlan]) -> tuple[str, ...]:
    """What the budget is likely not to reach: the run buys by priority, then about in the order of the job."""
    priorities = {crawl.name: crawl.priority for crawl in job.crawls}
    dropped, left = [], job.budget
    for crawl in sorted(crawls, key=lambda crawl: -priorities[crawl.name]):
        missing = max(0, crawl.credits.likely - left)
        left = max(0, left - crawl.credits.likely)
        if missing:
            cost = crawl.credits.likely // max(1, crawl.requests.likely)
            dropped.append(f"{crawl.name}: about {-(-missing // cost)} of {crawl.requests.likely} requests")
    return tuple(dropped)


def _account_warnings(account: Account, likely: Credits) -> list[str]:
    vendor, subscription, warnings = account.vendor, account.subscription, []
    if subscription.assumed:
        fields = ", ".join(subscription.assumed)
        warnings.append(f"{vendor} publishes no plan: {fields} are assumed; state them in [accounts.{vendor}]")
    if subscription.month_limit is not None and likely > subscription.month_limit:
        month = subscription.month_limit
        warnings.append(f"{vendor}: likely {likely} credits, and the account's month has {month}: the run ends there")
    return warnings


def _warnings(job: Job, crawls: list[CrawlPlan], credits: Range) -> list[str]:
    warnings = []
    for vendor in job.vendors:
        likely = _credits_of(crawls, vendor).at_most(job.budget).likely
        warnings += _account_warnings(job.accounts[vendor], likely)
    if credits.likely > job.budget:
        warnings.append(
            f"likely {credits.likely} credits, the budget is {job.budget}: the most valuable pages come first"
        )
    elif credits.high > job.budget:
        warnings.append(f"up to {credits.high} credits were possible; the budget of {job.budget} is the ceiling")
    for crawl in job.crawls:
        if isinstance(crawl.endpoint.pagination, CursorPagination) and crawl.page_limit is None:
            warnings.append(f"{crawl.name}: a cursor has no known end; max_items or max_pages would bound it")
        walk = pages_of_a_walk(crawl)[0].likely * crawl.endpoint.cost
        if walk > job.budget:
            warnings.append(
                f"{crawl.name}: one walk likely costs {walk} credits: with this budget none is ever complete"
            )
        if crawl.endpoint.note:
            warnings.append(f"{crawl.endpoint.full_name}: {crawl.endpoint.note}")
    for crawl_plan in crawls:
        if crawl_plan.walks.likely == 0:
            warnings.append(f"{crawl_plan.name}: no parents are likely to be found")
    return warnings
