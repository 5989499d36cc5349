"""Moves from an endpoint that a vendor has deprecated or removed to its successor: their cost and their effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scraper.core.catalogue import Basis, Endpoint
from scraper.core.jobs import Crawl
from scraper.core.planning.walks import CrawlEstimate

_STANDS = {
    "deprecated": "has been deprecated since {since} and, as far as is known, still answers",
    "gone": "is no longer in {vendor}'s catalogue (known since {since}) and may answer 404",
}


def leaving_endpoints(crawls: Sequence[Crawl]) -> Iterator[str]:
    """Yield a sentence for each endpoint of the crawls that is gone, with its successor."""
    for endpoint in {crawl.endpoint.full_name: crawl.endpoint for crawl in crawls}.values():
        if endpoint.status == "gone":
            yield f"{_standing(endpoint)}; {_successor(endpoint)}"


def move_words(estimate: CrawlEstimate) -> str | None:
    """Return a sentence on the deprecation of a crawl's endpoint, and on the cost and effects of a move."""
    crawl, old = estimate.crawl, estimate.crawl.endpoint
    if not old.is_leaving:
        return None
    if old.successor is None:
        return f"{_standing(old)}; no successor is known"
    new = old.successor
    requests = estimate.walks.likely * _pages(estimate, new)
    assumed = " (assumed price)" if new.cost_basis is Basis.ASSUMED else ""
    price = f"{requests} request{'' if requests == 1 else 's'}, {requests * new.cost} credits{assumed}"
    changes = " ".join(filter(None, [old.moving, *_parameter_changes(crawl, new)]))
    return f"{_standing(old)}. Its successor {new.full_name} would likely cost {price}. {changes}".rstrip()


def gone_words(endpoint: Endpoint) -> str:
    """Return the successor of an endpoint that the vendor no longer serves, in words; empty without one."""
    return "" if endpoint.successor is None else f"; {_successor(endpoint)}"


def _standing(endpoint: Endpoint) -> str:
    words = _STANDS[endpoint.status].format(vendor=endpoint.vendor, since=endpoint.status_since.isoformat())
    return f"{endpoint.full_name} {words}"


def _successor(endpoint: Endpoint) -> str:
    if endpoint.successor is None:
        return "no successor is known"
    return f"its successor is {endpoint.successor.full_name} (scraper plan shows what a move costs and changes)"


def _pages(estimate: CrawlEstimate, new: Endpoint) -> int:
    """Return the pages of the successor's walk with as many rows as the present one, or as many as there are."""
    rows = -(-estimate.rows.likely // max(1, estimate.walks.likely))
    wanted = min(rows, new.typical_total or rows)
    pages = max(1, -(-wanted // new.pagination.rows_per_page))
    return min(pages, new.pagination.max_page or pages)


def _parameter_changes(crawl: Crawl, new: Endpoint) -> Iterator[str]:
    """Yield a sentence for each parameter of the crawl that the successor renames, restricts or lacks."""
    for name, values in crawl.params.items():
        old = crawl.endpoint.parameter(name)
        same = new.parameter(name)
        if same is None and old is not None and old.role is not None:
            same = new.with_role(old.role)
        if same is None:
            yield f"It has no {name}."
            continue
        if same.name != name:
            yield f"{name} becomes {same.name}."
        refused = [value for value in values if same.allowed and value not in same.allowed]
        if refused:
            yield f"{same.name} {', '.join(refused)} is not allowed; allowed are {', '.join(same.allowed)}."
    for parameter in new.parameters:
        if parameter.required and not _is_filled(crawl, parameter.name, new):
            yield f"It requires {parameter.name}."


def _is_filled(crawl: Crawl, name: str, new: Endpoint) -> bool:
    wanted = new.parameter(name)
    stated = [crawl.endpoint.parameter(each) for each in crawl.params]
    return name in crawl.params or any(
        wanted is not None and wanted.role is not None and each is not None and each.role is wanted.role
        for each in stated
    )
