"""macOS, played: the README's first command, and that a compaction misleads no reader there either."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.runs.upkeep import copied, names, rows_by_glob
from tests.systems import Ended, played

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True, slots=True)
class OnMacos:
    """What the commands of one process left behind."""

    run: Ended
    status: Ended
    sql: Ended
    check: Ended
    compact: Ended
    check_after: Ended
    rows: tuple[object, object]
    """Before and after the compaction."""
    syncs: tuple[int, int]
    """To the drive, to its cache."""


@pytest.fixture(scope="module")
def macos(three_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> OnMacos:
    """The quickstart, faster than KeyAPI allows it, and a compaction of another data directory."""
    directory = tmp_path_factory.mktemp("macos")
    (directory / "configs").mkdir()
    job = (CONFIGS / "quickstart.toml").read_text()
    hurried = job.replace("requests_per_second = 2 ", "requests_per_second = 50 ")
    assert hurried != job
    (directory / "configs" / "quickstart.toml").write_text(hurried)
    place = copied(three_runs, directory / "three-runs")
    before = {table: rows_by_glob(place.data, table) for table in names(place.data)}
    counts = directory / "counts"
    ended = played(
        "macos",
        directory,
        ["run", "configs/quickstart.toml", "--sandbox"],
        ["status", "--sandbox"],
        ["sql", "--sandbox", "SELECT count(*) AS n FROM hashtags"],
        ["check", "--sandbox"],
        ["compact", "--all", "--data", "three-runs"],
        ["check", "--data", "three-runs"],
        options=["--counting", str(counts)],
    )
    after = {table: rows_by_glob(place.data, table) for table in names(place.data)}
    full, plain = map(int, counts.read_text().split())
    run, status, sql, check, compact, check_after = ended
    return OnMacos(run, status, sql, check, compact, check_after, (before, after), (full, plain))


def test_the_quickstart_runs_and_can_be_looked_at(macos: OnMacos) -> None:
    assert [ended.code for ended in (macos.run, macos.status, macos.sql, macos.check)] == [0, 0, 0, 0]
    assert json.loads(macos.run.stdout)["status"] == "complete"
    assert [each["job"] for each in json.loads(macos.status.stdout)["runs"]] == ["quickstart"]
    assert json.loads(macos.sql.stdout) == [{"n": 400}]
    assert json.loads(macos.check.stdout)["sound"] is True


def test_a_compaction_swaps_directories_in_one_step(macos: OnMacos) -> None:
    assert (macos.compact.code, macos.check_after.code) == (0, 0)
    done = [(each["files_before"], each["files_after"]) for each in json.loads(macos.compact.stdout)]
    assert done == [(18, 6), (12, 4)]  # the first day has a file of every table
    assert macos.rows[0] == macos.rows[1]


def test_what_is_made_durable_is_flushed_to_the_drive(macos: OnMacos) -> None:
    full, plain = macos.syncs
    assert full > 50
    assert plain == 1  # the space kept back for a full disk: it need not survive anything


def test_without_a_swap_a_compaction_asks_for_offline(three_runs: Path, tmp_path: Path) -> None:
    copied(three_runs, tmp_path / "data")
    refused, offline = played(
        "macos", tmp_path, ["compact", "--all"], ["compact", "--all", "--offline"], options=["--without-swap"]
    )
    assert (refused.code, refused.stdout, offline.code) == (2, "", 0)
    assert "Nothing was changed. When nobody reads the archive: scraper compact --offline" in refused.stderr
    assert [each["files_after"] for each in json.loads(offline.stdout)] == [6, 4]
