"""The one async loop: frontier → reserve → send → settle → frontier, all accounts side by side; then the archive."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import assert_never

from scraper.core.budget import ScopeKind
from scraper.core.catalogue import Charge, OutcomeKind, Vendor
from scraper.core.errors import StorageError
from scraper.core.events import Ending, RequestSettled, RunStarted, Stopped, Waiting
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import Answer, Outcome, Reply, classify
from scraper.core.pagination import PageFacts, Why
from scraper.core.reconciliation import LONGEST_ANSWER
from scraper.core.requests import Request
from scraper.core.retries import Decision, GiveUp, Reach, Retry, decide
from scraper.core.units import iso_utc
from scraper.ports import AccountClosed, NoCredits, Settlement, Slot
from scraper.runs.drain import drain
from scraper.runs.endings import Ends, ending_of, pause_until, quota_ends_at, refusal_sentence
from scraper.runs.opening import OpenedRun
from scraper.runs.world import World

LATE_S = 0.15
"""A start so late after its slot takes another: the windows allow 0.25 s for this and for the network together."""
LONGEST_WAIT_S = 900.0
"""A vendor that asks for a longer pause ends the run for now: it can be gone on with."""
DRAIN_AT_BYTES = 32 * 2**20
"""Bodies that landed since the last drain, in a run that goes on: bounds the spool, keeps the archive fresh."""


class Crawl:
    """One process of one run."""

    def __init__(self, job: Job, vendors: Mapping[str, Vendor], run: OpenedRun, world: World) -> None:
        self._job = job
        self._vendors = vendors
        self._run = run
        self._world = world
        self.frontier = Frontier(job.crawls, run.leftovers)
        self.ends = Ends()
        self.reused_from: dict[str, str] = {}
        self._stored: dict[str, PageFacts] = {}
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._taking_up = asyncio.Lock()
        self._starved: set[str] = set()
        self._attempts: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._proven: set[str] = set()
        self._paused_until: dict[str, datetime] = {}
        self._undrained_bytes = 0
        self._draining: asyncio.Task[None] | None = None
        self._storage_failure: StorageError | None = None

    def stop(self) -> None:
        """Sends nothing more; what is in flight lands. May be called at any time from the event loop."""
        if self.ends.interrupted:
            return
        self.ends.interrupted = True
        self._world.listener.hear(Stopped(None, "stopping: answers in flight are let land; once more to stop at once"))
        self._halt()

    async def run(self) -> None:
        """Buys until nothing is left to buy or nothing more may be bought, then fills the archive.

        Raises StateError or ArchiveError; all that was settled is durable then.
        """
        state, totals = self._world.state, await self._world.state.totals(self._run.run_id)
        spent = totals.balance.committed
        self._world.listener.hear(
            RunStarted(self._run.run_id, self._job.name, self._run.budget, self._run.resumed, spent)
        )
        self._stored = dict(await state.stored_pages(self._run.run_id))
        await self._take_up_new_walks()
        async with asyncio.TaskGroup() as group:
            for vendor in self._job.vendors:
                group.create_task(self._dispatch(vendor, group))
        self.frontier.give_up(Why.INTERRUPTED if self.ends.interrupted else Why.BUDGET)
        await state.cover(self._run.run_id, list(self.frontier.walks.values()), self.reused_from)
        if self._storage_failure is not None:
            raise self._storage_failure
        await self._drain()

    # --- dispatch -----------------------------------------------------------------------------------------------------

    async def _dispatch(self, vendor: str, group: asyncio.TaskGroup) -> None:
        try:
            await self._dispatch_requests(vendor, group)
        except StorageError as failure:
            self._fail(failure)

    async def _dispatch_requests(self, vendor: str, group: asyncio.TaskGroup) -> None:
        """Starts a task for each request of one account, in order of value, as fast as the pacer lets it."""
        account = self._job.accounts[vendor]
        while not self._stopping.is_set():
            await self._take_up_new_walks()
            starved = vendor in self._starved and self.frontier.in_flight > 0
            # The first request goes alone: a wrong key, or a vendor that is not there, is met once and not by a volley.
            room = self._running[vendor] < (_most_in_flight(account) if vendor in self._proven else 1)
            if self.frontier.has_ready(vendor) and room and not starved:
                if await self._unless_stopped(self._world.pacers[vendor].turn()):
                    await self._take_up_new_walks()  # what came up meanwhile may be stored already
                    if (request := self.frontier.take(vendor)) is not None:
                        self._running[vendor] += 1
                        group.create_task(self._buy(request, account))
            elif self.frontier.idle:
                self._tell_change()
                return
            else:
                await self._changed.wait()

    async def _take_up_new_walks(self) -> None:
        """Before a new walk costs anything: its pages of this run, else those of a young complete walk of another."""
        async with self._taking_up:
            while new := self.frontier.new_walks():
                for walk in new:
                    if self._job.max_age is None or self.frontier.walks[walk.walk_id].pages:
                        continue
                    since = self._run.started_at - self._job.max_age
                    found = await self._world.state.reusable_pages(walk, since)
                    if found is not None and found[0] != self._run.run_id:
                        self.reused_from[walk.walk_id] = found[0]
                        self._stored.update(found[1])
                self.frontier.replay(self._stored)

    def _tell_change(self) -> None:
        """Wakes every task that waits for the frontier, the ledger or the stop."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _halt(self) -> None:
        self._stopping.set()
        self._tell_change()

    def _fail(self, failure: StorageError) -> None:
        """Sends nothing more; what is in flight still lands where it can, and the run ends with the first failure."""
        self._storage_failure = self._storage_failure or failure
        self._halt()

    async def _unless_stopped(self, waiting: Awaitable[None]) -> bool:
        """Waits; False where the run was stopped meanwhile."""
        task, stopped = asyncio.ensure_future(waiting), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            return not self._stopping.is_set()
        finally:
            for each in (task, stopped):
                each.cancel()

    # --- one request --------------------------------------------------------------------------------------------------

    async def _buy(self, request: Request, account: Account) -> None:
        """Attempts at one request until it has landed, is given up, or may not be sent."""
        try:
            while not await self._attempt(request, account):
                pass
        except StorageError as failure:
            self._fail(failure)
        finally:
            self._running[account.vendor] -= 1
            self._tell_change()

    async def _attempt(self, request: Request, account: Account) -> bool:
        """One attempt; whether the request is dealt with."""
        if self.frontier.is_closed(request):
            self.frontier.give_back(request)
            return True
        attempt = self._attempts[request.key] + 1
        reserved = await self._world.state.reserve(self._run.run_id, account, request, attempt)
        match reserved:
            case NoCredits():
                self.frontier.give_back(request)
                self._no_credits(request, account, reserved)
                return True
            case AccountClosed(until, reason):
                self.frontier.give_back(request)
                self._close_for_quota(account, until, reason)
                return True
            case Slot():
                pass
            case _:
                assert_never(reserved)
        comes = await self._slot_comes(account, reserved)
        if comes is not True:
            await self._release(reserved.attempt_id)
            self.frontier.give_back(request)
            if isinstance(comes, NoCredits):
                self._no_credits(request, account, comes)
            return True
        self._attempts[request.key] = attempt
        sent_at, began = self._world.clock.now(), self._world.clock.monotonic()
        reply = await self._world.transport.send(request)
        return await self._settle(request, account, reserved.attempt_id, reply, sent_at, began)

    async def _slot_comes(self, account: Account, slot: Slot) -> bool | NoCredits:
        """Waits for the send slot, renews one that was missed or that a pause has overtaken.

        False where the run is stopped or the wait too long; what refuses, where the slot falls on another day.
        """
        clock, state = self._world.clock, self._world.state
        while not self._stopping.is_set():
            now = clock.now()
            wait_s = (slot.starts_at - now).total_seconds()
            paused = self._paused_until.get(account.vendor, slot.starts_at) > slot.starts_at
            if wait_s > LONGEST_WAIT_S:
                self._close_for_quota(account, slot.starts_at, f"{account.vendor} asks to wait {wait_s:.0f} s")
                return False
            if -wait_s > LATE_S or paused:
                renewed = await state.renew_slot(account, slot.attempt_id)
                if not isinstance(renewed, Slot):
                    return renewed if isinstance(renewed, NoCredits) else False
                slot = renewed
            elif wait_s <= 0:
                return True
            elif not await self._unless_stopped(clock.sleep(wait_s)):
                return False
            elif wait_s > LATE_S and (until := await state.paused_until(account)) is not None:
                self._paused_until[account.vendor] = until  # by a 429 that another process has met meanwhile
        return False

    async def _release(self, attempt_id: int) -> None:
        """A reservation that was never sent costs nothing."""
        outcome = Outcome(OutcomeKind.NOT_SENT, Charge.FREE, 0, "stopped before it was sent")
        await self._world.state.settle(
            Settlement(attempt_id, outcome, Ending.NOT_SENT, sent_at=None, settled_at=self._world.clock.now())
        )
        self._starved.clear()

    async def _settle(
        self, request: Request, account: Account, attempt_id: int, reply: Reply, sent_at: datetime, began: float
    ) -> bool:
        """Makes the outcome durable, then lets the frontier learn of it; whether the request is dealt with."""
        now, attempt = self._world.clock.now(), self._attempts[request.key]
        outcome = classify(self._vendors[account.vendor], request.endpoint, reply, now, account.failed_requests)
        decision = None if outcome.landed else decide(outcome, attempt, self._world.jitter())
        paid = outcome.charge in {Charge.CHARGED, Charge.PRESUMED}
        body = reply.body if isinstance(reply, Answer) and (paid or outcome.landed) else None
        settlement = Settlement(
            attempt_id=attempt_id,
            outcome=outcome,
            ending=ending_of(outcome, decision),
            sent_at=sent_at,
            settled_at=now,
            body=body,
            pause_account_until=pause_until(decision, now),
            close_account_until=quota_ends_at(outcome, account, now),
        )
        await self._world.state.settle(settlement)
        self._starved.clear()
        self._heard(request, settlement, attempt, self._world.clock.monotonic() - began)
        if outcome.landed and outcome.facts is not None:
            self._landed(request, outcome.facts, len(body or b""))
            return True
        if settlement.pause_account_until is not None:
            self._paused_until[account.vendor] = settlement.pause_account_until
        return await self._after_failure(request, account, settlement, decision)

    def _landed(self, request: Request, facts: PageFacts, size_bytes: int) -> None:
        self._proven.add(request.endpoint.vendor)
        self.frontier.learn(request, facts)
        self._undrained_bytes += size_bytes
        if self._undrained_bytes >= DRAIN_AT_BYTES and self._draining is None:
            self._undrained_bytes = 0
            self._draining = asyncio.create_task(self._drain_meanwhile())

    async def _after_failure(
        self, request: Request, account: Account, settlement: Settlement, decision: Decision | None
    ) -> bool:
        outcome = settlement.outcome
        match decision:
            case Retry(wait_s) if wait_s > LONGEST_WAIT_S:
                self.frontier.give_back(request)
                until = settlement.settled_at + timedelta(seconds=wait_s)
                self._close_for_quota(account, until, f"it asks to wait {wait_s:.0f} s ({outcome.detail})")
                return True
            case Retry(wait_s):
                self._world.listener.hear(Waiting(account.vendor, wait_s, outcome.detail or outcome.kind.value))
                if not await self._unless_stopped(self._world.clock.sleep(wait_s)):
                    self.frontier.give_back(request)
                    return True
                return False
            case GiveUp(reach):
                self._give_up(request, account, settlement, reach)
                return True
            case None:
                raise AssertionError("an attempt that has not landed has a decision")

    def _give_up(self, request: Request, account: Account, settlement: Settlement, reach: Reach) -> None:
        outcome, endpoint = settlement.outcome, request.endpoint
        if settlement.close_account_until is not None:
            self.frontier.give_back(request)
            self._close_for_quota(account, settlement.close_account_until, outcome.detail)
            return
        said = f"{request.label}: {outcome.kind.value.replace('_', ' ')}: {outcome.detail}"
        match reach:
            case Reach.REQUEST:
                self.frontier.fail(request, Why.REQUEST_FAILED)
                self.ends.failures.append(said)
            case Reach.ENDPOINT:
                self.frontier.fail(request, Why.REFUSED)
                sentence = refusal_sentence(endpoint, account, outcome)
                if outcome.kind is OutcomeKind.GONE:
                    if self._close_for_now(endpoint.full_name, sentence, Why.REFUSED):
                        self.ends.failures.append(sentence)
                else:
                    self._close_refused(endpoint.full_name, sentence)
            case Reach.ACCOUNT if outcome.kind is OutcomeKind.NOT_SENT:
                self.frontier.give_back(request)
                sentence = f"{account.vendor} cannot be reached ({outcome.detail})"
                if self._close_for_now(account.vendor, sentence, Why.UNREACHABLE):
                    self.ends.unreachable.append(sentence)
            case Reach.ACCOUNT:
                self.frontier.fail(request, Why.REFUSED)
                self._close_refused(account.vendor, refusal_sentence(endpoint, account, outcome))

    def _close_refused(self, endpoint_or_vendor: str, reason: str) -> None:
        self.frontier.close(endpoint_or_vendor, Why.REFUSED)
        if reason not in self.ends.refused:
            self.ends.refused.append(reason)
            self._world.listener.hear(Stopped(endpoint_or_vendor.partition(".")[0], reason))

    # --- limits -------------------------------------------------------------------------------------------------------

    def _no_credits(self, request: Request, account: Account, refusal: NoCredits) -> None:
        """Waits for reservations of this run that may be released; else the account, or the run, is done for now."""
        scope, cost = refusal.scope, request.endpoint.cost
        if refusal.outstanding and self.frontier.in_flight:
            self._starved.add(account.vendor)
            return
        spent = f"{scope.balance.committed} of {scope.limit} credits spent, the next page costs {cost}"
        if scope.kind is ScopeKind.RUN:
            self.ends.budget = self.ends.budget or f"budget reached: {spent}"
            self._close_for_now(account.vendor, self.ends.budget)
        elif refusal.resets_at is not None:
            self._close_for_quota(account, refusal.resets_at, f"the {scope.kind.value}'s limit is reached: {spent}")

    def _close_for_quota(self, account: Account, until: datetime, reason: str) -> None:
        sentence = f"{account.vendor}: {reason}; it can go on at {iso_utc(until.replace(microsecond=0))}"
        if self._close_for_now(account.vendor, sentence):
            self.ends.quotas.append((sentence, until))

    def _close_for_now(self, vendor: str, sentence: str, why: Why = Why.BUDGET) -> bool:
        """Sends nothing more there; False where that was so already, as for all but the first of what is in flight."""
        if not self.frontier.close(vendor, why):
            return False
        self._world.listener.hear(Stopped(vendor, sentence))
        return True

    # --- telling ------------------------------------------------------------------------------------------------------

    def _heard(self, request: Request, settlement: Settlement, attempt: int, elapsed_s: float) -> None:
        outcome = settlement.outcome
        self._world.listener.hear(
            RequestSettled(
                label=request.label,
                vendor=request.endpoint.vendor,
                endpoint=request.endpoint.full_name,
                page=request.page,
                attempt=attempt,
                outcome=outcome.kind,
                ending=settlement.ending,
                charge=outcome.charge,
                credits=outcome.credits,
                rows=0 if outcome.facts is None else outcome.facts.records,
                size_bytes=len(settlement.body or b""),
                elapsed_s=elapsed_s,
                detail=outcome.detail,
            )
        )

    # --- archive ------------------------------------------------------------------------------------------------------

    async def _drain_meanwhile(self) -> None:
        try:
            await drain(self._world.state, self._world.archive, self._world.clock, self._world.listener)
        except StorageError as failure:
            self._fail(failure)
        finally:
            self._draining = None

    async def _drain(self) -> None:
        if self._draining is not None:
            await self._draining
        await drain(self._world.state, self._world.archive, self._world.clock, self._world.listener)


def _most_in_flight(account: Account) -> int:
    """The rate times the longest that an answer may take: nothing waits for a place, and memory is bounded."""
    rate = account.subscription.starts_per_second
    return 256 if rate is None else max(4, min(1024, math.ceil(rate * LONGEST_ANSWER.total_seconds())))
