"""A page of the manual on a terminal."""

from __future__ import annotations

import io
from typing import ClassVar, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.syntax import Syntax
from rich.theme import Theme

WIDEST: Final = 100
"""Columns of prose; longer lines are hard to read."""

_STYLES: Final = {
    "markdown.h1": "bold underline",
    "markdown.h2": "bold underline",
    "markdown.h3": "bold",
    "markdown.code": "cyan",
    "markdown.table.header": "bold",
    "markdown.table.border": "dim",
}
"""Readable on light and on dark terminals: no background, no white or black."""


def rendered(text: str, columns: int) -> str:
    """Return Markdown with the terminal's styles: prose at most `WIDEST` columns wide, code unchanged."""
    drawn = io.StringIO()
    width = min(columns, WIDEST)
    console = Console(file=drawn, width=width, force_terminal=True, highlight=False, theme=Theme(_STYLES))
    console.print(_Page(text, code_theme="ansi_dark", hyperlinks=False), crop=False)
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()) + "\n"


class _Code(CodeBlock):
    """Code without margins that is never wrapped, so that whole lines can be copied from a terminal."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Syntax("", self.lexer_name, theme=self.theme).highlight(str(self.text).rstrip())
        code.no_wrap, code.overflow = True, "ignore"
        yield code


class _Page(Markdown):
    """Markdown with our code blocks."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Code,
        "code_block": _Code,
    }
