"""The fingerprint of what a job asks for: equal in meaning is equal, and what differs is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.fingerprint import changes, fingerprint
from scraper.io.config_files.job_files import read_job
from tests.core.builders import CATALOGUE

HEAD = 'name = "week"\nbudget = 800\n'
BOARDS = """
[[crawl]]
name = "boards"
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"], period = [7, 30] }
max_pages = 2
"""
POSTS = """
[[crawl]]
name = "posts"
endpoint = "crawlora.hashtag_posts"
each = "boards"
top = 20
max_items = 90
"""


def asked(directory: Path, text: str) -> str:
    path = directory / "week.toml"
    path.write_text(text)
    return fingerprint(read_job(path, CATALOGUE))


@pytest.mark.parametrize(
    "other",
    [
        HEAD + POSTS + BOARDS,
        HEAD + BOARDS.replace('["US", "GB"]', '["GB", "US"]').replace("[7, 30]", "[30, 7]") + POSTS,
        "# a comment\nbudget = 10 # less\nname = 'week'\nmax_age = '2h'\nretry_budget = 8\n" + BOARDS + POSTS,
        HEAD + BOARDS + POSTS.replace("max_items = 90", "max_pages = 3"),
        HEAD + BOARDS.replace("max_pages = 2", "max_items = 200\npriority = 3\nexpect_rows = 1") + POSTS,
        HEAD + BOARDS.replace('"boards"', '"lists"') + POSTS.replace('"boards"', '"lists"'),
        HEAD + '[accounts.crawlora]\nname = "default"\nplan = "starter"\n' + BOARDS + POSTS,
    ],
)
def test_equal_in_meaning_is_equal(tmp_path: Path, other: str) -> None:
    assert changes(asked(tmp_path, HEAD + BOARDS + POSTS), asked(tmp_path, other)) == []


def test_a_default_that_is_stated_is_no_change(tmp_path: Path) -> None:
    without = HEAD + '[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = { country_code = "US" }\n'
    stated = without.replace('"US" }', '["US"], period = 7 }\nmax_pages = 10')
    assert changes(asked(tmp_path, without), asked(tmp_path, stated)) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (BOARDS.replace('["US", "GB"]', '["US", "GB", "JP"]') + POSTS, ["crawl boards: country_code adds JP"]),
        (
            BOARDS.replace('["US", "GB"]', '["US", "JP"]').replace("max_pages = 2", "max_pages = 1") + POSTS,
            ["crawl boards: country_code adds JP and drops GB, pages of a walk 1 instead of 2"],
        ),
        (BOARDS.replace("[7, 30]", "120") + POSTS, ["crawl boards: period adds 120 and drops 30, 7"]),
        (BOARDS, ["crawl posts was removed"]),
        (BOARDS + POSTS.replace("top = 20", ""), ["crawl posts: top all instead of 20"]),
        (BOARDS + POSTS.replace("max_items = 90", ""), ["crawl posts: pages of a walk all instead of 3"]),
        (BOARDS + POSTS + POSTS.replace("posts", "more", 1).replace("20", "5"), ["crawl more is new"]),
        (
            '[accounts.crawlora]\nname = "team"\n' + BOARDS + POSTS,
            ["account of crawlora: crawlora/team instead of crawlora/default"],
        ),
    ],
)  # fmt: skip
def test_what_differs_is_named(tmp_path: Path, text: str, named: list[str]) -> None:
    assert changes(asked(tmp_path, HEAD + BOARDS + POSTS), asked(tmp_path, HEAD + text)) == named


def test_of_many_values_some_are_named(tmp_path: Path) -> None:
    few = BOARDS.replace('["US", "GB"]', str(["US", "GB", "DE", "FR", "IT", "ES", "PL", "SE"]))
    assert changes(asked(tmp_path, HEAD + few), asked(tmp_path, HEAD + BOARDS)) == [
        "crawl boards: country_code drops DE, ES, FR, IT, PL and 1 more"
    ]
