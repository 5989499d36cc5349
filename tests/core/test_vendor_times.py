"""What a vendor says of time: read as what it evidently is, and never longer than a day on its word alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper.core.catalogue import Charge, OutcomeKind, QuotaScope
from scraper.core.outcomes import Answer, Outcome
from scraper.core.retries import Retry, Tries, decide
from scraper.core.subscriptions import day_ends_at, month_ends_at
from scraper.core.vendor_times import LONGEST_WAIT, LONGEST_WAIT_S, instant_of, quota_end, wait_of
from scraper.runs.results import pause_until, quota_ends_at
from tests.core.builders import C_HASHTAGS, NOON, account, outcome_of
from tests.examples import examples

SOON = NOON + timedelta(minutes=7)
EPOCH_S = round(SOON.timestamp())


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        (str(EPOCH_S), 420.0),
        (str(EPOCH_S * 1_000), 420.0),
        (str(EPOCH_S * 1_000_000), 420.0),
        (f"{EPOCH_S}.0", 420.0),
        (EPOCH_S, 420.0),
        (str(EPOCH_S - 900), 0.0),
        (str(EPOCH_S + 40 * 86_400), LONGEST_WAIT_S),
        ("1.5", 1.5),
        (str(10 * 365 * 86_400), LONGEST_WAIT_S),
        ("1000000000", LONGEST_WAIT_S),
        ("9" * 4_000, LONGEST_WAIT_S),
        (float("inf"), LONGEST_WAIT_S),
        (float("nan"), None),
        (10**400, LONGEST_WAIT_S),
        (format_datetime(SOON.replace(year=2036), usegmt=True), LONGEST_WAIT_S),
        ("-3", None),
        ("", None),
        (None, None),
    ],
)
def test_a_wait_is_a_number_of_seconds_or_evidently_an_instant_and_a_day_at_most(said: Any, wait_s: Any) -> None:
    assert wait_of(said, NOON) == wait_s


@pytest.mark.parametrize(
    ("said", "instant"),
    [
        (EPOCH_S, SOON),
        (EPOCH_S * 1_000, SOON),
        (str(EPOCH_S), SOON),
        (f"{EPOCH_S}\x1f", SOON),  # white space to a text, not to a number
        (float(EPOCH_S), SOON),
        ("20261122", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T01:00:00+01:00", datetime(2026, 11, 22, tzinfo=UTC)),
        ("9999-12-31T23:59:59-10:00", None),
        (10**400, None),
        (float("inf"), None),
        (True, None),
    ],
)
def test_a_reset_is_an_iso_date_or_an_epoch_number_in_any_of_its_units(said: Any, instant: datetime | None) -> None:
    assert instant_of(said) == instant


WAITS = st.one_of(
    st.text(),
    st.integers().map(str),
    st.integers(0, 10**20).map(str),
    st.floats(allow_nan=True).map(str),
    st.datetimes().map(lambda moment: format_datetime(moment.replace(tzinfo=UTC), usegmt=True)),
)
BODY_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.datetimes().map(str))


@examples(200)
@given(WAITS, BODY_VALUES, BODY_VALUES, st.sampled_from([402, 429, 503]), st.integers(1, 40))
@example("315360000", None, None, 429, 1)
@example(str(EPOCH_S), None, "9999-12-31T00:00:00Z", 429, 30)
def test_no_header_and_no_field_pauses_or_closes_an_account_for_more_than_a_day(
    header: str, field: Any, resets_at: Any, status: int, pauses: int
) -> None:
    for reason in ("rate_limited", "daily_credit_limit"):
        told = {"reason": reason, "retry_after_seconds": field, "resets_at": resets_at}
        body = json.dumps({"code": status, "data": told}).encode()
        met = outcome_of(C_HASHTAGS, Answer(status, {"retry-after": header}, body), now=NOON)
        decision = decide(met, Tries(), 0.5, pauses=pauses)
        paused = pause_until(decision, NOON)
        assert paused is None or NOON <= paused <= NOON + LONGEST_WAIT
        assert not isinstance(decision, Retry) or decision.wait_s <= LONGEST_WAIT_S
        closed = quota_ends_at(met, account(), NOON)
        assert closed is None or NOON < closed <= NOON + LONGEST_WAIT


@examples(100)
@given(st.none() | st.datetimes(timezones=st.just(UTC)), st.integers(1, 31), st.sampled_from(list(QuotaScope)))
def test_a_month_that_is_used_up_is_tried_again_when_it_ends_by_our_calendar_at_the_latest(
    resets_at: datetime | None, starts_on: int, scope: QuotaScope
) -> None:
    met = Outcome(OutcomeKind.QUOTA_EXHAUSTED, Charge.FREE, 0, scope=scope, resets_at=resets_at)
    closed = quota_ends_at(met, account(month_starts_on=starts_on), NOON)
    assert closed is not None
    ends = month_ends_at(NOON, starts_on) if scope is QuotaScope.MONTH else day_ends_at(NOON)
    assert NOON < closed <= max(ends, NOON + LONGEST_WAIT)
    if resets_at is not None and NOON < resets_at <= ends:
        assert closed == resets_at


def test_a_vendor_that_names_another_billing_day_is_believed_within_a_day_of_our_end() -> None:
    ends_at = datetime(2026, 11, 22, tzinfo=UTC)
    assert quota_end(None, ends_at, NOON) == ends_at
    assert quota_end(NOON, ends_at, NOON) == ends_at
    assert quota_end(NOON + timedelta(hours=20), ends_at, NOON) == NOON + timedelta(hours=20)
    assert quota_end(datetime(9999, 1, 1, tzinfo=UTC), ends_at, NOON) == NOON + LONGEST_WAIT
