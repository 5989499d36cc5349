"""The sandbox's boards as bare lists of ids, for replays: without records, and so without their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from scraper.sandbox.records.aging import AS_USUAL, Aging
from scraper.sandbox.records.creators import CreatorBoards
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.videos import VideoBoards


class PlayedLists:
    """The boards of a seed."""

    def __init__(self, seed: int, aging: Aging = AS_USUAL) -> None:
        self._hashtags = HashtagBoards(seed, aging)
        self._creators = CreatorBoards(seed, aging)
        self._videos = VideoBoards(seed, aging)

    def on(
        self, table: str, country: str | None, period_days: int | None, parameters: Mapping[str, str], day: date
    ) -> Sequence[int]:
        """Return a board's entries on a day, best first, as its own numbers; none for a table without boards."""
        match table:
            case "hashtags":
                industry = parameters.get("industry_id", "")
                found = self._hashtags.standing(
                    country, period_days or 7, day, int(industry) if industry.isdecimal() else None
                )
                return [index for index, _ in found]
            case "creators":
                return self._creators.numbers(country, parameters.get("sort_by", "follower"), day)
            case "videos":
                return self._videos.numbers(country or "US", period_days or 7, parameters.get("order_by", "vv"), day)
            case _:
                return []
