"""--world and --turnover: boards that the sandbox plays instead of its usual ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.place import Said, said


def run(place: Path, *options: str) -> Said:
    return said(["run", str(place / "configs" / "night.toml"), "--format", "json", *options])


def ids(place: Path) -> list[str]:
    query = "SELECT hashtag_id FROM hashtags ORDER BY rank"
    told = said(["sql", "--data", str(place / "data" / "sandbox"), "--sandbox", "--format", "ndjson", query])
    return [json.loads(line)["hashtag_id"] for line in told.stdout.splitlines()]


def test_a_run_buys_the_lists_of_a_world_file_and_an_archive_is_such_a_file(place: Path, tmp_path: Path) -> None:
    world = tmp_path / "world.json"
    world.write_text(json.dumps({"charts/any": [[1, [501, 502, 503]]]}))
    assert run(place, "--sandbox", "--world", str(world)).exit_code == 0
    assert ids(place) == ["501", "502", "503"]
    again = tmp_path / "again"
    told = run(place, "--sandbox", "--world", str(place / "data" / "sandbox"), "--data", str(again))
    assert (told.exit_code, json.loads(told.stdout)["rows"]) == (0, {"hashtags": 3})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--turnover", "hashtags=15,55,85"], "--turnover needs --sandbox"),
        (["--sandbox", "--turnover", "hashtag=15,55,85"], "did you mean 'hashtags'?"),
        (["--sandbox", "--turnover", "hashtags=15,55"], "write three percentages"),
        (["--sandbox", "--turnover", "hashtags=55,15,85"], "the shares must rise"),
        (["--sandbox", "--turnover", "hashtags=2,90,95"], "no board has this turnover"),
        (["--sandbox", "--world", "nowhere.json"], "nowhere.json cannot be read"),
        (["--sandbox", "--world", "."], "there is no data in ."),
    ],
)
def test_what_cannot_be_played_is_answered_in_a_sentence(place: Path, options: list[str], words: str) -> None:
    told = run(place, *options)
    assert (told.exit_code, told.stdout) == (2, "")
    assert words in told.stderr
    assert "Traceback" not in told.stderr
