"""The crawl loop: frontier → reserve → send → settle → frontier, for all accounts at once; then the drain."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from scraper.core.board_history import BoardRead
from scraper.core.board_watch import BoardWatch
from scraper.core.catalogue import Vendor
from scraper.core.errors import LeaseLostError, StorageError
from scraper.core.events import RunStarted, RunStatus, Stopped
from scraper.core.expected_rows import rows_missing
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account, Job
from scraper.core.pagination import PageFacts, WalkState, Why
from scraper.core.planning import may_outrun
from scraper.core.reconcile import LONGEST_ANSWER
from scraper.core.requests import Progress, Request, Walk
from scraper.runs.context import RunContext
from scraper.runs.process import RunProcess
from scraper.runs.purchase import Buyer
from scraper.runs.results import Ends
from scraper.runs.resume import OpenedRun
from scraper.runs.retries import Retries

DRAIN_AT_BYTES = 16 * 2**20
"""Bodies that land before the next drain of a run in progress: bounds the spool and keeps the archive fresh."""
FIRST_DRAIN_AT_BYTES = 4 * 2**20
"""The same for its first drain: the process that writes the archive has nothing else to do."""


_CUT_SHORT = {RunStatus.INTERRUPTED, RunStatus.REFUSED, RunStatus.QUOTA, RunStatus.BUDGET}
"""Statuses of a run that has not bought all that it wanted."""

_WHOLE = {WalkState.COMPLETE, WalkState.EMPTY}


class CrawlProcess:
    """One process of a run."""

    def __init__(self, job: Job, vendors: Mapping[str, Vendor], run: OpenedRun, context: RunContext) -> None:
        self._shares = {} if run.allowance is None else run.allowance.by_vendor(job)
        for_retries = job.retry_credits(run.budget)  # not available for pages
        shares = {vendor: share - for_retries for vendor, share in self._shares.items()}
        strict = may_outrun(job.crawls, run.budget - for_retries, shares)
        tolerant = frozenset(crawl.name for crawl in job.crawls if crawl.expect_rows == 0)
        self.boards = BoardWatch(run.started_at, tolerant)
        self._left = frozenset(one.walk_id for one in run.tonight.left) if run.tonight else frozenset[str]()
        self.frontier = Frontier(
            job.crawls,
            run.leftovers,
            strict=strict,
            boards=self.boards,
            left=self._left,
            feeds=run.tonight.feeds if run.tonight else (),
            finished=run.finished,
        )
        self.ends = Ends()
        """The reasons for which dispatch has stopped."""
        retries = Retries(for_retries, context.jitter)
        self._process = RunProcess(
            job=job,
            vendors=vendors,
            run=run,
            context=context,
            frontier=self.frontier,
            retries=retries,
            boards=self.boards,
            ends=self.ends,
        )
        self._job, self._run, self._context = job, run, context
        self._stores, self._listener, self._signals = context.stores, context.listener, self._process.signals
        self._buyer = Buyer(self._process)
        self.drain_at_bytes = FIRST_DRAIN_AT_BYTES
        restored = run.finished.items()
        self.reused_from = {walk_id: walk.reused_from for walk_id, walk in restored if walk.reused_from is not None}
        self._covered = {walk_id: (walk.crawls, walk.max_pages) for walk_id, walk in restored}
        """Complete walks whose coverage is stored already: walk id → crawls and depth at that time."""
        self._stored: dict[str, PageFacts] = {}
        self._preparing = asyncio.Lock()
        self._running: Counter[str] = Counter()
        self._draining: asyncio.Task[None] | None = None
        self._is_buying = True

    def stop(self) -> None:
        """Stop sending; requests in flight land. May be called from the event loop at any time.

        A run that has bought all that it could is not interrupted: only its drain is left.
        """
        if self._signals.stopping:
            return
        self.ends.interrupted = self._is_buying
        self._signals.halt()
        waits_for = "requests in flight" if self._is_buying else "the archive"
        self._listener.hear(Stopped(None, f"waiting for {waits_for}; press Ctrl-C again to abort"))

    def fail(self, failure: StorageError) -> None:
        """Stop sending because of a failure. May be called from the event loop at any time."""
        self._signals.fail(failure)

    @property
    def is_stopped(self) -> bool:
        """True if the user, or a fault, has stopped it."""
        return self._signals.stopping

    async def run(self) -> None:
        """Buy until nothing is left or nothing more may be bought, then drain.

        Raises StateError or ArchiveError; everything settled is durable by then.
        """
        stores, run, process = self._stores, self._run, self._process
        totals = await stores.runs.totals(run.run_id)
        spent = process.spent = totals.balance.committed
        started = RunStarted(run.run_id, self._job.name, run.budget, run.resumed, spent, run.share_words)
        self._listener.hear(replace(started, access=self._context.access))
        self._stored = dict(await stores.runs.stored_pages(run.run_id, besides=run.finished.keys()))
        process.retries.restore(await stores.ledger.failures(run.run_id), totals.retried)
        await self._prepare_new_walks()
        async with asyncio.TaskGroup() as group:
            for vendor in self._job.vendors:
                group.create_task(self._dispatch(vendor, group))
        if isinstance(self._signals.storage_failure, LeaseLostError):
            raise self._signals.storage_failure  # another process has taken over the run
        self._is_buying = False
        self.ends.left_by_order = len(self._left)
        self.frontier.give_up(Why.INTERRUPTED if self.ends.interrupted else Why.BUDGET)
        await self._cover(self.frontier.walks.values())
        if self._signals.storage_failure is not None:
            raise self._signals.storage_failure
        self._count_rows()
        await self._drain()

    async def _dispatch(self, vendor: str, group: asyncio.TaskGroup) -> None:
        try:
            await self._dispatch_requests(vendor, group)
        except StorageError as failure:
            self._signals.fail(failure)

    async def _dispatch_requests(self, vendor: str, group: asyncio.TaskGroup) -> None:
        """Start a task for each request of one account, in order of value, at the pacer's rate."""
        account, process = self._job.accounts[vendor], self._process
        while not self._signals.stopping:
            await self._prepare_new_walks()
            starved = vendor in process.starved and self.frontier.in_flight > 0
            # The first request is sent alone: a wrong key or an unreachable vendor fails once, not in a volley.
            alone = vendor not in process.proven and self._running[vendor] > process.waiting[vendor]
            room = self._running[vendor] < _most_in_flight(account) and not alone
            if self._may_send(vendor) and room and not starved:
                if await self._signals.unless_stopped(self._context.pacers[vendor].turn()):
                    await self._prepare_new_walks()  # new walks may be stored already
                    if self._may_send(vendor) and (request := self.frontier.take(vendor)) is not None:
                        self._running[vendor] += 1
                        group.create_task(self._buy(request, account))
                        self._signals.tell_change()  # another account's best request may have waited for this one
            elif self.frontier.idle:
                self._signals.tell_change()
                return
            else:
                await self._signals.change()

    def _may_send(self, vendor: str) -> bool:
        share = self._shares.get(vendor)
        of_share = None if share is None else share - self._process.spent_at[vendor]
        return self.frontier.may_take(vendor, self._run.budget - self._process.spent, of_share)

    async def _buy(self, request: Request, account: Account) -> None:
        try:
            await self._buyer.buy(request, account)
        finally:
            self._running[account.vendor] -= 1
            self._signals.tell_change()
        if self._process.undrained_bytes >= self.drain_at_bytes and self._draining is None:
            self.drain_at_bytes = DRAIN_AT_BYTES
            self._process.undrained_bytes = 0
            self._draining = asyncio.create_task(self._drain_meanwhile())

    async def _prepare_new_walks(self) -> None:
        """Replay the stored pages of new walks: those of this run, else of a young complete walk of another run."""
        async with self._preparing:
            while new := self.frontier.new_walks():
                for walk in new:
                    if walk.walk_id in self._run.finished:  # another crawl wants it deeper
                        self.reused_from.pop(walk.walk_id, None)
                        self._stored.update(await self._stores.runs.stored_pages(self._run.run_id, walk.walk_id))
                    if self._job.max_age is None or self.frontier.walks[walk.walk_id].pages:
                        continue
                    since = self._run.started_at - self._job.max_age
                    found = await self._stores.runs.reusable_pages(walk, since)
                    if found is None or found[0] == self._run.run_id or not self.frontier.may_replay(walk, found[1]):
                        continue
                    self.reused_from[walk.walk_id] = found[0]
                    self._stored.update(found[1])
                bought = [walk for walk in new if walk.walk_id not in self._left | self.reused_from.keys()]
                await self._remember(bought)
                await self._recall_known_ids(bought)
                self.frontier.replay(self._stored)

    async def _remember(self, walks: Sequence[Walk]) -> None:
        """Look up the earlier reads of these walks' boards."""
        runs = self._stores.runs
        self.boards.remember(walks, await runs.board_histories([walk.walk_id for walk in walks]))
        for endpoint in {walk.endpoint.full_name for walk in walks}:
            if not self.boards.knows(endpoint):
                self.boards.remember_still(endpoint, await runs.longest_still(endpoint))

    async def _cover_ended(self) -> None:
        """Store the walks that are complete by now: a resume after a crash does not replay them."""
        turned = self.frontier.turned()
        await self._cover([progress for progress in turned if progress.state in {*_WHOLE, WalkState.OPEN}])

    async def _cover(self, walks: Iterable[Progress]) -> None:
        """Store the state of walks, after their first pages, since a complete walk is not read again."""
        changed = []
        for progress in walks:
            walk = progress.walk
            if progress.state is not WalkState.COMPLETE:
                self._covered.pop(walk.walk_id, None)
            elif self._covered.get(walk.walk_id) == (walk.crawls, walk.max_pages):
                continue
            else:
                self._covered[walk.walk_id] = walk.crawls, walk.max_pages
            changed.append(progress)
        await self._stores.runs.note_reads(self._reads(changed))
        await self._stores.runs.cover(self._run.run_id, changed, self.reused_from)

    def _reads(self, walks: Iterable[Progress]) -> Sequence[BoardRead]:
        """Return the first pages that this run bought of those walks that are complete or empty."""
        whole = (
            progress.walk.walk_id
            for progress in walks
            if progress.state in _WHOLE and progress.walk.walk_id not in self.reused_from
        )
        return self.boards.reads(whole)

    def _count_rows(self) -> None:
        """Record the crawls with fewer rows than were expected."""
        whole = self.ends.status(self.frontier) not in _CUT_SHORT and not self.ends.budgets
        walks = self.frontier.walks.values()
        for missing in rows_missing(self._job.crawls, walks, self.reused_from.keys(), self.boards):
            if missing.is_final or whole:
                (self.ends.rows_missing if missing.is_failure else self.ends.without_rows).append(missing.sentence)

    async def _recall_known_ids(self, walks: Sequence[Walk]) -> None:
        """Give walks that stop at known ids the ids of earlier runs; a resumed run gets the same."""
        wanted = [walk.walk_id for walk in walks if walk.stop_when_known is not None]
        if wanted:
            known = await self._stores.runs.known_ids(wanted, self._run.started_at)
            for walk_id, ids in known.items():
                self.frontier.walks[walk_id].know(ids)

    async def _drain_meanwhile(self) -> None:
        try:
            await self._cover_ended()
            await self._context.drain()
        except StorageError as failure:
            self._signals.fail(failure)
        finally:
            self._draining = None

    async def _drain(self) -> None:
        if self._draining is not None:
            await self._draining
        self.ends.noted += await self._context.drain()


def _most_in_flight(account: Account) -> int:
    """Return the rate times the longest answer time: no request waits for a place, and memory is bounded."""
    rate = account.subscription.starts_per_second
    return 256 if rate is None else max(4, min(1024, math.ceil(rate * LONGEST_ANSWER.total_seconds())))
