"""Sources of figures: a number in brackets after the figure, the document at the end of the page."""

from __future__ import annotations

from collections.abc import Iterator

from scraper.cli.formatting import harmless
from scraper.core.catalogue import Source


class Sources:
    """Sources, numbered in the order of their first use."""

    def __init__(self) -> None:
        self._met: dict[Source, int] = {}

    def mark(self, source: Source | None) -> str:
        """`` [2]``; empty if no source is named."""
        if source is None:
            return ""
        return f" [{self._met.setdefault(source, len(self._met) + 1)}]"

    def fields(self) -> Iterator[tuple[str, str]]:
        """Yield each number with its document."""
        for source, number in self._met.items():
            yield f"[{number}]", f"{harmless(source.document)}, read {source.read_on.isoformat()}"


def source_json(source: Source | None) -> dict[str, str] | None:
    return None if source is None else {"document": source.document, "read_on": source.read_on.isoformat()}
