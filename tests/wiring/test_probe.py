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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "accounts.toml").write_text(ACCOUNTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def probed(vendor: str | None = None, *, sandbox: bool = False) -> Job:
    job, _, left_out = first_contact(vendor, Settings(project=project_of(None, {}), sandbox=sandbox))
    assert left_out == []
    return job


@pytest.mark.usefixtures("project")
def test_each_endpoint_is_asked_once_on_the_account_that_is_stated() -> None:
    job = probed()
    assert [crawl.name for crawl in job.crawls] == ["crawlora.hashtags", "crawlora.creators", "crawlora.hashtag_posts"]
    assert (job.name, job.accounts["crawlora"].id, job.every, job.probe) == (
        "crawlora-probe", "crawlora/lab", None, True,
    )  # fmt: skip
    posts = job.crawls[-1]
    assert (posts.each, posts.top, posts.max_pages) == ("crawlora.hashtags", 1, 1)


def test_the_budget_is_the_sum_of_the_prices_and_a_retry_for_each_vendor(project: Path) -> None:
    assert probed("crawlora").budget == 3 * 8 + 8
    (project / "configs" / "accounts.toml").unlink()
    everyone = probed()
    assert (everyone.name, everyone.budget, set(everyone.vendors)) == (
        "vendors-probe", 3 * 8 + 2 * 2 + 8 + 2, {"crawlora", "keyapi"},
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
    assert ended.stderr.splitlines()[0] == (
        "3 requests to crawlora cost 24 credits, at most 32 if attempts fail and are charged "
        "(crawlora/lab, plan enterprise)."
    )
    assert (ended.exit_code, result["status"], result["credits"]["charged"]) == (0, "complete", 24)
    assert {finding["as_described"] for finding in result["findings"]} == {True}
    assert {finding["endpoint"] for finding in result["findings"]} == {
        "crawlora.hashtags", "crawlora.creators", "crawlora.hashtag_posts", "crawlora, account pages",
    }  # fmt: skip
    refused = said(["probe", "crawlora", "--sandbox", "--fault", "auth", "--format", "json"])
    assert refused.exit_code == 4
    assert json.loads(refused.stdout)["message"].endswith(
        "Once that is fixed: scraper probe crawlora --sandbox --fault auth"
    )
