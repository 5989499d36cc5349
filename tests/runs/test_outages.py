"""What fails again and again is closed, what passes is waited for, and what turns away is asked more slowly."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.events import Ending, RunStatus
from scraper.core.outcomes import Answer, Reply
from scraper.core.pagination import WalkState, Why
from scraper.core.requests import Request
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import Opening
from tests.runs.nights import REFUSED, TIMED_OUT, Timetable, night, status

REGIONS = '["US", "GB", "JP", "DE", "FR", "BR", "IT", "ES", "MX", "ID", "TH", "VN"]'
VIDEOS = f"""
budget = 10_000
[accounts.keyapi]
requests_per_minute = 300
[[crawl]]
endpoint = "keyapi.videos"
params = {{ region = {REGIONS} }}
"""
BOTH = f"""{VIDEOS}
[[crawl]]
endpoint = "keyapi.hashtags"
params = {{ region = {REGIONS} }}
"""
BOARDS = f"""
budget = 10_000
[accounts.crawlora]
requests_per_minute = 300
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {REGIONS}, period = [7, 30, 120] }}
max_pages = 1
"""


def of(endpoint: str, reply: Reply) -> Timetable:
    return lambda request, _: reply if request.endpoint.full_name == endpoint else None


def between(start_s: float, end_s: float, reply: Reply) -> Timetable:
    return lambda _, at_s: reply if start_s <= at_s < end_s else None


# --- dead for good ----------------------------------------------------------------------------------------------------


def test_a_vendor_that_answers_500_to_everything_costs_a_minute_and_a_handful_of_attempts(tmp_path: Path) -> None:
    dead = night(tmp_path, BOTH, lambda *_: status(500))
    assert dead.result.status is RunStatus.UNREACHABLE
    assert dead.took_s < 100
    assert len(dead.sent) <= 10
    assert dead.result.presumed == 2 * len(dead.sent)
    assert dead.result.message.count("keyapi returns no page") == 1
    assert "upstream error: HTTP 500: not now; its walks are left over" in dead.result.message
    assert {why for _, _, why in dead.stood()} == {Why.UNREACHABLE}
    assert dead.result.walks["failed"] + dead.result.walks["not_attempted"] == 24


def test_a_vendor_that_lets_every_request_time_out_is_left_after_some_minutes(tmp_path: Path) -> None:
    dead = night(tmp_path, BOARDS, lambda *_: TIMED_OUT)
    assert dead.result.status is RunStatus.UNREACHABLE
    assert "crawlora returns no page" in dead.result.message
    assert len(dead.sent) <= 5
    assert dead.took_s < 60 * len(dead.sent) + 60
    assert dead.result.unknown == 8 * len(dead.sent)


def test_a_vendor_to_which_no_connection_is_made_is_given_a_minute(tmp_path: Path) -> None:
    dead = night(tmp_path, BOARDS, lambda *_: REFUSED)
    assert (dead.result.status, dead.result.sent) == (RunStatus.UNREACHABLE, 0)
    assert 60 <= dead.took_s < 100
    assert "crawlora cannot be reached (connection refused)" in dead.result.message
    assert dead.stood() == {("crawlora.hashtags", WalkState.NOT_ATTEMPTED, Why.UNREACHABLE)}


def test_one_dead_endpoint_of_two_is_closed_and_the_other_goes_on(tmp_path: Path) -> None:
    half = night(tmp_path, BOTH, of("keyapi.videos", status(503)))
    assert half.result.status is RunStatus.FAILED
    assert half.result.message.count("keyapi.videos returns no page") == 1
    assert half.result.walks["complete"] == 12
    assert sum(request.endpoint.name == "videos" for _, request in half.sent) <= 10
    assert {why for endpoint, _, why in half.stood() if endpoint == "keyapi.videos"} == {Why.UNREACHABLE}


def test_the_next_run_takes_what_a_dead_endpoint_left_over_first(tmp_path: Path) -> None:
    half = night(tmp_path, BOTH, of("keyapi.videos", status(503)))
    again = night(tmp_path, BOTH, lambda *_: None, Opening.NEW, begins_s=3600)
    assert again.result.status is RunStatus.COMPLETE
    first = [request.endpoint.name for _, request in again.sent[:12]]
    assert set(first) == {"videos"}
    assert half.result.run_id != again.result.run_id


def test_two_requests_that_never_succeed_do_not_close_their_endpoint(tmp_path: Path) -> None:
    def some(request: Request, _: float) -> Reply | None:
        return status(500) if request.walk.country in {"US", "GB"} else None

    named = night(tmp_path, VIDEOS, some)
    assert named.result.status is RunStatus.FAILED
    assert named.result.walks["complete"] == 10
    assert named.result.walks["failed"] == 2
    assert "keyapi.videos order_by=vv period=7 region=US page 1: upstream error: HTTP 500" in named.result.message


# --- an outage that passes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "reply"),
    [
        (VIDEOS, status(500)),
        (VIDEOS, Answer(200, {}, b"<html>busy</html>")),
        (BOARDS, status(503)),
        (BOARDS, REFUSED),
    ],
    ids=["keyapi-500", "keyapi-html", "crawlora-503", "crawlora-refused"],
)
def test_an_outage_of_half_a_minute_closes_nothing_and_loses_nothing(tmp_path: Path, job: str, reply: Reply) -> None:
    passed = night(tmp_path, job, between(3, 33, reply))
    assert passed.result.status is RunStatus.COMPLETE
    assert passed.result.walks["complete"] == len(passed.walks)
    assert passed.result.requests.get(Ending.FAILED, 0) == 0
    assert passed.result.retried == passed.result.charged + passed.result.presumed - passed.result.requests[
        Ending.OK
    ] * (2 if job == VIDEOS else 8)


def test_an_outage_that_is_there_from_the_start_closes_nothing_either(tmp_path: Path) -> None:
    passed = night(tmp_path, BOARDS, between(0, 30, status(500)))
    assert passed.result.status is RunStatus.COMPLETE
    assert len([at_s for at_s, _ in passed.sent if at_s < 30]) <= 10


# --- the retry budget -------------------------------------------------------------------------------------------------

MALFORMED = Answer(200, {}, b"<html>")
IN_BAND = Answer(200, {}, b'{"code": 500, "msg": "busy"}')


def test_retries_that_are_paid_stay_within_their_budget_and_what_exhausts_it_is_named(tmp_path: Path) -> None:
    every_third = {"US", "DE", "IT", "ID"}

    def some(request: Request, _: float) -> Reply | None:
        return IN_BAND if request.walk.country in every_third else None

    job = BOARDS.replace("budget = 10_000", "budget = 10_000\nretry_budget = 80").replace("[7, 30, 120]", "7")
    short = night(tmp_path, job, some)
    assert short.result.status is RunStatus.FAILED
    assert short.result.retried == 80
    assert short.result.walks["failed"] == 4
    assert "retry_budget exhausted (80 credits)" in short.result.message
    assert short.result.to_json()["credits"]["retried"] == 80


def test_an_answer_that_was_paid_for_nothing_is_bought_again_three_times_over_all_processes(tmp_path: Path) -> None:
    job = BOARDS.replace("[7, 30, 120]", "7").replace("budget = 10_000", "budget = 112")

    def japan(request: Request, _: float) -> Reply | None:
        return IN_BAND if request.walk.country == "JP" else None

    first = night(tmp_path, job, japan)
    sent = [request for _, request in first.sent if request.walk.country == "JP"]
    assert len(sent) <= 3
    assert first.result.retried <= 112 * 15 // 100
    again = night(tmp_path, job, japan, Opening.RESUME, begins_s=3600)
    assert again.result.run_id == first.result.run_id
    assert again.result.retried == first.result.retried


def test_a_restart_between_gives_no_request_more_retries(tmp_path: Path) -> None:
    job = BOARDS.replace("[7, 30, 120]", "7")
    crawls = list[CrawlProcess]()
    met = list[Request]()

    def japan(request: Request, _: float) -> Reply | None:
        if request.walk.country != "JP":
            return None
        met.append(request)
        if len(met) == 2:
            crawls[-1].stop()
        return IN_BAND

    assert night(tmp_path, job, japan, begun=crawls.append).result.status is RunStatus.INTERRUPTED
    again = night(tmp_path, job, japan, begins_s=3600, begun=crawls.append)
    assert again.result.status is RunStatus.FAILED
    assert len(met) == 1 + 3
    assert again.result.retried == 3 * 8
    assert "in band error: HTTP 200 with code = 500: busy, after 4 attempts" in again.result.message


# --- what fails the same way each time --------------------------------------------------------------------------------

LIST_AS_TEXT = b'{"code":200,"data":{"code":0,"data":{"list":"[{}]","pagination":{"total":100}}}}'
NO_OBJECT = b'["US","GB"]'
OVER_LIMIT = Answer(200, {}, b'{"code":200,"da', "it is larger than 16 bytes", over_limit=True)
ONE_BOARD = BOARDS.replace("[7, 30, 120]", "7").replace(REGIONS, '"JP"')


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, LIST_AS_TEXT),
        Answer(200, {}, b'{"code":200,"data":{"code":0,"data":{"list":{"0":{}}}}}'),
        Answer(200, {}, b'{"code":200,"data":{"code":0,"data":{"list":7}}}'),
        Answer(200, {}, NO_OBJECT),
        Answer(200, {}, b"null"),
        OVER_LIMIT,
    ],
)
def test_an_answer_that_is_wrong_each_time_is_bought_once_and_its_body_is_kept(tmp_path: Path, answer: Answer) -> None:
    once = night(tmp_path, ONE_BOARD, lambda *_: answer)
    assert (once.result.status, once.result.charged, once.result.retried) == (RunStatus.FAILED, 8, 0)
    assert once.stood() == {("crawlora.hashtags", WalkState.FAILED, Why.REQUEST_FAILED)}
    assert "not retried, the answer would be the same; its body is kept" in once.result.message


@pytest.mark.parametrize(
    "answer",
    [
        MALFORMED,
        Answer(200, {}, b""),
        Answer(200, {}, b'{"code":200,"data":', "20 of 999 bytes"),
        Answer(200, {}, b'{"statusCode":10201}'),
    ],
)
def test_an_answer_that_may_be_spoilt_by_chance_is_bought_twice_at_the_most(tmp_path: Path, answer: Answer) -> None:
    twice = night(tmp_path, ONE_BOARD, lambda *_: answer)
    assert (twice.result.status, twice.result.charged, twice.result.retried) == (RunStatus.FAILED, 16, 8)
    healed = night(tmp_path, ONE_BOARD, between(3600, 3600.5, answer), Opening.NEW, begins_s=3600)
    assert (healed.result.status, healed.result.charged) == (RunStatus.COMPLETE, 16)


@pytest.mark.parametrize("body", [LIST_AS_TEXT, NO_OBJECT])
def test_an_endpoint_whose_answers_are_wrong_in_structure_is_closed_after_three(tmp_path: Path, body: bytes) -> None:
    changed = night(tmp_path, BOARDS, lambda *_: Answer(200, {}, body))
    assert (changed.result.status, changed.result.charged) == (RunStatus.FAILED, 24)
    assert "crawlora.hashtags returns no page: 3 consecutive attempts failed" in changed.result.message


# --- 429 in spite of pacing -------------------------------------------------------------------------------------------


def starts_a_minute(sent: list[tuple[float, Request]], start_s: float) -> int:
    return sum(start_s <= at_s < start_s + 60 for at_s, _ in sent)


INDUSTRIES = ", ".join(str(n * 10**9) for n in range(44))
LONG = f"""
budget = 1_000_000
[accounts.crawlora]
plan = "business"
requests_per_minute = 20
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ industry_id = [{INDUSTRIES}], period = [7, 30, 120] }}
max_pages = 1
"""


def test_a_first_429_costs_a_tenth_of_the_pace_for_a_minute(tmp_path: Path) -> None:
    slowed = night(tmp_path, LONG, between(60, 61.9, status(429, **{"retry-after": "20"})))
    assert slowed.result.status is RunStatus.COMPLETE
    refused_at = next(at_s for at_s, _ in slowed.sent if at_s >= 60)
    resumed_at = next(at_s for at_s, _ in slowed.sent if at_s > refused_at + 5)
    assert 20 <= resumed_at - refused_at <= 22
    by_minute = [starts_a_minute(slowed.sent, resumed_at + 60 * minute) for minute in range(3)]
    assert 17 <= by_minute[0] <= 19
    assert min(by_minute[1:]) >= 19


def test_another_429_halves_the_pace_which_recovers_step_by_step(tmp_path: Path) -> None:
    one, other = (between(at, at + 4, status(429, **{"retry-after": "20"})) for at in (60, 100))
    slowed = night(tmp_path, LONG, lambda *told: one(*told) or other(*told))
    assert slowed.result.status is RunStatus.COMPLETE
    refused_at = next(at_s for at_s, _ in slowed.sent if at_s >= 100)
    resumed_at = next(at_s for at_s, _ in slowed.sent if at_s > refused_at + 10)
    assert 20 <= resumed_at - refused_at <= 24
    by_minute = [starts_a_minute(slowed.sent, resumed_at + 60 * minute) for minute in range(7)]
    assert 8 <= by_minute[0] <= 10
    assert by_minute == sorted(by_minute)
    assert by_minute[6] >= 19


def test_one_volley_of_refusals_slows_an_account_down_once(tmp_path: Path) -> None:
    job = LONG.replace("requests_per_minute = 20", "requests_per_minute = 600")
    slowed = night(tmp_path, job, between(5, 5.5, status(429, **{"retry-after": "10"})))
    refused = [at_s for at_s, _ in slowed.sent if 5 <= at_s < 5.5]
    assert len(refused) > 3
    assert slowed.result.status is RunStatus.COMPLETE
    after = [at_s for at_s, _ in slowed.sent if 17 <= at_s < 22]
    assert 44 <= len(after) <= 46  # nine tenths of 600 a minute


def test_a_vendor_that_refuses_for_ever_is_asked_less_and_less_and_ends_the_run_for_now(tmp_path: Path) -> None:
    refused = night(tmp_path, LONG, lambda *_: status(429))
    assert refused.result.status is RunStatus.QUOTA
    assert refused.result.next_at is not None
    assert len(refused.sent) <= 6
    assert refused.result.charged == 0
    assert refused.took_s <= 16 * 60


def test_a_wait_longer_than_max_wait_ends_the_run_as_quota_and_it_should_resume(tmp_path: Path) -> None:
    job = LONG.replace("budget = 1_000_000", 'budget = 1_000_000\nmax_wait = "30s"')
    stopped = night(tmp_path, job, between(20, 1e9, status(429, **{"retry-after": "31"})))
    assert stopped.result.status is RunStatus.QUOTA
    assert "it asks to wait 31 s" in stopped.result.message
    assert stopped.took_s < 25
    patient = night(tmp_path, job, between(3620, 3621.9, status(429, **{"retry-after": "29"})), begins_s=3600)
    assert (patient.result.status, patient.result.run_id) == (RunStatus.COMPLETE, stopped.result.run_id)


def test_a_pause_of_our_own_is_not_held_against_max_wait_nor_called_the_vendors_wish(tmp_path: Path) -> None:
    job = LONG.replace("budget = 1_000_000", 'budget = 1_000_000\nmax_wait = "5s"')
    passed = night(tmp_path, job, between(20, 60, status(429)))  # a minute by default: it names none
    assert passed.result.status is RunStatus.COMPLETE
    refused = night(tmp_path, job, lambda *_: status(429), Opening.NEW, begins_s=36_000)
    assert refused.result.status is RunStatus.QUOTA
    assert "it refuses each time, the next attempt is due in 960 s (HTTP 429: not now)" in refused.result.message
    assert "asks to wait" not in refused.result.message


@pytest.mark.parametrize("reply", [status(500), status(503), TIMED_OUT])
def test_a_backoff_of_our_own_is_waited_for_whatever_max_wait_says(tmp_path: Path, reply: Reply) -> None:
    job = ONE_BOARD.replace("budget = 10_000", 'budget = 10_000\nmax_wait = "0s"')
    passed = night(tmp_path, job, between(0, 2, reply))
    assert passed.result.status is RunStatus.COMPLETE
    assert len(passed.sent) > 1
