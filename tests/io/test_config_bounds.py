"""Files and figures that nobody means: each is a sentence, at once, and nothing is sent."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError
from scraper.io.config_files.dotenv import read_dotenv
from scraper.io.config_files.job_files import read_job
from scraper.io.config_files.table_files import read_tables
from scraper.io.config_files.text import MOST_BYTES
from scraper.io.config_files.vendor_files import read_catalogue
from tests.io.test_config_files import ACME

HUGE = "1" + "0" * 30
LARGE = str(2**63 - 1)
MOST_S = 5.0
"""CPU time of the slowest on a slow machine; before there were bounds, a key of 10,000 parts took 13 s."""
MOST_TRACED_BYTES = 100_000_000


def job(top: str = "", account: str = "", crawl: str = "", params: str = "", budget: str = "40") -> str:
    return f"""
name = "night"
budget = {budget}
{top}
[accounts.crawlora]
plan = "starter"
{account}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = "US"{params} }}
{crawl}
"""


def values(key: str, *more: str) -> list[str]:
    return [f"{key} = {value}" for value in (HUGE, f"-{HUGE}", LARGE, "1e30", "inf", "nan", "9" * 5000, *more)]


PARAMETER = """
[endpoints.cc_videos.parameters.{name}]
type = "integer"
description = "A number."
"""


def durations(key: str) -> list[str]:
    return [f'{key} = "{value}"' for value in ("900000d", f"{HUGE}s", "9" * 5000 + "d")]


COUNTED_ACCOUNT = [
    "credits_per_month",
    "credits_per_day",
    "requests_per_minute",
    "requests_per_second",
    "month_starts_on",
    "reserve",
]
COUNTED_CRAWL = ["max_pages", "max_items", "priority", "top", "top_per_board", "stop_when_known", "retry_empty"]
FILES = [
    *(job(budget=each.removeprefix("budget = ")) for each in values("budget")),
    *(job(top=each) for key in ("weight", "confirm_above", "retry_budget") for each in values(key)),
    *(job(top=each) for key in ("max_age", "max_wait", "every") for each in durations(key)),
    *(job(account=each) for key in COUNTED_ACCOUNT for each in values(key)),
    *(job(account=f'overage = true\nmax_overage_usd = "{amount}"') for amount in (HUGE, "1e30", "1e999999", "NaN")),
    *(job(crawl=each) for key in COUNTED_CRAWL for each in values(key)),
    *(job(crawl=each) for each in ("stop_when_known = 0", "stop_when_known = 1.01", "retry_empty = 4")),
    *(
        job().replace("crawlora.hashtags", "keyapi.videos") + each
        for each in ("max_pages = 100_001", "max_items = 9_999_999")
    ),
    job(params=f", industry_id = {HUGE}"),
    job(params=f", period = {'[' * 300}7{']' * 300}"),
    ".".join("a" * 10_000) + " = 1",
    "[" + ".".join(['"a b"'] * 10_000) + "]",
    "x = {" + " . ".join("a" * 10_000) + " = 1}",
    "x = " + "[" * 400 + "]" * 400,
    "x = " + "[" * 100_000,
    "x = " + "{a=" * 5_000 + "1" + "}" * 5_000,
    "\n".join(f"k{number} = 1" for number in range(60_000)),
    "k" * 500_000 + " = 1",
    f'name = "{"x" * 900_000}"',
    job() + '[[crawl]]\nendpoint = "x.y"\n' * 20_000,
    job() + "#" * 10_000_000,
]


@pytest.mark.parametrize("text", FILES, ids=[f"{n}-{each.strip()[-40:][:24]!r}" for n, each in enumerate(FILES)])
def test_a_job_file_out_of_bounds_is_a_sentence_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "night.toml"
    path.write_text(text)
    catalogue = read_catalogue()
    began_s = time.process_time()
    with pytest.raises(ConfigurationError) as met:
        read_job(path, catalogue)
    assert time.process_time() - began_s < MOST_S
    assert all(str(fault).startswith(str(path)) and len(str(fault)) < 6_000 for fault in met.value.faults)


def test_a_key_of_ten_thousand_parts_takes_no_memory_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    path.write_text(".".join("a" * 10_000) + " = 1")
    catalogue = read_catalogue()
    tracemalloc.start()
    with pytest.raises(ConfigurationError, match="more than 16 levels deep"):
        read_job(path, catalogue)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < MOST_TRACED_BYTES / 10


@pytest.mark.parametrize("text", [HUGE, LARGE, "1e30", "inf"])
@pytest.mark.parametrize(
    "key", ["endpoints.hashtags.cost", "plans.starter.credits_per_month", "plans.starter.requests_per_minute"]
)
def test_figures_of_vendors_and_of_shared_accounts_have_bounds_too(tmp_path: Path, key: str, text: str) -> None:
    (tmp_path / "vendors").mkdir()
    (tmp_path / "vendors" / "crawlora.toml").write_text(f"{key} = {text}")
    with pytest.raises(ConfigurationError, match=r"crawlora\.toml"):
        read_catalogue(tmp_path)
    (tmp_path / "accounts.toml").write_text(f"[accounts.crawlora]\ncredits_per_day = {text}")
    (tmp_path / "night.toml").write_text(job().replace('[accounts.crawlora]\nplan = "starter"\n', ""))
    with pytest.raises(ConfigurationError, match=r"accounts\.toml: accounts\.crawlora\.credits_per_day"):
        read_job(tmp_path / "night.toml", read_catalogue())


def test_lists_that_make_a_million_walks_are_refused_before_the_walks_are_made(tmp_path: Path) -> None:
    (tmp_path / "vendors").mkdir()
    acme = f"{ACME}{PARAMETER.format(name='a')}{PARAMETER.format(name='b')}"
    (tmp_path / "vendors" / "acme.toml").write_text(acme)
    numbers = list(range(5_000))
    (tmp_path / "night.toml").write_text(
        f'name = "n"\nbudget = 1\n[[crawl]]\nendpoint = "acme.cc_videos"\n'
        f'params = {{ country_code = "US", a = {numbers}, b = {numbers} }}'
    )
    with pytest.raises(ConfigurationError, match=r"crawl\[0\]\.params: the lists make 25,000,000 walks"):
        read_job(tmp_path / "night.toml", read_catalogue(tmp_path))


def test_the_largest_figures_and_a_life_long_age_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "night.toml"
    path.write_text(job(budget="1_000_000_000_000", top='max_age = "36500d"', params=f", industry_id = {LARGE}"))
    read = read_job(path, read_catalogue())
    assert (read.budget, read.max_age and read.max_age.days) == (10**12, 36_500)


def test_every_settings_file_has_a_largest_size(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    for name in (".env", "tables/threads.sql"):
        (tmp_path / name).write_text("#" * (MOST_BYTES + 1))
    for read in (read_dotenv, read_tables):
        with pytest.raises(ConfigurationError, match="is larger than 1,000,000 bytes"):
            read(tmp_path)
