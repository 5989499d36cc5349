"""What every documented and every recorded answer is taken for, by the real vendor files. Values are our own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import Charge, OutcomeKind, QuotaScope
from scraper.core.outcomes import LONGEST_MESSAGE, Answer, NoAnswer, Outcome, charges_of
from scraper.core.pagination import PageFacts, Record
from scraper.core.vendor_times import LONGEST_WAIT_S
from tests.core.builders import (
    C_CREATORS,
    C_HASHTAGS,
    C_POSTS,
    CATALOGUE,
    K_HASHTAGS,
    K_VIDEOS,
    NOON,
    answer,
    board,
    endpoint,
    outcome_of,
    vendor_of,
)
from tests.core.test_bodies import JSON_VALUES
from tests.examples import examples

CHARGED, FREE, PRESUMED, UNKNOWN = Charge.CHARGED, Charge.FREE, Charge.PRESUMED, Charge.UNKNOWN
TAG = {"hashtag_id": "4901", "hashtag_name": "tides", "rank": 1, "video_views": 19_583_705_445}


def test_a_page_of_a_board_is_charged_and_tells_its_pagination() -> None:
    body = board([TAG, {"hashtag_name": "no id"}], page=1, size=100, total=100, has_more=False)
    assert outcome_of(C_HASHTAGS, answer(body, headers={"x-request-id": "r-1"})) == Outcome(
        kind=OutcomeKind.OK,
        charge=CHARGED,
        credits=8,
        facts=PageFacts(
            records=2,
            ids=(Record("4901", 1, 19_583_705_445, {"hashtag_name": "tides"}),),
            reported_page=1,
            size=100,
            total=100,
            has_more=False,
        ),
        http_status=200,
        vendor_request_id="r-1",
    )


def test_the_vendors_name_their_pagination_differently() -> None:
    videos = {"videos": [{"item_id": "77"}], "pagination": {"page": 2, "limit": 20, "total_count": 500}}
    body = {"code": 0, "message": "success", "data": videos, "requestId": "d-9"}
    outcome = outcome_of(K_VIDEOS, answer(body))
    assert outcome.facts == PageFacts(records=1, ids=(Record("77"),), reported_page=2, size=20, total=500)
    assert (outcome.kind, outcome.charge, outcome.credits) == (OutcomeKind.OK, CHARGED, 2)
    assert outcome.vendor_request_id == "d-9"


def test_a_cursor_comes_out_as_text_whatever_it_was() -> None:
    for cursor, text in (("30", "30"), (30, "30"), (0, "0"), (None, None), ("", None)):
        body = {"code": 200, "data": {"cursor": cursor, "hasMore": True, "itemList": [{"id": "1"}], "statusCode": 0}}
        assert outcome_of(C_POSTS, answer(body)).facts == PageFacts(1, (Record("1"),), has_more=True, cursor=text)


def test_a_success_without_its_list_is_an_empty_page() -> None:
    body = {"code": 200, "msg": "OK", "data": {"statusCode": 0, "cursor": "800", "hasMore": False}}
    outcome = outcome_of(C_POSTS, answer(body))
    assert (outcome.kind, outcome.charge, outcome.credits) == (OutcomeKind.EMPTY, CHARGED, 8)
    assert outcome.facts == PageFacts(0, has_more=False, cursor="800")


def test_whether_an_empty_answer_is_charged_is_not_documented_by_keyapi() -> None:
    outcome = outcome_of(K_HASHTAGS, answer({"code": 0, "message": "success", "data": {"list": []}}))
    assert (outcome.kind, outcome.charge, outcome.credits) == (OutcomeKind.EMPTY, PRESUMED, 2)


REFUSALS: list[tuple[int, Any, OutcomeKind, QuotaScope]] = [
    (400, {"code": 400, "msg": "period is not valid"}, OutcomeKind.BAD_REQUEST, QuotaScope.UNSTATED),
    (401, {"code": 401, "msg": "invalid api key"}, OutcomeKind.AUTH_REJECTED, QuotaScope.UNSTATED),
    (401, {"error": {"code": "unauthorized", "message": "bad key"}}, OutcomeKind.AUTH_REJECTED, QuotaScope.UNSTATED),
    (402, {"code": 402, "msg": "pay"}, OutcomeKind.QUOTA_EXHAUSTED, QuotaScope.UNSTATED),
    (403, {"code": 403, "msg": "not in your plan"}, OutcomeKind.ENDPOINT_DENIED, QuotaScope.UNSTATED),
    (404, {"code": 404, "msg": "not found"}, OutcomeKind.GONE, QuotaScope.UNSTATED),
    (410, b"", OutcomeKind.GONE, QuotaScope.UNSTATED),
    (422, {"code": 422, "msg": "unprocessable"}, OutcomeKind.BAD_REQUEST, QuotaScope.UNSTATED),
    (429, {"code": 429, "msg": "slow down"}, OutcomeKind.RATE_LIMITED, QuotaScope.UNSTATED),
    (500, {"code": 500, "msg": "oops"}, OutcomeKind.UPSTREAM_ERROR, QuotaScope.UNSTATED),
    (502, b"<html>bad gateway</html>", OutcomeKind.UPSTREAM_ERROR, QuotaScope.UNSTATED),
    (503, {"error": {"code": "retired", "message": "upstream retired"}}, OutcomeKind.UPSTREAM_ERROR,
     QuotaScope.UNSTATED),
    (504, b"", OutcomeKind.UPSTREAM_ERROR, QuotaScope.UNSTATED),
    (302, b"", OutcomeKind.GONE, QuotaScope.UNSTATED),
    (418, b"", OutcomeKind.BAD_REQUEST, QuotaScope.UNSTATED),
    (520, b"", OutcomeKind.UPSTREAM_ERROR, QuotaScope.UNSTATED),
    *(
        (status, {"code": status, "msg": "no", "data": {"reason": reason}}, kind, scope)
        for status in (402, 403, 429, 400)
        for reason, kind, scope in (
            ("insufficient_credits", OutcomeKind.QUOTA_EXHAUSTED, QuotaScope.MONTH),
            ("daily_credit_limit", OutcomeKind.QUOTA_EXHAUSTED, QuotaScope.DAY),
            ("rate_limited", OutcomeKind.RATE_LIMITED, QuotaScope.UNSTATED),
            ("ip_rate_limited", OutcomeKind.RATE_LIMITED, QuotaScope.UNSTATED),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "scope"), REFUSALS)
def test_crawlora_refuses_for_free_and_its_reason_decides_over_the_status(
    status: int, body: Any, kind: OutcomeKind, scope: QuotaScope
) -> None:
    outcome = outcome_of(C_HASHTAGS, answer(body, status))
    assert (outcome.kind, outcome.charge, outcome.credits, outcome.scope) == (kind, FREE, 0, scope)
    assert outcome.facts is None


def test_a_refusal_inside_a_2xx_is_a_refusal_and_charged() -> None:
    body = {"code": 429, "msg": "no credits", "data": {"reason": "daily_credit_limit"}}
    outcome = outcome_of(C_HASHTAGS, answer(body))
    assert (outcome.kind, outcome.charge, outcome.credits) == (OutcomeKind.QUOTA_EXHAUSTED, CHARGED, 8)
    assert outcome.detail == "HTTP 200: no credits"


def test_a_quota_says_when_it_is_renewed() -> None:
    told = {"reason": "daily_credit_limit", "resets_at": "2026-11-22T00:00:00Z", "retry_after_seconds": 43_200}
    outcome = outcome_of(C_HASHTAGS, answer({"code": 429, "msg": "limit", "data": told}, 429))
    assert (outcome.resets_at, outcome.wait_s) == (datetime(2026, 11, 22, tzinfo=UTC), 43_200.0)
    told["resets_at"] = "not a date"
    assert outcome_of(C_HASHTAGS, answer({"data": told}, 429)).resets_at is None


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, 400, "Missing required parameter: handle", OutcomeKind.BAD_REQUEST),
        (401, 401, "apiKey is null", OutcomeKind.AUTH_REJECTED),
        (402, 402, "apiKey quota is not enough", OutcomeKind.QUOTA_EXHAUSTED),
        (403, 403, "quota", OutcomeKind.QUOTA_EXHAUSTED),
        (429, 429, "qps limit exceeded", OutcomeKind.RATE_LIMITED),
        (500, 500, "Internal server error", OutcomeKind.UPSTREAM_ERROR),
        (200, 400, "Missing required parameter: handle", OutcomeKind.BAD_REQUEST),
        (200, 401, "apiKey is null", OutcomeKind.AUTH_REJECTED),
        (200, 402, "apiKey quota is not enough", OutcomeKind.QUOTA_EXHAUSTED),
        (200, 429, "qps limit exceeded", OutcomeKind.RATE_LIMITED),
        (200, 500, "Internal server error", OutcomeKind.UPSTREAM_ERROR),
        (200, 403, "quota", OutcomeKind.QUOTA_EXHAUSTED),
        (200, 404, "not found", OutcomeKind.GONE),
        (404, 404, "not found", OutcomeKind.GONE),
        (502, 0, "success", OutcomeKind.UPSTREAM_ERROR),
        (422, 422, "unprocessable", OutcomeKind.BAD_REQUEST),
        (200, 7, "something else", OutcomeKind.IN_BAND_ERROR),
    ],
)
def test_a_keyapi_error_is_one_whatever_its_status_and_its_charge_is_presumed_or_as_stated(
    status: int, code: int, message: str, kind: OutcomeKind
) -> None:
    reply = answer({"code": code, "data": None, "message": message}, status)
    charges = [outcome_of(K_HASHTAGS, reply, stated) for stated in (None, CHARGED, FREE)]
    met = [(outcome.kind, outcome.charge, outcome.credits) for outcome in charges]
    assert met == [(kind, PRESUMED, 2), (kind, CHARGED, 2), (kind, FREE, 0)]


@pytest.mark.parametrize(
    ("full_name", "status", "retries"),
    [
        (C_HASHTAGS, 502, 1),
        (C_HASHTAGS, 500, None),
        (C_HASHTAGS, 503, None),
        (K_HASHTAGS, 500, 1),
        (K_HASHTAGS, 503, None),
    ],
)
def test_how_often_a_vendor_lets_a_failure_be_asked_again_stands_in_its_file(
    full_name: str, status: int, retries: int | None
) -> None:
    outcome = outcome_of(full_name, answer(b"", status))
    assert (outcome.kind, outcome.retries) == (OutcomeKind.UPSTREAM_ERROR, retries)


@pytest.mark.parametrize("full_name", [each.full_name for each in CATALOGUE.endpoints])
@pytest.mark.parametrize("kind", OutcomeKind)
def test_the_charge_that_is_told_of_an_outcome_is_the_charge_that_is_booked(full_name: str, kind: OutcomeKind) -> None:
    told = set(charges_of(vendor_of(full_name), kind))
    for rule in vendor_of(full_name).error_rules:
        if rule.outcome is kind:
            fields: dict[str, Any] = {}
            for condition in rule.conditions:
                *path, last = condition.field.split(".")
                here = fields
                for step in path:
                    here = here.setdefault(step, {})
                here[last] = condition.contains or condition.values[0]
            for status in rule.statuses or (200, 418):
                outcome = outcome_of(full_name, answer(fields, status))
                assert outcome.kind is kind
                assert outcome.charge in told


def test_what_the_owner_states_changes_no_rule_that_the_vendor_documents() -> None:
    refused = outcome_of(C_HASHTAGS, answer(b"", 500), CHARGED)
    failed = outcome_of(C_HASHTAGS, answer(b""), FREE)
    assert (refused.charge, failed.charge) == (FREE, CHARGED)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("full_name", [C_CREATORS, K_VIDEOS])
def test_a_401_for_a_route_that_is_closed_is_no_bad_key(full_name: str, status: int) -> None:
    body = {"message": "This endpoint is disabled for your subscription"}
    assert outcome_of(full_name, answer(body, status)).kind is OutcomeKind.ENDPOINT_DENIED


@pytest.mark.parametrize(
    ("full_name", "body", "kind"),
    [
        (C_HASHTAGS, {"code": 40101, "msg": "no permission"}, OutcomeKind.IN_BAND_ERROR),
        (C_POSTS, {"code": 200, "data": {"statusCode": 10201, "status_code": 10201}}, OutcomeKind.IN_BAND_ERROR),
        (C_POSTS, {"code": 200, "data": {"status_code": 4, "status_msg": "unavailable"}}, OutcomeKind.IN_BAND_ERROR),
        (C_HASHTAGS, {"code": 200, "data": {"code": 50000, "msg": "upstream"}}, OutcomeKind.IN_BAND_ERROR),
        (C_HASHTAGS, {"code": "10000", "type": "verify"}, OutcomeKind.IN_BAND_ERROR),
        (K_HASHTAGS, {"code": "10000", "type": "verify"}, OutcomeKind.IN_BAND_ERROR),
        (C_HASHTAGS, b"", OutcomeKind.MALFORMED),
        (C_HASHTAGS, b"<html><body>hello</body></html>", OutcomeKind.MALFORMED),
        (C_HASHTAGS, b"[]", OutcomeKind.MALFORMED),
        (C_HASHTAGS, b"null", OutcomeKind.MALFORMED),
        (C_HASHTAGS, {"challenge_list": None, "has_more": 0}, OutcomeKind.MALFORMED),
        (C_HASHTAGS, {"code": 200, "data": {"code": 0, "data": {"list": {"0": {}}}}}, OutcomeKind.MALFORMED),
    ],
)
def test_a_200_that_is_not_what_it_seems_is_told_apart(full_name: str, body: Any, kind: OutcomeKind) -> None:
    outcome = outcome_of(full_name, answer(body))
    charge = CHARGED if full_name.startswith("crawlora") else PRESUMED
    assert (outcome.kind, outcome.charge, outcome.landed) == (kind, charge, False)
    assert outcome.detail


def test_what_may_be_a_success_spoilt_on_its_way_stays_presumed_though_failures_are_said_to_be_free() -> None:
    page = orjson.dumps({"code": 0, "message": "success", "data": {"list": [{"hashtag_id": "1"}]}})
    cut = Answer(200, {}, page[:40], cut_short="the connection closed")
    for reply in (cut, answer(page[:40]), answer(b"<html>busy</html>"), answer(b"")):
        charges = [outcome_of(K_HASHTAGS, reply, stated).charge for stated in (None, FREE, CHARGED)]
        assert charges == [PRESUMED, PRESUMED, CHARGED]


def test_a_code_counts_the_same_as_a_number_and_as_text() -> None:
    for code in (200, "200", 200.0):
        body = {**board([TAG], has_more=False), "code": code}
        assert outcome_of(C_HASHTAGS, answer(body)).kind is OutcomeKind.OK


def test_no_content_is_paid_and_no_page() -> None:
    outcome = outcome_of(C_HASHTAGS, answer(b"", 204))
    assert (outcome.kind, outcome.charge, outcome.detail) == (
        OutcomeKind.MALFORMED, CHARGED, "HTTP 204 with no body",
    )  # fmt: skip


def test_a_body_that_is_cut_short_is_no_page_even_where_it_parses() -> None:
    whole = orjson.dumps(board([TAG], has_more=True))
    outcome = outcome_of(C_HASHTAGS, Answer(200, {}, whole, cut_short="3 of 50 bytes"))
    assert (outcome.kind, outcome.detail) == (OutcomeKind.MALFORMED, "the body is cut short: 3 of 50 bytes")


def test_nothing_sent_is_free_and_nothing_answered_is_unknown() -> None:
    assert outcome_of(C_HASHTAGS, NoAnswer(sent=False, reason="refused")) == Outcome(
        OutcomeKind.NOT_SENT, FREE, 0, "refused"
    )
    assert outcome_of(K_HASHTAGS, NoAnswer(sent=True, reason="reset"), FREE) == Outcome(
        OutcomeKind.LOST, UNKNOWN, 2, "reset"
    )


@pytest.mark.parametrize(
    ("header", "field", "wait_s"),
    [
        ("17", None, 17.0),
        (" 0 ", 30, 0.0),
        ("Sat, 21 Nov 2026 12:01:30 GMT", None, 90.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None, 0.0),
        ("soon", 30, 30.0),
        ("", 2.5, 2.5),
        (None, "30", 30.0),
        (None, -1, None),
        (None, True, None),
        ("9" * 400, None, LONGEST_WAIT_S),
        ("Mon, 31 Dec 9999 23:59:59 -2359", None, LONGEST_WAIT_S),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", 4, 4.0),
    ],
)
def test_the_wait_is_the_headers_in_seconds_or_as_a_date_else_the_bodys(
    header: str | None, field: Any, wait_s: float | None
) -> None:
    body = {"code": 429, "data": {"reason": "rate_limited", "retry_after_seconds": field}}
    headers = {} if header is None else {"retry-after": header}
    assert outcome_of(C_HASHTAGS, answer(body, 429, headers)).wait_s == wait_s


def test_a_vendors_own_words_are_cut_and_stay_on_one_line() -> None:
    detail = outcome_of(K_HASHTAGS, answer({"code": 500, "message": "a\nb\x1b[31m" + "x" * 900}, 500)).detail
    assert detail.startswith("HTTP 500: a b [31mxxx")
    assert len(detail) == len("HTTP 500: ") + LONGEST_MESSAGE


@pytest.mark.parametrize("depth", [100, 990, 1_020, 5_000])
def test_a_code_nested_past_repr_is_no_crash(depth: int) -> None:
    outcome = outcome_of(C_HASHTAGS, answer(b'{"code":' + b"[" * depth + b"]" * depth + b"}"))
    assert outcome.kind in {OutcomeKind.IN_BAND_ERROR, OutcomeKind.MALFORMED}


@pytest.mark.parametrize(
    "told", [b'"--5"', b'"' + b" " * 40 + b'5"', b"1e300", b'"99999999999999999999"', b"18446744073709551616", b"-1e19"]
)
def test_a_figure_that_is_no_64_bit_number_is_not_understood_and_the_facts_can_be_stored(told: bytes) -> None:
    body = b'{"code":200,"data":{"code":0,"data":{"list":[{"hashtag_id":"1","rank":%b,"video_views":%b}],' % (
        told,
        told,
    )
    outcome = outcome_of(C_HASHTAGS, answer(body + b'"pagination":{"total":%b,"size":%b,"page":%b}}}}' % ((told,) * 3)))
    unread = ("reported_page", "size", "total")
    facts = PageFacts(records=1, ids=(Record("1", fields={"hashtag_name": None}),), not_understood=unread)
    assert outcome.facts == facts
    assert PageFacts.from_json(orjson.loads(orjson.dumps(facts.to_json()))) == facts


FIELDS = st.sampled_from(
    ["code", "data", "list", "pagination", "total", "size", "page", "has_more", "itemList", "cursor", "hasMore",
     "error", "statusCode", "reason", "message", "msg", "hashtag_id", "id", "rank", "resets_at", "retry_after_seconds"]
)  # fmt: skip
BODIES = st.binary(max_size=80) | st.dictionaries(
    FIELDS,
    st.recursive(
        JSON_VALUES,
        lambda inner: st.dictionaries(FIELDS, inner, max_size=5) | st.lists(inner, max_size=3),
        max_leaves=20,
    ),
).map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "x-request-id"]), st.text() | st.integers().map(str))
FULL_NAMES = st.sampled_from([each.full_name for each in CATALOGUE.endpoints])


@examples(60)
@given(FULL_NAMES, st.integers(100, 599), BODIES, HEADERS, st.sampled_from([None, CHARGED, FREE]), st.booleans())
def test_every_answer_has_an_outcome_that_costs_nothing_or_the_price(
    full_name: str, status: int, body: bytes, headers: dict[str, str], failed_requests: Charge | None, cut: bool
) -> None:
    reply = Answer(status, headers, body, "cut" if cut else None)
    outcome = outcome_of(full_name, reply, failed_requests, NOON)
    assert outcome.credits == (0 if outcome.charge is FREE else endpoint(full_name).cost)
    assert outcome.landed is (outcome.facts is not None)
    assert outcome.wait_s is None or 0 <= outcome.wait_s <= LONGEST_WAIT_S
    if outcome.landed:
        assert 200 <= status < 300
    if outcome.facts is not None:
        assert PageFacts.from_json(orjson.loads(orjson.dumps(outcome.facts.to_json()))) == outcome.facts


def test_facts_that_were_stored_before_records_kept_fields_are_read() -> None:
    stored = {**PageFacts(records=2).to_json(), "ids": [["1", None, None], ["2", 7, 90]]}
    assert PageFacts.from_json(stored) == PageFacts(2, (Record("1"), Record("2", 7, 90)))
