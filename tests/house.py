"""The rules of the house that no linter knows: ``python -m tests.house``, a fault a line.

A module has at most 400 lines, a function at most 50 (signature and docstring included, decorators not: each option of
a command is one), no two classes of the package share a name, and a commit's subject has at most 72 characters. Import
circles are import-linter's.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

MODULE_LINES: Final = 400
FUNCTION_LINES: Final = 50
SUBJECT_LENGTH: Final = 72

SINCE: Final = "2026-11-29"
"""Commits of before keep the subjects that they have; a day can be asked of a shallow clone too."""

LONGER_YET: Final = frozenset(
    {
        "tests/docs/blocks.py",
        "tests/hostile/test_transport.py",
        "tests/io/test_archive.py",
        "tests/cli/display/test_status.py: test_programs_get_the_same_as_plain_values",
        "tests/cli/display/test_vendors.py: test_a_vendor_at_80_columns",
    }
)
"""Tests that were longer when this was written. Nothing is added here."""


def sources(root: Path) -> Mapping[str, str]:
    """The text of every module of the program and of its tests, by path."""
    paths = sorted(path for tree in ("scraper", "tests") for path in (root / tree).rglob("*.py"))
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@cache
def definitions(text: str) -> Sequence[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every class and function of a module, in any depth."""
    found: list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = []
    waiting: list[ast.AST] = list(ast.parse(text).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node)
        blocks = (getattr(node, name, ()) for name in ("body", "orelse", "finalbody", "handlers", "cases"))
        waiting += [each for block in blocks if isinstance(block, list) for each in block]  # no expression holds one
    return sorted(found, key=lambda node: node.lineno)


def too_long(texts: Mapping[str, str]) -> Iterator[str]:
    """Modules and functions that are longer than they may be."""
    for path, text in texts.items():
        if (lines := len(text.splitlines())) > MODULE_LINES and path not in LONGER_YET:
            yield f"{path}: {lines} lines, and a module has at most {MODULE_LINES}"
        for node in definitions(text):
            if isinstance(node, ast.ClassDef) or f"{path}: {node.name}" in LONGER_YET:
                continue
            if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines, and a function at most {FUNCTION_LINES}"


def named_twice(texts: Mapping[str, str]) -> Iterator[str]:
    """Classes of the program that share a name, private ones too: whoever reads one may take it for the other."""
    places = defaultdict(list)
    for path, text in texts.items():
        for node in definitions(text) if path.startswith("scraper/") else ():
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    for name, found in places.items():
        if len(found) > 1:
            yield f"{' and '.join(found)}: each has a class {name}"


def subjects(repository: Path, since: str = SINCE) -> Sequence[str]:
    """The subjects of the commits since this day, newest first; none where this is no repository."""
    words = ["git", "-C", str(repository), "log", "--no-merges", f"--since={since}T00:00:00Z", "--format=%s"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    return ended.stdout.splitlines()


def long_subjects(told: Sequence[str]) -> Iterator[str]:
    """Subjects that a list of commits would cut."""
    for subject in told:
        if len(subject) > SUBJECT_LENGTH:
            yield f"{subject}: {len(subject)} characters, and the subject of a commit has at most {SUBJECT_LENGTH}"


def faults(root: Path, repository: Path) -> list[str]:
    """Everything that is against the rules, in a tree and in the commits of its repository."""
    texts = sources(root)
    return [*too_long(texts), *named_twice(texts), *long_subjects(subjects(repository))]


def main() -> None:
    repository = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    if found := faults(ROOT, repository):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
