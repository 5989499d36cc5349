"""The ledger compared with a vendor whose billing records are the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import aiohttp
from aiohttp import web

from scraper.core.catalogue import Charge
from scraper.core.events import Noted, RunStatus
from scraper.core.reconcile import EntryKind
from scraper.core.subscriptions import day_of
from scraper.runs.reconcile import Reconciled
from scraper.wiring.files import load_job
from scraper.wiring.inspect import balances_of
from scraper.wiring.reconcile import reconcile_job
from scraper.wiring.run import RunOrder
from tests.clock import NOON
from tests.runs.harness import KEYS, Bench, Fault, Heard, HurriedClock, on_bench
from tests.runs.test_faults import BOARDS, hang_up

DECEMBER = datetime(2026, 12, 2, 3, tzinfo=UTC)


async def reconciled(
    bench: Bench,
    job: Path,
    *,
    assume: Charge | None = None,
    used: Mapping[str, int] | None = None,
    month: date | Literal["last"] | None = None,
) -> Reconciled:
    found, catalogue = load_job(job)
    order = RunOrder(found, catalogue, job.parent)
    (account,) = await reconcile_job(order, bench.settings, assume=assume, used=used, month=month)
    return account


def sums(done: Reconciled) -> tuple[int, int, int]:
    return done.charged, done.free, done.still_unknown


async def month_committed(bench: Bench) -> int:
    accounts = await balances_of(bench.settings)
    (balance,) = (account for account in accounts if account.account == "crawlora/default")
    return balance.month_balance.committed


def on_the(*numbers: int) -> Fault:
    """Hangs up on the n-th boards request, counted from 1."""
    count = iter(range(1, 1000))

    async def sometimes(request: web.Request) -> web.StreamResponse | None:
        if "popular-trend" not in request.path:
            return None
        return await hang_up(request) if next(count) in numbers else None

    return sometimes


def refusing(path: str, status: int = 401) -> Fault:
    """A vendor whose pages under this path want another key, or fail."""

    async def refuse(request: web.Request) -> web.StreamResponse | None:
        if path not in request.path:
            return None
        return web.json_response({"code": status, "msg": "no", "data": None}, status=status)

    return refuse


def test_billing_events_tell_lost_answers_that_were_charged_from_those_that_were_not(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        result = await bench.run(job)
        assert result.status is RunStatus.COMPLETE
        assert (result.charged, result.unknown) == (24, 24)
        assert bench.charged() == 24 + 16, "two of the three lost answers had been charged"

        early = await reconciled(bench, job)
        assert sums(early) == (16, 0, 8), "what is booked is charged; what is not may still be booked"
        assert "may not have billed the latest attempts yet" in early.message
        assert not early.is_settled

        await bench.clock.sleep(timedelta(minutes=7).total_seconds())
        late = await reconciled(bench, job)
        assert sums(late) == (0, 8, 0)
        assert late.is_settled
        accounts = await balances_of(bench.settings)
        (balance,) = (account for account in accounts if account.account == "crawlora/default")
        assert balance.day == day_of(bench.clock.now())
        assert balance.day_balance.committed == balance.month_balance.charged == bench.charged()
        assert sums(await reconciled(bench, job)) == (0, 0, 0)

    # The first is cut before the vendor sees it; of the answers, the first and the third never arrive.
    # At noon: the day that the credits belong to must not end before it is looked at.
    on_bench(tmp_path, use, fault=on_the(1), after=on_the(1, 3), clock=HurriedClock(NOON))


def test_without_books_the_user_settles_by_hand(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        assert (await bench.run(job)).unknown == 8
        bench.url = "http://127.0.0.1:9"
        unreachable = await reconciled(bench, job)
        assert unreachable.still_unknown == 8
        assert "settle them with --assume charged or --assume free" in unreachable.message
        stated = await reconciled(bench, job, used={"crawlora": 100})
        assert stated.still_unknown == 8
        assert "8 credits of 1 request stay unknown" in stated.message
        assert "--assume charged or --assume free" in stated.message
        assert await reconciled(bench, job, assume=Charge.FREE) == Reconciled("crawlora/default", free=8)

    on_bench(tmp_path, use, fault=on_the(1))


# --- a month ----------------------------------------------------------------------------------------------------------


class Gateway:
    """Stands before the vendor: loses the first boards answer, and turns the third into a 503; both were charged."""

    def __init__(self) -> None:
        self.bench: Bench | None = None
        self._answers = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        if "popular-trend" not in request.path or self.bench is None or "foreign" in request.query:
            return None
        self._answers += 1
        if self._answers == 1:
            return await hang_up(request)
        if self._answers == 3:
            request_id = self.bench.sandbox.events("crawlora")[-1].request_id
            return web.json_response({"msg": "gateway"}, status=503, headers={"x-request-id": request_id})
        return None


async def foreign_requests(bench: Bench, number: int) -> None:
    """Another program with the same key."""
    async with aiohttp.ClientSession(headers={"x-api-key": KEYS["crawlora"]}) as session:
        for page in range(number):
            url = f"{bench.url}/api/v1/tiktok/popular-trend/creator?foreign=1&page={page + 1}"
            async with session.get(url) as answer:
                assert answer.status == 200


async def a_bad_month(bench: Bench, gateway: Gateway) -> tuple[Path, list[str]]:
    """November with a lost answer, a charged failure, two foreign requests, an event twice and one that is missing."""
    gateway.bench = bench
    job = bench.write_job(BOARDS)
    result = await bench.run(job)
    assert (result.charged, result.unknown) == (24, 8), "what our own rules say"
    await foreign_requests(bench, 2)
    arrived = [event.request_id for event in bench.sandbox.events("crawlora")]
    bench.sandbox.event_log("crawlora").list_twice(arrived[1])
    bench.sandbox.event_log("crawlora").unlist(arrived[3])
    assert bench.charged() == 24 + 8 + 8 + 16
    return job, arrived


def test_a_month_is_settled_line_by_line_to_the_credit(tmp_path: Path) -> None:
    gateway = Gateway()

    async def use(bench: Bench) -> None:
        job, arrived = await a_bad_month(bench, gateway)
        await bench.clock.sleep(timedelta(minutes=7).total_seconds())
        done = await reconciled(bench, job)
        month = done.month
        assert month is not None
        told = {kind: [(e.request_id, e.ours, e.theirs) for e in month.of(kind)] for kind in EntryKind}
        assert told[EntryKind.SETTLED] == [(arrived[0], 8, 8)]
        assert told[EntryKind.CORRECTED] == [(arrived[2], 0, 8)]
        assert told[EntryKind.TWICE] == [(arrived[1], None, 8)]
        assert told[EntryKind.OURS_ALONE] == [(arrived[3], 8, None)]
        assert told[EntryKind.THEIRS_ALONE] == [(arrived[-2], None, 8), (arrived[-1], None, 8)]
        assert (month.ours, month.theirs_alone, month.difference) == (40, 16, 0)
        assert month.period.used == bench.charged() == await month_committed(bench) == 56
        assert (sums(done), done.adjusted, done.is_settled) == ((8, 0, 0), 16, True)
        foreign = month.to_json()["lines"][-1]
        assert (foreign["endpoint"], foreign["request_id"]) == ("crawlora.creators", arrived[-1])
        again = await reconciled(bench, job)
        assert (again.adjusted, await month_committed(bench)) == (None, 56), "nothing is counted twice"
        assert bench.rows("SELECT sum(credits) FROM requests WHERE reconciled_by = 'billing events'") == [(None,)]
        await bench.run(job)  # rewrites the run tables
        assert bench.rows("SELECT sum(credits) FROM requests WHERE reconciled_by = 'billing events'") == [(16,)]

    on_bench(tmp_path, use, after=gateway, clock=HurriedClock(NOON))


def test_a_run_in_a_new_month_holds_the_month_before_once_and_says_what_it_found(tmp_path: Path) -> None:
    gateway = Gateway()

    async def use(bench: Bench) -> None:
        job, _ = await a_bad_month(bench, gateway)
        bench.clock.go_to(DECEMBER)
        tomorrow = bench.write_job(BOARDS, name="december")
        result = await bench.run(tomorrow)
        assert (result.status, result.exit_code) == (RunStatus.COMPLETE, 0)
        (held,) = [sentence for sentence in result.warnings if "the vendor's total" in sentence]
        assert held.startswith("crawlora/default: period 2026-11-01: 40 credits in the ledger, 16 billed for requests")
        assert "the vendor's total is 56, which agrees" in held
        assert "scraper reconcile --month last lists them" in held
        asked = Counter({path: times for path, times in bench.hits.items() if "/me" in path})
        again = await bench.run(bench.write_job(BOARDS, name="later"))
        assert not [sentence for sentence in again.warnings if "vendor's total" in sentence]
        assert Counter({path: times for path, times in bench.hits.items() if "/me" in path}) == asked, "once"
        last = await reconciled(bench, job, month="last")
        assert last.month is not None
        assert (last.month.period.key, last.month.ours, last.month.difference) == ("2026-11-01", 40, 0)
        by_day = await reconciled(bench, job, month=date(2026, 11, 30))
        assert by_day.month == last.month
        assert len(last.month.of(EntryKind.AGREES)) == len(last.month.entries) - 4

    on_bench(tmp_path, use, after=gateway, clock=HurriedClock(NOON))


def test_a_month_that_agrees_is_a_note_and_no_warning(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        await bench.run(bench.write_job(BOARDS))
        bench.clock.go_to(DECEMBER)
        heard = Heard()
        result = await bench.run(bench.write_job(BOARDS, name="december"), heard=heard)
        assert not [sentence for sentence in result.warnings if "period" in sentence]
        (note,) = [event.sentence for event in heard.events if isinstance(event, Noted) and "period" in event.sentence]
        assert note.endswith("the vendor's total is 24, which agrees. Every line agrees.")

    on_bench(tmp_path, use, clock=HurriedClock(NOON))


def test_account_pages_that_fail_change_no_result_and_are_said(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        await bench.run(bench.write_job(BOARDS))
        bench.clock.go_to(DECEMBER)
        for name in ("first", "second"):
            result = await bench.run(bench.write_job(BOARDS, name=name))
            assert (result.status, result.exit_code) == (RunStatus.COMPLETE, 0)
            (said,) = [sentence for sentence in result.warnings if "was not compared" in sentence]
            assert "/billing/me of crawlora could not be read (HTTP 502)" in said

    on_bench(tmp_path, use, fault=refusing("/billing/me", 502), clock=HurriedClock(NOON))


def test_a_key_that_the_account_pages_refuse_is_said_once(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        await bench.run(job)
        bench.clock.go_to(DECEMBER)
        told = []
        for name in ("first", "second"):
            result = await bench.run(bench.write_job(BOARDS, name=name))
            told.append([sentence for sentence in result.warnings if "was not compared" in sentence])
        assert [len(sentences) for sentences in told] == [1, 0]
        assert "may need another login than the API key" in told[0][0]
        by_hand = await reconciled(bench, job)
        assert "does not open /billing/me to the key in CRAWLORA_API_KEY (HTTP 401)" in by_hand.message
        assert not by_hand.is_settled

    on_bench(tmp_path, use, fault=refusing("/billing/me"), clock=HurriedClock(NOON))


def test_a_list_that_gives_fewer_events_than_asked_for_is_read_whole(tmp_path: Path) -> None:
    """The vendor's file asks for 1,000; this vendor gives three at most, newest first."""

    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        await bench.run(job)
        await foreign_requests(bench, 9)
        bench.sandbox.event_log("crawlora").most_listed = 3
        done = await reconciled(bench, job)
        assert done.month is not None
        assert (done.month.ours, done.month.theirs_alone, done.month.difference) == (24, 72, 0)
        assert len(done.month.of(EntryKind.TWICE)) == 0

    on_bench(tmp_path, use, clock=HurriedClock(NOON))
