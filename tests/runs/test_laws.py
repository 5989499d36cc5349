"""Laws 1 and 2 after every step of any order of answers, refusals, crashes and resumes, on the real state database."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scraper.core.catalogue import OutcomeKind
from scraper.core.events import RunStatus
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import NoAnswer, Reply, classify
from scraper.core.pagination import PageFacts, Why
from scraper.core.requests import Request
from scraper.core.retries import GiveUp, Reach, Retry, Tries, decide
from scraper.ports import AccountClosed, NoCredits, Settlement, Slot
from scraper.runs.results import ending_of, quota_ends_at
from scraper.runs.resume import OpenedRun, Opening, open_run
from tests.core.builders import C_HASHTAGS, C_POSTS, K_HASHTAGS, NOON, account, answer, board, crawl, job, vendor_of
from tests.databases import database_in
from tests.examples import examples
from tests.io.state_bench import kept_balances, ledger_sums

pytestmark = pytest.mark.own_instant

T = TypeVar("T")

ACCOUNTS = (
    account(credits_per_day=160, credits_per_month=400),
    account("keyapi", credits_per_day=19, credits_per_month=45, month_starts_on=22),
)
LIMITS = {
    ("day", "crawlora/default"): 160,
    ("month", "crawlora/default"): 400,
    ("day", "keyapi/default"): 19,
    ("month", "keyapi/default"): 45,
}
BOARD_ROWS, PAGE_ROWS = 5, 2

ONE = replace(
    job(
        crawl(C_HASHTAGS, params={"country_code": ("US", "GB")}, max_pages=3),
        crawl(C_POSTS, each=C_HASHTAGS, top=2, max_items=60),
        crawl(K_HASHTAGS, params={"region": ("US", "GB")}, max_pages=2),
        budget=95,
        accounts=ACCOUNTS,
    ),
    name="one",
)
TWO = replace(
    job(
        crawl(C_HASHTAGS, params={"country_code": ("US", "JP")}, max_pages=2),
        crawl(K_HASHTAGS, params={"region": "US"}),
        budget=60,
        accounts=ACCOUNTS,
    ),
    name="two",
)
JOBS = {each.name: each for each in (ONE, TWO)}

REFUSALS: dict[str, Reply] = {
    "free failure at one vendor": answer({"msg": "busy"}, 500),
    "in-band error, paid": answer({"code": 40101, "msg": "no permission"}),
    "paid answer that gives nothing": answer(b"<html>busy</html>"),
    "lost": NoAnswer(sent=True, reason="timeout"),
    "not sent": NoAnswer(sent=False, reason="no connection"),
    "too fast": answer({"msg": "slow down"}, 429, {"retry-after": "30"}),
    "quota": answer({"msg": "no credits", "data": {"reason": "daily_credit_limit"}}, 402),
    "endpoint is gone": answer({"msg": "gone"}, 410),
}
ANSWERS = (*["page"] * 2 * len(REFUSALS), "empty page", *REFUSALS)

VENDORS = ("crawlora", "keyapi")
MOST_IN_FLIGHT = 4
WORK = st.tuples(st.sampled_from([*VENDORS, "", ""]), st.integers(0, MOST_IN_FLIGHT - 1), st.sampled_from(ANSWERS))
"""A request of this vendor is reserved; where none is named, one in flight is answered."""


def page_of(request: Request, empty: bool) -> Reply:
    """The vendor's answer: boards of five rows in pages of two, feeds that go on for ever."""
    if request.endpoint.full_name == C_POSTS:
        items = [] if empty else [{"id": f"{request.key}-{place}"} for place in range(30)]
        told = {"itemList": items, "cursor": str(request.page * 30), "hasMore": True, "statusCode": 0}
        return answer({"code": 200, "data": told})
    places = [] if empty else range(request.page * PAGE_ROWS, min(BOARD_ROWS + 2, (request.page + 1) * PAGE_ROWS))
    rows = [{"hashtag_id": f"{request.walk.walk_id}-{place}", "rank": place} for place in places]
    paging = {"page": request.page, "size": PAGE_ROWS, "total": BOARD_ROWS}
    if request.endpoint.vendor == "keyapi":
        return answer({"code": 0, "data": {"list": rows, "pagination": paging}})
    return answer(board(rows, **paging))


@dataclass(slots=True)
class HandClock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class Process:
    """One process of one run, an answer at a time."""

    job: Job
    run: OpenedRun
    frontier: Frontier
    held: ExitStack
    stored: Mapping[str, PageFacts]
    """Pages of the run that had landed when this process began."""
    attempts: Counter[str] = field(default_factory=Counter)
    tries: defaultdict[str, Tries] = field(default_factory=lambda: defaultdict(Tries))
    again: list[Request] = field(default_factory=list)
    in_flight: list[tuple[Request, int]] = field(default_factory=list)

    def prepare_new_walks(self) -> None:
        """Replay what is stored of new walks, as a crawl does before it takes a request."""
        while self.frontier.new_walks():
            self.frontier.replay(self.stored)


class LedgerAndFrontier(RuleBasedStateMachine):
    """Two jobs on the same two accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = ExitStack()
        self.database = database_in(Path(self.opened.enter_context(TemporaryDirectory())))
        self.loop = self.opened.enter_context(asyncio.Runner())
        self.clock = HandClock()
        self.processes: dict[str, Process] = {}
        self.begun = 0
        self.stood_at: dict[str, int] = {}
        """Run → what stood against it when it was opened last, maybe under a lower ceiling than that."""

    def do(self, awaited: Awaitable[T]) -> T:
        async def done() -> T:
            return await awaited

        return self.loop.run(done())

    @initialize()
    def open_the_state(self) -> None:
        self.state = ExitStack()
        self.stores = self.state.enter_context(self.database.opened(self.clock.now, threaded=False))

    def teardown(self) -> None:
        self.everything_dies()
        self.state.close()
        self.opened.close()

    # --- processes begin, die and end ---------------------------------------------------------------------------------

    @precondition(lambda self: len(self.processes) < len(JOBS))
    @rule(
        name=st.sampled_from(sorted(JOBS)),
        opening=st.sampled_from([Opening.GO_ON, Opening.GO_ON, Opening.RESUME, Opening.NEW]),
        ceiling=st.sampled_from([None, None, None, 41, 200]),
    )
    def begin(self, name: str, opening: Opening, ceiling: int | None) -> None:
        if name in self.processes:
            (name,) = set(JOBS) - set(self.processes)
        wanted, held = JOBS[name], ExitStack()
        if opening is Opening.RESUME and self.do(self.stores.runs.last_run(name)) is None:
            opening = Opening.GO_ON
        self.do(self.stores.ledger.expire_dead())
        held.enter_context(self.stores.runs.hold(name))
        self.begun += 1
        run = self.do(open_run(wanted, opening, ceiling, self.stores, self.clock, f"{self.begun:04x}"))
        assert isinstance(run, OpenedRun), "none of these runs is ever complete"
        frontier = Frontier(wanted.crawls, run.leftovers)
        stored = self.do(self.stores.runs.stored_pages(run.run_id))
        balance = self.do(self.stores.runs.totals(run.run_id)).balance
        assert balance.reserved == 0, "what the dead had reserved is unknown now"
        self.stood_at[run.run_id] = balance.committed
        self.processes[name] = Process(wanted, run, frontier, held, stored)
        self.processes[name].prepare_new_walks()

    @precondition(lambda self: self.processes)
    @rule(pick=st.integers(0, 1), how=st.sampled_from(["dies", "all die", Why.BUDGET, Why.INTERRUPTED]))
    def leave(self, pick: int, how: str | Why) -> None:
        name = sorted(self.processes)[pick % len(self.processes)]
        if how == "all die":
            self.everything_dies()
            return
        if isinstance(how, Why):
            self.end(self.processes[name], how)
        self.processes.pop(name).held.close()

    def everything_dies(self) -> None:
        for process in self.processes.values():
            process.held.close()
        self.processes.clear()
        self.state.close()
        self.open_the_state()

    def end(self, process: Process, why: Why) -> None:
        while process.in_flight:
            self.settle(process, 0, "page")
        for request in process.again:
            process.frontier.give_back(request)
        status = RunStatus.BUDGET if why is Why.BUDGET else RunStatus.INTERRUPTED
        process.frontier.give_up(why)
        self.do(self.stores.runs.cover(process.run.run_id, list(process.frontier.walks.values()), {}))
        self.do(self.stores.runs.end_run(process.run.run_id, status, self.clock.now(), 1.0, None, ""))

    @precondition(lambda self: self.processes)
    @rule(hours=st.sampled_from([0.01, 0.01, 1, 7, 25, 24 * 20]))
    def time_passes(self, hours: float) -> None:
        self.clock.at += timedelta(hours=hours)

    # --- requests are reserved and answered ---------------------------------------------------------------------------

    @precondition(lambda self: self.processes)
    @rule(pick=st.integers(0, 1), work=st.lists(WORK, min_size=4, max_size=12))
    def work(self, pick: int, work: list[tuple[str, int, str]]) -> None:
        process = self.processes[sorted(self.processes)[pick % len(self.processes)]]
        for vendor, place, how in work:
            if process.in_flight and (not vendor or len(process.in_flight) == MOST_IN_FLIGHT):
                self.settle(process, place % len(process.in_flight), how)
            else:
                process.prepare_new_walks()
                request = process.again.pop(0) if process.again else process.frontier.take(vendor or VENDORS[0])
                if request is not None:
                    self.reserve_one(process, request, process.job.accounts[request.endpoint.vendor])

    def reserve_one(self, process: Process, request: Request, account: Account) -> None:
        assert request.key not in self.do(self.stores.runs.stored_pages(process.run.run_id)), "law 2"
        attempt = process.attempts[request.key] + 1
        match self.do(self.stores.ledger.reserve(process.run.run_id, account, request, attempt)):
            case Slot(attempt_id):
                process.attempts[request.key] = attempt
                process.in_flight.append((request, attempt_id))
            case NoCredits(outstanding=outstanding):
                process.frontier.give_back(request)
                if not (outstanding and process.in_flight):
                    process.frontier.close(account.vendor, Why.BUDGET)
            case AccountClosed():
                process.frontier.give_back(request)
                process.frontier.close(account.vendor, Why.BUDGET)

    def settle(self, process: Process, place: int, how: str) -> None:
        request, attempt_id = process.in_flight.pop(place)
        reply = REFUSALS.get(how) or page_of(request, empty=how == "empty page")
        now, account = self.clock.now(), process.job.accounts[request.endpoint.vendor]
        outcome = classify(vendor_of(request.endpoint.full_name), request.endpoint, reply, now)
        tries = process.tries[request.key] = process.tries[request.key].after(outcome.kind, outcome.charge)
        decision = None if outcome.landed else decide(outcome, tries, 0.5)
        wait_s = decision.wait_s if isinstance(decision, Retry) and decision.whole_account else None
        closed_until = quota_ends_at(outcome, account, now)
        settlement = Settlement(
            attempt_id=attempt_id,
            outcome=outcome,
            ending=ending_of(outcome, decision),
            sent_at=None if outcome.kind is OutcomeKind.NOT_SENT else now,
            settled_at=now,
            body=None if isinstance(reply, NoAnswer) or not outcome.credits else reply.body,
            pause_account_until=None if wait_s is None else now + timedelta(seconds=wait_s),
            close_account_until=closed_until,
        )
        self.do(self.stores.ledger.settle(settlement))
        if outcome.facts is not None and outcome.landed:
            process.frontier.learn(request, outcome.facts)
        elif isinstance(decision, Retry):
            process.again.append(request)
        elif closed_until is not None:
            process.frontier.give_back(request)
            process.frontier.close(account.vendor, Why.BUDGET)
        elif isinstance(decision, GiveUp):
            self.give_up(process.frontier, request, decision.reach)

    def give_up(self, frontier: Frontier, request: Request, reach: Reach) -> None:
        whole_walk = reach is Reach.WALK
        why = Why.REQUEST_FAILED if whole_walk or reach is Reach.REQUEST else Why.REFUSED
        frontier.fail(request, why, whole_walk=whole_walk)
        if reach is Reach.ENDPOINT:
            frontier.close(request.endpoint.full_name, Why.REFUSED)
        if reach is Reach.ACCOUNT:
            frontier.close(request.endpoint.vendor, Why.REFUSED)

    # --- the laws -----------------------------------------------------------------------------------------------------

    @invariant()
    def what_stands_against_a_limit_never_passes_it(self) -> None:
        budgets: dict[str, int] = dict(self.rows("SELECT run_id, budget FROM runs"))
        for (kind, scope), held in ledger_sums(self.database).items():
            if kind in {"run", "share"}:  # these jobs have no shares: on each account the budget is the limit
                run_id = scope.partition("|")[0]
                limit = max(budgets[run_id], self.stood_at[run_id])
            else:
                limit = LIMITS[kind, scope.partition("|")[0]]
            assert sum(held) <= limit, f"law 1: {kind} {scope} holds {held}, its limit is {limit}"

    @invariant()
    def balances_are_the_sums_of_the_ledgers_rows(self) -> None:
        sums, kept = ledger_sums(self.database), kept_balances(self.database)
        assert {scope: held for scope, held in kept.items() if any(held)} == {s: h for s, h in sums.items() if any(h)}

    @invariant()
    def a_stored_page_is_not_asked_for_again_in_its_run(self) -> None:
        again = """
            SELECT later.run_id, later.attempt_id FROM requests AS later
            JOIN pages USING (run_id, request_key)
            WHERE pages.facts IS NOT NULL AND later.attempt_id > pages.attempt_id
        """
        assert self.rows(again) == []
        assert (
            self.rows("SELECT 1 FROM pages WHERE facts IS NOT NULL GROUP BY run_id, request_key HAVING count(*) > 1")
            == []
        )
        assert (
            self.rows(
                "SELECT 1 FROM requests WHERE charge = 'reserved' GROUP BY run_id, request_key HAVING count(*) > 1"
            )
            == []
        )

    @invariant()
    def every_paid_answer_has_its_body(self) -> None:
        paid = "SELECT count(*) FROM requests WHERE charge IN ('charged', 'presumed')"
        kept = "SELECT count(*) FROM pages JOIN requests USING (attempt_id) WHERE body IS NOT NULL"
        assert self.rows(paid) == self.rows(kept), "law 3"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.database.rows(sql)


TestInAnyOrderOfAnswersCrashesAndResumes = LedgerAndFrontier.TestCase
TestInAnyOrderOfAnswersCrashesAndResumes.settings = examples(
    8, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
