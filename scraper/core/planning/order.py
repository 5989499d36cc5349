"""The pages that a budget does not reach, with walks in the order in which a run buys them.

The order is the frontier's: walks left over, then priority, then breadth before depth, the boards that parents are
picked from first within a depth, then the job's own order, and parents by rank. A board has the highest priority of
its children, and precedes children that were left over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scraper.core.changes.tonight import Tonight
from scraper.core.jobs import Job
from scraper.core.planning.walks import CrawlEstimate
from scraper.core.units import Credits


@dataclass(frozen=True, slots=True, order=True)
class _Layer:
    """Pages of one depth of one crawl: the unit at which a short budget ends."""

    later: bool
    """False for a left-over walk."""
    priority: int
    depth: int
    feeds: int
    page: int
    crawl: int
    requests: int
    cost: Credits


@dataclass(frozen=True, slots=True)
class Dropped:
    """The requests of one crawl that are unlikely to be bought."""

    crawl: int
    """Its place in the job."""
    requests: int
    words: str


def dropped(
    job: Job,
    found: Sequence[CrawlEstimate],
    budget: Credits,
    shares: Mapping[str, Credits],
    tonight: Tonight | None = None,
) -> tuple[Dropped, ...]:
    """Return the requests that are unlikely to be bought, by crawl. `shares`: vendor → its share of the budget.

    `tonight`: the boards that the job's own order leaves.
    """
    left, of_share, layers = budget, dict(shares), sorted(_layers(job, found))
    boards = [] if tonight is None else list(_left(found, tonight))
    if tonight is not None and tonight.choices:  # children get what the boards leave
        layers = [layer for layer in layers if found[layer.crawl].crawl.each is not None]
        for vendor, credits in tonight.spending():
            left -= credits
            of_share[vendor] -= credits
    missing: dict[int, list[tuple[int, int, int]]] = {}
    for layer in layers:
        vendor = found[layer.crawl].crawl.endpoint.vendor
        bought = min(layer.requests, min(left, of_share[vendor]) // layer.cost)
        left -= bought * layer.cost
        of_share[vendor] -= bought * layer.cost
        if bought < layer.requests:
            missing.setdefault(layer.crawl, []).append((layer.page, layer.requests - bought, layer.requests))
    return (
        *boards,
        *(
            Dropped(crawl, sum(count for _, count, _ in layers), _words(found[crawl], layers))
            for crawl, layers in sorted(missing.items())
        ),
    )


def _left(found: Sequence[CrawlEstimate], tonight: Tonight) -> Iterator[Dropped]:
    """Yield the boards of each crawl that the job's order leaves to a later night."""
    for place, estimate in enumerate(found):
        crawl = estimate.crawl
        ours = [choice for choice in tonight.choices if choice.crawl == crawl.name]
        left = [choice for choice in ours if not choice.is_bought]
        if left:
            requests = min(estimate.requests.likely, sum(choice.credits for choice in left) // crawl.endpoint.cost)
            boards = f"{len(left)} of {len(ours)} boards left to a later night"
            words = f"{crawl.name}: {boards}: {requests} of {estimate.requests.likely} requests"
            yield Dropped(place, requests, words)


def _layers(job: Job, found: Sequence[CrawlEstimate]) -> Iterator[_Layer]:
    boards_first = any(estimate.leftover_depths for estimate in found if estimate.crawl.each is not None)
    for index, estimate in enumerate(found):
        crawl = estimate.crawl
        wanted_for = [child.priority for child in job.crawls if child.each == crawl.name]
        priority, feeds = max([crawl.priority, *wanted_for]), bool(wanted_for)
        for left_over, depths in ((True, estimate.leftover_depths), (False, estimate.depths)):
            later = not left_over and not (feeds and boards_first)
            for page, requests in _by_page(depths):
                depth = page if not feeds else 1 if later else 0
                yield _Layer(later, -priority, depth, 0 if feeds else 1, page, index, requests, crawl.endpoint.cost)


def _by_page(depths: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield each 1-based page with the number of walks that likely have it."""
    walks = sum(count for pages, count in depths.items() if pages)
    page = 1
    for pages in sorted(pages for pages in depths if pages):
        while page <= pages:
            yield page, walks
            page += 1
        walks -= depths[pages]


def _words(estimate: CrawlEstimate, layers: Sequence[tuple[int, int, int]]) -> str:
    """Return ``posts: page 2 of the last 6 walks, pages 3–4: 46 of 60 requests``."""
    pages = sorted({page for page, _, _ in layers})
    count = sum(missing for _, missing, _ in layers)
    partly = [(page, missing) for page, missing, whole in layers if missing < whole]
    wholly = [page for page in pages if page not in {page for page, _ in partly}]
    told = [f"page {page} of the last {missing} walk{'s' if missing != 1 else ''}" for page, missing in partly]
    if wholly:
        told.append(f"page {wholly[0]}" if len(wholly) == 1 else f"pages {wholly[0]}–{wholly[-1]}")
    return f"{estimate.crawl.name}: {', '.join(told)}: {count} of {estimate.requests.likely} requests"
