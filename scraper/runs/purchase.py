"""Buying one request: attempts, each with its reservation, send slot and settlement, until it is dealt with."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar, assert_never

from scraper.core.breakers import DIFFERENT_REQUESTS, Breakers, Streak
from scraper.core.catalogue import Charge, OutcomeKind, Vendor
from scraper.core.errors import StorageError
from scraper.core.events import Ending, RequestSettled, Waiting
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import Answer, Outcome, Reply, classify
from scraper.core.pagination import PageFacts
from scraper.core.requests import Request
from scraper.core.retries import Decision, GiveUp, Reach, Retry, breaks
from scraper.core.units import Credits
from scraper.ports import AccountClosed, NoCredits, Settlement, Slot
from scraper.runs.context import World
from scraper.runs.results import ending_of, pause_until, quota_ends_at
from scraper.runs.resume import OpenedRun
from scraper.runs.retries import Retries
from scraper.runs.signals import Course
from scraper.runs.stops import Closings

T = TypeVar("T")

LATE_S = 0.15
"""A start so late after its slot takes another: the windows allow 0.25 s for this and for the network together."""


class Buyer:
    """What one process of a run knows while it buys: tells the frontier what lands and the ends what stops it."""

    def __init__(
        self,
        job: Job,
        vendors: Mapping[str, Vendor],
        run: OpenedRun,
        frontier: Frontier,
        course: Course,
        world: World,
        landed: Callable[[int], None],
    ) -> None:
        """`landed` is told the size in bytes of every page that is durable."""
        self._run = run
        self._vendors = vendors
        self._frontier = frontier
        self._course = course
        self._world = world
        self._tell_landed = landed
        self._longest_wait_s = job.max_wait.total_seconds()
        self.retries = Retries(job.retry_credits(run.budget), world.jitter)
        self.proven: set[str] = set()
        """Vendors of whom a page has landed in this process."""
        self.spent: Credits = 0
        """What stands against the run's budget, but for what is in flight."""
        self.spent_at: Counter[str] = Counter()
        """By vendor: the same, of this process alone."""
        self.waiting: Counter[str] = Counter()
        """By vendor: requests that were begun and wait to be tried again."""
        self._breakers = Breakers()
        self.closings = Closings(run, frontier, course, self.retries, self._breakers, world.listener)
        self._trials: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._paused_until: dict[str, datetime] = {}

    async def buy(self, request: Request, account: Account) -> None:
        """Attempts at one request until it has landed, is given up, or may not be sent."""
        try:
            while not await self._attempt_in_turn(request, account):
                pass
        except StorageError as failure:
            self._course.fail(failure)

    async def _attempt_in_turn(self, request: Request, account: Account) -> bool:
        """One attempt; where its endpoint or its vendor is on trial, alone and not before its time."""
        trial = self._breakers.trial(request)
        if trial is None:
            return await self._attempt(request, account, None)
        lock = self._trials[trial.name]
        await self._stand_back(account, lock.acquire())
        try:
            if self._breakers.trial(request) is not trial:
                return False
            now = self._world.clock.now()
            wait_s = 0.0 if trial.try_at is None else (trial.try_at - now).total_seconds()
            self._world.listener.hear(Waiting(account.vendor, wait_s, f"{trial.name} fails again and again"))
            if await self._wait(request, account, wait_s, lambda: self._breakers.trial(request) is trial):
                return await self._attempt(request, account, trial)
            self._frontier.give_back(request)
            return True
        finally:
            lock.release()

    async def _attempt(self, request: Request, account: Account, trial: Streak | None) -> bool:
        """One attempt; whether the request is dealt with."""
        if self._frontier.closed_because(request) is not None:
            self.closings.leave(request)
            return True
        attempt = self.retries.attempt_of(request)
        reserved = await self._world.stores.ledger.reserve(self._run.run_id, account, request, attempt)
        match reserved:
            case NoCredits():
                self._frontier.give_back(request)
                self.closings.no_credits(request, account, reserved)
                return True
            case AccountClosed(until, reason):
                self._frontier.give_back(request)
                self.closings.for_quota(account, until, reason)
                return True
            case Slot():
                pass
            case _:
                assert_never(reserved)
        comes = await self._slot_comes(account, reserved)
        if comes is not True:
            await self._release(reserved.attempt_id)
            self._frontier.give_back(request)
            if isinstance(comes, NoCredits):
                self.closings.no_credits(request, account, comes)
            return True
        sent_at, began = self._world.clock.now(), self._world.clock.monotonic()
        reply = await self._world.transport.send(request)
        return await self._settle(request, account, reserved.attempt_id, reply, sent_at, began, trial)

    async def _slot_comes(self, account: Account, slot: Slot) -> bool | NoCredits:
        """Waits for the send slot, renews one that was missed or that a pause has overtaken.

        False where the run is stopped or the wait too long; what refuses, where the slot falls on another day.
        """
        clock, ledger = self._world.clock, self._world.stores.ledger
        while not self._course.stopping:
            now = clock.now()
            wait_s = (slot.starts_at - now).total_seconds()
            paused = self._paused_until.get(account.vendor, slot.starts_at) > slot.starts_at
            if wait_s > self._longest_wait_s and await self._pause_is_too_long(account, now):
                return False
            if -wait_s > LATE_S or paused:
                renewed = await ledger.renew_slot(account, slot.attempt_id)
                if not isinstance(renewed, Slot):
                    return renewed if isinstance(renewed, NoCredits) else False
                slot = renewed
            elif wait_s <= 0:
                return True
            elif not await self._course.unless_stopped(clock.sleep(wait_s)):
                return False
            elif wait_s > LATE_S and (until := await ledger.paused_until(account)) is not None:
                self._paused_until[account.vendor] = until  # by a 429 that another process has met meanwhile
        return False

    async def _pause_is_too_long(self, account: Account, now: datetime) -> bool:
        until = await self._world.stores.ledger.paused_until(account)
        if until is None or (until - now).total_seconds() <= self._longest_wait_s:
            return False
        self.closings.for_quota(account, until, f"it asks to wait {(until - now).total_seconds():.0f} s")
        return True

    async def _release(self, attempt_id: int) -> None:
        """A reservation that was never sent costs nothing."""
        outcome = Outcome(OutcomeKind.NOT_SENT, Charge.FREE, 0, "stopped before it was sent")
        await self._world.stores.ledger.settle(
            Settlement(attempt_id, outcome, Ending.NOT_SENT, sent_at=None, settled_at=self._world.clock.now())
        )
        self.closings.starved.clear()

    async def _settle(
        self,
        request: Request,
        account: Account,
        attempt_id: int,
        reply: Reply,
        sent_at: datetime,
        began: float,
        trial: Streak | None,
    ) -> bool:
        """Makes the outcome durable, then lets the frontier learn of it; whether the request is dealt with."""
        now, attempt = self._world.clock.now(), self.retries.attempt_of(request)
        outcome = classify(self._vendors[account.vendor], request.endpoint, reply, now, account.failed_requests)
        decision = None if outcome.landed else self._decide(request, outcome, sent_at, now, trial)
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
        await self._world.stores.ledger.settle(settlement)
        self.spent += outcome.credits
        self.spent_at[account.vendor] += outcome.credits
        if outcome.credits < request.endpoint.cost:  # else nothing was released for those that wait
            self.closings.starved.clear()
        self._heard(request, settlement, attempt, self._world.clock.monotonic() - began)
        if outcome.landed and outcome.facts is not None:
            self._landed(request, outcome.facts, len(body or b""))
            return True
        if settlement.pause_account_until is not None:
            self._paused_until[account.vendor] = settlement.pause_account_until
        return await self._after_failure(request, account, settlement, decision)

    def _decide(
        self, request: Request, outcome: Outcome, sent_at: datetime, now: datetime, trial: Streak | None
    ) -> Decision:
        """What follows a failure: of the request, unless its endpoint or its vendor is dead by it."""
        dead = None
        if breaks(outcome):
            self._breakers.fail(request, outcome, now, trial)
            dead = self._breakers.dead(request, now)
        blameless = self._breakers.trial(request) is not None
        decision = self.retries.decide(request, outcome, sent_at, now, blameless=blameless)
        if dead is None or isinstance(decision, GiveUp):
            return decision
        return GiveUp(Reach.ACCOUNT if dead.is_vendors else Reach.ENDPOINT)

    def _landed(self, request: Request, facts: PageFacts, size_bytes: int) -> None:
        if self._breakers.succeed(request) or request.endpoint.vendor not in self.proven:
            self._course.tell_news()
        self.proven.add(request.endpoint.vendor)
        self.retries.succeed(request)
        self._frontier.learn(request, facts)
        self._tell_landed(size_bytes)

    async def _after_failure(
        self, request: Request, account: Account, settlement: Settlement, decision: Decision | None
    ) -> bool:
        outcome = settlement.outcome
        match decision:
            case Retry(wait_s) if wait_s > self._longest_wait_s:
                self._frontier.give_back(request)
                until = settlement.settled_at + timedelta(seconds=wait_s)
                self.closings.for_quota(account, until, f"it asks to wait {wait_s:.0f} s ({outcome.detail})")
                return True
            case Retry() if self._breakers.trial(request) is not None:
                return False  # the trial waits, for all of them
            case Retry(wait_s):
                self._world.listener.hear(Waiting(account.vendor, wait_s, outcome.detail or outcome.kind.value))
                if await self._back_off(request, account, settlement, wait_s):
                    return False
                self._frontier.give_back(request)
                return True
            case GiveUp(reach):
                self.closings.give_up(request, account, settlement, reach)
                return True
            case None:
                raise AssertionError("an attempt that has not landed has a decision")

    async def _back_off(self, request: Request, account: Account, settlement: Settlement, wait_s: float) -> bool:
        """Waits before another attempt; False where the run was stopped.

        While nothing has landed yet, two other requests go first: they tell whether it is the vendor that fails.
        """

        def unproven() -> bool:
            return account.vendor not in self.proven and self._frontier.has_ready(account.vendor)

        if not await self._wait(request, account, wait_s):
            return False
        took_s = (settlement.settled_at - (settlement.sent_at or settlement.settled_at)).total_seconds()
        return await self._wait(request, account, DIFFERENT_REQUESTS * took_s - wait_s, unproven)

    async def _wait(
        self, request: Request, account: Account, wait_s: float, still: Callable[[], bool] = lambda: True
    ) -> bool:
        """Keeps a request back while it is `still` to wait and may be sent at all; False where the run was stopped."""
        clock = self._world.clock
        ends = clock.monotonic() + wait_s
        while (left_s := ends - clock.monotonic()) > 0 and still():
            if self._frontier.closed_because(request) is not None:
                break
            waiting = self._course.unless_stopped(clock.sleep(left_s), self._course.news())
            if not await self._stand_back(account, waiting):
                return False
        return not self._course.stopping

    async def _stand_back(self, account: Account, waiting: Awaitable[T]) -> T:
        """Waits, and lets dispatch know that this one is not on its way meanwhile."""
        self.waiting[account.vendor] += 1
        self._course.tell_change()
        try:
            return await waiting
        finally:
            self.waiting[account.vendor] -= 1

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
