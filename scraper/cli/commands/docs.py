"""``scraper docs [TOPIC]``."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem


def _topics(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from scraper.io.docs import TOPICS, summary

    return [CompletionItem(topic, help=summary(topic)) for topic in TOPICS if topic.startswith(begun)]


@click.command()
@click.argument("topic", required=False, shell_complete=_topics)
def docs(topic: str | None) -> None:
    """Read the manual.

    Shows one page, or the list of topics without a TOPIC. A long page opens in $PAGER on a terminal; a pipe receives
    Markdown.
    """
    from scraper.io.docs import TOPICS, page, summary

    if topic is None:
        formatter = click.HelpFormatter(width=min(click.get_current_context().terminal_width or _columns(), 100))
        formatter.write_dl([(name, summary(name)) for name in TOPICS])
        sys.stdout.write(f"{formatter.getvalue()}\nRead one:  scraper docs {TOPICS[0]}\n")
        return
    _show(page(topic))


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _show(text: str) -> None:
    from scraper.cli.display.docs import plain, rendered

    if not sys.stdout.isatty():
        sys.stdout.write(plain(text))
        return
    import shutil

    size = shutil.get_terminal_size()
    shown = rendered(text, size.columns)
    if shown.count("\n") < size.lines:
        sys.stdout.write(shown)
    else:
        click.echo_via_pager(shown)
