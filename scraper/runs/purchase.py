"""Buys one request: attempts, each with its reservation, send slot and settlement, until the request is settled.

Data flows one way: an attempt returns its result, and `_after` acts on it once and updates the frontier.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar, assert_never

from scraper.core.breakers import DIFFERENT_REQUESTS, Streak
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.displaced import advice
from scraper.core.errors import StorageError
from scraper.core.events import Ending, RequestSettled, Waiting
from scraper.core.jobs import Account
from scraper.core.outcomes import Answer, Outcome, Reply, classify
from scraper.core.pagination import PageFacts
from scraper.core.requests import Request
from scraper.core.retries import LONGEST_PAUSE_S, Decision, GiveUp, Reach, Retry, breaks
from scraper.ports import AccountClosed, NoCredits, Settlement, Slot, Stored
from scraper.runs.process import RunProcess
from scraper.runs.results import ending_of, pause_until, quota_ends_at
from scraper.runs.starts import SentRequest, Starts, Turn, Unsent
from scraper.runs.stops import Stops

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt was sent and settled."""

    settlement: Settlement
    decision: Decision | None
    """Decision on a failure, or on an empty page that is retried; ``None``: a page has landed."""


Met: TypeAlias = Settled | NoCredits | AccountClosed | Stored | Unsent
"""The result of an attempt."""


class Buyer:
    """Buys for one process of a run."""

    def __init__(self, process: RunProcess) -> None:
        self._process = process
        self._frontier = process.frontier
        self._signals = process.signals
        self._breakers = process.breakers
        self._retries = process.retries
        self._ledger = process.context.stores.ledger
        self._clock = process.context.clock
        self._listener = process.context.listener
        self._stops = Stops(process)
        self._longest_wait_s = process.job.max_wait.total_seconds()
        self._trials: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._starts = {vendor: Starts(each, process, self._stops) for vendor, each in process.job.accounts.items()}
        self._displaced: set[str] = set()
        """Endpoints whose records have been found elsewhere."""

    async def buy(self, request: Request, account: Account) -> None:
        """Attempt a request until it has landed, is given up, or may not be sent."""
        try:
            while not await self._after(request, account, await self._attempt_in_turn(request, account)):
                pass
        except StorageError as failure:
            self._signals.fail(failure)

    async def _attempt_in_turn(self, request: Request, account: Account) -> Met:
        """Make one attempt; if the endpoint or the vendor is on trial, alone and when the trial is due."""
        while (name := self._on_trial(request)) is not None:
            lock = self._trials[name]
            await self._stand_back(account, lock.acquire())
            try:
                if self._on_trial(request) != name:
                    continue
                trial = self._breakers.trial(request)
                if self._signals.stopping or (trial is not None and not await self._wait_for(trial, request, account)):
                    return Unsent.STOPPED
                return await self._attempt(request, account, trial)
            finally:
                lock.release()
        return await self._attempt(request, account, None)

    async def _wait_for(self, trial: Streak, request: Request, account: Account) -> bool:
        """Wait until the next trial may be sent, or is no longer needed; return False if the run was stopped."""
        wait_s = 0.0 if trial.try_at is None else (trial.try_at - self._clock.now()).total_seconds()
        self._listener.hear(Waiting(account.vendor, wait_s, f"{trial.name} keeps failing"))
        return await self._wait(request, account, wait_s, lambda: self._breakers.trial(request) is trial)

    def _on_trial(self, request: Request) -> str | None:
        """Return the name of the request's vendor or endpoint that is on trial, if either is."""
        trial, endpoint = self._breakers.trial(request), request.endpoint.full_name
        if trial is not None:
            return trial.name
        return endpoint if self._process.boards.is_on_trial(endpoint) else None

    async def _attempt(self, request: Request, account: Account, trial: Streak | None) -> Met:
        """Reserve, wait for the slot, send and settle."""
        if self._frontier.closed_because(request) is not None:
            return Unsent.CLOSED
        starts = self._starts[account.vendor]
        if (turn := await starts.turn()) is None:
            return Unsent.STOPPED
        try:
            return await self._attempt_in(turn, request, account, trial)
        finally:
            starts.end(turn)

    async def _attempt_in(self, turn: Turn, request: Request, account: Account, trial: Streak | None) -> Met:
        attempt, run_id = self._retries.attempt_of(request), self._process.run.run_id
        async with self._process.context.reserving(run_id, account.id, request.endpoint.cost):
            reserved = await self._ledger.reserve(run_id, account, request, attempt)
        if not isinstance(reserved, Slot):
            return reserved
        sent = await self._starts[account.vendor].send(request, reserved, turn)
        if not isinstance(sent, SentRequest):
            await self._release(reserved.attempt_id)
            return sent
        settled = await self._settle(request, account, reserved.attempt_id, sent, trial)
        self._tell(request, settled.settlement, attempt, sent.elapsed_s)
        return settled

    async def _release(self, attempt_id: int) -> None:
        """Release the reservation of an attempt that was not sent."""
        outcome = Outcome(OutcomeKind.NOT_SENT, Charge.FREE, 0, "stopped before it was sent")
        await self._ledger.settle(
            Settlement(attempt_id, outcome, Ending.NOT_SENT, sent_at=None, settled_at=self._clock.now())
        )
        self._process.starved.clear()

    async def _settle(
        self,
        request: Request,
        account: Account,
        attempt_id: int,
        sent: SentRequest,
        trial: Streak | None,
    ) -> Settled:
        """Store the outcome durably, with the consequences of a failure."""
        now, process, reply, sent_at = self._clock.now(), self._process, sent.reply, sent.sent_at
        outcome = classify(process.vendors[account.vendor], request.endpoint, reply, now, account.failed_requests)
        decision: Decision | None
        if outcome.landed:
            walk = self._frontier.walks[request.walk.walk_id].walk
            decision = self._retries.decide_empty(request, outcome, walk.retry_empty)
        else:
            decision = self._decide(request, outcome, sent_at, now, trial)
        paid = outcome.charge in {Charge.CHARGED, Charge.PRESUMED}
        settlement = Settlement(
            attempt_id=attempt_id,
            outcome=outcome,
            ending=ending_of(outcome, decision),
            sent_at=sent_at,
            settled_at=now,
            body=reply.body if isinstance(reply, Answer) and (paid or outcome.landed) else None,
            pause_account_until=pause_until(decision, now),
            close_account_until=quota_ends_at(outcome, account, now),
            arrived_at=sent.arrived_at,
            told=self._starts[account.vendor].told(process.vendors[account.vendor], reply, now),
        )
        await self._ledger.settle(settlement)
        self._note_displaced(request, outcome, reply)
        process.spent += outcome.credits
        process.spent_at[account.vendor] += outcome.credits
        if outcome.credits < request.endpoint.cost:  # otherwise nothing was released for waiting requests
            process.starved.clear()
        return Settled(settlement, decision)

    def _note_displaced(self, request: Request, outcome: Outcome, reply: Reply) -> None:
        """Warn once for each endpoint whose records are not where its vendor file says, but elsewhere."""
        endpoint = request.endpoint
        if outcome.kind not in {OutcomeKind.EMPTY, OutcomeKind.MALFORMED} or not isinstance(reply, Answer):
            return
        text = advice(endpoint, reply.body, by_id=outcome.kind is OutcomeKind.EMPTY)
        warning = f"{endpoint.full_name}: {text}; then: scraper rebuild {endpoint.table}"
        if text is not None and endpoint.full_name not in self._displaced:
            self._displaced.add(endpoint.full_name)
            self._process.ends.noted += (warning,)

    def _decide(
        self, request: Request, outcome: Outcome, sent_at: datetime, now: datetime, trial: Streak | None
    ) -> Decision:
        """Decide on a failure of the request, or of its endpoint or vendor if that is dead now."""
        dead = None
        if breaks(outcome):
            self._breakers.fail(request, outcome, now, trial)
            dead = self._breakers.dead(request, now)
        blameless = self._breakers.trial(request) is not None
        decision = self._retries.decide(request, outcome, sent_at, now, blameless=blameless)
        if dead is None or (isinstance(decision, GiveUp) and outcome.transient):
            return decision
        return GiveUp(Reach.ACCOUNT if dead.is_vendors else Reach.ENDPOINT)

    async def _after(self, request: Request, account: Account, met: Met) -> bool:
        """Act on the result of an attempt; return whether the request is settled."""
        match met:
            case Unsent.CLOSED:
                self._stops.leave(request)
            case Unsent.STOPPED:
                self._frontier.give_back(request)
            case NoCredits() | AccountClosed():
                self._frontier.give_back(request)
                self._refused(request, account, met)
            case Stored(facts):
                self._learn(request, facts)
            case Settled(settlement, decision):
                match decision:
                    case None:
                        self._landed(request, settlement)
                    case Retry():
                        if settlement.outcome.landed:
                            self._note_alive(request, settlement)
                        return await self._after_failure(request, account, settlement, decision)
                    case GiveUp(reach):
                        self._stops.give_up(request, account, settlement, reach)
            case _:
                assert_never(met)
        return True

    def _refused(self, request: Request, account: Account, met: NoCredits | AccountClosed) -> None:
        if isinstance(met, NoCredits):
            self._stops.no_credits(request, account, met)
        else:
            self._stops.for_quota(account, met.until, met.reason)

    def _landed(self, request: Request, settlement: Settlement) -> None:
        facts = settlement.outcome.facts
        if facts is None:
            raise AssertionError("an attempt that has not landed needs a decision")
        self._note_alive(request, settlement)
        self._learn(request, facts)

    def _learn(self, request: Request, facts: PageFacts) -> None:
        self._retries.succeed(request)
        self._frontier.learn(request, facts)
        if request.page == 1:
            self._process.boards.observe(request.walk)
            self._stops.if_out_of_character(request)

    def _note_alive(self, request: Request, settlement: Settlement) -> None:
        process, vendor = self._process, request.endpoint.vendor
        if self._breakers.succeed(request) or vendor not in process.proven:
            self._signals.tell_news()
        process.proven.add(vendor)
        process.undrained_bytes += len(settlement.body or b"")

    async def _after_failure(self, request: Request, account: Account, settlement: Settlement, retry: Retry) -> bool:
        outcome, wait_s = settlement.outcome, retry.wait_s
        if settlement.pause_account_until is not None:
            self._starts[account.vendor].note_pause(settlement.pause_account_until, named=retry.named)
        if wait_s > (self._longest_wait_s if retry.named else LONGEST_PAUSE_S):
            self._frontier.give_back(request)
            until = settlement.settled_at + timedelta(seconds=wait_s)
            asked = f"it asks to wait {wait_s:.0f} s"
            met = asked if retry.named else f"it refuses each time, the next attempt is due in {wait_s:.0f} s"
            self._stops.for_quota(account, until, f"{met} ({outcome.detail})")
            return True
        if self._breakers.trial(request) is not None:
            return False  # the trial does the waiting
        self._listener.hear(Waiting(account.vendor, wait_s, outcome.detail or outcome.kind.value))
        if await self._back_off(request, account, settlement, wait_s):
            return False
        self._frontier.give_back(request)
        return True

    async def _back_off(self, request: Request, account: Account, settlement: Settlement, wait_s: float) -> bool:
        """Wait before a retry; return False if the run was stopped.

        While nothing has landed yet, two other requests go first, to show whether the vendor is failing.
        """

        def unproven() -> bool:
            return account.vendor not in self._process.proven and self._frontier.has_ready(account.vendor)

        if not await self._wait(request, account, wait_s):
            return False
        took_s = (settlement.settled_at - (settlement.sent_at or settlement.settled_at)).total_seconds()
        return await self._wait(request, account, DIFFERENT_REQUESTS * took_s - wait_s, unproven)

    async def _wait(
        self, request: Request, account: Account, wait_s: float, still: Callable[[], bool] = lambda: True
    ) -> bool:
        """Hold a request back while `still` is true and it may be sent; return False if the run was stopped."""
        clock = self._clock
        ends = clock.monotonic() + wait_s
        while (left_s := ends - clock.monotonic()) > 0 and still():
            if self._frontier.closed_because(request) is not None:
                break
            waiting = self._signals.unless_stopped(clock.sleep(left_s), self._signals.news())
            if not await self._stand_back(account, waiting):
                return False
        return not self._signals.stopping

    async def _stand_back(self, account: Account, waiting: Awaitable[T]) -> T:
        """Wait without counting as in flight for dispatch."""
        self._process.waiting[account.vendor] += 1
        self._signals.tell_change()
        try:
            return await waiting
        finally:
            self._process.waiting[account.vendor] -= 1

    def _tell(self, request: Request, settlement: Settlement, attempt: int, elapsed_s: float) -> None:
        outcome = settlement.outcome
        self._listener.hear(
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
