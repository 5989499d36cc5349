"""The fingerprint of a job's requests: its crawls, their parameters and depth, and the accounts that pay.

Equal in meaning is equal: the order of keys, crawls and values, the names of crawls, limits in rows or in pages, and a
stated default do not matter. How it is bought (budget, priorities, retries, ages, plans) is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from scraper.core.jobs import Crawl, Job
from scraper.core.requests import documented_defaults

_MOST_NAMED = 5
_LIMITS = {"pages": "pages of a walk", "top": "top", "top_per_board": "top_per_board", "stop_when_known": "known share"}


def fingerprint(job: Job) -> str:
    """Return the fingerprint, a JSON text that `changes` compares."""
    crawls = sorted((_crawl(crawl) for crawl in job.crawls), key=lambda crawl: str(crawl["name"]))
    accounts = {vendor: job.accounts[vendor].id for vendor in job.vendors}
    return orjson.dumps({"accounts": accounts, "crawls": crawls}, option=orjson.OPT_SORT_KEYS).decode()


def _crawl(crawl: Crawl) -> dict[str, Any]:
    endpoint = crawl.endpoint
    params = {name: (value,) for name, value in documented_defaults(endpoint).items()} | dict(crawl.params)
    limits = [limit for limit in (crawl.page_limit, endpoint.pagination.max_page) if limit is not None]
    return {
        "name": crawl.name,
        "endpoint": endpoint.full_name,
        "params": {name: sorted(values) for name, values in params.items()},
        "each": crawl.each,
        "pages": min(limits, default=None),
        "top": crawl.top,
        "top_per_board": crawl.top_per_board,
        "stop_when_known": crawl.stop_when_known,
        **({} if crawl.delta is None else {"delta": crawl.delta}),  # absent where older runs have none
    }


def changes(before: str, after: str) -> list[str]:
    """Return the differences between two fingerprints, in words; empty if they request the same."""
    if before == after:
        return []
    earlier, later = orjson.loads(before), orjson.loads(after)
    return [*_account_changes(earlier["accounts"], later["accounts"]), *_crawl_changes(earlier, later)]


def _account_changes(earlier: Mapping[str, str], later: Mapping[str, str]) -> Iterator[str]:
    for vendor in sorted(earlier.keys() & later.keys()):
        if earlier[vendor] != later[vendor]:
            yield f"account of {vendor}: {later[vendor]} instead of {earlier[vendor]}"


def _crawl_changes(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> Iterator[str]:
    before, after = _by_meaning(earlier["crawls"]), _by_meaning(later["crawls"])
    gone = {crawl["name"]: crawl for meaning, crawl in before.items() if meaning not in after}
    for crawl in (crawl for meaning, crawl in after.items() if meaning not in before):
        was = gone.pop(crawl["name"], None)
        if was is None:
            yield f"crawl {crawl['name']} is new"
        elif told := list(_differences(was, crawl)):  # else only its parent differs, which is reported there
            yield f"crawl {crawl['name']}: {', '.join(told)}"
    for name in gone:
        yield f"crawl {name} was removed"


def _by_meaning(crawls: Iterable[Mapping[str, Any]]) -> dict[bytes, Mapping[str, Any]]:
    """Return the crawls by what they request: without their name, and with their parent instead of its name."""
    named = {crawl["name"]: crawl for crawl in crawls}

    def meaning(crawl: Mapping[str, Any]) -> dict[str, Any]:
        parent = named.get(crawl["each"])
        return {**crawl, "name": None, "each": None if parent is None else {**parent, "name": None}}

    return {orjson.dumps(meaning(crawl), option=orjson.OPT_SORT_KEYS): crawl for crawl in named.values()}


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if was["endpoint"] != now["endpoint"]:
        yield f"{now['endpoint']} instead of {was['endpoint']}"
    if was["each"] != now["each"]:
        yield f"each = {now['each'] or 'none'} instead of {was['each'] or 'none'}"
    for name in sorted(was["params"].keys() | now["params"].keys()):
        old, new = was["params"].get(name, []), now["params"].get(name, [])
        told = [
            f"{verb} {_listed(values)}"
            for verb, values in (("adds", set(new) - set(old)), ("drops", set(old) - set(new)))
            if values
        ]
        if told:
            yield f"{name} {' and '.join(told)}"
    if was.get("delta") != now.get("delta"):
        yield f"delta {now.get('delta') or 'none'} instead of {was.get('delta') or 'none'}"
    for key, words in _LIMITS.items():
        if was[key] != now[key]:
            yield f"{words} {_limit(now[key])} instead of {_limit(was[key])}"


def _listed(values: Iterable[str]) -> str:
    ordered = sorted(values)
    more = f" and {len(ordered) - _MOST_NAMED} more" if len(ordered) > _MOST_NAMED else ""
    return ", ".join(ordered[:_MOST_NAMED]) + more


def _limit(value: float | None) -> str:
    return "all" if value is None else f"{value:g}"
