"""The rules of the house hold, and what breaks one is found."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.house import FUNCTION_LINES, MODULE_LINES, ROOT, faults, long_subjects, named_twice, subjects, too_long


def test_the_tree_and_its_commits_keep_the_rules() -> None:
    assert faults(ROOT, ROOT) == []


def test_a_module_of_401_lines_is_found_and_one_of_400_is_not() -> None:
    assert list(too_long({"scraper/a.py": "x = 1\n" * MODULE_LINES})) == []
    assert list(too_long({"scraper/a.py": "x = 1\n" * (MODULE_LINES + 1)})) == [
        "scraper/a.py: 401 lines, and a module has at most 400"
    ]


def test_a_function_is_counted_with_its_signature_and_without_its_decorators() -> None:
    body = "    x = 1\n" * (FUNCTION_LINES - 1)
    assert list(too_long({"scraper/a.py": f"@here\n@there\ndef f():\n{body}"})) == []
    assert list(too_long({"scraper/a.py": f"@here\nasync def f():\n{body}    y = 1\n"})) == [
        "scraper/a.py:2: f has 51 lines, and a function at most 50"
    ]


def test_classes_of_one_name_are_found_wherever_they_are_in_the_program() -> None:
    texts = {
        "scraper/a.py": "class Share: ...\n",
        "scraper/b/c.py": "def f():\n    class Share: ...\n",
        "tests/test_a.py": "class Share: ...\n",
    }
    assert list(named_twice(texts)) == ["scraper/a.py:1 and scraper/b/c.py:2: each has a class Share"]


def test_a_subject_of_73_characters_is_found_and_one_of_72_is_not(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        settings = ("user.name=a", "user.email=a@example.org", "commit.gpgsign=false")
        options = [option for setting in settings for option in ("-c", setting)]
        subprocess.run(["git", *options, "-C", str(tmp_path), *words], check=True, capture_output=True)

    assert subjects(tmp_path) == []
    git("init")
    git("commit", "--allow-empty", "-m", "a" * 72)
    git("commit", "--allow-empty", "-m", "b" * 73, "-m", "The body says why.")
    assert list(long_subjects(subjects(tmp_path, "2000-01-01"))) == [
        f"{'b' * 73}: 73 characters, and the subject of a commit has at most 72"
    ]
