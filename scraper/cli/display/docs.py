"""A page of the manual, as Markdown for a pipe and rendered for a terminal."""

from __future__ import annotations

import io
import re
from typing import Final

WIDEST: Final = 100
"""Columns of running text; longer lines are hard to read."""

_MARK: Final = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
_FENCED: Final = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")

_STYLES: Final = {
    "markdown.h1": "bold underline",
    "markdown.h2": "bold",
    "markdown.h3": "bold italic",
    "markdown.code": "cyan",
    "markdown.code_block": "cyan",
    "markdown.table.header": "bold",
    "markdown.table.border": "dim",
}
"""Colours that can be read on light and on dark terminals."""


def plain(text: str) -> str:
    """Return the page without the marks of generated blocks, and with links to other pages as commands."""
    parts = _FENCED.split(_MARK.sub("", text))
    return "".join(part if part.startswith("```") else _in_words(part) for part in parts)


def rendered(text: str, columns: int) -> str:
    """Return the page with the terminal's styles, at most `WIDEST` columns wide."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    drawn = io.StringIO()
    width = min(columns, WIDEST)
    console = Console(file=drawn, width=width, force_terminal=True, highlight=False, theme=Theme(_STYLES))
    console.print(Markdown(plain(text), code_theme="ansi_dark", hyperlinks=False))
    return drawn.getvalue()


def _in_words(prose: str) -> str:
    return _LINK.sub(_link_in_words, _PICTURE.sub(r"*\1.*", prose))


def _link_in_words(link: re.Match[str]) -> str:
    words, target = link.groups()
    path = target.partition("#")[0]
    if "://" in target:
        return f"{words} ({target})"
    if path.endswith(".md") and "/" not in path:
        return f"{words} (`scraper docs {path.removesuffix('.md')}`)"
    return words
