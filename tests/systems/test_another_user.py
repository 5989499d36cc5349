"""Directories of another user: a sentence in place of a traceback, and no answer that lacks what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.harness import ACCOUNTS
from tests.runs.upkeep import copied
from tests.systems import Ended, played
from tests.systems.another_user import give_away, given_back

JOB = f"""
name = "night"
budget = 40
{ACCOUNTS}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = "US" }}
max_pages = 1
"""
RUN = ["run", "configs/night.toml", "-y"]
OF_THE_ARCHIVE = [
    ["sql", "SELECT 1"],
    ["tables"],
    ["tables", "hashtags"],
    ["report", "-o", "made.html"],
    ["check"],
    ["rebuild"],
    ["compact", "--all"],
    ["export", "hashtags", "-o", "-", "--format", "csv"],
    ["duckdb", "-o", "made.duckdb"],
]
OF_THE_STATE = [
    RUN,
    ["run", "configs/night.toml", "--probe"],
    ["status"],
    ["drift"],
    ["plan", "configs/night.toml"],
    ["reconcile", "configs/night.toml"],
]
EVERY = [*OF_THE_ARCHIVE, *OF_THE_STATE]
VENDORS, TABLES = (
    ["plan", "vendors-away/configs/night.toml"],
    ["sql", "SELECT 1", "--configs", "tables-away", "--data", "whole"],
)


@pytest.fixture(scope="module")
def ended(three_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Ended]]]:
    """What became of commands over directories that are another user's, by what of them is; one process for all."""
    directory = tmp_path_factory.mktemp("another-user")
    for configs in ("configs", "vendors-away/configs", "tables-away"):
        (directory / configs).mkdir(parents=True)
        (directory / configs / "night.toml").write_text(JOB)
        (directory / configs / ".env").write_text("CRAWLORA_API_KEY=0123456789abcdef\nKEYAPI_API_KEY=0123456789abcd\n")
        (directory / configs / ".env").chmod(0o600)
    given = [directory / "vendors-away" / "configs" / "vendors", directory / "tables-away" / "tables"]
    for own in given:
        own.mkdir()
    for name in ("data", "above", "archive", "day", "whole"):
        copied(three_runs, directory / name / "data" if name == "above" else directory / name)
    day = next(directory.glob("day/archive/hashtags/vendor=crawlora/date=*"))
    given += [directory / "data", directory / "above", directory / "archive" / "archive", day]
    asked = {
        "default": EVERY,  # `data`, which no option names
        "above": [[*command, "--data", "above/data"] for command in EVERY],
        "archive": [[*command, "--data", "archive"] for command in [*OF_THE_ARCHIVE, RUN]],
        "day": [[*command, "--data", "day"] for command in OF_THE_ARCHIVE],
        "files": [VENDORS, TABLES],
        "spent": [["status", "--data", "archive"]],
    }
    for each in given:
        give_away(each)
    try:
        found = iter(
            played("another_user", directory, *(command for commands in asked.values() for command in commands))
        )
        yield {name: [next(found) for _ in commands] for name, commands in asked.items()}
    finally:
        for each in reversed(given):
            given_back(each)


def assert_refused(ended: list[Ended], *words: str) -> None:
    for each in ended:
        assert each.code in {2, 5}, each
        assert each.stdout == "", each
        assert "Traceback" not in each.stderr, each
        for word in ("Permission denied", *words):
            assert word in each.stderr, each


def test_a_data_directory_of_another_user_is_a_sentence_of_every_command(ended: dict[str, list[Ended]]) -> None:
    assert_refused(ended["default"], "data")
    assert_refused(ended["above"], "above/data")


def test_an_archive_of_another_user_stops_a_run_before_it_spends(ended: dict[str, list[Ended]]) -> None:
    assert_refused(ended["archive"], "archive/archive")
    assert "Nothing was spent or changed." in ended["archive"][-1].stderr
    (status,) = ended["spent"]
    assert (status.code, len(json.loads(status.stdout)["runs"])) == (0, 3)


def test_no_answer_lacks_the_rows_of_a_day_that_cannot_be_read(ended: dict[str, list[Ended]]) -> None:
    assert_refused(ended["day"], "day/archive/hashtags/vendor=crawlora/date=")


def test_own_files_that_cannot_be_listed_are_a_fault(ended: dict[str, list[Ended]]) -> None:
    vendors, tables = ended["files"]
    assert_refused([vendors], "vendors-away/configs/vendors: cannot be read")
    assert_refused([tables], "tables-away/tables: cannot be read")
