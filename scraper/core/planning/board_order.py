"""The boards of a job that compete for a night's credits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from scraper.core.changes.delta import DeltaBoard, DeltaChoice, delta_choice
from scraper.core.changes.reads import WholeRead, in_order
from scraper.core.changes.tonight import Candidate, NightTerms, Tonight, tonight
from scraper.core.jobs import Crawl, Job, OrderName
from scraper.core.planning.history import History
from scraper.core.planning.walks import hard_limit
from scraper.core.requests import Walk


def chooses_boards(job: Job) -> bool:
    """Return whether a night's boards are chosen by the reads of earlier nights."""
    return job.every is not None and (job.order is not OrderName.VALUE or any(crawl.delta for crawl in job.crawls))


def tonight_of(job: Job, history: History, terms: NightTerms, now: datetime) -> Tonight:
    """Return the order of a night's boards, and of the feeds below them.

    Boards that are reused and boards by delta, which are read each night, do not compete.
    """
    deltas = tuple(_deltas(job, history, terms))
    if job.order is OrderName.VALUE:
        return Tonight(job.order, (), deltas=deltas)
    apart = {crawl.name for crawl in job.crawls if crawl.delta}
    walks = {walk_id: walk for walk_id, walk in board_walks(job).items() if apart.isdisjoint(walk.crawls)}
    reads, tried = history.reads(list(walks.values())), history.tried(list(walks.values()))
    since = None if job.max_age is None else now - job.max_age
    candidates = [
        _candidate(job, walk, reads.get(walk.walk_id, ()), tried.get(walk.walk_id))
        for walk in walks.values()
        if since is None or not any(read.read_at >= since for read in reads.get(walk.walk_id, ()))
    ]
    children = sorted({crawl.endpoint.full_name for crawl in job.crawls if crawl.each is not None})
    feeds = in_order(history.feeds(children)) if children else []
    return tonight(candidates, terms, feeds, deltas)


def by_delta(job: Job, found: Tonight | None) -> Job:
    """Return the job as tonight buys it: boards by delta as a page of their new entries."""
    if found is None or not found.by_delta:
        return job
    return replace(
        job, crawls=tuple(replace(crawl, by_delta=found.by_delta) if crawl.delta else crawl for crawl in job.crawls)
    )


def _deltas(job: Job, history: History, terms: NightTerms) -> Iterator[DeltaChoice]:
    for crawl in job.crawls:
        if crawl.delta is None:
            continue
        walks = [crawl.walk(params) for params in crawl.sweep()]
        pages = [crawl.delta_walk(walk) for walk in walks]
        reads = history.reads([*walks, *pages])
        for walk, page in zip(walks, pages, strict=True):
            name = f"{crawl.name} {_name(crawl, walk)}".removesuffix(f" {crawl.name}")
            whole = reads.get(walk.walk_id, ())
            board = DeltaBoard(
                walk_id=walk.walk_id,
                page_id=page.walk_id,
                name=name,
                vendor=walk.endpoint.vendor,
                credits=_likely_pages(crawl, whole) * walk.endpoint.cost,
                page_credits=walk.endpoint.cost,
                whole=whole,
                pages=reads.get(page.walk_id, ()),
            )
            yield delta_choice(board, terms.night_at, terms.period)


def board_walks(job: Job) -> dict[str, Walk]:
    """Return the job's own walks by id; one that two crawls share has the higher priority."""
    found: dict[str, Walk] = {}
    wanted_for = {crawl.each: max(c.priority for c in job.crawls if c.each == crawl.each) for crawl in job.crawls}
    for crawl in job.crawls:
        priority = max(crawl.priority, wanted_for.get(crawl.name, crawl.priority))
        for params in crawl.sweep() if crawl.each is None else ():
            walk = replace(crawl.walk(params), priority=priority)
            known = found.get(walk.walk_id)
            found[walk.walk_id] = walk if known is None or known.priority < priority else known
    return found


def _candidate(job: Job, walk: Walk, reads: Sequence[WholeRead], tried_at: datetime | None) -> Candidate:
    crawl = next(crawl for crawl in job.crawls if crawl.name in walk.crawls)
    country = (walk.country,) if walk.country is not None else ()
    return Candidate(
        walk_id=walk.walk_id,
        crawl=crawl.name,
        name=_name(crawl, walk),
        vendor=walk.endpoint.vendor,
        groups=(walk.endpoint.full_name, *country),
        credits=_likely_pages(crawl, reads) * walk.endpoint.cost,
        priority=walk.priority,
        reads=reads,
        tried_at=tried_at,
    )


def _name(crawl: Crawl, walk: Walk) -> str:
    """Return the parameters that distinguish the board from others of its crawl, for people."""
    swept = [name for name, values in crawl.params.items() if len(values) > 1]
    return " ".join(f"{name}={value}" for name, value in walk.params if name in swept) or crawl.name


def _likely_pages(crawl: Crawl, reads: Sequence[WholeRead]) -> int:
    """Return the pages of the last read; for a board that was never read, by the job or the vendor file."""
    most, pagination = hard_limit(crawl), crawl.endpoint.pagination
    if reads and reads[-1].pages:
        return reads[-1].pages if most is None else min(most, reads[-1].pages)
    typical = crawl.endpoint.typical_total
    whole = None if typical is None else -(-typical // pagination.rows_per_page)
    return max(1, min((pages for pages in (most, whole) if pages is not None), default=1))
