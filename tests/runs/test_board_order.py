"""Runs of a job with order = "changes": what is bought, what is left and why, and that a decision stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from scraper.core.events import RunStatus
from scraper.core.outcomes import Answer, Reply
from scraper.core.pagination import WalkState, Why
from scraper.core.planning import Plan
from scraper.core.requests import Request
from scraper.ports import WalkRecord
from scraper.runs.plan import plan
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from tests.clock import begins_at
from tests.databases import database_in
from tests.runs.nights import Night, Killed, killed_night, night, runs_in

DAY_S = 86_400.0
COUNTRIES = ("US", "GB", "JP", "DE", "FR", "BR", "MX", "IT", "ES", "KR")
LIVELY = ("US", "GB")
"""All their entries are new each night; the other boards change one entry in twenty nights."""
JOB = f"""
budget = 6
every = "day"
order = "changes"
[accounts.keyapi]
requests_per_second = 50
[[crawl]]
endpoint = "keyapi.hashtags"
params = {{ region = {list(COUNTRIES)} }}
max_pages = 1
"""
"""Three boards of ten a night."""


def entries(country: str, day: int) -> Sequence[str]:
    changed = day if country in LIVELY else (day + COUNTRIES.index(country)) // 20
    return [f"{country}-{changed}-{place}" for place in range(20)] if country in LIVELY else [
        f"{country}-{place}" for place in range(changed, changed + 20)
    ]


def lists(request: Request, second: float) -> Reply | None:
    asked = dict(request.params)
    rows = [{"hashtag_id": one} for one in entries(asked["region"], int(second // DAY_S))]
    told = {"page": 1, "size": 20, "total": 20, "has_more": False}
    return Answer(200, {}, orjson.dumps({"code": 0, "message": "ok", "data": {"list": rows, "pagination": told}}))


def region(walk: WalkRecord) -> str:
    return str(orjson.loads(walk.params)["region"])


def bought(found: Night) -> list[str]:
    return [dict(request.params)["region"] for _, request in found.sent]


def nights(directory: Path, number: int, text: str = JOB) -> list[Night]:
    return [night(directory, text, lists, begins_s=day * DAY_S) for day in range(number)]


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Night]]:
    directory = tmp_path_factory.mktemp("forty")
    return directory, nights(directory, 40)


def test_boards_are_bought_by_expected_new_entries_once_their_rates_are_known(forty: tuple[Path, list[Night]]) -> None:
    _, found = forty
    late = [country for each in found[20:] for country in bought(each)]
    assert all(late.count(country) >= 18 for country in LIVELY)
    assert set(late) == set(COUNTRIES)


def test_what_the_order_leaves_is_not_attempted_because_of_it_and_the_run_ends_at_its_budget(
    forty: tuple[Path, list[Night]],
) -> None:
    _, found = forty
    last = found[-1]
    assert last.result.status is RunStatus.BUDGET
    assert '7 boards are left to a later night (order = "changes")' in last.result.message
    left = {region(walk) for walk in last.walks if walk.state is WalkState.NOT_ATTEMPTED and walk.why is Why.ORDER}
    assert left == set(COUNTRIES) - set(bought(last))
    assert len(left) == 7
