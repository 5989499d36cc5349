"""Whole runs against the sandbox: what was served is kept once, what was charged is known to the credit."""

from __future__ import annotations

import asyncio
import collections
from pathlib import Path

import pytest
from aiohttp import web

from scraper.core.errors import ConfigurationError, UsageError
from scraper.core.events import Drained, Ending, Event, RunStatus
from scraper.core.planning import Known, plan
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from tests.examples import spread
from tests.plain_duckdb import plain_duckdb
from tests.runs.harness import ALL_FIVE, ROUTES, Bench, Heard, on_bench
from tests.runs.upkeep import names


def served_ids(bench: Bench) -> collections.Counter[tuple[str, str]]:
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    for served in bench.sandbox.served:
        endpoint, key = ROUTES[served.endpoint]
        found.update((endpoint, str(record[key])) for record in served.records)
    return found


def archived_ids(bench: Bench) -> collections.Counter[tuple[str, str]]:
    """What an analyst finds who has nothing but DuckDB."""
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    keys = {"hashtags": "hashtag_id", "creators": "user_id", "posts": "post_id", "videos": "item_id"}
    for table in names(bench.data):
        if key := keys.get(table):
            files = f"read_parquet('{bench.data}/archive/{table}/**/*.parquet')"
            found.update(plain_duckdb().execute(f"SELECT endpoint, {key} FROM {files}").fetchall())
    return found


def test_every_row_that_was_served_is_in_the_archive_once_and_every_credit_in_the_ledger(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(ALL_FIVE))
        assert result.status is RunStatus.COMPLETE
        assert result.charged == bench.charged()
        assert (result.presumed, result.unknown) == (0, 0)
        archived = archived_ids(bench)
        assert archived == served_ids(bench)
        assert {endpoint for endpoint, _ in archived} == {endpoint for endpoint, _ in ROUTES.values()}
        assert set(bench.hits.values()) == {1}
        counted = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in result.rows)
        assert dict(bench.rows(counted, views=False)) == result.rows

    on_bench(tmp_path, use)


def test_the_plans_known_figures_are_the_runs(tmp_path: Path) -> None:
    text = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP"] }
max_pages = 1
[[crawl]]
endpoint = "keyapi.videos"
params = { region = ["US", "DE"] }
max_pages = 1
"""

    async def use(bench: Bench) -> None:
        job = bench.write_job(text)
        planned = plan(load_job(job)[0], Known(bench.clock.now()))
        result = await bench.run(job)
        assert planned.credits.low == planned.credits.likely == planned.credits.high == result.charged == 28
        assert planned.requests.low == planned.requests.high == result.sent == 5

    on_bench(tmp_path, use)


def test_a_budget_end_is_a_success_that_says_what_is_missing_and_goes_on_without_paying_twice(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE, budget=50)
        first = await bench.run(job)
        assert first.status is RunStatus.BUDGET
        assert first.status.exit_code == 3
        assert first.charged == bench.charged() <= 50
        assert first.walks["complete"] < sum(first.walks.values())
        assert first.message.startswith("budget reached: ")
        assert "--resume --budget" in first.message
        second = await bench.run(job, opening=Opening.RESUME, ceiling=10_000)
        assert second.run_id == first.run_id
        assert second.status is RunStatus.COMPLETE
        assert second.charged == bench.charged()
        assert set(bench.hits.values()) == {1}
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use)


def test_a_budget_below_what_a_run_has_spent_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE, budget=50)
        first = await bench.run(job)
        spent = first.charged
        with pytest.raises(UsageError, match=f"has already spent {spent} credits, more than the budget of {spent - 1}"):
            await bench.run(job, opening=Opening.RESUME, ceiling=spent - 1)
        assert bench.charged() == spent
        again = await bench.run(job, opening=Opening.RESUME, ceiling=spent)
        assert (again.run_id, again.budget, again.charged) == (first.run_id, spent, spent)

    on_bench(tmp_path, use)


def test_a_new_run_after_a_budget_end_takes_the_left_over_walks_first(tmp_path: Path) -> None:
    text = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP", "DE"] }
max_pages = 1
"""

    async def use(bench: Bench) -> None:
        job = bench.write_job(text, budget=16)
        first, heard = await bench.run(job), Heard()
        second = await bench.run(job, heard=heard)
        assert first.status is second.status is RunStatus.BUDGET
        assert first.run_id != second.run_id
        asked = [query.split("country_code=")[1][:2] for query in bench.hits]
        assert sorted(asked) == ["DE", "GB", "JP", "US"]

    on_bench(tmp_path, use)


@pytest.mark.combined
@pytest.mark.parametrize("after", spread([1, 4, 9], 2))
def test_a_run_that_was_interrupted_should_resume_and_pays_nothing_twice(tmp_path: Path, after: int) -> None:
    async def use(bench: Bench) -> None:
        job, crawls, heard = bench.write_job(ALL_FIVE), list[CrawlProcess](), Heard()
        heard = Heard(lambda _: crawls[0].stop() if len(heard.settled) == after else None)
        first = await bench.run(job, heard=heard, begun=crawls.append)
        assert first.status is RunStatus.INTERRUPTED
        assert first.status.exit_code == 130
        assert first.charged == bench.charged()
        second = await bench.run(job)
        assert second.run_id == first.run_id
        assert second.status is RunStatus.COMPLETE
        assert second.charged == bench.charged()
        assert set(bench.hits.values()) == {1}
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use)


def test_a_resumed_run_reads_no_page_of_a_walk_that_is_complete_and_has_no_children(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job, crawls, heard = bench.write_job(ALL_FIVE), list[CrawlProcess](), Heard()
        heard = Heard(lambda _: crawls[0].stop() if len(heard.settled) == 9 else None)
        first = await bench.run(job, heard=heard, begun=crawls.append)
        complete = "SELECT walk_id FROM walks WHERE state = 'complete' AND endpoint <> 'keyapi.hashtags'"
        assert bench.database.rows(complete)
        bench.database.change(f"UPDATE pages SET facts = NULL WHERE walk_id IN ({complete})")
        second = await bench.run(job)
        assert (second.run_id, second.status) == (first.run_id, RunStatus.COMPLETE)
        assert second.charged == bench.charged()
        assert set(bench.hits.values()) == {1}
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use)


def test_a_walk_that_is_complete_is_kept_as_such_while_its_run_goes_on(tmp_path: Path) -> None:
    drained, met = asyncio.Event(), list[list[tuple[str, int]]]()

    async def later(request: web.Request) -> web.StreamResponse | None:
        if request.query["country_code"] == "GB":
            await drained.wait()
        return None

    async def use(bench: Bench) -> None:
        def hear(event: Event) -> None:
            if isinstance(event, Drained) and not drained.is_set():
                kept = "SELECT state, distinct_rows FROM walks ORDER BY state"
                met.append([(state, rows) for state, rows in bench.database.rows(kept)])
                drained.set()

        job = bench.write_job(
            '[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = { country_code = ["US", "GB"] }\nmax_pages = 1\n'
        )
        done = await bench.run(job, heard=Heard(hear), begun=lambda crawl: setattr(crawl, "drain_at_bytes", 1))
        assert done.status is RunStatus.COMPLETE
        assert [state for (state,) in bench.database.rows("SELECT state FROM walks")] == ["complete"] * 2

    on_bench(tmp_path, use, fault=later)
    assert met == [[("complete", 100), ("open", None)]]


def test_a_later_run_takes_young_complete_walks_instead_of_buying_them(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job('max_age = "20h"\n' + ALL_FIVE)
        first = await bench.run(job)
        second = await bench.run(job, opening=Opening.NEW)
        assert first.run_id != second.run_id
        assert (second.status, second.charged, second.sent) == (RunStatus.COMPLETE, 0, 0)
        assert second.to_json()["requests"]["reused"] == first.sent
        assert second.walks == first.walks
        assert archived_ids(bench) == served_ids(bench)

    on_bench(tmp_path, use)


def test_without_max_age_a_later_run_buys_everything_anew(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE)
        first, second = await bench.run(job), await bench.run(job, opening=Opening.NEW)
        assert second.charged == first.charged
        assert set(bench.hits.values()) == {2}

    on_bench(tmp_path, use)


def test_a_wrong_key_is_refused_in_one_sentence_and_costs_crawlora_nothing(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        bench.keys = {"crawlora": "wrong-key", "keyapi": "wrong-key"}
        result = await bench.run(bench.write_job(ALL_FIVE))
        assert result.status is RunStatus.REFUSED
        assert result.status.exit_code == 4
        assert bench.charged() == 0
        assert result.charged == 0
        assert result.presumed == 2, "KeyAPI documents no rule for a refused request: it counts as charged"
        assert "crawlora refuses the key in CRAWLORA_API_KEY" in result.message
        assert "wrong-key" not in repr(result)
        assert sum(bench.hits.values()) == 2, "one request for each vendor is enough to know"

    on_bench(tmp_path, use)


def test_a_missing_key_names_its_variable_and_sends_nothing(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        bench.keys = {"keyapi": "sk_live_test"}
        with pytest.raises(ConfigurationError, match="CRAWLORA_API_KEY: this environment variable must contain the"):
            await bench.run(bench.write_job(ALL_FIVE))
        assert not bench.hits

    on_bench(tmp_path, use)


def test_the_days_cap_ends_a_run_as_quota_with_the_time_at_which_it_can_go_on(tmp_path: Path) -> None:
    accounts = "[accounts.crawlora]\nrequests_per_minute = 60000\ncredits_per_day = 24\n"
    text = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP", "DE"] }
max_pages = 1
"""

    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(text, accounts=accounts))
        assert (result.status, result.charged) == (RunStatus.QUOTA, 24)
        assert result.next_at is not None
        assert result.next_at > bench.clock.now()
        assert (result.next_at.hour, result.next_at.minute) == (0, 0)
        assert result.walks["not_attempted"] == 1

    on_bench(tmp_path, use)


@pytest.mark.parametrize("limits", [{"credits_per_day": 24}, {"credits_per_month": 24}])
def test_a_quota_that_only_the_vendor_knows_of_ends_the_run_as_quota(tmp_path: Path, limits: dict[str, int]) -> None:
    text = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP", "DE", "FR"] }
max_pages = 1
"""

    async def use(bench: Bench) -> None:
        job = bench.write_job(text)
        result = await bench.run(job)
        assert (result.status, result.charged) == (RunStatus.QUOTA, 24)
        assert result.charged == bench.charged()
        again = await bench.run(job)
        assert again.status is RunStatus.QUOTA
        assert again.sent == result.sent, "an account that the vendor closed is not asked again before it resets"

    on_bench(tmp_path, use, limits=limits)


def test_a_vendor_that_is_not_there_costs_nothing_and_is_named(tmp_path: Path) -> None:
    text = '[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = { country_code = "US" }\nmax_pages = 1\n'

    async def use(bench: Bench) -> None:
        bench.url = "http://127.0.0.1:9"
        result = await bench.run(bench.write_job(text))
        assert result.status is RunStatus.UNREACHABLE
        assert result.status.exit_code == 6
        assert (result.charged, result.unknown, result.sent) == (0, 0, 0)
        assert "crawlora cannot be reached (no connection to 127.0.0.1:9" in result.message

    on_bench(tmp_path, use)


def test_the_same_job_does_not_run_twice_at_once(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(ALL_FIVE)
        begun = asyncio.Event()
        first = asyncio.ensure_future(bench.run(job, begun=lambda _: begun.set()))
        await begun.wait()
        with pytest.raises(UsageError, match="job night is already run by process"):
            await bench.run(job)
        assert (await first).status is RunStatus.COMPLETE

    on_bench(tmp_path, use)


def test_attempts_add_up_to_what_was_sent(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bench.run(bench.write_job(ALL_FIVE))
        assert result.sent == sum(bench.hits.values())
        assert result.sent == result.requests[Ending.OK] + result.requests.get(Ending.EMPTY, 0)

    on_bench(tmp_path, use)
