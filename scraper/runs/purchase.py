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
from scraper.core.events import Ending, RequestSettled, Stopped, Waiting
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import Answer, Outcome, Reply, classify
from scraper.core.pagination import PageFacts, Why
from scraper.core.requests import Request
from scraper.core.retries import RATE_LIMIT_WAIT_S, Decision, GiveUp, Reach, Retry, breaks
from scraper.core.units import Credits, iso_utc
from scraper.ports import AccountClosed, NoCredits, Settlement, Slot
from scraper.runs.course import Course
from scraper.runs.endings import Ends, ending_of, limit_met, pause_until, quota_ends_at, refusal_sentence
from scraper.runs.opening import OpenedRun
from scraper.runs.retrying import Retries
from scraper.runs.world import World

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
        self.ends = Ends()
        self.starved: set[str] = set()
        """Vendors whose next request waits for credits that what is in flight may release."""
        self.proven: set[str] = set()
        """Vendors of whom a page has landed in this process."""
        self.spent: Credits = 0
        """What stands against the run's budget, but for what is in flight."""
        self.waiting: Counter[str] = Counter()
        """By vendor: requests that were begun and wait to be tried again."""
        self._breakers = Breakers()
        self._trials: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._paused_until: dict[str, datetime] = {}
        self._news = asyncio.Event()

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
            self._leave(request)
            return True
        attempt = self.retries.attempt_of(request)
        reserved = await self._world.state.reserve(self._run.run_id, account, request, attempt)
        match reserved:
            case NoCredits():
                self._frontier.give_back(request)
                self._no_credits(request, account, reserved)
                return True
            case AccountClosed(until, reason):
                self._frontier.give_back(request)
                self._close_for_quota(account, until, reason)
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
                self._no_credits(request, account, comes)
            return True
        sent_at, began = self._world.clock.now(), self._world.clock.monotonic()
        reply = await self._world.transport.send(request)
        return await self._settle(request, account, reserved.attempt_id, reply, sent_at, began, trial)

    async def _slot_comes(self, account: Account, slot: Slot) -> bool | NoCredits:
        """Waits for the send slot, renews one that was missed or that a pause has overtaken.

        False where the run is stopped or the wait too long; what refuses, where the slot falls on another day.
        """
        clock, state = self._world.clock, self._world.state
        while not self._course.stopping:
            now = clock.now()
            wait_s = (slot.starts_at - now).total_seconds()
            paused = self._paused_until.get(account.vendor, slot.starts_at) > slot.starts_at
            if wait_s > self._longest_wait_s and await self._pause_is_too_long(account, now):
                return False
            if -wait_s > LATE_S or paused:
                renewed = await state.renew_slot(account, slot.attempt_id)
                if not isinstance(renewed, Slot):
                    return renewed if isinstance(renewed, NoCredits) else False
                slot = renewed
            elif wait_s <= 0:
                return True
            elif not await self._course.unless_stopped(clock.sleep(wait_s)):
                return False
            elif wait_s > LATE_S and (until := await state.paused_until(account)) is not None:
                self._paused_until[account.vendor] = until  # by a 429 that another process has met meanwhile
        return False

    async def _pause_is_too_long(self, account: Account, now: datetime) -> bool:
        until = await self._world.state.paused_until(account)
        if until is None or (until - now).total_seconds() <= self._longest_wait_s:
            return False
        self._close_for_quota(account, until, f"it asks to wait {(until - now).total_seconds():.0f} s")
        return True

    async def _release(self, attempt_id: int) -> None:
        """A reservation that was never sent costs nothing."""
        outcome = Outcome(OutcomeKind.NOT_SENT, Charge.FREE, 0, "stopped before it was sent")
        await self._world.state.settle(
            Settlement(attempt_id, outcome, Ending.NOT_SENT, sent_at=None, settled_at=self._world.clock.now())
        )
        self.starved.clear()

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
        await self._world.state.settle(settlement)
        self.spent += outcome.credits
        if outcome.credits < request.endpoint.cost:  # else nothing was released for those that wait
            self.starved.clear()
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
            self._tell_news()
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
                self._close_for_quota(account, until, f"it asks to wait {wait_s:.0f} s ({outcome.detail})")
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
                self._give_up(request, account, settlement, reach)
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
            waiting = self._course.unless_stopped(clock.sleep(left_s), self._news.wait())
            if not await self._stand_back(account, waiting):
                return False
        return not self._course.stopping

    def _tell_news(self) -> None:
        """Lets those that wait look again whether they have to."""
        self._news.set()
        self._news = asyncio.Event()

    async def _stand_back(self, account: Account, waiting: Awaitable[T]) -> T:
        """Waits, and lets dispatch know that this one is not on its way meanwhile."""
        self.waiting[account.vendor] += 1
        self._course.tell_change()
        try:
            return await waiting
        finally:
            self.waiting[account.vendor] -= 1

    def _leave(self, request: Request) -> None:
        """It is not sent (again) in this process: a request that was tried at a dead endpoint has failed."""
        if self._frontier.closed_because(request) is Why.UNREACHABLE and self.retries.has_failed(request):
            self._frontier.fail(request, Why.UNREACHABLE)
        else:
            self._frontier.give_back(request)

    def _give_up(self, request: Request, account: Account, settlement: Settlement, reach: Reach) -> None:
        outcome, endpoint = settlement.outcome, request.endpoint
        if settlement.close_account_until is not None:
            self._frontier.give_back(request)
            self._close_for_quota(account, settlement.close_account_until, outcome.detail)
            return
        match reach:
            case Reach.REQUEST | Reach.WALK:
                self._frontier.fail(request, Why.REQUEST_FAILED, whole_walk=reach is Reach.WALK)
                self.ends.failures.append(f"{request.label}: {self.retries.words(request, outcome)}")
            case Reach.ENDPOINT | Reach.ACCOUNT if breaks(outcome):
                self._close_dead(request, settlement.settled_at)
            case Reach.ENDPOINT:
                self._frontier.fail(request, Why.REFUSED)
                sentence = refusal_sentence(endpoint, account, outcome)
                if outcome.kind is not OutcomeKind.GONE:
                    self._close_refused(endpoint.full_name, sentence)
                elif self._close_for_now(endpoint.full_name, sentence, Why.REFUSED):
                    self.ends.failures.append(sentence)
            case Reach.ACCOUNT if outcome.kind is OutcomeKind.RATE_LIMITED:
                self._frontier.give_back(request)
                until = settlement.settled_at + timedelta(seconds=outcome.wait_s or RATE_LIMIT_WAIT_S)
                self._close_for_quota(account, until, f"it turns away what was paid for ({outcome.detail})")
            case Reach.ACCOUNT:
                self._frontier.fail(request, Why.REFUSED)
                self._close_refused(account.vendor, refusal_sentence(endpoint, account, outcome))

    def _close_dead(self, request: Request, now: datetime) -> None:
        """An endpoint ends the run as failed, a vendor as unreachable; both leave their walks to the next run."""
        streak = self._breakers.dead(request, now)
        if streak is not None:
            sentence = f"{streak.sentence(now)}; its walks are left over"
            if self._close_for_now(streak.name, sentence, Why.UNREACHABLE):
                (self.ends.unreachable if streak.is_vendors else self.ends.failures).append(sentence)
        self._leave(request)

    def _close(self, endpoint_or_vendor: str, why: Why) -> bool:
        self._tell_news()
        return self._frontier.close(endpoint_or_vendor, why)

    def _close_refused(self, endpoint_or_vendor: str, reason: str) -> None:
        self._close(endpoint_or_vendor, Why.REFUSED)
        if reason not in self.ends.refused:
            self.ends.refused.append(reason)
            self._world.listener.hear(Stopped(endpoint_or_vendor.partition(".")[0], reason))

    # --- limits -------------------------------------------------------------------------------------------------------

    def _no_credits(self, request: Request, account: Account, refusal: NoCredits) -> None:
        """Waits for reservations of this run that may be released; else the account, or the run, is done for now."""
        if refusal.outstanding and self._frontier.in_flight:
            self.starved.add(account.vendor)
            return
        sentence, until = limit_met(refusal, self._run.allowance, account, request.endpoint.cost)
        if until is not None:
            self._close_for_quota(account, until, sentence)
        elif self._close_for_now(account.vendor, sentence):
            self.ends.budgets.append(sentence)

    def _close_for_quota(self, account: Account, until: datetime, reason: str) -> None:
        sentence = f"{account.vendor}: {reason}; it can go on at {iso_utc(until.replace(microsecond=0))}"
        if self._close_for_now(account.vendor, sentence):
            self.ends.quotas.append((sentence, until))

    def _close_for_now(self, vendor: str, sentence: str, why: Why = Why.BUDGET) -> bool:
        """Sends nothing more there; False where that was so already, as for all but the first of what is in flight."""
        if not self._close(vendor, why):
            return False
        self._world.listener.hear(Stopped(vendor.partition(".")[0], sentence))
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
