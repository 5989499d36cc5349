"""What was found of a SELECT once is not looked for again, unless something has changed."""

from __future__ import annotations

from pathlib import Path

from scraper.io.archive.cache import keep
from scraper.io.archive.fragile import kept
from scraper.io.archive.lost_values import Fragile

FOUND = (Fragile(("video", "[]", "at"), "BIGINT", (("made_at",), ("list", "[]"))),)


class Finder:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, sql: str) -> tuple[Fragile, ...]:
        self.asked.append(sql)
        return FOUND


def test_a_select_is_tried_out_once_and_again_when_its_text_has_changed(tmp_path: Path) -> None:
    find = Finder()
    assert [kept(tmp_path / "cache", sql, find) for sql in ("a", "a", "b", "a")] == [FOUND] * 4
    assert find.asked == ["a", "b"]


def test_a_damaged_file_is_made_again_and_a_disk_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    find = Finder()
    kept(tmp_path / "cache", "a", find)
    [file] = (tmp_path / "cache").iterdir()
    for damage in (b"", b"[{}]", b"[1]", b"{"):
        keep(file, damage)  # whole, but of an earlier program
        assert kept(tmp_path / "cache", "a", find) == FOUND
        file.write_bytes(file.read_bytes()[:-1])
        assert kept(tmp_path / "cache", "a", find) == FOUND
    assert len(find.asked) == 9
    (tmp_path / "file").write_text("in the way")
    assert kept(tmp_path / "file", "a", find) == FOUND
    assert kept(None, "a", find) == FOUND
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [file.name]
