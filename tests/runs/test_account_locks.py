"""A vendor whose word would lock an account for years: a day later one request tries, and the night goes on."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from scraper.core.events import RunStatus
from tests.clock import begins_at
from tests.runs.harness import Bench, Fault, on_bench
from tests.runs.test_faults import BOARDS, answer, first

TEN_YEARS_S = 3_650 * 86_400
NEVER = json.dumps({"code": 429, "data": {"reason": "daily_credit_limit", "resets_at": "9999-12-31T00:00:00Z"}})

WORDS: dict[str, Fault] = {
    "a Retry-After of ten years": answer(429, **{"Retry-After": str(TEN_YEARS_S)}),
    "a date in 2099": answer(503, **{"Retry-After": "Mon, 05 Jan 2099 00:00:00 GMT"}),
    "an epoch number of another century": answer(429, **{"Retry-After": "4102444800"}),
    "a reset in 9999": answer(429, NEVER),
}


@pytest.mark.parametrize("word", WORDS)
def test_no_word_of_a_vendor_locks_an_account_for_more_than_a_day(tmp_path: Path, word: str) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        refused = await bench.run(job)
        assert (refused.status, refused.sent) == (RunStatus.QUOTA, 1)
        assert refused.next_at is not None
        assert refused.next_at <= bench.clock.now() + timedelta(days=1)
        bench.clock.go_to(refused.next_at)
        again = await bench.run(job)
        assert (again.status, again.charged) == (RunStatus.COMPLETE, 24)

    on_bench(tmp_path, use, fault=first(1, WORDS[word]))


def test_an_epoch_number_in_retry_after_is_the_instant_that_it_is(tmp_path: Path) -> None:
    began = begins_at()

    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(BOARDS))
        assert (result.status, result.charged) == (RunStatus.COMPLETE, 24)
        assert 60 <= (bench.clock.now() - began).total_seconds() < 300

    in_a_minute = answer(429, **{"Retry-After": str(round(began.timestamp()) + 61)})
    on_bench(tmp_path, use, fault=first(1, in_a_minute))


def test_a_month_that_the_vendor_calls_used_up_names_the_word_that_ends_it(tmp_path: Path) -> None:
    spent = answer(402, json.dumps({"code": 402, "data": {"reason": "insufficient_credits"}}))

    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        bench.clock.go_to(begins_at().replace(day=3))
        refused = await bench.run(job)
        assert (refused.status, refused.sent) == (RunStatus.QUOTA, 1)
        assert refused.next_at is not None
        assert (refused.next_at.day, refused.next_at.hour) == (1, 0)
        assert "; to resume now: scraper account crawlora/default --lift" in refused.message

    on_bench(tmp_path, use, fault=spent)
