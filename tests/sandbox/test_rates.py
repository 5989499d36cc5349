"""How the requests of a minute are counted: three rules, each held to its own words, and what is told of the rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from scraper.core.subscriptions import Subscription
from scraper.sandbox.metering import Hold, Limit, Meter, Rejected
from tests.sandbox.rate_rules import RULES
from tests.sandbox.visits import C_HASHTAGS, K_VIDEOS, NOON, Reply, Visitor, opened

MINUTE, MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)
KINDS = tuple(RULES)

GAPS = st.sampled_from((0, 1, 59_999_999, 60_000_000, 60_000_001)) | st.integers(0, 40_000_000)
"""Microseconds; as often as not to the very edge of a window."""
ALLOWED = st.integers(1, 6)


def instants(gaps_us: Sequence[int], start: datetime = NOON) -> list[datetime]:
    return list(accumulate(gaps_us, lambda at, gap: at + gap * MICROSECOND, initial=start))[1:]


TIMES = st.lists(GAPS, max_size=50).map(instants)


def let_through(kind: str, allowed: int, arrivals: Sequence[datetime]) -> list[bool]:
    rule = RULES[kind](allowed)
    return [rule.take(at) is None for at in arrivals]


@given(allowed=st.integers(0, 6), arrivals=TIMES)
def test_sliding_lets_one_through_exactly_where_no_more_than_allowed_arrived_in_its_last_minute(
    allowed: int, arrivals: list[datetime]
) -> None:
    expected = [
        sum(at - MINUTE < each for each in arrivals[: place + 1]) <= allowed for place, at in enumerate(arrivals)
    ]
    assert let_through("sliding", allowed, arrivals) == expected


@given(allowed=st.integers(0, 6), arrivals=TIMES)
def test_fixed_lets_the_first_of_each_calendar_minute_through_and_no_more(
    allowed: int, arrivals: list[datetime]
) -> None:
    arrived: Counter[datetime] = Counter()
    for at, passed in zip(arrivals, let_through("fixed", allowed, arrivals), strict=True):
        minute = at.replace(second=0, microsecond=0)
        arrived[minute] += 1
        assert passed is (arrived[minute] <= allowed)


@given(allowed=st.integers(0, 6), arrivals=TIMES)
def test_a_bucket_lets_through_exactly_what_its_tokens_reach_for(allowed: int, arrivals: list[datetime]) -> None:
    """In no stretch of time, however short or long, more than a full bucket and what flows in meanwhile."""
    passed: list[datetime] = []
    for at, let_in in zip(arrivals, let_through("token_bucket", allowed, arrivals), strict=True):
        fits = allowed > 0 and all(
            (count - allowed) * MINUTE <= allowed * (at - first)
            for count, first in enumerate(reversed([*passed, at]), start=1)
        )
        assert let_in is fits
        if let_in:
            passed.append(at)


@given(allowed=ALLOWED, wishes=TIMES)
def test_who_keeps_the_rate_in_every_sixty_seconds_is_turned_away_by_none(allowed: int, wishes: list[datetime]) -> None:
    sent: list[datetime] = []
    for wish in wishes:
        at = max(wish, sent[-1]) if sent else wish
        sent.append(max(at, sent[-allowed] + MINUTE) if len(sent) >= allowed else at)
    for kind in KINDS:
        assert all(let_through(kind, allowed, sent)), kind


@given(arrivals=TIMES)
@example(arrivals=instants((0, 60_000_000)))
@example(arrivals=instants((0, 59_999_999)))
def test_most_starts_in_a_minute_is_the_fullest_sixty_seconds_there_were(arrivals: list[datetime]) -> None:
    one = Meter("crawlora", Subscription("test", requests_per_minute=2), 8)
    for at in arrivals:
        one.admit(at)
    fullest = max((sum(last - MINUTE < each <= last for each in arrivals) for last in arrivals), default=0)
    assert one.page(NOON)["most_starts_in_a_minute"] == fullest


@given(allowed=ALLOWED, arrivals=TIMES, kind=st.sampled_from(KINDS))
def test_most_starts_counts_what_was_turned_away_too_however_the_minute_is_counted(
    allowed: int, arrivals: list[datetime], kind: str
) -> None:
    limited, open_end = (
        Meter("crawlora", Subscription("test", requests_per_minute=each), 8, RULES[kind]) for each in (allowed, None)
    )
    for at in arrivals:
        limited.admit(at)
        open_end.admit(at)
    assert limited.page(NOON)["most_starts_in_a_minute"] == open_end.page(NOON)["most_starts_in_a_minute"]


@given(
    allowed=ALLOWED,
    gaps=st.lists(GAPS, min_size=8, max_size=40),
    limit=st.sampled_from(("requests_per_minute", "requests_per_second")),
    kind=st.sampled_from(KINDS),
)
def test_after_the_wait_that_was_stated_a_request_is_let_in_and_just_before_it_is_not(
    allowed: int, gaps: list[int], limit: str, kind: str
) -> None:
    subscription = Subscription("test", **{limit: allowed})  # type: ignore[arg-type]
    one, at = Meter("crawlora", subscription, 8, RULES[kind]), NOON
    for gap_us in gaps:
        at += gap_us * MICROSECOND
        met = one.admit(at)
        if isinstance(met, Rejected):
            assert one.starts_left(met.resets_at - MICROSECOND) == 0
            at += timedelta(seconds=met.wait_s)
            assert isinstance(one.admit(at), Hold)


@given(allowed=st.integers(0, 6), arrivals=TIMES, kind=st.sampled_from(KINDS))
def test_starts_left_is_how_many_are_let_in_at_that_instant(allowed: int, arrivals: list[datetime], kind: str) -> None:
    one = Meter("crawlora", Subscription("test", requests_per_minute=allowed), 8, RULES[kind])
    for at in arrivals:
        one.admit(at)
    last = arrivals[-1] if arrivals else NOON
    left = one.starts_left(last)
    assert left is not None
    assert [isinstance(one.admit(last), Hold) for _ in range(left + 1)] == [True] * left + [False]


def test_around_a_full_minute_fixed_lets_twice_as_many_through() -> None:
    one = Meter("crawlora", Subscription("test", requests_per_minute=3), 8, RULES["fixed"])
    edge = [NOON + timedelta(seconds=s) for s in (59, 59, 59, 59.5, 60, 60, 60, 61)]
    assert [isinstance(one.admit(at), Hold) for at in edge] == [True] * 3 + [False] + [True] * 3 + [False]
    assert one.page(NOON)["most_starts_in_a_minute"] == 8


def test_a_bucket_gives_one_token_back_after_its_share_of_the_minute() -> None:
    one = Meter("crawlora", Subscription("test", requests_per_minute=3), 8, RULES["token_bucket"])
    met = [one.admit(NOON + timedelta(seconds=s)) for s in (0, 0, 0, 19, 20, 20, 40)]
    assert [isinstance(each, Hold) for each in met] == [True, True, True, False, True, False, True]
    refused = met[3]
    assert isinstance(refused, Rejected)
    assert (refused.limit, refused.resets_at, refused.wait_s) == (Limit.MINUTE, NOON + timedelta(seconds=20), 1)


def test_both_vendors_count_the_last_sixty_seconds() -> None:
    """Asked at :00, :49, :50 and :60. Two are allowed."""
    limited = Subscription("test", requests_per_minute=2)
    sandbox = opened(limited, limited)

    async def script(visitor: Visitor) -> list[list[Reply]]:
        replies: list[list[Reply]] = []
        for wait in (49, 1, 10, 0):
            replies.append([await visitor.get(C_HASHTAGS), await visitor.get(K_VIDEOS)])
            sandbox.clock.move(seconds=wait)
        return replies

    for vendor in zip(*sandbox.visit(script), strict=True):
        assert [reply.status for reply in vendor] == [200, 200, 429, 429]
        assert vendor[2].headers.get("Retry-After") == "59"
