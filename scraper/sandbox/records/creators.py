"""Creator boards: some 459 creators a country, sorted three ways."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from random import Random

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import days_grown, draw, handle, long_id, person, signed_url, spread, urls_expire_s
from scraper.sandbox.records.places import CREATOR_COUNTRIES

SORT_ORDERS = {
    "follower": attrgetter("follower_cnt"),
    "engagement": attrgetter("engagement"),
    "avg_views": attrgetter("average_views"),
}
TYPICAL_TOTAL = 459
"""`pagination.total` of the documented example; real totals differ by country, the spread is a guess."""
LISTED_SHARE = 0.8
"""The share of a country's creators that is on the board on one day."""


@dataclass(frozen=True, slots=True)
class CreatorFigures:
    """The numbers that decide a creator's rank; the rest of the record is drawn when it is shown."""

    country: str
    index: int
    follower_cnt: int
    engagement: float
    average_views: int


class CreatorBoards:
    """All creator boards."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._listed = lru_cache(maxsize=64)(self._draw_listed)
        self._board = lru_cache(maxsize=64)(self._draw_board)

    def total(self, country: str | None) -> int:
        """How many creators the board holds, the same on every day; `country` is ``None`` for all of them."""
        if country is not None and country not in CREATOR_COUNTRIES:
            return 0
        return TYPICAL_TOTAL + draw(self._seed, "creators", country).randint(-40, 40)

    def page(self, country: str | None, sort_by: str, at: datetime, start: int, count: int) -> list[Record]:
        """The records from `start` (0-based) on, at most `count`."""
        board = self._board(country, sort_by, at.date())
        return [self._record(standing, at) for standing in board[start : start + count]]

    def _draw_board(self, country: str | None, sort_by: str, day: date) -> tuple[CreatorFigures, ...]:
        if country is None:
            standings = [s for c in CREATOR_COUNTRIES for s in self._listed(c, day)[: self.total(c) // 12]]
        else:
            standings = list(self._listed(country, day))
        return tuple(sorted(standings, key=SORT_ORDERS[sort_by], reverse=True)[: self.total(country)])

    def _draw_listed(self, country: str, day: date) -> tuple[CreatorFigures, ...]:
        """Draw the creators on the board that day, unordered."""
        total = self.total(country)
        rng = draw(self._seed, "creators", country, "numbers")
        growth = 1 + 0.001 * days_grown(day)
        everybody = [
            CreatorFigures(country, index, int(spread(rng, 4.6, 7.6) * growth), rng.random(), spread(rng, 3.5, 7.4))
            for index in range(int(total / LISTED_SHARE))
        ]
        return tuple(draw(self._seed, "creators", country, day).sample(everybody, total))

    def _record(self, standing: CreatorFigures, at: datetime) -> Record:
        rng = draw(self._seed, "creator", standing.country, standing.index)
        expires_s = urls_expire_s(at)
        tcm_id = long_id(rng)
        return {
            "tcm_id": tcm_id,
            "user_id": str(rng.randrange(10**9, 10 ** rng.choice((11, 17)))) if rng.random() < 0.6 else long_id(rng),
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
    """A video of the creator. Its link says `@author` literally, as documented: the handle is never filled in."""
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
