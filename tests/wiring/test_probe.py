"""First contact without a job: what is asked, on which accounts, for how much; and what keeps it from being sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError, UsageError
from scraper.core.jobs import Job
from scraper.wiring.probe import first_contact
from scraper.wiring.project import project_of
from scraper.wiring.settings import Settings
from tests.docs.place import said

ACCOUNTS = """
[accounts.crawlora]
plan = "enterprise"
name = "lab"
requests_per_minute = 60_000
"""

CRAWLORA = [
    f"crawlora.{name}"
    for name in (
        *("creators", "creative_hashtags", "mobile_music", "mobile_effects", "mobile_categories", "top_ads"),
        *("top_ads_spotlight", "creator_search", "hashtag_posts", "hashtag_detail", "mobile_hashtag_posts"),
        "top_ads_recommend",
    )
]
"""What a probe asks: parents first, what is gone left out."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "accounts.toml").write_text(ACCOUNTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def probed(vendor: str | None = None, *, sandbox: bool = False) -> Job:
    job, _, left_out = first_contact(vendor, Settings(project=project_of(None, {}), sandbox=sandbox))
    gone = [f"{name} is left out: it is gone from the vendor's catalogue" for name in ("crawlora.hashtags",)]
    assert [sentence.partition(" (known since")[0] for sentence in left_out] == gone
    return job


@pytest.mark.usefixtures("project")
def test_each_endpoint_is_asked_once_on_the_account_that_is_stated() -> None:
    job = probed()
    assert [crawl.name for crawl in job.crawls] == CRAWLORA
    assert (job.name, job.accounts["crawlora"].id, job.every, job.probe) == (
        "crawlora-probe", "crawlora/lab", None, True,
    )  # fmt: skip
    children = {crawl.name: (crawl.each, crawl.top, crawl.max_pages) for crawl in job.crawls if crawl.each}
    assert children == {
        "crawlora.hashtag_posts": ("crawlora.creative_hashtags", 1, 1),
        "crawlora.hashtag_detail": ("crawlora.creative_hashtags", 1, 1),
        "crawlora.mobile_hashtag_posts": ("crawlora.creative_hashtags", 1, 1),
        "crawlora.top_ads_recommend": ("crawlora.top_ads", 1, 1),
    }


def test_the_budget_is_the_sum_of_the_prices_and_a_retry_for_each_vendor(project: Path) -> None:
    assert probed("crawlora").budget == 12 * 8 + 8
    (project / "configs" / "accounts.toml").unlink()
    everyone = probed()
    assert (everyone.name, everyone.budget, set(everyone.vendors)) == (
        "vendors-probe", 12 * 8 + 4 * 2 + 8 + 2, {"crawlora", "keyapi"},
    )  # fmt: skip
    assert everyone.accounts["crawlora"].subscription.name == "free", "the first plan of the vendor's file"


def test_what_cannot_be_asked_is_one_sentence(project: Path) -> None:
    with pytest.raises(UsageError, match=r"^there is no vendor crawlor; did you mean 'crawlora'\?; known are"):
        probed("crawlor")
    (project / "configs" / "accounts.toml").write_text('[accounts.crawlora]\nplan = "enterprize"\n[accounts.acme]\n')
    with pytest.raises(ConfigurationError) as faults:
        probed()
    assert [str(fault).partition(": ")[2] for fault in faults.value.faults] == [
        "accounts.crawlora.plan: crawlora has no plan 'enterprize'; did you mean 'enterprise'?; it has free, starter, "
        "growth, pro, business, enterprise",
        "accounts.acme: no such vendor",
    ]


def test_without_a_key_nothing_is_said_of_a_price_and_nothing_is_sent(project: Path) -> None:
    refused = said(["probe"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: CRAWLORA_API_KEY: this environment variable must contain the Crawlora key")
    assert not (project / "data").exists()


@pytest.mark.usefixtures("project")
def test_in_the_sandbox_it_says_what_it_costs_asks_nobody_and_compares_each_answer() -> None:
    ended = said(["probe", "crawlora", "--sandbox", "--format", "json"])
    result = json.loads(ended.stdout)
    assert ended.stderr.splitlines()[:2] == [
        "warning: crawlora.hashtags is left out: it is gone from the vendor's catalogue (known since 2026-10-05); "
        "scraper run JOB --probe requests it with a job's parameters.",
        "12 requests to crawlora cost 96 credits, at most 104 if attempts fail and are charged "
        "(crawlora/lab, plan enterprise).",
    ]
    assert (ended.exit_code, result["status"], result["credits"]["charged"]) == (0, "complete", 96)
    assert {finding["as_described"] for finding in result["findings"]} == {True}
    assert {finding["endpoint"] for finding in result["findings"]} == {*CRAWLORA, "crawlora, account pages"}
    refused = said(["probe", "crawlora", "--sandbox", "--fault", "auth", "--format", "json"])
    assert refused.exit_code == 4
    assert json.loads(refused.stdout)["message"].endswith(
        "Once that is fixed: scraper probe crawlora --sandbox --fault auth"
    )
