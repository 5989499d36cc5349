"""``scraper docs [TOPIC]``."""

from __future__ import annotations

import re
import shutil
import sys
from typing import Final

import click
from click.shell_completion import CompletionItem

_MARK: Final = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
_FENCED: Final = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def _topics(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from scraper.io.docs import TOPICS, summary

    return [CompletionItem(topic, help=summary(topic)) for topic in TOPICS if topic.startswith(begun)]


@click.command()
@click.argument("topic", required=False, shell_complete=_topics)
def docs(topic: str | None) -> None:
    """Read the manual.

    Shows the page of a TOPIC, or the list of topics. On a terminal a long page opens in $PAGER; a pipe receives
    Markdown.
    """
    from scraper.io.docs import TOPICS, page, summary

    size = shutil.get_terminal_size()
    if topic is None:
        listed = click.HelpFormatter(width=min(size.columns, 100))
        listed.write_dl([(name, summary(name)) for name in TOPICS])
        sys.stdout.write(f"{listed.getvalue()}\nRead one:  scraper docs {TOPICS[0]}\n")
        return
    text = as_commands(page(topic))
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from scraper.cli.display.docs import rendered

    shown = rendered(text, size.columns)
    if shown.count("\n") < size.lines:
        sys.stdout.write(shown)
    else:
        click.echo_via_pager(shown.removesuffix("\n"))


def as_commands(page: str) -> str:
    """Return a page without the marks of generated blocks, and with links to other pages as commands."""
    parts = _FENCED.split(_MARK.sub("", page))
    return "".join(part if part.startswith("```") else _in_words(part) for part in parts)


def _in_words(prose: str) -> str:
    return _LINK.sub(_link_in_words, _PICTURE.sub(r"*\1.*", prose))


def _link_in_words(link: re.Match[str]) -> str:
    words, target = link.groups()
    path = target.partition("#")[0]
    if "://" in target:
        return f"{words} ({target})"
    if not path.endswith(".md") or "/" in path:
        return words
    command = f"`scraper docs {path.removesuffix('.md')}`"
    return command if f"{words}.md" == path else f"{words} ({command})"
