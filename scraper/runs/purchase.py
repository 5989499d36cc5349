"""Buying one request: attempts, each with its reservation, send slot and settlement, until it is dealt with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import assert_never

from scraper.core.catalogue import Charge, OutcomeKind, Vendor
from scraper.core.errors import StorageError
from scraper.core.events import Ending, RequestSettled, Stopped, Waiting
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account
from scraper.core.outcomes import Answer, Outcome, Reply, classify
from scraper.core.pagination import PageFacts, Why
from scraper.core.requests import Request
from scraper.core.retries import Decision, GiveUp, Reach, Retry, decide
from scraper.core.units import Credits, iso_utc
from scraper.ports import AccountClosed, NoCredits, Settlement, Slot
from scraper.runs.course import Course
from scraper.runs.endings import Ends, ending_of, limit_met, pause_until, quota_ends_at, refusal_sentence
from scraper.runs.opening import OpenedRun
from scraper.runs.world import World

LATE_S = 0.15
"""A start so late after its slot takes another: the windows allow 0.25 s for this and for the network together."""
LONGEST_WAIT_S = 900.0
"""A vendor that asks for a longer pause ends the run for now: it can be gone on with."""


class Buyer:
    """What one process of a run knows while it buys: tells the frontier what lands and the ends what stops it."""

    def __init__(
        self,
        run: OpenedRun,
        vendors: Mapping[str, Vendor],
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
        self.ends = Ends()
        self.starved: set[str] = set()
        """Vendors whose next request waits for credits that what is in flight may release."""
        self.proven: set[str] = set()
        """Vendors of whom a page has landed in this process."""
        self.spent: Credits = 0
        """What stands against the run's budget, but for what is in flight."""
        self._attempts: Counter[str] = Counter()
        self._paused_until: dict[str, datetime] = {}

    async def buy(self, request: Request, account: Account) -> None:
        """Attempts at one request until it has landed, is given up, or may not be sent."""
        try:
            while not await self._attempt(request, account):
                pass
        except StorageError as failure:
            self._course.fail(failure)

    async def _attempt(self, request: Request, account: Account) -> bool:
        """One attempt; whether the request is dealt with."""
        if self._frontier.closed_because(request) is not None:
            self._frontier.give_back(request)
            return True
        attempt = self._attempts[request.key] + 1
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
        self._attempts[request.key] = attempt
        sent_at, began = self._world.clock.now(), self._world.clock.monotonic()
        reply = await self._world.transport.send(request)
        return await self._settle(request, account, reserved.attempt_id, reply, sent_at, began)

    async def _slot_comes(self, account: Account, slot: Slot) -> bool | NoCredits:
        """Waits for the send slot, renews one that was missed or that a pause has overtaken.

        False where the run is stopped or the wait too long; what refuses, where the slot falls on another day.
        """
        clock, state = self._world.clock, self._world.state
        while not self._course.stopping:
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
            elif not await self._course.unless_stopped(clock.sleep(wait_s)):
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
        self.starved.clear()

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

    def _landed(self, request: Request, facts: PageFacts, size_bytes: int) -> None:
        self.proven.add(request.endpoint.vendor)
        self._frontier.learn(request, facts)
        self._tell_landed(size_bytes)

    async def _after_failure(
        self, request: Request, account: Account, settlement: Settlement, decision: Decision | None
    ) -> bool:
        outcome = settlement.outcome
        match decision:
            case Retry(wait_s) if wait_s > LONGEST_WAIT_S:
                self._frontier.give_back(request)
                until = settlement.settled_at + timedelta(seconds=wait_s)
                self._close_for_quota(account, until, f"it asks to wait {wait_s:.0f} s ({outcome.detail})")
                return True
            case Retry(wait_s):
                self._world.listener.hear(Waiting(account.vendor, wait_s, outcome.detail or outcome.kind.value))
                if not await self._course.unless_stopped(self._world.clock.sleep(wait_s)):
                    self._frontier.give_back(request)
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
            self._frontier.give_back(request)
            self._close_for_quota(account, settlement.close_account_until, outcome.detail)
            return
        said = f"{request.label}: {outcome.kind.value.replace('_', ' ')}: {outcome.detail}"
        match reach:
            case Reach.REQUEST:
                self._frontier.fail(request, Why.REQUEST_FAILED)
                self.ends.failures.append(said)
            case Reach.ENDPOINT:
                self._frontier.fail(request, Why.REFUSED)
                sentence = refusal_sentence(endpoint, account, outcome)
                if outcome.kind is OutcomeKind.GONE:
                    if self._close_for_now(endpoint.full_name, sentence, Why.REFUSED):
                        self.ends.failures.append(sentence)
                else:
                    self._close_refused(endpoint.full_name, sentence)
            case Reach.ACCOUNT if outcome.kind is OutcomeKind.NOT_SENT:
                self._frontier.give_back(request)
                sentence = f"{account.vendor} cannot be reached ({outcome.detail})"
                if self._close_for_now(account.vendor, sentence, Why.UNREACHABLE):
                    self.ends.unreachable.append(sentence)
            case Reach.ACCOUNT:
                self._frontier.fail(request, Why.REFUSED)
                self._close_refused(account.vendor, refusal_sentence(endpoint, account, outcome))

    def _close_refused(self, endpoint_or_vendor: str, reason: str) -> None:
        self._frontier.close(endpoint_or_vendor, Why.REFUSED)
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
        if not self._frontier.close(vendor, why):
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
