"""The manual's pages, as they are packaged in ``scraper/docs``."""

from __future__ import annotations

from importlib import resources
from typing import Final

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest

TOPICS: Final = (
    "jobs",
    "command-line",
    "runs",
    "archive",
    "engines",
    "recipes",
    "vendors",
    "sandbox",
    "backtest",
    "operating",
    "state",
    "fleet",
    "security",
    "assumptions",
    "python",
    "internals",
    "glossary",
)
"""The pages in the order in which they are listed; each is ``scraper/docs/<topic>.md``."""


def page(topic: str) -> str:
    """Return a page as Markdown; UsageError with the nearest topic if there is no such page."""
    name = topic.lower().removesuffix(".md")
    if name not in TOPICS:
        raise UsageError(f"no topic {topic!r}{nearest(name, TOPICS)}; there are {', '.join(TOPICS)}")
    return (resources.files("scraper") / "docs" / f"{name}.md").read_text(encoding="utf-8")


def summary(topic: str) -> str:
    """Return what a page says of itself: the paragraph below its title, on one line."""
    _title, _blank, below = page(topic).partition("\n\n")
    return " ".join(below.partition("\n\n")[0].split())
