"""CONTRIBUTING.md against the tree."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.capabilities import CAPABILITIES, PACKAGE, capability_table, layers_of_stems
from tests.docs.markdown import CONTRIBUTING, ROOT, blocks


def test_contributing_names_the_files_of_every_capability() -> None:
    assert blocks(CONTRIBUTING.read_text(encoding="utf-8"), "generated")["capabilities"].strip() == capability_table()


def test_no_capability_is_described_that_is_not_there() -> None:
    assert set(CAPABILITIES) == set(layers_of_stems())


def test_a_folder_counts_for_the_capability_that_it_is_named_after(tmp_path: Path) -> None:
    for name in ("core/drift/__init__.py", "core/drift/casts.py", "runs/drift.py", "runs/alone.py", "main.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert layers_of_stems(tmp_path) == {"drift": ["core/drift/", "runs/drift.py"]}


def test_every_path_in_the_guide_exists() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    named = re.findall(r"`((?:scraper|tests|core|cli|io|runs|ports|wiring)/[\w/]+(?:\.\w+)?/?)`", text)
    places = [(PACKAGE / path, ROOT / path, PACKAGE / f"{path}.py") for path in named]
    assert len(places) > 10
    assert [one[0] for one in places if not any(place.exists() for place in one)] == []
