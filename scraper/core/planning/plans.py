"""A job's plan: pure arithmetic over the job, the vendor files and earlier runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from scraper.core.catalogue import Basis
from scraper.core.changes.tonight import Tonight
from scraper.core.fingerprint import fingerprint
from scraper.core.jobs import Crawl, Job
from scraper.core.planning.calendar import LATENCY_S, Day, Schedule, merged, overage_usd, schedule, seconds_of
from scraper.core.planning.forecast import COVERAGE, Forecast, forecast
from scraper.core.planning.history import AccountStanding, Known
from scraper.core.planning.knowing import Knowing, knowing
from scraper.core.planning.notes import warnings
from scraper.core.planning.order import Dropped, dropped
from scraper.core.planning.ranges import Range, least_within, most_within, total
from scraper.core.planning.walks import CrawlEstimate, estimates, hard_limit
from scraper.core.units import Credits, iso_utc

BYTES_A_ROW: Mapping[str, float] = {"pages": 20_000}
BYTES_OF_A_ROW = 400
"""Bytes on disk, compressed, of a page and of a row of any table: assumed until parts have been written."""


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """One crawl's share of the plan."""

    name: str
    endpoint: str
    vendor: str
    table: str
    cost: Credits
    """Credits of one request."""
    walks: Range
    requests: Range
    credits: Range
    rows: Range
    basis: Basis
    bounded_by_budget: bool = False
    reused: int = 0
    """Walks of an earlier run that are reused."""
    explanation: tuple[str, ...] = ()
    """The sources of the figures, one sentence each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one run of a job."""

    job: str
    budget: Credits
    fits: bool
    """True if the likely cost is within the budget."""
    crawls: tuple[CrawlPlan, ...]
    requests: Range
    credits: Range
    rows: Mapping[str, Range]
    duration_s: Range
    """Seconds of sending at the accounts' rates."""
    calendar: tuple[Day, ...]
    """The likely credits within the budget, by UTC day under the caps."""
    done_at: datetime | None
    """Aware, UTC; ``None``: the caps never let the job finish."""
    overage_usd: Decimal
    size_bytes: Range
    """Bytes on disk, pages and tables together."""
    dropped: tuple[str, ...]
    warnings: tuple[str, ...]
    done: bool = False
    """This night's run, or that of a one-off job, is over: `scraper run` sends nothing without --new."""
    tonight: Tonight | None = None
    """The job's boards if it states an `order`, each bought or left, with the reason."""
    forecast: Forecast | None = None
    """Ranges from the job's own runs; the others are bounds."""
    knowing: Knowing | None = None
    """For a repeated job: the effect of reading its boards less often, or by a delta."""

    @property
    def days(self) -> int:
        """Return the number of UTC days on which something is bought."""
        return max(1, len(self.calendar))

    def to_json(self) -> dict[str, Any]:
        """Return the object that `scraper plan --format json` prints."""
        return {
            "job": self.job,
            "fits": self.fits,
            "budget": self.budget,
            "requests": self.requests.to_json(),
            **self._ranges_json(),
            "duration_s": self.duration_s.to_json(),
            "days": self.days,
            "calendar": [{"day": day.day, "credits": day.credits, "requests": day.requests} for day in self.calendar],
            "done_at": None if self.done_at is None else iso_utc(self.done_at.replace(microsecond=0)),
            "overage_usd": str(self.overage_usd),
            "size_bytes": self.size_bytes.to_json(),
            "crawls": [_crawl_json(crawl) for crawl in self.crawls],
            "dropped": list(self.dropped),
            "warnings": list(self.warnings),
            **({} if self.tonight is None else {"boards": self.tonight.to_json()}),
            **({} if self.knowing is None else {"knowing": self.knowing.to_json()}),
        }

    def _ranges_json(self) -> dict[str, Any]:
        """Return credits and rows by the forecast, else between bounds, and the worst case."""
        found = self.forecast
        credits = self.credits if found is None else found.credits
        rows = self.rows if found is None else found.rows
        return {
            "credits": credits.to_json(),
            "rows": {table: figures.to_json() for table, figures in rows.items()},
            "coverage": None if found is None else {"share": COVERAGE, "runs": found.runs},
            "worst": {
                "requests": self.requests.high,
                "credits": self.credits.high,
                "rows": {table: figures.high for table, figures in self.rows.items()},
            },
        }


def _crawl_json(crawl: CrawlPlan) -> dict[str, Any]:
    return {
        "name": crawl.name,
        "endpoint": crawl.endpoint,
        "walks": crawl.walks.to_json(),
        "requests": crawl.requests.to_json(),
        "credits": crawl.credits.to_json(),
        "rows": crawl.rows.to_json(),
        "reused": crawl.reused,
        "basis": "bounded by budget" if crawl.bounded_by_budget else crawl.basis.value,
        "explanation": list(crawl.explanation),
    }


def plan(job: Job, known: Known) -> Plan:
    """Plan a run that starts now, within the job's budget."""
    found = estimates(job, known)
    budget = job.budget
    shares = {vendor: min(budget, known.shares.get(vendor, budget)) for vendor in job.vendors}
    crawls = tuple(_crawl_plan(estimate, shares[estimate.crawl.endpoint.vendor]) for estimate in found)
    credits = total(crawl.credits for crawl in crawls)
    ours = {vendor: [crawl for crawl in crawls if crawl.vendor == vendor] for vendor in job.vendors}
    beyond = [vendor for vendor in ours if total(one.credits for one in ours[vendor]).likely > shares[vendor]]
    fits = credits.likely <= budget and not beyond
    missing = () if fits else dropped(job, found, budget, shares, known.tonight)
    kept = _kept(crawls, missing, job)
    tables = dict.fromkeys(crawl.table for crawl in crawls)
    rows = {table: total(crawl.rows for crawl in kept if crawl.table == table) for table in tables}
    bought = {vendor: _within([one for one in kept if one.vendor == vendor], shares[vendor]) for vendor in ours}
    schedules = _schedules(job, kept, bought, known)
    all_in_all = merged([one.likely for one in schedules.values()])
    return Plan(
        job=job.name,
        budget=budget,
        fits=fits,
        crawls=crawls,
        requests=total(bought.values()).at_most(budget // min((crawl.cost for crawl in crawls), default=1)),
        credits=_credits(crawls, kept, shares if known.shares else {}, budget),
        rows=rows,
        duration_s=Range(*(max((one.seconds[n] for one in schedules.values()), default=0) for n in range(3))),
        calendar=all_in_all.days,
        done_at=all_in_all.done_at,
        overage_usd=sum((one.overage_usd for one in schedules.values()), Decimal(0)),
        size_bytes=_size_bytes(rows, total(bought.values()), known),
        dropped=tuple(one.words for one in missing),
        warnings=tuple(warnings(job, found, credits, budget, known)),
        tonight=known.tonight,
        forecast=_forecast(job, known, tuple(tables)),
        knowing=knowing(job, known.history, known.now),
    )


def _forecast(job: Job, known: Known, tables: Sequence[str]) -> Forecast | None:
    past = known.history.past_runs(job.name, fingerprint(job))
    return forecast(past, job.budget, max(crawl.endpoint.cost for crawl in job.crawls), tables)


def may_outrun(crawls: Sequence[Crawl], budget: Credits, shares: Mapping[str, Credits] | None = None) -> bool:
    """Return whether the budget may end the run, because documented clamps and the job's own limits do not exclude it.

    `shares`: vendor → its share of the budget.
    """
    credits: Counter[str] = Counter()
    most: dict[str, int] = {}
    walks: dict[str, int] = {}
    for crawl in sorted(crawls, key=lambda crawl: crawl.each is not None):
        pages, size = hard_limit(crawl), crawl.endpoint.pagination.rows_per_page
        parents = 1
        if crawl.each is not None:
            parents = most[crawl.each]
            if crawl.top_per_board is not None:
                parents = min(parents, walks[crawl.each] * crawl.top_per_board)
            parents = parents if crawl.top is None else min(parents, crawl.top)
        if pages is None:
            return True
        walks[crawl.name] = parents * crawl.combinations
        credits[crawl.endpoint.vendor] += walks[crawl.name] * pages * crawl.endpoint.cost
        most[crawl.name] = walks[crawl.name] * pages * size
    return credits.total() > budget or any(credits[vendor] > share for vendor, share in (shares or {}).items())


def _crawl_plan(estimate: CrawlEstimate, budget: Credits) -> CrawlPlan:
    crawl = estimate.crawl
    endpoint, requests = crawl.endpoint, estimate.requests
    affordable = budget // endpoint.cost
    high = affordable if estimate.unbounded else min(requests.high, affordable)
    # The likely figure is not capped, so that a job that does not fit shows by how much.
    requests = Range(requests.low, requests.likely, max(requests.likely, high))
    rows = estimate.rows
    if estimate.unbounded:
        rows = Range(rows.low, rows.likely, max(rows.likely, requests.high * endpoint.pagination.rows_per_page))
    return CrawlPlan(
        name=crawl.name,
        endpoint=endpoint.full_name,
        vendor=endpoint.vendor,
        table=endpoint.table,
        cost=endpoint.cost,
        walks=estimate.walks,
        requests=requests,
        credits=requests.times(endpoint.cost),
        rows=rows,
        basis=estimate.basis,
        bounded_by_budget=estimate.unbounded,
        reused=estimate.reused,
        explanation=tuple(estimate.explanation),
    )


def _kept(crawls: Sequence[CrawlPlan], missing: Sequence[Dropped], job: Job) -> tuple[CrawlPlan, ...]:
    """Return the crawls without the requests that the budget does not reach, and without their rows."""
    kept = list(crawls)
    for one in missing:
        crawl, endpoint = crawls[one.crawl], job.crawls[one.crawl].endpoint
        requests, rows = crawl.requests, crawl.rows
        likely = requests.likely - one.requests
        most = max(likely, min(requests.high, job.budget // endpoint.cost))
        rows_likely = rows.likely * likely // requests.likely
        rows_most = max(rows_likely, min(rows.high, most * endpoint.pagination.rows_per_page))
        kept[one.crawl] = replace(
            crawl,
            requests=Range(min(requests.low, likely), likely, most),
            rows=Range(min(rows.low, rows_likely), rows_likely, rows_most),
        )
    return tuple(kept)


def _credits(
    crawls: Sequence[CrawlPlan], kept: Sequence[CrawlPlan], shares: Mapping[str, Credits], budget: Credits
) -> Range:
    """Return the run's spending: whole requests, within the budget and each account's share of it."""
    apart: list[tuple[Sequence[CrawlPlan], Credits]] = [
        ([one for one in crawls if one.vendor == vendor], share) for vendor, share in shares.items()
    ]
    least = most = 0
    for together, ceiling in apart or [(crawls, budget)]:
        least += least_within(ceiling, [(one.cost, one.requests.low) for one in together])
        most += most_within(ceiling, [(one.cost, one.requests.high) for one in together])
    likely = sum(one.cost * one.requests.likely for one in kept)
    return Range(min(least, likely), likely, max(likely, most))


def _within(crawls: Sequence[CrawlPlan], budget: Credits) -> Range:
    """Return the requests of one vendor that the budget, or its share of it, pays for."""
    return total(crawl.requests for crawl in crawls).at_most(budget // min((crawl.cost for crawl in crawls), default=1))


@dataclass(frozen=True, slots=True)
class _AccountSchedule:
    likely: Schedule
    seconds: tuple[int, int, int]
    overage_usd: Decimal


def _schedules(
    job: Job, crawls: Sequence[CrawlPlan], bought: Mapping[str, Range], known: Known
) -> Mapping[str, _AccountSchedule]:
    found = {}
    for vendor in job.vendors:
        account, standing = job.accounts[vendor], known.standings.get(vendor, AccountStanding())
        cost = max((crawl.cost for crawl in crawls if crawl.vendor == vendor), default=1)
        seen_s = known.history.latency_s(vendor)
        latency_s = LATENCY_S if seen_s is None else seen_s
        requests = bought[vendor]
        likely = schedule(account, standing, requests.likely, cost, known.now, latency_s)
        rate = account.subscription.starts_per_second
        low, middle, high = (
            seconds_of(count, rate, latency_s) for count in (requests.low, requests.likely, requests.high)
        )
        credits = sum(day.credits for day in likely.days)
        found[vendor] = _AccountSchedule(likely, (low, middle, high), overage_usd(account, standing, credits))
    return found


def _size_bytes(rows: Mapping[str, Range], pages: Range, known: Known) -> Range:
    seen = {**BYTES_A_ROW, **known.history.bytes_a_row()}

    def size(counts: Mapping[str, int]) -> int:
        return round(sum(count * seen.get(table, BYTES_OF_A_ROW) for table, count in counts.items()))

    return Range(
        size({"pages": pages.low, **{table: found.low for table, found in rows.items()}}),
        size({"pages": pages.likely, **{table: found.likely for table, found in rows.items()}}),
        size({"pages": pages.high, **{table: found.high for table, found in rows.items()}}),
    )
