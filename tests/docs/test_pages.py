"""README and the pages of the manual, as a person meets them: short, whole, and without a link that leads nowhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from scraper.io.docs import TOPICS, summary
from tests.docs.markdown import CONTRIBUTING, DOCS, DOCUMENTS, PAGES, README, RECIPES, fences, without_fences

README_LINES = 300
WIDEST = 120


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _name(path: Path) -> str:
    return path.stem


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", without_fences(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_takes_half_an_hour() -> None:
    assert len(_read(README).splitlines()) <= README_LINES


def test_every_topic_has_a_page_and_every_page_is_a_topic() -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == set(TOPICS)


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_page_says_under_its_title_in_one_line_what_it_is_about(path: Path) -> None:
    assert re.match(r"# \w.*\n\n[A-Z].{20,62}\.\n\n", _read(path))
    assert summary(path.stem) in _read(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_no_line_of_prose_is_longer_than_a_screen_is_wide(path: Path) -> None:
    text = re.sub(r"^```(?:console|bash)\n.*?^```$", "", _read(path), flags=re.DOTALL | re.MULTILINE)
    assert [line for line in text.splitlines() if len(line) > WIDEST and not line.startswith("| ")] == []


@pytest.mark.parametrize("path", [*DOCUMENTS, CONTRIBUTING], ids=_name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(_read(path))):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (path.parent / file) if file else path
        assert there.exists(), target
        assert not anchor or anchor in _anchors(_read(there)), target


def test_the_readme_shows_no_picture_that_a_package_index_cannot() -> None:
    assert re.findall(r"!\[[^\]]*\]\((?!https://)", _read(README)) == []


def test_the_readmes_queries_are_recipes_of_the_manual() -> None:
    recipes = {fence.body for fence in fences(_read(RECIPES), "sql")}
    shown = [fence.body for fence in fences(_read(README), "sql")]
    assert len(shown) == 4
    assert set(shown) <= recipes


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_no_path_of_any_machine_stands_in_a_document(path: Path) -> None:
    assert not re.search(r"/(?:root|home|Users)/", path.read_text(encoding=sys.getdefaultencoding()))
