"""The state's own file: who may read it, and what is said where it cannot be used."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import scraper
from scraper.core.errors import StateError, UsageError
from scraper.io.state import open_stores, state_exists, state_url
from tests.core.builders import NOON
from tests.databases import database_in


def opened(data: Path) -> None:
    with database_in(data).opened(lambda: NOON):
        pass


def test_a_directory_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StateError, match=r"^the data directory .* cannot be used: .*Nothing was spent"):
        opened(tmp_path / "taken")
    (tmp_path / "odd" / "state.db").mkdir(parents=True)
    with pytest.raises(StateError, match=r"^the state database .* cannot be used: "):
        opened(tmp_path / "odd")


def test_a_damaged_file_is_told_in_a_sentence_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database, and longer than a header of one hundred bytes" * 20)
    with pytest.raises(StateError, match=r"file is not a database\. Everything committed is kept; the file is"):
        opened(tmp_path)


def test_nobody_else_may_read_the_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    opened(data)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, data / "state.db")}
    assert modes == {"data": 0o700, "state.db": 0o600}


def test_a_directory_may_have_any_name(tmp_path: Path) -> None:
    data = tmp_path / "50% of #1? yes"
    assert not state_exists(state_url(data))
    opened(data)
    assert state_exists(state_url(data))
    assert (data / "state.db").exists()


@pytest.mark.parametrize("url", ["state.db", "sqlite://", "mysql://host/scraper"])
def test_a_url_of_no_database_that_is_known_is_refused(url: str) -> None:
    refused = pytest.raises(UsageError, match=r"^the state's URL does not name a usable database; write sqlite:///")
    with refused, open_stores(url, lambda: NOON, kind="real"):
        pass


def test_no_other_part_of_the_program_names_the_file() -> None:
    package = Path(scraper.__file__).parent
    elsewhere = [path for path in package.rglob("*.py") if not path.is_relative_to(package / "io" / "state")]
    assert elsewhere
    assert [path.name for path in elsewhere if "state.db" in path.read_text()] == []
