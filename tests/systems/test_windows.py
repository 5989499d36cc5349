"""Windows, played: what touches data says in one sentence that it does not run there; help and descriptions do."""

from __future__ import annotations

from pathlib import Path

from tests.systems import played

REFUSED = [
    ["run", "configs/night.toml", "--sandbox"],
    ["run", "configs/night.toml", "--probe"],
    ["plan", "configs/night.toml"],
    ["status"],
    ["sql", "SELECT 1"],
    ["tables"],
    ["report"],
    ["drift"],
    ["check"],
    ["compact", "--offline"],
    ["rebuild"],
    ["export", "hashtags", "-o", "hashtags.csv"],
    ["duckdb", "-o", "archive.duckdb"],
    ["reconcile", "configs/night.toml"],
    ["sandbox", "--port", "0"],
]
ANSWERED = [["--help"], ["--version"], ["run", "--help"], ["compact", "--help"], ["vendors"], ["sandbox", "--faults"]]


def test_every_command_of_data_is_refused_in_one_sentence_and_help_is_given(tmp_path: Path) -> None:
    ended = played("windows", tmp_path, *REFUSED, *ANSWERED)
    for command, refused in zip(REFUSED, ended, strict=False):
        assert (refused.code, refused.stdout) == (2, ""), command
        assert refused.stderr.startswith("error: scraper does not run on Windows itself: "), command
        assert "Nothing was sent or changed; run it inside WSL" in refused.stderr, command
        assert len(refused.stderr.splitlines()) == 1, command
    for command, answered in zip(ANSWERED, ended[len(REFUSED) :], strict=True):
        assert (answered.code, answered.stderr) == (0, ""), command
        assert answered.stdout, command
    assert list(tmp_path.iterdir()) == []
