"""``budget = "auto"``: how a month is divided into nights, and a night among jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.auto_budget import WINDOW, Allowance, OtherJob, Share, Spending, allowance
from scraper.core.jobs import Account, Job
from scraper.core.subscriptions import Subscription, month_ends_at
from tests.core.builders import C_HASHTAGS, K_HASHTAGS, account, crawl, job
from tests.examples import examples

PRICE = 8
STARTER = {"credits_per_month": 20_000, "credits_per_day": 5_000}
FIRST = datetime(2026, 11, 1, 1, tzinfo=UTC)
LAST = datetime(2026, 11, 30, 1, tzinfo=UTC)
UNUSED = Spending()


def auto_job(limits: Mapping[str, Any] = STARTER, name: str = "boards", weight: int = 1) -> Job:
    vendor, subscription = "crawlora", Subscription("test", **dict[str, Any](limits))
    made = job(crawl(C_HASHTAGS), budget=0, accounts=[Account(vendor, subscription, "A_KEY")])
    return replace(made, name=name, auto=True, weight=weight)


def share(
    standing: Spending = UNUSED, now: datetime = FIRST, limits: Mapping[str, Any] = STARTER, weight: int = 1
) -> Share:
    return allowance(auto_job(limits, weight=weight), {"crawlora/default": standing}, now).of("crawlora/default")


@pytest.mark.parametrize(
    ("now", "starts_on", "nights"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), 1, 30),
        (datetime(2026, 12, 1, 23, 59, tzinfo=UTC), 1, 31),
        (datetime(2027, 2, 1, tzinfo=UTC), 1, 28),
        (datetime(2028, 2, 1, tzinfo=UTC), 1, 29),
        (datetime(2026, 11, 14, tzinfo=UTC), 14, 30),
        (datetime(2026, 11, 13, 23, tzinfo=UTC), 14, 1),
        (datetime(2027, 2, 28, tzinfo=UTC), 31, 31),
        (datetime(2027, 2, 27, tzinfo=UTC), 31, 1),
    ],
)
def test_the_nights_left_are_the_utc_days_of_the_accounts_own_month(now: datetime, starts_on: int, nights: int) -> None:
    found = share(now=now, limits={"credits_per_month": 31_000, "month_starts_on": starts_on})
    assert (found.nights, found.credits) == (nights, 31_000 // nights)


def test_a_night_is_an_even_part_of_what_is_left_and_the_last_one_is_all_of_it() -> None:
    assert share().credits == 20_000 // 30
    assert share(Spending(this_month=19_000), LAST).credits == 1_000


def test_the_reserve_is_left_alone() -> None:
    assert share(limits={**STARTER, "reserve": 2_000}).credits == 18_000 // 30
    assert share(Spending(this_month=18_500), LAST, {**STARTER, "reserve": 2_000}).credits == 0


def test_overage_is_not_divided() -> None:
    limits = {"credits_per_month": 300, "overage": True, "max_overage_usd": Decimal(1)}
    found = share(limits={**limits, "overage_usd_per_1000": Decimal("0.75")})
    assert found.credits == 10


def test_the_day_cap_bounds_a_night_with_what_else_was_spent_today() -> None:
    assert share(now=LAST).credits == 5_000
    assert share(Spending(this_month=1_200, today=1_200), LAST).credits == 3_800
    other = OtherJob("posts", weight=1, spent=2_400, done=True)
    assert share(Spending(this_month=2_400, today=2_400, others=(other,)), LAST).credits == 2_600


def test_what_auto_has_spent_tonight_leaves_the_pot_as_it_was_and_anything_else_makes_it_smaller() -> None:
    mine = share(Spending(this_month=600, today=600, own=600))
    assert (mine.pot, mine.credits, mine.spent) == (666, 66, 600)
    by_hand = share(Spending(this_month=600, today=600))
    assert by_hand.credits == 19_400 // 30
    by_the_console = share(Spending(this_month=2_000))
    assert by_the_console.credits == 18_000 // 30


def test_jobs_share_a_night_by_weight_and_each_finds_its_part_kept() -> None:
    posts = OtherJob("posts", weight=2)
    assert share(Spending(others=(posts,))).credits == 222
    taken = replace(posts, spent=440, done=True)
    assert share(Spending(440, 440, others=(taken,))).credits == 226, "what posts left over is given on"
    under_way = replace(posts, spent=40, outstanding=404)
    assert share(Spending(40, 40, others=(under_way,))).credits == 222
    assert share(Spending(220, 220, own=220, others=(posts,))).credits == 2, (
        "no second run takes the part of another job"
    )


def test_a_job_that_comes_when_the_night_is_taken_gets_its_part_of_the_nights_to_come() -> None:
    greedy = OtherJob("harvest", weight=1, spent=664, done=True)
    late = share(Spending(664, 664, others=(greedy,)))
    assert late.credits == (20_000 - 664) // 30 // 2
    under_way = replace(greedy, spent=0, outstanding=664, done=False)
    assert share(Spending(others=(under_way,))).credits == late.credits
    assert share(Spending(664, 664, others=(greedy,)), LAST, {"credits_per_month": 664}).credits == 0


def test_weights_that_divide_a_small_night_below_one_price_do_not_send_it_empty() -> None:
    other = OtherJob("posts", weight=1)
    first = share(Spending(others=(other,)), limits={"credits_per_month": 300})
    assert (first.pot, first.credits) == (10, PRICE)
    at_the_same_time = replace(other, outstanding=PRICE)
    assert share(Spending(others=(at_the_same_time,)), limits={"credits_per_month": 300}).buys_nothing


@pytest.mark.parametrize(
    ("left", "now", "more_at"),
    [
        (20_000, FIRST, datetime(2026, 11, 2, tzinfo=UTC)),
        (40, FIRST, datetime(2026, 11, 26, tzinfo=UTC)),
        (7, FIRST, datetime(2026, 12, 1, tzinfo=UTC)),
        (20_000, LAST, datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_share_says_on_which_night_there_is_more(left: int, now: datetime, more_at: datetime) -> None:
    assert share(Spending(this_month=20_000 - left), now).more_at == more_at


def test_two_accounts_have_a_share_each_and_the_budget_is_their_sum() -> None:
    both = job(crawl(C_HASHTAGS), crawl(K_HASHTAGS), budget=0)
    accounts = {"crawlora": account(credits_per_month=3_000), "keyapi": account("keyapi", credits_per_month=600)}
    found = allowance(replace(both, auto=True, accounts=accounts), None, FIRST)
    assert [(each.account, each.credits) for each in found.shares] == [
        ("crawlora/default", 100),
        ("keyapi/default", 20),
    ]
    assert (found.credits, found.of("keyapi/default").price, found.from_ledger) == (120, 2, False)


def test_the_share_is_told_with_the_figures_that_it_comes_from() -> None:
    posts = OtherJob("posts", weight=2)
    found = allowance(auto_job({**STARTER, "reserve": 500}), {"crawlora/default": Spending(others=(posts,))}, FIRST)
    assert found.words() == (
        "crawlora/default: 217 credits tonight (19,500 credits left this month after the reserve of 500, for "
        "30 nights: 650 a night; weight 1 of 3: 433 used by or kept for posts)"
    )
    capped = allowance(auto_job(), None, LAST).words()
    assert capped == (
        "crawlora/default: 5,000 credits tonight (20,000 credits left this month, and this is its last night; "
        "the daily cap leaves 5,000 of these); there is no ledger yet, so the month counts as unused"
    )
    assert Allowance(found.shares).to_json()["shares"][0] == {
        "account": "crawlora/default",
        "credits": 217,
        "remainder": 19_500,
        "reserve": 500,
        "nights": 30,
        "pot": 650,
        "weight": 1,
        "others": {"posts": 2},
        "claimed": 433,
        "spent": 0,
        "more_at": "2026-11-02T00:00:00Z",
    }


# --- laws -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Month:
    """An account over the nights of a month, with what a ledger would hold of it."""

    limits: dict[str, int]
    now: datetime
    used: int = 0
    today: int = 0
    auto_today: Counter[str] = field(default_factory=Counter)
    granted: dict[str, int] = field(default_factory=dict)
    """What runs under way may still spend."""
    done: set[str] = field(default_factory=set)
    weights: dict[str, int] = field(default_factory=dict)
    last_began: dict[str, datetime] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """What auto may still divide."""
        return self.limits["credits_per_month"] - self.limits.get("reserve", 0) - self.used

    @property
    def outstanding(self) -> int:
        return sum(self.granted.values())

    def begin(self, name: str, weight: int) -> Share:
        since = self.now.replace(hour=0) - WINDOW
        others = tuple(
            OtherJob(other, self.weights[other], self.auto_today[other], self.granted.get(other, 0), other in self.done)
            for other, began in sorted(self.last_began.items())
            if other != name and began >= since
        )
        own = self.auto_today[name]
        found = share(Spending(self.used, self.today, own, others), self.now, self.limits, weight)
        self.granted[name], self.weights[name], self.last_began[name] = found.credits, weight, self.now
        self.done.discard(name)
        return found

    def end(self, name: str, spent: int) -> None:
        self.spend(spent)
        self.auto_today[name] += spent
        del self.granted[name]
        self.done.add(name)

    def spend(self, credits: int) -> None:
        self.used += credits
        self.today += credits

    def next_night(self) -> None:
        self.now += timedelta(days=1)
        self.today = 0
        self.auto_today.clear()
        self.done.clear()


MONTHS = st.sampled_from([(2026, 11), (2026, 12), (2027, 2), (2028, 2)])
NAMES = ("a", "b", "c")


@given(st.data())
@examples(25)
def test_whatever_a_month_brings_no_share_passes_what_is_left_and_no_night_goes_empty_that_could_buy(
    data: st.DataObject,
) -> None:
    """Jobs in any order or at once, not every night, joining late, twice a night; credits spent by hand, and told."""
    year, month = data.draw(MONTHS)
    starts_on = data.draw(st.sampled_from([1, 14, 31]))
    limits = {"credits_per_month": data.draw(st.integers(100, 20_000)), "month_starts_on": starts_on}
    limits["reserve"] = data.draw(st.sampled_from([0, 0, limits["credits_per_month"] // 5]))
    if data.draw(st.booleans()):
        limits["credits_per_day"] = max(PRICE, limits["credits_per_month"] // 4)
    weights = {name: data.draw(st.integers(1, 5)) for name in NAMES}
    undisturbed = data.draw(st.booleans())
    steps = ["begin", "begin", "end"] if undisturbed else ["begin", "begin", "end", "by hand", "told"]
    books = Month(limits, datetime(year, month, 1, 1, tzinfo=UTC))
    ends = month_ends_at(books.now, starts_on)
    enough = books.left // share(now=books.now, limits=limits).nights >= PRICE
    while books.now < ends:
        began = False
        for step in data.draw(st.lists(st.sampled_from(steps), max_size=5)):
            name = data.draw(st.sampled_from(NAMES))
            cap_left = limits.get("credits_per_day", books.left + books.today) - books.today - books.outstanding
            match step:
                case "begin" if name not in books.granted:
                    month_left = books.left - books.outstanding
                    first, fresh = not began, not books.auto_today[name]
                    found, began = books.begin(name, weights[name]), True
                    assert 0 <= found.credits <= max(0, min(month_left, cap_left))
                    part = found.pot * found.weight // (found.weight + sum(found.others.values()))
                    evenly = min(month_left // found.nights, cap_left)
                    if (first and found.pot >= PRICE) or (fresh and part >= PRICE and evenly >= PRICE):
                        assert not found.buys_nothing
                    assert not (first and enough and undisturbed and found.buys_nothing)
                case "end" if name in books.granted:
                    pages = books.granted[name] // PRICE
                    books.end(name, PRICE * data.draw(st.sampled_from([pages, pages, pages // 2, 0])))
                case "by hand":
                    books.spend(PRICE * data.draw(st.integers(0, max(0, min(books.left, cap_left)) // PRICE)))
                case "told":
                    books.used += data.draw(st.integers(-50, 50))
        for name in list(books.granted):
            books.end(name, books.granted[name] // PRICE * PRICE)
        assert undisturbed is False or books.left >= 0
        books.next_night()


@given(
    st.permutations(NAMES),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.integers(25 * 27 * PRICE, 20_000),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_jobs_that_know_each_other_are_given_the_whole_night_and_nothing_twice_in_any_order_or_at_once(
    order: Sequence[str], weights: Sequence[int], credits: int, at_once: Sequence[bool]
) -> None:
    """Where the night is large enough that the smallest part is one request at least."""
    books = Month({"credits_per_month": credits}, FIRST + timedelta(days=5))
    books.weights = dict(zip(NAMES, weights, strict=True))
    books.last_began = dict.fromkeys(NAMES, FIRST)
    shares = []
    for name, waits in zip(order, at_once, strict=True):
        shares.append(books.begin(name, books.weights[name]))
        if not waits:
            books.end(name, books.granted[name])
    assert {each.pot for each in shares} == {credits // 25}
    assert sum(each.credits for each in shares) == credits // 25
