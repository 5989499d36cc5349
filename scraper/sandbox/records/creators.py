"""Creator boards: some 459 creators a country, sorted three ways."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from math import sin
from operator import attrgetter
from random import Random
from typing import NamedTuple

from scraper.sandbox.records import Record
from scraper.sandbox.records.aging import AS_USUAL, Aging, BoardPlaces, key_of, mixed, places_of
from scraper.sandbox.records.draws import days_grown, draw, handle, long_id, person, signed_url, urls_expire_s
from scraper.sandbox.records.given import GivenLists
from scraper.sandbox.records.words import CREATOR_COUNTRIES

SORT_ORDERS = {
    "follower": attrgetter("follower_cnt"),
    "engagement": attrgetter("engagement"),
    "avg_views": attrgetter("average_views"),
}
_21_BITS = (1 << 21) - 1
TYPICAL_TOTAL = 459
"""`pagination.total` of the documented example; real totals differ by country, the spread is a guess."""


class CreatorFigures(NamedTuple):
    """The numbers that decide a creator's rank; the rest of the record is drawn when it is shown."""

    country: str
    number: int
    follower_cnt: int
    engagement: float
    average_views: int
    given_id: str | None = None
    """Its id, if its board replays a list."""


@lru_cache(maxsize=32_768)
def _lasting(index: int) -> tuple[float, float, float, float, float, float]:
    """Return a creator's rate of growth, size and beat of its swing, and its followers, engagement and views."""
    many, more = mixed(index, 0), mixed(index, 1)
    return (
        0.002 * (many & _21_BITS) / _21_BITS,
        0.1 * sin(many >> 42),
        0.05 + 0.2 * (many >> 21 & _21_BITS) / _21_BITS,
        10 ** (4.6 + 3 * (more & _21_BITS) / _21_BITS),
        0.9 * (more >> 21 & _21_BITS) / _21_BITS,
        10 ** (3.5 + 3.9 * (more >> 42) / _21_BITS),
    )


class CreatorBoards:
    """All creator boards."""

    def __init__(self, seed: int, aging: Aging = AS_USUAL, lists: GivenLists | None = None) -> None:
        self._seed = seed
        self._aging = aging
        self._lists = lists if lists is not None and lists.plays("creators") else None
        self._places = lru_cache(maxsize=64)(self._draw_places)
        self._listed = lru_cache(maxsize=64)(self._draw_listed)
        self._board = lru_cache(maxsize=64)(self._draw_board)

    def total(self, country: str | None, day: date) -> int:
        """Return the number of creators on the board, the same on every day; `country` is ``None`` for all of them."""
        if country is not None and country not in CREATOR_COUNTRIES:
            return 0
        if self._lists is not None:
            return len(self._lists.on("creators", country, 0, day))
        return self._usual_total(country)

    def _usual_total(self, country: str | None) -> int:
        return TYPICAL_TOTAL + draw(self._seed, "creators", country).randint(-40, 40)

    def page(self, country: str | None, sort_by: str, at: datetime, start: int, count: int) -> list[Record]:
        """Return the records from `start` (0-based) on, at most `count`."""
        if country is not None and country not in CREATOR_COUNTRIES:
            return []
        board = self._board(country, sort_by, at.date())
        return [self._record(standing, at) for standing in board[start : start + count]]

    def numbers(self, country: str | None, sort_by: str, day: date) -> list[int]:
        if country is not None and country not in CREATOR_COUNTRIES:
            return []
        return [standing.number for standing in self._board(country, sort_by, day)]

    def _draw_board(self, country: str | None, sort_by: str, day: date) -> tuple[CreatorFigures, ...]:
        if self._lists is not None:  # in the order of the list, whatever was requested
            return self._given(country, day)
        if country is None:
            standings = [s for c in CREATOR_COUNTRIES for s in self._listed(c, day)[: self._usual_total(c) // 12]]
        else:
            standings = list(self._listed(country, day))
        return tuple(sorted(standings, key=SORT_ORDERS[sort_by], reverse=True)[: self._usual_total(country)])

    def _given(self, country: str | None, day: date) -> tuple[CreatorFigures, ...]:
        lists = self._lists
        listed = () if lists is None else lists.on("creators", country, 0, day)
        return tuple(self._figures(country or "US", key_of(one), day, one) for one in listed)

    def _draw_places(self, country: str) -> BoardPlaces:
        """Draw the places of a board; a creator belongs to one country, since none is popular everywhere."""
        turnover, tempo = self._aging.turnover("creators"), self._aging.tempo(self._seed, "creators", country)
        return places_of(
            self._seed, "creators", country, "", self._usual_total(country), turnover, tempo, worldwide=0.0
        )

    def _draw_listed(self, country: str, day: date) -> tuple[CreatorFigures, ...]:
        """Draw the creators on the board that day, unordered."""
        held = self._places(country).on(day)
        return tuple(self._figures(country, mixed(spell.key, spell.spell) >> 16, day) for spell in held)

    def _figures(self, country: str, index: int, day: date, given_id: str | None = None) -> CreatorFigures:
        """Return a creator's numbers on a day: followers grow at the creator's rate; views and engagement swing."""
        rate, phase, beat, followers, engagement, views = _lasting(index)
        growth = 1 + rate * days_grown(day)
        swing = 1 + phase * sin(day.toordinal() * beat)
        return CreatorFigures(country, index, int(followers * growth), engagement * swing, int(views * swing), given_id)

    def _record(self, standing: CreatorFigures, at: datetime) -> Record:
        rng = draw(self._seed, "creator", standing.country, standing.number)
        expires_s = urls_expire_s(at)
        tcm_id = long_id(rng)
        user_id = str(rng.randrange(10**9, 10 ** rng.choice((11, 17)))) if rng.random() < 0.6 else long_id(rng)
        return {
            "tcm_id": tcm_id,
            "user_id": standing.given_id or user_id,
            "nick_name": person(rng),
            "avatar_url": signed_url(rng, "tos-avt-0068", "cropcenter:300:300.png", expires_s),
            "country_code": standing.country,
            "follower_cnt": standing.follower_cnt,
            "liked_cnt": int(standing.follower_cnt * (4 + 60 * standing.engagement)),
            "tt_link": f"https://www.tiktok.com/@{handle(rng)}",
            "tcm_link": f"https://creatormarketplace.tiktok.com/ad#/author/{tcm_id}",
            "items": [_item(rng, standing, expires_s) for _ in range(rng.randint(1, 4))],
        }


def _item(rng: Random, standing: CreatorFigures, expires_s: int) -> Record:
    """Return a video of the creator. Its link contains `@author` literally, as documented, instead of the handle."""
    item_id = long_id(rng)
    views = int(standing.average_views * rng.uniform(0.4, 1.6))
    return {
        "item_id": item_id,
        "cover_url": signed_url(rng, "tos-p-0068", "noop.image", expires_s),
        "tt_link": f"https://www.tiktok.com/@author/video/{item_id}",
        "vv": views,
        "liked_cnt": int(views * (0.01 + 0.1 * standing.engagement)),
        "create_time": rng.randrange(1_735_689_600, 1_793_000_000),
    }
