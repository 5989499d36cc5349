"""Moves from an endpoint that a vendor is ending to its successor: what they cost, and what they change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scraper.core.catalogue import Basis, Endpoint
from scraper.core.jobs import Crawl
from scraper.core.planning.walks import CrawlEstimate

_STANDS = {
    "deprecated": "is deprecated since {since}, and still answers as far as is known",
    "gone": "has left {vendor}'s catalogue (known since {since}) and may answer 404",
}


def leaving_endpoints(crawls: Sequence[Crawl]) -> Iterator[str]:
    """Yield a sentence for each endpoint of the crawls that its vendor has given up, with its successor."""
    for endpoint in {crawl.endpoint.full_name: crawl.endpoint for crawl in crawls}.values():
        if endpoint.status == "gone":
            yield f"{_standing(endpoint)}; {_successor(endpoint)}"


def move_words(estimate: CrawlEstimate) -> str | None:
    """Say that the endpoint of a crawl is ending, and what a move to its successor would cost and change."""
    crawl, old = estimate.crawl, estimate.crawl.endpoint
    if not old.is_leaving:
        return None
    if old.successor is None:
        return f"{_standing(old)}; no successor is described"
    new = old.successor
    requests = estimate.walks.likely * _pages(estimate, new)
    assumed = " (a price that is assumed)" if new.cost_basis is Basis.ASSUMED else ""
    price = f"{requests} request{'' if requests == 1 else 's'}, {requests * new.cost} credits{assumed}"
    changes = " ".join(filter(None, [old.moving, *_parameter_changes(crawl, new)]))
    return f"{_standing(old)}. Moving to {new.full_name} would likely cost {price}. {changes}".rstrip()


def gone_words(endpoint: Endpoint) -> str:
    """Name the successor of an endpoint that the vendor no longer serves; empty without one."""
    return "" if endpoint.successor is None else f"; {_successor(endpoint)}"


def _standing(endpoint: Endpoint) -> str:
    words = _STANDS[endpoint.status].format(vendor=endpoint.vendor, since=endpoint.status_since.isoformat())
    return f"{endpoint.full_name} {words}"


def _successor(endpoint: Endpoint) -> str:
    if endpoint.successor is None:
        return "no successor is described"
    return f"its successor is {endpoint.successor.full_name} (scraper plan says what a move costs and changes)"


def _pages(estimate: CrawlEstimate, new: Endpoint) -> int:
    """Return the pages of a walk there that hold as many rows as one here, or as many as there are."""
    rows = -(-estimate.rows.likely // max(1, estimate.walks.likely))
    wanted = min(rows, new.typical_total or rows)
    pages = max(1, -(-wanted // new.pagination.rows_per_page))
    return min(pages, new.pagination.max_page or pages)


def _parameter_changes(crawl: Crawl, new: Endpoint) -> Iterator[str]:
    """Yield a sentence for each parameter of the crawl that the successor names otherwise or does not have."""
    for name, values in crawl.params.items():
        old = crawl.endpoint.parameter(name)
        same = new.parameter(name)
        if same is None and old is not None and old.role is not None:
            same = new.with_role(old.role)
        if same is None:
            yield f"It has no {name}."
            continue
        if same.name != name:
            yield f"{name} is {same.name} there."
        refused = [value for value in values if same.allowed and value not in same.allowed]
        if refused:
            yield f"{same.name} {', '.join(refused)} is none of its values: {', '.join(same.allowed)}."
    for parameter in new.parameters:
        if parameter.required and not _is_filled(crawl, parameter.name, new):
            yield f"It needs {parameter.name}."


def _is_filled(crawl: Crawl, name: str, new: Endpoint) -> bool:
    wanted = new.parameter(name)
    stated = [crawl.endpoint.parameter(each) for each in crawl.params]
    return name in crawl.params or any(
        wanted is not None and wanted.role is not None and each is not None and each.role is wanted.role
        for each in stated
    )
