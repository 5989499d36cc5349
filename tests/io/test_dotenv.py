"""``.env``: what is read of it, and that a line that cannot be read is named and not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError
from scraper.io.config_files.dotenv import dotenv_warning, read_dotenv


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A_KEY=sk_live_1/2+3=", "sk_live_1/2+3="),
        ("export A_KEY=sk_live_1", "sk_live_1"),
        ("  A_KEY = sk_live_1  ", "sk_live_1"),
        ("A_KEY='a # b $HOME'", "a # b $HOME"),
        ('A_KEY="sk#1" # the new one', "sk#1"),
        ("A_KEY=sk#1 # the new one", "sk#1"),
        ("A_KEY=", ""),
        ("A_KEY=old\r\nA_KEY=new\r", "new"),
        ("\ufeffA_KEY=sk_live_1", "sk_live_1"),
    ],
)
def test_a_line_gives_a_variable_its_value(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n\n# a comment\n   \nB=1\n", encoding="utf-8")
    assert read_dotenv(tmp_path) == {"A_KEY": value, "B": "1"}


def test_every_line_that_cannot_be_read_is_named_and_none_is_shown(tmp_path: Path) -> None:
    lines = ["A_KEY=1", "SECRET", "B C=SECRET", "D='SECRET", "E=SECRET SECRET", 'F="SECRET"x', "1=SECRET"]
    (tmp_path / ".env").write_text("\n".join(lines))
    with pytest.raises(ConfigurationError) as failure:
        read_dotenv(tmp_path)
    assert [str(fault) for fault in failure.value.faults] == [
        f"{tmp_path / '.env'}: line {number}: is not of the form NAME=value; a value of several words stands in quotes"
        for number in range(2, 8)
    ]


def test_no_file_holds_nothing_and_a_file_that_is_no_text_is_told_of(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path) == {}
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read_dotenv(tmp_path)
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_dotenv(tmp_path)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    assert dotenv_warning(tmp_path) is None
    path = tmp_path / ".env"
    path.touch()
    path.chmod(mode)
    said = f"{path} can be read by other users of this machine: chmod 600 {path}"
    assert dotenv_warning(tmp_path) == (said if warned else None)
