"""Spool, drains, reuse and leftovers, on a real SQLite file, under a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.pagination import PageFacts, WalkState, Why
from scraper.core.requests import start
from scraper.ports import (
    Drain,
    Part,
    SpooledPage,
    Stores,
    Written,
    drain_order,
)
from tests.core.builders import C_HASHTAGS, K_VIDEOS, NOON, account, facts, full_page, walk_of
from tests.databases import StateDatabase
from tests.io.state_bench import (
    FREELY,
    OK,
    HandClock,
    board,
    bought,
    carried_out,
    drained,
    outcome,
    run_record,
    settlement,
    slot,
    spooled_bytes,
    walked,
)

# --- the spool --------------------------------------------------------------------------------------------------------


def test_a_paid_body_is_there_after_a_crash(database: StateDatabase) -> None:
    """The database is never closed: what settle has returned from is on the disk."""
    body = b'{"a":"\xff\x00"}' * 100
    clock, request = HandClock(), board("US", 3)

    async def crash(stores: Stores) -> None:
        await stores.runs.create_run(run_record("one"))
        await bought(stores, clock, "one", FREELY, request, OK, body)

    crashed = ExitStack()
    asyncio.run(crash(crashed.enter_context(database.opened(clock.now))))
    assert drained(database) == [
        SpooledPage(
            page_id=1,
            vendor="crawlora",
            endpoint=C_HASHTAGS,
            run_id="one",
            walk_id=request.walk.walk_id,
            request_key=request.key,
            snapshot_at=NOON,
            observed_at=NOON,
            country="US",
            period_days=7,
            page=3,
            parameters='{"country_code":"US","limit":"100","page":"3","period":"7"}',
            http_status=200,
            outcome=OutcomeKind.OK,
            body=body,
        )
    ]
    crashed.close()


def test_a_walk_keeps_the_instant_of_its_first_request(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> None:
        for page in (1, 2):
            await bought(stores, clock, "one", FREELY, board("US", page), OK, b"{}")
            clock.move(hours=14)

    carried_out(database, script)
    stands = [(page.snapshot_at, page.observed_at) for page in drained(database)]
    assert stands == [(NOON, NOON), (NOON, NOON + timedelta(hours=14))]


def test_stored_pages_tell_a_resumed_run_what_it_need_not_buy(database: StateDatabase) -> None:
    page = PageFacts(2, OK.ids, reported_page=1, size=100, total=2, has_more=False, cursor="9")

    async def script(stores: Stores, clock: HandClock) -> Mapping[str, PageFacts]:
        await bought(stores, clock, "one", FREELY, board("US"), page, b"{}")
        taken = slot(await stores.ledger.reserve("one", FREELY, board("GB"), 1))
        failed = outcome(kind=OutcomeKind.MALFORMED)
        await stores.ledger.settle(settlement(taken.attempt_id, failed, NOON, b"<html>", NOON))
        return await stores.runs.stored_pages("one")

    assert carried_out(database, script) == {board("US").key: page}
    assert [page.outcome for page in drained(database)] == [OutcomeKind.MALFORMED, OutcomeKind.OK]


# --- drains -----------------------------------------------------------------------------------------------------------


def test_a_drain_that_was_not_finished_is_the_next_one(database: StateDatabase) -> None:
    async def first(stores: Stores, clock: HandClock) -> Drain | None:
        await stores.runs.create_run(run_record("two", job="other"))
        for run_id, country in (("one", "US"), ("two", "GB"), ("one", "AU")):
            await bought(stores, clock, run_id, FREELY, board(country), OK, b"x" * 10)
        drain = await stores.journal.open_drain(clock.now(), 2**20)
        await bought(stores, clock, "one", FREELY, board("JP"), OK, b"x")
        return drain

    assert carried_out(database, first) == Drain(1, "one", 2)

    async def again(stores: Stores, clock: HandClock) -> list[Drain | None]:
        found: list[Drain | None] = []
        rows = Written((Part("hashtags", "p", 3, 9, "h1"), Part("pages", "q", 2, 9, "h0")), {}, {})
        while (drain := await stores.journal.open_drain(clock.now(), 2**20)) is not None:
            members = list(stores.journal.drain_pages(drain))
            assert members == sorted(members, key=drain_order)
            found.append(drain)
            await stores.journal.finish_drain(drain, rows, clock.now())
        assert spooled_bytes(database) == 0
        assert await stores.journal.select_hashes() == {"hashtags": {"h1"}, "pages": {"h0"}}
        totals = await stores.runs.totals("one")
        assert totals.rows == {"hashtags": 6}
        return found

    assert carried_out(database, again) == [Drain(1, "one", 2), Drain(2, "two", 1), Drain(3, "one", 1)]
    assert database.rows("SELECT count(*), count(body), count(facts) FROM pages") == [(4, 0, 4)]


def test_a_drain_takes_no_more_than_it_may_and_at_least_one_page(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> list[int]:
        for page in range(1, 6):
            await bought(stores, clock, "one", FREELY, board("US", page), OK, b"x" * 100)
        assert spooled_bytes(database) == 500
        sizes = []
        while (drain := await stores.journal.open_drain(clock.now(), 150)) is not None:
            sizes.append(drain.pages)
            await stores.journal.finish_drain(drain, Written((), {}, {}), clock.now())
        return sizes

    assert carried_out(database, script) == [2, 2, 1]


def test_a_rebuilt_table_is_made_with_one_select(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> list[Mapping[str, frozenset[str]]]:
        await bought(stores, clock, "one", FREELY, board("US"), OK, b"{}")
        drain = await stores.journal.open_drain(clock.now(), 100)
        assert drain is not None
        parts = (Part("hashtags", "p", 1, 9, "old"), Part("hashtags", "q", 1, 9, "older"))
        await stores.journal.finish_drain(drain, Written(parts, {}, {}), clock.now())
        before = await stores.journal.select_hashes()
        await stores.journal.begin_rebuild({"hashtags": ["of p"]}, clock.now())
        await stores.journal.note_rebuilt("hashtags", ["of p"], Written((Part("hashtags", "p", 2, 9, "new"),), {}, {}))
        await stores.journal.note_select("hashtags", "new")
        assert await stores.journal.open_rebuild() == {}
        return [before, await stores.journal.select_hashes()]

    assert carried_out(database, script) == [
        {"hashtags": frozenset({"old", "older"})},
        {"hashtags": frozenset({"new"})},
    ]


# --- reuse and leftovers ----------------------------------------------------------------------------------------------

US = walk_of(K_VIDEOS, region="US")
WHOLE = [full_page(1, 20, size=20, total=40), full_page(2, 20, size=20, total=40)]


def reused(
    database: StateDatabase, asked_pages: int | None, *answers: PageFacts, max_pages: int | None, age_h: float
) -> object:
    """Whether a walk bought yesterday serves one of today; the run that it is taken from."""

    async def script(stores: Stores, clock: HandClock) -> object:
        await walked(stores, clock, "one", account("keyapi"), walk_of(K_VIDEOS, max_pages, region="US"), *answers)
        wanted = walk_of(K_VIDEOS, asked_pages, region="US")
        found = await stores.runs.reusable_pages(wanted, clock.now() - timedelta(hours=age_h))
        assert found is None or found[1] == {wanted.request(n).key: page for n, page in enumerate(answers, start=1)}
        return None if found is None else found[0]

    return carried_out(database, script)


@pytest.mark.parametrize(
    ("asked", "bought_pages", "max_pages", "age_h", "taken"),
    [
        (None, WHOLE, None, 1.0, "one"),
        (9, WHOLE, None, 1.0, "one"),
        (None, WHOLE, None, 0.0, "one"),
        (None, WHOLE, None, -0.1, None),
        (1, WHOLE[:1], 1, 1.0, "one"),
        (2, WHOLE[:1], 1, 1.0, None),
        (None, WHOLE[:1], 1, 1.0, None),
        (None, [facts(has_more=False)], None, 1.0, "one"),
        (None, WHOLE[:1], None, 1.0, None),
    ],
    ids=[
        "whole", "whole, and enough of it", "just old enough", "too old", "as deep", "not as deep", "not whole",
        "known to be empty", "still open",
    ],
)  # fmt: skip
def test_only_a_whole_walk_that_is_young_and_deep_enough_is_reused(
    database: StateDatabase,
    asked: int | None,
    bought_pages: list[PageFacts],
    max_pages: int | None,
    age_h: float,
    taken: str,
) -> None:
    assert reused(database, asked, *bought_pages, max_pages=max_pages, age_h=age_h) == taken


def test_a_walk_that_was_itself_reused_is_never_the_source_of_another(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> tuple[object, int]:
        progress = await walked(stores, clock, "one", account("keyapi"), US, *WHOLE)
        clock.move(hours=5)
        await stores.runs.create_run(run_record("two", at=clock.now()))
        await stores.runs.cover("two", [progress], {US.walk_id: "one"})
        found = await stores.runs.reusable_pages(US, NOON + timedelta(hours=1))
        totals = await stores.runs.totals("two")
        return found, totals.reused

    assert carried_out(database, script) == (None, 2)


def test_a_walk_whose_free_answer_was_not_kept_is_not_reused(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> object:
        progress, request = start(US)
        taken = slot(await stores.ledger.reserve("one", account("keyapi"), request, 1))
        page = facts(has_more=False)
        met = outcome(Charge.FREE, OutcomeKind.EMPTY, page=page)
        await stores.ledger.settle(settlement(taken.attempt_id, met, clock.now(), None, clock.now()))
        progress.learn(request, page)
        await stores.runs.cover("one", [progress], {})
        return await stores.runs.reusable_pages(US, NOON - timedelta(hours=1))

    assert carried_out(database, script) is None


def test_what_is_known_of_a_walk_is_its_last_whole_one_before_and_what_stopped_at_known_ids_since(
    database: StateDatabase,
) -> None:
    """Nights of one board: whole, whole, stopped, cut short, stopped, and one of a run that has begun since."""
    stopping = replace(US, stop_when_known=0.5)
    nights = {
        "first": (US, [facts("a", "b", has_more=False)], None),
        "second": (US, [facts("b", "c", has_more=True), facts("d", has_more=False)], None),
        "third": (stopping, [facts("c", "e", has_more=True)], None),
        "fourth": (US, [facts("f", has_more=True)], Why.BUDGET),
        "fifth": (stopping, [facts("c", "g", has_more=True)], None),
        "last": (US, [facts("h", has_more=False)], None),
    }

    async def script(stores: Stores, clock: HandClock) -> list[Mapping[str, frozenset[str]]]:
        found = list[Mapping[str, frozenset[str]]]()
        for run_id, (walk, answers, why) in nights.items():
            await stores.runs.create_run(run_record(run_id, at=clock.now()))
            found.append(await stores.runs.known_ids([US.walk_id, "other"], clock.now()))
            progress = await walked(stores, clock, run_id, account("keyapi"), walk, *answers, known=["c"])
            if why is not None:
                progress.give_up(why)
            await stores.runs.cover(run_id, [progress], {})
            clock.move(hours=24)
        return found

    met = carried_out(database, script)
    listed = ["".join(sorted(ids.get(US.walk_id, ()))) for ids in met]
    assert listed == ["", "ab", "bcd", "bcde", "bcde", "bcdeg"]


def test_walks_that_wanted_more_credits_are_left_over_and_no_others(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> Sequence[str]:
        ends: list[tuple[str, list[PageFacts], Why | None]] = [
            ("US", WHOLE, None),
            ("GB", WHOLE[:1], Why.BUDGET),
            ("FR", [], Why.BUDGET),
            ("DE", [], Why.REFUSED),
            ("IT", WHOLE[:1], Why.REQUEST_FAILED),
        ]
        for region, answers, why in ends:
            walk = walk_of(K_VIDEOS, region=region)
            progress = await walked(stores, clock, "one", account("keyapi"), walk, *answers)
            if why is Why.REQUEST_FAILED:
                progress.fail(progress.outstanding()[0], why)
            elif why is not None:
                progress.give_up(why)
            await stores.runs.cover("one", [progress], {})
        totals = await stores.runs.totals("one")
        assert totals.walks == {
            WalkState.COMPLETE: 1, WalkState.TRUNCATED: 1, WalkState.NOT_ATTEMPTED: 2, WalkState.FAILED: 1,
        }  # fmt: skip
        return await stores.runs.leftovers("night")

    never_bought_first = [walk_of(K_VIDEOS, region=region).walk_id for region in ("FR", "GB")]
    assert carried_out(database, script) == never_bought_first
