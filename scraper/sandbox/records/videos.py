"""Video boards: 500 videos for each country, period and order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from scraper.sandbox.records import Record
from scraper.sandbox.records.aging import AS_USUAL, Aging, BoardPlaces, mixed, places_of, spliced
from scraper.sandbox.records.draws import caption, draw, handle, long_id, signed_url, urls_expire_s
from scraper.sandbox.records.given import GivenLists
from scraper.sandbox.records.words import COUNTRIES, SCRIPTS, SECOND, VIDEO_COUNTRIES

BOARD_SIZE = 500
"""`pagination.total_count` of the documented example."""


class VideoBoards:
    """All video boards. Half of their places are the world's, so that boards overlap; half belong to one order only."""

    def __init__(self, seed: int, aging: Aging = AS_USUAL, lists: GivenLists | None = None) -> None:
        self._seed = seed
        self._aging = aging
        self._lists = lists if lists is not None and lists.plays("videos") else None
        self._places = lru_cache(maxsize=64)(self._draw_places)
        self._board = lru_cache(maxsize=64)(self._draw_board)

    def total(self, country: str, period_days: int, day: date) -> int:
        """Return the number of videos on the board; 0 for a country without one."""
        if country not in VIDEO_COUNTRIES:
            return 0
        return BOARD_SIZE if self._lists is None else len(self._lists.on("videos", country, period_days, day))

    def page(self, country: str, period_days: int, order_by: str, at: datetime, start: int, count: int) -> list[Record]:
        """Return the records from `start` (0-based) on, at most `count`."""
        if country not in VIDEO_COUNTRIES:
            return []
        if self._lists is not None:
            listed = self._lists.on("videos", country, period_days, at.date())
            return [self._record(one, country, at, one) for one in listed[start : start + count]]
        board = self._board(country, period_days, order_by, at.date())
        return [self._record(index, country, at) for index in board[start : start + count]]

    def numbers(self, country: str, period_days: int, order_by: str, day: date) -> Sequence[int]:
        return self._board(country, period_days, order_by, day) if country in VIDEO_COUNTRIES else ()

    def _draw_places(self, country: str, period_days: int, order_by: str) -> BoardPlaces:
        turnover = self._aging.turnover("videos", period_days)
        tempo = self._aging.tempo(self._seed, "videos", country)
        own, shared = (
            places_of(self._seed, "videos", country, (period_days, kind), BOARD_SIZE, turnover, tempo)
            for kind in (order_by, "any order")
        )
        return spliced(own, shared, first=0, every=2)

    def _draw_board(self, country: str, period_days: int, order_by: str, day: date) -> tuple[int, ...]:
        held = self._places(country, period_days, order_by).on(day)
        return tuple(mixed(spell.key, spell.spell) >> 16 for spell in held)

    def _record(self, index: int | str, country: str, at: datetime, given_id: str | None = None) -> Record:
        """Return a record without counts: the documented example has none, although the page's prose promises them."""
        rng = draw(self._seed, "video", index)
        item_id = given_id or long_id(rng)
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
