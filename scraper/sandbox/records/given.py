"""Boards that replay given lists: those of a world file or of an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from scraper.sandbox.records.draws import GROWS_FROM
from scraper.sandbox.records.words import COUNTRIES

_COUNTRIES: Final = {country: number for number, country in enumerate(COUNTRIES, start=1)}
_PERIODS: Final = (0, 7, 30, 120)


class GivenLists:
    """Lists of ids by board and night, best first.

    A board of the sandbox plays the list of its own name, `hashtags/US/7` or `hashtags/US`, if there is one. Else it
    plays one of the lists of its kind, or of all lists if none has a kind that the sandbox knows. The lists of a board
    follow each other day by day from 1 January 2026 on, and begin again at their end.
    """

    def __init__(self, lists: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._lists = lists
        self._kinds = {name.partition("/")[0].rpartition(".")[2] for name in lists}

    def plays(self, kind: str) -> bool:
        """Return whether boards of a kind are replayed; posts are only if there are lists of posts."""
        known = self._kinds & {"hashtags", "creators", "videos", "posts"}
        return kind in known or (not known and kind != "posts")

    def ids(self, kind: str) -> Sequence[str]:
        """Return all ids of the lists that a kind may play, each once."""
        return tuple(dict.fromkeys(one for name in self._of(kind) for night in self._lists[name] for one in night))

    def on(self, kind: str, country: str | None, period_days: int, day: date) -> Sequence[str]:
        """Return the ids of a board on a day, best first."""
        nights = self._lists[self._name(kind, country, period_days)]
        return nights[(day - GROWS_FROM).days % len(nights)]

    def _of(self, kind: str) -> Sequence[str]:
        of_kind = [name for name in self._lists if name.partition("/")[0].rpartition(".")[2] == kind]
        return of_kind or list(self._lists)

    def _name(self, kind: str, country: str | None, period_days: int) -> str:
        candidates = self._of(kind)
        place = "/".join([country or "all", *([str(period_days)] if period_days else [])])
        for ending in (place, country or "all"):
            for name in candidates:
                if name.partition("/")[2] == ending:
                    return name
        number = _COUNTRIES.get(country or "", 0) + len(_COUNTRIES) * _PERIODS.index(period_days)
        return candidates[number % len(candidates)]
