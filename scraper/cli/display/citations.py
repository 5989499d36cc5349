"""Where a figure comes from, in brackets behind it and in full at the end of the page."""

from __future__ import annotations

from collections.abc import Iterator

from scraper.cli.formatting import harmless
from scraper.core.catalogue import Source


class Sources:
    """Numbers the sources in the order in which they are met."""

    def __init__(self) -> None:
        self._met: dict[Source, int] = {}

    def mark(self, source: Source | None) -> str:
        """`` [2]``; nothing where no source is named."""
        if source is None:
            return ""
        return f" [{self._met.setdefault(source, len(self._met) + 1)}]"

    def fields(self) -> Iterator[tuple[str, str]]:
        """Each number, and what it stands for."""
        for source, number in self._met.items():
            yield f"[{number}]", f"{harmless(source.document)}, read {source.read_on.isoformat()}"


def source_json(source: Source | None) -> dict[str, str] | None:
    """A source as a plain object."""
    return None if source is None else {"document": source.document, "read_on": source.read_on.isoformat()}
