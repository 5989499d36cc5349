"""Starts: the wait for a send slot on an open connection, and the latest arrival of each request (law 4).

A request starts when it leaves over its connection, not when the connection is requested: the transport asks here
before it writes. Slow connections are requested earlier by the time that they take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeAlias

from scraper.core.arrivals import ON_THE_WAY_S, Arrivals, before_answer_s
from scraper.core.catalogue import Vendor
from scraper.core.jobs import Account
from scraper.core.outcomes import Answer, Reply
from scraper.core.rate_headers import Told, told
from scraper.core.requests import Request
from scraper.core.retries import LONGEST_PAUSE_S
from scraper.ports import NoCredits, Slot
from scraper.runs.process import RunProcess
from scraper.runs.stops import Stops

LONG_S = 0.15
"""After a longer wait for a slot, the ledger is checked for a 429 of another process."""
LONGEST_AHEAD_S = 2.0
"""A connection is requested at most this long before its slot."""
SHORT_CONNECT_S = 0.02
"""A connection made this fast is not requested ahead of its slot."""
DOUBT_S = 1 + ON_THE_WAY_S
"""Longest time for which a start with an unknown arrival holds back the next one, at a rate per second."""
DOUBTED_S = 0.1
"""Interval between checks of the lease while another process may have taken over the job."""
MOST_LAG_S = 1.0
"""Largest delay of waking up that is compensated: a machine with more cannot keep the pace."""
KEPT_OPEN_S = 5.0
"""A connection waits at most this long for its slot; past that, a new one is made."""


class Unsent(Enum):
    """No attempt was made."""

    CLOSED = auto()
    """The endpoint or the vendor was closed already."""
    STOPPED = auto()
    """The run was stopped, or the wait is too long."""


Refusal: TypeAlias = NoCredits | Unsent


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that was sent, or could not be, and its answer."""

    reply: Reply
    sent_at: datetime
    arrived_at: datetime | None
    """The latest instant at which its vendor counted it; ``None``: no answer came."""
    elapsed_s: float


@dataclass(slots=True, eq=False)
class Turn:
    """A start of an account whose arrival is not known yet."""

    began: float | None = None
    """Time at which the request left, by the monotonic clock."""


class Starts:
    """The starts of one account in this process."""

    def __init__(self, account: Account, process: RunProcess, stops: Stops) -> None:
        self._account, self._process, self._stops = account, process, stops
        self._clock, self._signals = process.context.clock, process.signals
        self._ledger = process.context.stores.ledger
        self._hold = process.context.hold
        self._longest_wait_s = process.job.max_wait.total_seconds()
        self._arrivals = Arrivals()
        self._connect_s = 0.0
        self._told_until: datetime | None = None
        """The vendor's last report of its rate slows the account until then."""
        self._paused_until: datetime | None = None
        self._own_pause: datetime | None = None
        """The end of the last pause whose length the vendor did not state."""
        self._turns: list[Turn] = []
        self._changed = asyncio.Event()
        self._renewal = asyncio.Lock()
        """One renewal of a slot at a time: many at once would be committed together, and all be late again."""

    def note_pause(self, until: datetime, *, named: bool) -> None:
        """Record a pause of the account; `named`: the vendor stated its length."""
        self._paused_until = until
        if not named:
            self._own_pause = until

    async def turn(self) -> Turn | None:
        """Wait until a slot can be reserved; ``None``: the run was stopped.

        Of an account that may start N requests a second, at most N have an unknown arrival. Otherwise a slot would have
        to begin after the latest possible arrival of the earlier requests, not after the real one. A slow answer
        delays the next start no longer than that.
        """
        most, clock = self._account.subscription.requests_per_second, self._clock
        while not self._signals.stopping:
            ends = [turn.began + DOUBT_S for turn in self._turns if turn.began is not None]
            if not self._hold.is_certain:
                await self._signals.unless_stopped(clock.sleep(DOUBTED_S))
            elif most is None or len(self._turns) - sum(end <= clock.monotonic() for end in ends) < most:
                self._turns.append(turn := Turn())
                return turn
            else:
                await self._signals.unless_stopped(*self._changes(ends))
        return None

    def _changes(self, ends: Sequence[float]) -> Iterator[Awaitable[object]]:
        """Yield the events that a turn waits for: a settled request, or the next of the `ends` of doubt."""
        next_end = min((end for end in ends if end > self._clock.monotonic()), default=None)
        yield self._changed.wait()
        if next_end is not None:
            yield self._clock.sleep(next_end - self._clock.monotonic())

    def end(self, turn: Turn) -> None:
        """End a turn: its arrival is in the ledger, or it never left."""
        self._turns.remove(turn)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def send(self, request: Request, slot: Slot, turn: Turn) -> SentRequest | Refusal:
        """Wait for the slot and send the request; return the reason if it may not be sent."""
        clock = self._clock
        while True:
            start = _Start(self, slot, turn)
            if (refusal := await self._comes(start, min(self._connect_s, LONGEST_AHEAD_S))) is not None:
                return refusal
            asked_at, asked = clock.now(), clock.monotonic()
            reply = await self._process.context.transport.send(request, start)
            if start.refusal is not None:
                return start.refusal
            if start.comes_later:
                slot = start.slot
                continue
            if start.began is None:  # no connection was made
                return SentRequest(reply, asked_at, None, clock.monotonic() - asked)
            connect_s = start.began - asked
            self._connect_s = max(connect_s if connect_s > SHORT_CONNECT_S else 0.0, self._connect_s * 0.9)
            latency_s = clock.monotonic() - start.began
            arrived_at = None
            if isinstance(reply, Answer):
                latest_s = min(latency_s, self._latest_s(request, latency_s) + start.lag_s)
                arrived_at = start.began_at + timedelta(seconds=latest_s)
            return SentRequest(reply, start.began_at, arrived_at, latency_s)

    def _latest_s(self, request: Request, latency_s: float) -> float:
        """Return the latest arrival of the request, in seconds after its start.

        The usual times are only used for rates per second: in a minute, a quarter of a second costs 0.4 % of the rate.
        """
        if self._account.subscription.requests_per_second is None:
            return before_answer_s(latency_s)
        return self._arrivals.latest_s(request.endpoint.full_name, latency_s)

    def told(self, vendor: Vendor, reply: Reply, now: datetime) -> Told | None:
        """Return the answer's report of remaining requests, if that changes the account's pace."""
        heard = told(vendor.rate_headers, reply.headers, now) if isinstance(reply, Answer) else None
        if heard is None:
            return None
        rate = self._account.subscription.starts_per_second
        slows = rate is None or heard.remaining < rate * heard.resets_in_s
        if not slows and (self._told_until is None or self._told_until <= now):
            return None
        self._told_until = now + timedelta(seconds=heard.resets_in_s)
        return heard

    async def begin(self, start: _Start, turn: Turn) -> bool:
        """Return whether a request for which there is a connection leaves now."""
        start.is_connected = True
        start.refusal = await self._comes(start)
        if start.refusal is not None or start.comes_later:
            return False
        start.began_at, start.began = self._clock.now(), self._clock.monotonic()
        turn.began = start.began
        self._tell()
        return True

    async def _comes(self, start: _Start, early_s: float = 0.0) -> Refusal | None:
        """Wait for the send slot; renew one that was missed or that falls into a pause.

        Returns the reason if the attempt may not be sent, such as a limit on the day of the renewed slot.
        """
        clock = self._clock
        while not self._signals.stopping:
            slot, now = start.slot, clock.now()
            wait_s = (slot.starts_at - now).total_seconds() - early_s
            paused = self._paused_until is not None and self._paused_until > slot.starts_at
            if wait_s > self._longest_wait_s and await self._pause_is_too_long(now):
                return Unsent.STOPPED
            if paused or slot.is_over(now):
                async with self._renewal:
                    renewed = await self._ledger.renew_slot(self._account, slot.attempt_id)
                if not isinstance(renewed, Slot):
                    return renewed if isinstance(renewed, NoCredits) else Unsent.STOPPED
                start.slot = renewed
            elif wait_s <= 0 and self._hold.is_certain:
                return None
            elif wait_s <= 0:
                await self._slept(start, DOUBTED_S)
            elif start.is_connected and wait_s > KEPT_OPEN_S:
                start.comes_later = True
                return None
            elif not await self._slept(start, wait_s):
                return Unsent.STOPPED
            elif wait_s > LONG_S and (until := await self._ledger.paused_until(self._account)) is not None:
                self._paused_until = until  # by a 429 that another process has met meanwhile
        return Unsent.STOPPED

    async def _slept(self, start: _Start, wait_s: float) -> bool:
        """Sleep, and record the delay of waking up; return False if the run was stopped."""
        ends = self._clock.monotonic() + wait_s
        on = await self._signals.unless_stopped(self._clock.sleep(wait_s))
        start.lag_s = min(MOST_LAG_S, max(0.0, self._clock.monotonic() - ends))
        return on

    async def _pause_is_too_long(self, now: datetime) -> bool:
        until = await self._ledger.paused_until(self._account)
        if until is None:
            return False
        longest_s = LONGEST_PAUSE_S if until == self._own_pause else self._longest_wait_s
        pause_s = (until - now).total_seconds()
        if pause_s <= longest_s:
            return False
        reason = f"it answered 429 (too many requests), and {pause_s:.0f} s of its pause are left"
        self._stops.for_quota(self._account, until, reason)
        return True


class _Start:
    """Awaited by the transport once there is a connection: see `ports.transport.Start`."""

    def __init__(self, starts: Starts, slot: Slot, turn: Turn) -> None:
        self._starts, self._turn = starts, turn
        self.slot = slot
        self.refusal: Refusal | None = None
        self.is_connected = False
        self.comes_later = False
        """True if the slot was moved, and its connection is not kept open that long."""
        self.lag_s = 0.0
        """Delay with which this process woke up for it, and may write it."""
        self.began: float | None = None
        self.began_at = slot.starts_at

    async def __call__(self) -> bool:
        return await self._starts.begin(self, self._turn)
