"""What can be wrong with a job, read from its file, and told all at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scraper.core import jobs
from scraper.core.catalogue import Charge
from scraper.core.errors import ConfigurationError
from scraper.core.jobs import Job
from scraper.core.subscriptions import Subscription
from scraper.io.config_files.job_files import read_job
from tests.core.builders import C_HASHTAGS, C_POSTS, CATALOGUE, crawl

Read = Callable[..., Job]
HEAD = 'name = "week"\nbudget = 800\n'
BOARD = '[[crawl]]\nendpoint = "crawlora.hashtags"\n'


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a job file of this text, with other files beside it."""

    def read_text(text: str, *, budget: int | None = None, **others: str) -> Job:
        for name, content in {**others, "week": text}.items():
            (tmp_path / f"{name}.toml").write_text(content, encoding="utf-8")
        return read_job(tmp_path / "week.toml", CATALOGUE, budget)

    return read_text


def faults(read: Read, text: str, **others: str) -> list[str]:
    with pytest.raises(ConfigurationError) as failure:
        read(text, **others)
    assert failure.value.exit_code == 2
    return [re.sub(r"/\S*/", "", line) for line in str(failure.value).splitlines()]


def crawl_faults(read: Read, lines: str, endpoint: str = C_HASHTAGS) -> list[str]:
    return faults(read, f'{HEAD}[[crawl]]\nendpoint = "{endpoint}"\n{lines}')


def test_a_whole_job_is_read_with_its_defaults(read: Read) -> None:
    job = read(
        f"""{HEAD}max_age = "20h"
        [accounts.crawlora]
        plan = "starter"
        requests_per_minute = 10
        month_starts_on = 14
        {BOARD}params = {{ country_code = ["US", "GB"], period = 30 }}
        priority = 2
        [[crawl]]
        name = "posts"
        endpoint = "crawlora.hashtag_posts"
        each = "crawlora.hashtags"
        top = 20
        max_items = 90"""
    )
    assert (job.name, job.budget, job.max_age, job.every) == ("week", 800, timedelta(hours=20), None)
    boards, posts = job.crawls
    assert (boards.name, boards.params, boards.page_limit, boards.priority) == (
        C_HASHTAGS,
        {"country_code": ("US", "GB"), "period": ("30",)},
        None,
        2,
    )
    assert [dict(params) for params in boards.sweep()] == [
        {"country_code": "US", "period": "30"},
        {"country_code": "GB", "period": "30"},
    ]
    assert (posts.name, posts.endpoint.full_name, posts.each, posts.top, posts.page_limit) == (
        "posts",
        C_POSTS,
        C_HASHTAGS,
        20,
        3,
    )
    assert list(posts.sweep("4901")) == [(("id", "4901"),)]
    account = job.accounts["crawlora"]
    assert (account.id, account.key_env) == ("crawlora/default", "CRAWLORA_API_KEY")
    limits = account.subscription
    assert (limits.name, limits.credits_per_month, limits.requests_per_minute, limits.month_starts_on) == (
        "starter",
        20_000,
        10,
        14,
    )


def test_a_vendor_without_an_account_table_has_its_first_plan(read: Read) -> None:
    account = read(HEAD + BOARD).accounts["crawlora"]
    assert account.subscription == CATALOGUE.vendors["crawlora"].plans[0]


def test_a_budget_can_be_tonights_share_of_the_month(read: Read) -> None:
    text = 'name = "week"\nbudget = "auto"\nevery = "day"\nweight = 3\n[accounts.crawlora]\nreserve = 200\n' + BOARD
    job = read(text)
    assert (job.auto, job.budget, job.weight, job.accounts["crawlora"].subscription.reserve) == (True, 0, 3, 200)
    overridden = read(text, budget=500)
    assert (overridden.auto, overridden.budget) == (False, 500)


@pytest.mark.parametrize("budget", ["0", "-8", "1.5", "true", '"Auto"', "[8]"])
def test_a_budget_that_is_neither_credits_nor_auto_is_one_fault(read: Read, budget: str) -> None:
    (fault,) = faults(read, f'name = "week"\nbudget = {budget}\n{BOARD}')
    assert fault.startswith(
        'week.toml: budget: should be credits, 1 or more, or "auto" (tonight\'s share of the month)'
    )


def test_auto_needs_months_that_are_known_and_hold_more_than_the_reserve(read: Read) -> None:
    text = """name = "week"
    budget = "auto"
    every = "day"
    [accounts.crawlora]
    reserve = 2_000
    [[crawl]]
    endpoint = "crawlora.hashtags"
    [[crawl]]
    endpoint = "keyapi.videos"
    """
    assert faults(read, text) == [
        'week.toml: budget: "auto" has nothing to divide: the reserve of 2000 leaves nothing of the month\'s 2000 '
        "credits; state a smaller one in [accounts.crawlora]",
        'week.toml: budget: "auto" divides the month, and keyapi, plan unpublished, has no credits_per_month that is '
        "known: state it in [accounts.keyapi], or give budget a number",
    ]
    assert read(text, budget=500).budget == 500


def test_faults_of_every_kind_are_told_in_one_go(read: Read) -> None:
    text = """
    name = "Week"
    budgt = 800
    max_age = "a while"
    [accounts.crawlra]
    [accounts.crawlora]
    plan = "starte"
    [[crawl]]
    endpoint = "crawlora.hashtag"
    [[crawl]]
    endpoint = "crawlora.hashtags"
    params = { country = "US", period = 8, page = 11 }
    pirority = 2
    """
    assert faults(read, text) == [
        "week.toml: name: should be at most 63 lower-case letters, digits, - and _, not 'Week'",
        "week.toml: budget: is missing",
        "week.toml: crawl[1].pirority: no such key; did you mean 'priority'?; known are endpoint, name, params, "
        "max_pages, max_items, priority, each, top, top_per_board, expect_rows, stop_when_known, retry_empty, "
        "delta",
        "week.toml: budgt: no such key; did you mean 'budget'?; known are name, budget, weight, every, "
        "starts_at, max_age, order, max_staleness, retry_budget, max_wait, confirm_above, sandbox_only, accounts, "
        "crawl",
        "week.toml: accounts.crawlra: no such vendor; did you mean 'crawlora'?",
        "week.toml: accounts.crawlora.plan: crawlora has no plan 'starte'; did you mean 'starter'?; it has free, "
        "starter, growth, pro, business, enterprise",
        "week.toml: crawl[0].endpoint: no such endpoint; did you mean 'crawlora.hashtags'?; known are "
        + ", ".join(endpoint.full_name for endpoint in CATALOGUE.endpoints),
        "week.toml: crawl[1].params.country: no such parameter; did you mean 'country_code'?; crawlora.hashtags takes "
        "page, limit, period, industry_id, country_code, filter_by",
        "week.toml: crawl[1].params.period: '8' is not one of 7, 30, 120",
        "week.toml: crawl[1].params.page: crawlora clamps page to 1-10: page 11 returns page 10 again, and 8 credits "
        "are charged; use max_pages",
        """week.toml: max_age: 'a while' is not a duration like "90s", "30m", "20h" or "2d\"""",
    ]


@pytest.mark.parametrize(
    ("endpoint", "lines", "message"),
    [
        (
            "crawlora.hashtags",
            "params = { limit = 500 }",
            "crawl[0].params.limit: crawlora treats 500 as 100, silently; pages always come at the largest size that "
            "crawlora.hashtags serves, 100; use max_pages or max_items",
        ),
        (
            "crawlora.hashtags",
            "params = { limit = 50 }",
            "crawl[0].params.limit: pages always come at the largest size that crawlora.hashtags serves, 100; use "
            "max_pages or max_items",
        ),
        (
            "crawlora.hashtags",
            "params = { page = [3, 12, 13] }",
            "crawl[0].params.page: crawlora clamps page to 1-10: page 12 returns page 10 again, and 16 credits are "
            "charged; use max_pages",
        ),
        (
            "keyapi.videos",
            'params = { page = "2" }',
            "crawl[0].params.page: a walk requests its pages itself; use max_pages or max_items",
        ),
        (
            "crawlora.creators",
            'params = { creator_country = ["US", "GB"], audience_count = [1, 2, 3, 4] }',
            "crawl[0].params.audience_count: crawlora accepts audience_count and ignores it, so every value buys the "
            "same answer; leave it out (this sweep would cost at least 64 credits)",
        ),
        (
            "crawlora.creators",
            "max_pages = 12",
            "crawl[0].max_pages: crawlora serves at most 10 pages of 100 rows and then returns the last one again: 16 "
            "credits a walk for nothing; request 10 pages",
        ),
        (
            "crawlora.creators",
            "max_items = 1_001",
            "crawl[0].max_items: crawlora serves at most 10 pages of 100 rows and then returns the last one again: 8 "
            "credits a walk for nothing; request 10 pages",
        ),
        (
            "crawlora.hashtags",
            'params = { country_code = "us" }',
            "crawl[0].params.country_code: 'us' is not a country code of two capital letters; did you mean 'US'?",
        ),
        (
            "crawlora.hashtags",
            'params = { country_code = "UK" }',
            "crawl[0].params.country_code: the vendors' code for the United Kingdom is 'GB', not 'UK': an unknown "
            "country returns an empty list, which is charged",
        ),
        (
            "crawlora.hashtags",
            'params = { industry_id = "food" }',
            "crawl[0].params.industry_id: 'food' is not a whole number",
        ),
        (
            "crawlora.hashtags",
            "params = { period = [] }",
            "crawl[0].params.period: an empty list has nothing to sweep: give a value or leave the parameter out",
        ),
        (
            "crawlora.hashtags",
            'params = { period = [7, "7"] }',
            "crawl[0].params.period: a value is listed twice in 7, 7: the same walk is bought once",
        ),
        (
            "keyapi.hashtags",
            'params = { industry_id = "" }',
            "crawl[0].params.industry_id: an empty value filters nothing: leave the parameter out",
        ),
        (
            "crawlora.hashtag_posts",
            "max_pages = 2",
            "crawl[0].params: crawlora.hashtag_posts needs id, or each = a crawl whose records carry hashtag_id",
        ),
        ("crawlora.hashtags", "top = 5", "crawl[0].top: goes with each, which names the parent crawl"),
        (
            "crawlora.creators",
            'each = "crawlora.hashtags"',
            "crawl[0].each: crawlora.creators takes no ids from a parent; crawlora.hashtag_posts, "
            "crawlora.hashtag_detail, crawlora.mobile_hashtag_posts, crawlora.top_ads_recommend, "
            "keyapi.music_detail can",
        ),
        (
            "crawlora.hashtag_posts",
            'each = "crawlora.hashtags"',
            "crawl[0].each: no crawl of this job is named 'crawlora.hashtags'; did you mean 'crawlora.hashtag_posts'?",
        ),
        (
            "crawlora.hashtag_posts",
            'each = "crawlora.hashtag_posts"',
            "crawl[0].each: 'crawlora.hashtag_posts' is itself a child: a parent crawl has no each",
        ),
    ],
)
def test_what_the_vendor_clamps_ignores_or_cannot_do_is_refused_with_the_reason(
    read: Read, endpoint: str, lines: str, message: str
) -> None:
    assert message in "\n".join(crawl_faults(read, lines, endpoint))


def test_a_parent_whose_records_carry_other_ids_is_refused(read: Read) -> None:
    text = f'{HEAD}[[crawl]]\nendpoint = "crawlora.creators"\n[[crawl]]\nendpoint = "{C_POSTS}"\n'
    assert faults(read, text + 'each = "crawlora.creators"\nparams = { id = "1" }\ntop = 1\ntop_per_board = 1') == [
        "week.toml: crawl[1].each: crawlora.creators can't feed crawlora.hashtag_posts: its records carry user_id, "
        "and id takes hashtag_id",
        "week.toml: crawl[1].params.id: each fills this parameter: state one of the two",
        "week.toml: crawl[1].top: state top or top_per_board, not both",
    ]


def test_a_parent_whose_records_lack_the_field_is_refused_with_the_nearest_name() -> None:
    child = crawl(C_POSTS, "posts", each=C_HASHTAGS)
    wrong = tuple(replace(one, from_parent=one.from_parent and "hashtagname") for one in child.endpoint.parameters)
    child = replace(child, endpoint=replace(child.endpoint, parameters=wrong))
    (fault,) = jobs.crawl_faults("crawl[1]", child, CATALOGUE, {C_HASHTAGS: crawl(C_HASHTAGS)})
    assert str(fault) == (
        "crawl[1].each: crawlora.hashtags can't feed crawlora.hashtag_posts: its records carry hashtag_id, "
        "hashtag_name, and id takes hashtagname; did you mean 'hashtag_name'?"
    )


def test_two_crawls_of_one_endpoint_need_a_name(read: Read) -> None:
    assert faults(read, HEAD + BOARD + BOARD) == [
        "week.toml: crawl[1].name: two crawls are named 'crawlora.hashtags': give one a name of its own"
    ]
    assert [crawl.name for crawl in read(f'{HEAD}{BOARD}{BOARD}name = "more"').crawls] == [C_HASHTAGS, "more"]


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_an_account_may_stand_once_for_all_jobs(read: Read) -> None:
    job = read(HEAD + BOARD, accounts='[accounts.crawlora]\nplan = "pro"\nkey_env = "TEAM_KEY"')
    account = job.accounts["crawlora"]
    assert (account.subscription.name, account.key_env) == ("pro", "TEAM_KEY")


def test_two_files_that_state_different_limits_for_one_account_are_refused(read: Read) -> None:
    mine = f'{HEAD}[accounts.crawlora]\nplan = "pro"\n{BOARD}'
    theirs = "[accounts.crawlora]\nplan = 'pro'\ncredits_per_day = 50"
    message = (
        "week.toml: accounts.crawlora: {} states otherwise for the same account (credits_per_day = None here, "
        "50 there); state it once"
    )
    assert faults(read, mine, other=theirs) == [message.format("other.toml")]
    assert faults(read, mine, other="", accounts=theirs) == [message.format("accounts.toml")]
    assert read(mine, accounts="[accounts.crawlora]\nplan = 'pro'").accounts["crawlora"].subscription.name == "pro"


def test_an_account_stated_for_all_jobs_and_otherwise_in_another_job_is_refused(read: Read) -> None:
    shared, other = '[accounts.crawlora]\nplan = "pro"', f'{HEAD}[accounts.crawlora]\nplan = "free"\n{BOARD}'
    assert faults(read, HEAD + BOARD, accounts=shared, other=other) == [
        "accounts.toml: accounts.crawlora: other.toml states otherwise for the same account (plan = 'pro' here, "
        "'free' there); state it once"
    ]


def test_accounts_of_two_names_are_two_accounts(read: Read) -> None:
    mine = f'{HEAD}[accounts.crawlora]\nname = "lab"\nplan = "pro"\n{BOARD}'
    assert read(mine, other='[accounts.crawlora]\nplan = "free"').accounts["crawlora"].id == "crawlora/lab"


def test_faults_of_the_shared_accounts_are_told_with_those_of_the_job(read: Read) -> None:
    told = faults(read, f"{HEAD}{BOARD}params = {{ page = 1 }}", accounts="[accounts.crawlora]\nmonth_starts_on = 40")
    assert told == [
        "accounts.toml: accounts.crawlora.month_starts_on: input should be less than or equal to 31, not 40",
        "week.toml: crawl[0].params.page: a walk requests its pages itself; use max_pages",
    ]
    assert faults(read, f"{HEAD}{BOARD}top = 1", accounts="no toml")[0].startswith("accounts.toml: is not valid TOML: ")


def test_a_stated_rate_takes_the_place_of_an_assumed_one(read: Read) -> None:
    videos = '[[crawl]]\nendpoint = "keyapi.videos"\n'

    def limits(lines: str) -> Subscription:
        return read(f"{HEAD}[accounts.keyapi]\n{lines}\n{videos}").accounts["keyapi"].subscription

    assert limits("") == Subscription(
        "unpublished", requests_per_second=1, assumed=("requests_per_second", "credits_per_month")
    )
    assert limits("requests_per_minute = 90") == Subscription(
        "unpublished", requests_per_minute=90, assumed=("credits_per_month",)
    )
    assert limits("requests_per_second = 2\ncredits_per_month = 5000") == Subscription(
        "unpublished", requests_per_second=2, credits_per_month=5_000
    )


def test_what_is_known_of_failed_requests_can_be_stated(read: Read) -> None:
    def stated(lines: str) -> Charge | None:
        text = f'{HEAD}[accounts.keyapi]\n{lines}\n[[crawl]]\nendpoint = "keyapi.videos"'
        return read(text).accounts["keyapi"].failed_requests

    answers = [stated(line) for line in ("", 'failed_requests = "charged"', 'failed_requests = "free"')]
    assert answers == [None, Charge.CHARGED, Charge.FREE]


@pytest.mark.parametrize("dollars", ["five", "-1", "NaN", "Infinity", ""])
def test_overage_needs_its_most_dollars_and_a_plan_that_sells_it(read: Read, dollars: str) -> None:
    account = f'[accounts.crawlora]\nplan = "free"\noverage = true\nmax_overage_usd = "{dollars}"\n'
    assert faults(read, f"{HEAD}{account}{BOARD}") == [
        'week.toml: accounts.crawlora.max_overage_usd: overage = true needs the most it may cost a month: "5.00"',
        "week.toml: accounts.crawlora.overage: crawlora sells no overage on plan free",
    ]


def test_a_file_that_is_not_there_or_no_toml_is_told_as_a_fault(read: Read, tmp_path: Path) -> None:
    assert faults(read, "name =")[0].startswith("week.toml: is not valid TOML: ")
    with pytest.raises(ConfigurationError, match=r"none\.toml: cannot be read: No such file or directory$"):
        read_job(tmp_path / "none.toml", CATALOGUE)
