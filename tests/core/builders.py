"""Values for tests of the core: the real vendor files, and answers, crawls and jobs of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from scraper.core.catalogue import Catalogue, Charge, Endpoint, Vendor
from scraper.core.jobs import Account, Crawl, Job
from scraper.core.outcomes import Answer, Outcome, Reply, classify
from scraper.core.pagination import PageFacts, Record
from scraper.core.requests import Walk, canonical
from scraper.core.subscriptions import Subscription
from scraper.io.config_files.vendor_files import read_catalogue

CATALOGUE: Final[Catalogue] = read_catalogue()
NOON: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

C_HASHTAGS: Final = "crawlora.hashtags"
C_CREATORS: Final = "crawlora.creators"
C_POSTS: Final = "crawlora.hashtag_posts"
K_HASHTAGS: Final = "keyapi.hashtags"
K_VIDEOS: Final = "keyapi.videos"


def endpoint(full_name: str) -> Endpoint:
    found = CATALOGUE.endpoint(full_name)
    assert found is not None
    return found


def vendor_of(full_name: str) -> Vendor:
    return CATALOGUE.vendors[endpoint(full_name).vendor]


def catalogue_of(endpoints: Mapping[str, Endpoint]) -> Catalogue:
    """A catalogue of these endpoints; a vendor that the package does not know has no error rules."""
    unknown = replace(CATALOGUE.vendors["crawlora"], error_rules=())
    names = {endpoint.vendor for endpoint in endpoints.values()}
    return Catalogue(
        {
            name: replace(
                CATALOGUE.vendors.get(name, unknown),
                name=name,
                endpoints=tuple(endpoint for endpoint in endpoints.values() if endpoint.vendor == name),
            )
            for name in names
        }
    )


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer whose body is bytes as they are, or anything else as JSON."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Answer(status, headers or {}, raw)


def outcome_of(full_name: str, reply: Reply, failed_requests: Charge | None = None, now: datetime = NOON) -> Outcome:
    return classify(vendor_of(full_name), endpoint(full_name), reply, now, failed_requests)


def board(rows: Sequence[Any], **pagination: Any) -> dict[str, Any]:
    """A page of Crawlora's hashtag board."""
    inner = {"list": rows, "pagination": pagination}
    return {"code": 200, "msg": "OK", "data": {"code": 0, "msg": "OK", "data": inner}}


def walk_of(full_name: str, max_pages: int | None = None, **stated: str) -> Walk:
    if full_name == C_POSTS:
        stated = {"id": "3242", **stated}
    known = endpoint(full_name)
    return Walk(known, canonical(known, stated), max_pages, (full_name,))


def facts(*ids: str, records: int | None = None, **told: Any) -> PageFacts:
    """A page that lists these ids; `records` where the list holds more than has ids."""
    found = tuple(Record(identity) for identity in ids)
    return PageFacts(records=len(ids) if records is None else records, ids=found, **told)


def full_page(page: int, rows: int, **told: Any) -> PageFacts:
    """A page of so many records that no other page lists."""
    return facts(*(f"{page}-{place}" for place in range(rows)), **told)


def crawl(full_name: str, name: str | None = None, params: Mapping[str, Any] | None = None, **told: Any) -> Crawl:
    values = {
        key: tuple(value) if isinstance(value, (tuple, list)) else (value,) for key, value in (params or {}).items()
    }
    return Crawl(name=name or full_name, endpoint=endpoint(full_name), params=values, **told)


def account(vendor: str = "crawlora", **limits: Any) -> Account:
    return Account(vendor, Subscription("test", **limits), key_env="A_KEY")


def job(*crawls: Crawl, budget: int = 1_000, accounts: Sequence[Account] = ()) -> Job:
    stated = {each.vendor: each for each in accounts}
    vendors = {each.endpoint.vendor for each in crawls}
    return Job("nightly", budget, crawls, {vendor: stated.get(vendor, account(vendor)) for vendor in vendors})
