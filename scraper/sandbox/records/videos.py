"""Video boards: 500 videos for each country, period and order."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import caption, draw, handle, long_id, signed_url, urls_expire_s
from scraper.sandbox.records.places import COUNTRIES, SCRIPTS, VIDEO_COUNTRIES
from scraper.sandbox.records.words import SECOND

POOL_SIZE = 2_000
BOARD_SIZE = 500
"""`pagination.total_count` of the documented example."""


class VideoBoards:
    """All video boards. One pool serves all countries, so that boards overlap."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._board = lru_cache(maxsize=64)(self._draw_board)

    def total(self, country: str) -> int:
        """Return how many videos the board holds; 0 for a country without one."""
        return BOARD_SIZE if country in VIDEO_COUNTRIES else 0

    def page(self, country: str, period_days: int, order_by: str, at: datetime, start: int, count: int) -> list[Record]:
        """The records from `start` (0-based) on, at most `count`."""
        if country not in VIDEO_COUNTRIES:
            return []
        board = self._board(country, period_days, order_by, at.date())
        return [self._record(index, country, at) for index in board[start : start + count]]

    def _draw_board(self, country: str, period_days: int, order_by: str, day: date) -> tuple[int, ...]:
        fame = draw(self._seed, "videos")
        taste = draw(self._seed, "videos", country)
        kind = draw(self._seed, "videos", country, order_by)
        news = draw(self._seed, "videos", country, period_days, day)
        score = [
            fame.random() + taste.random() + 0.6 * kind.random() + (0.5 if period_days == 7 else 0.2) * news.random()
            for _ in range(POOL_SIZE)
        ]
        return tuple(sorted(range(POOL_SIZE), key=score.__getitem__, reverse=True)[:BOARD_SIZE])

    def _record(self, index: int, country: str, at: datetime) -> Record:
        """The record has no counts: the documented example has none, although the page's prose promises them."""
        rng = draw(self._seed, "video", index)
        item_id = long_id(rng)
        script = SCRIPTS.get(rng.choice(VIDEO_COUNTRIES), "english")
        title = "" if rng.random() < 0.02 else f"{caption(rng, script)} #{rng.choice(SECOND[script])}"
        return {
            "country_code": country,
            "cover": signed_url(rng, "tos-p-0068c799", "noop.image", urls_expire_s(at)),
            "duration": rng.randint(5, 180),
            "id": item_id,
            "item_id": item_id,
            "item_url": f"https://www.tiktok.com/@{handle(rng)}/video/{item_id}",
            "region": COUNTRIES[country],
            "title": title,
        }
