"""CONTRIBUTING.md against the tree."""

from __future__ import annotations

import re
from pathlib import Path

import scraper

PACKAGE = Path(scraper.__file__).parent
GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_table_of_capabilities_lists_every_file_of_each_stem() -> None:
    table = GUIDE.read_text(encoding="utf-8").partition("| stem | files |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`([^`]+)`", line) for line in table.splitlines() if "`" in line]
    listed = {stem: files for stem, *files in rows}
    ours = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix in {"", ".py"}]
    assert len(listed) > 10
    for stem, files in listed.items():
        assert files == sorted(str(path) for path in ours if path.stem in {stem, f"{stem}s"}), stem


def test_every_path_in_the_guide_exists() -> None:
    named = re.findall(
        r"`((?:scraper|tests|core|cli|io|runs|ports|wiring)/[\w/]+(?:\.\w+)?/?)`", GUIDE.read_text("utf-8")
    )
    assert [
        path
        for path in named
        if not ((PACKAGE / path).exists() or (PACKAGE.parent / path).exists() or (PACKAGE / f"{path}.py").exists())
    ] == []
