"""Walks that several crawls want, and those that a resumed run restores without their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scraper.core.jobs import Crawl
from scraper.core.pagination import FinishedWalk
from scraper.core.requests import Walk


def merged(first: Walk, second: Walk, names: Sequence[str]) -> Walk:
    """Merge two walks: as deep and as early as either requests. `names`: the job's crawls in order."""
    limits = (first.max_pages, second.max_pages)
    shares = (first.stop_when_known, second.stop_when_known)
    return replace(
        first,
        crawls=tuple(name for name in names if name in {*first.crawls, *second.crawls}),
        max_pages=None if None in limits else max(limit for limit in limits if limit is not None),
        stop_when_known=None if None in shares else max(share for share in shares if share is not None),
        retry_empty=max(first.retry_empty, second.retry_empty),
        priority=max(first.priority, second.priority),
        order=min(first.order, second.order),
    )


def restorable(finished: Mapping[str, FinishedWalk], crawls: Sequence[Crawl]) -> dict[str, FinishedWalk]:
    """Return the finished walks of a run that are restored without their pages.

    Left out are those whose records children are made from, and those that such a crawl may come to share.
    """
    parents = {crawl.each for crawl in crawls}
    endpoints = {crawl.endpoint.full_name for crawl in crawls if crawl.name in parents}
    replayed = {crawl.name for crawl in crawls if crawl.endpoint.full_name in endpoints}
    if not replayed:
        return dict(finished)
    return {walk_id: walk for walk_id, walk in finished.items() if replayed.isdisjoint(walk.crawls)}
