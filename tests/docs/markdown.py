"""README.md and the pages of the manual as this package reads them: marked blocks and fenced code.

A *block* stands between ``<!-- generated: name -->`` (or ``<!-- command: name -->``) and ``<!-- end -->``, each on a
line of its own. The info of *fenced code* says what is done with it here: ``sql`` and ``python`` are run, ``console``
holds commands behind ``$`` with their output, ``bash`` holds commands that need a key or the network and are only
parsed, ``toml`` that begins with ``# configs/…`` is that file, and so is ``sql`` that begins with ``-- configs/…``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scraper.io.docs import TOPICS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
DOCS = ROOT / "scraper" / "docs"
PAGES = tuple(DOCS / f"{topic}.md" for topic in TOPICS)
RECIPES = DOCS / "recipes.md"
DOCUMENTS = (README, *PAGES)

_BLOCK = re.compile(r"(<!-- (generated|command): ([^\n]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OWN_PATH = re.compile(r"(?:#|--) (configs/[\w/-]+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Fence:
    """One piece of fenced code."""

    info: str
    body: str
    title: str
    """The line of prose before it."""

    @property
    def commands(self) -> tuple[str, ...]:
        """Of ``console``: what stands behind ``$``; of ``bash``: every line."""
        lines = self.body.splitlines()
        if self.info == "console":
            return tuple(line[2:] for line in lines if line.startswith("$ "))
        return tuple(line for line in lines if line and not line.startswith("#"))


def manual() -> str:
    """The text of README.md and of every page."""
    return "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)


def without_fences(text: str) -> str:
    """The prose: headings, paragraphs, tables."""
    return _FENCE.sub("", text)


def fences(text: str, info: str) -> tuple[Fence, ...]:
    """The fenced code of one kind, in order."""
    return tuple(
        Fence(match[1], match[2], _line_before(text, match.start()))
        for match in _FENCE.finditer(text)
        if match[1] == info
    )


def _line_before(text: str, place: int) -> str:
    """The last line of text before a place, whatever comments stand between; empty if there is none."""
    while place > 0:
        begins = text.rfind("\n", 0, place - 1) + 1
        line = text[begins:place].rstrip("\n")
        if line and not line.startswith("<!--"):
            return line
        place = begins
    return ""


def job_files(text: str) -> dict[str, str]:
    """Jobs that the text shows whole, by path."""
    return {path: body for path, body in own_files(text).items() if Path(path).parent == Path("configs")}


def own_files(text: str) -> dict[str, str]:
    """Every file of the user's own that the text shows whole, by path: jobs, vendors, tables."""
    bodies = [fence.body for info in ("toml", "sql") for fence in fences(text, info)]
    return {match[1]: body for body in bodies if (match := _OWN_PATH.match(body))}


def blocks(text: str, kind: str) -> dict[str, str]:
    """The marked blocks of one kind by name; of blocks of the same name, the last."""
    return {match[3]: match[4] for match in _BLOCK.finditer(text) if match[2] == kind}


def with_blocks(text: str, content: Callable[[str, str], str]) -> str:
    """The text with every generated block's content replaced by ``content(name, what stands there)``."""

    def replaced(match: re.Match[str]) -> str:
        if match[2] != "generated":
            return match[0]
        return f"{match[1]}{content(match[3], match[4]).strip()}\n{match[5]}"

    return _BLOCK.sub(replaced, text)
