"""Hashtag boards: one pool of hashtags, ranked by country and day."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import sin
from random import Random

from scraper.sandbox.records import Record
from scraper.sandbox.records.aging import AS_USUAL, Aging, BoardPlaces, places_of, spliced, turn_of
from scraper.sandbox.records.draws import draw, midnight_s, person, signed_url, spread
from scraper.sandbox.records.given import GivenLists
from scraper.sandbox.records.turnover import Turnover, UnreachableTurnoverError, shares
from scraper.sandbox.records.words import COUNTRIES, FIRST, HASHTAG_COUNTRIES, INDUSTRIES, SCRIPTS, SECOND, TAILS

BOARD_SIZE = 100
"""`pagination.total` of a hashtag board seen from both vendors (vendors' pages, read 2026-11-21)."""
CANDIDATES = 31
"""Hashtags that take turns at one place: they come back, like real ones."""
POOL_SIZE = CANDIDATES * BOARD_SIZE
OF_AN_INDUSTRY = 5
"""Hashtags of an industry per place of its board: it is short, and its hashtags come back soon."""
SLOWER = {7: (30, 0), 30: (120, 1)}
"""Period → the period that lends its board every fourth place, and the first of them: boards of a country overlap."""
LENT_EVERY = 4

TREND_STEP_DAYS = {7: 1, 30: 5, 90: 15, 120: 20}
"""Days between the seven points of a trend; that they span the period is our assumption."""


_INDUSTRIES = tuple(INDUSTRIES)


@dataclass(frozen=True, slots=True)
class Hashtag:
    """A hashtag; its id and name are the same on every board."""

    index: int
    hashtag_id: str
    name: str
    home: str
    industry: int | None
    fame: float
    promoted: bool
    trending_type: int | None
    faces: tuple[str, ...]
    """Names of the creators shown beside it; a third of the hashtags have none."""


def _name(rng: Random, home: str) -> str:
    script = SCRIPTS.get(home, "english")
    name = rng.choice(FIRST[script]) + rng.choice(SECOND[script])
    return name + rng.choice(TAILS) if script in {"english", "spanish", "portuguese", "vietnamese"} else name


def _pool(seed: int) -> tuple[Hashtag, ...]:
    """Draw the pool, with rates from 50 counted records: industry in 26, creators in 32, trending_type in 8."""
    rng = draw(seed, "hashtags")
    pool: list[Hashtag] = []
    ids: set[str] = set()
    names: set[str] = set()
    for index in range(POOL_SIZE):
        digits = rng.choice((4, 5, 6, 7, 8, 13, 16, 19))
        while (hashtag_id := str(rng.randrange(10 ** (digits - 1), min(10**digits, 76 * 10**17)))) in ids:
            pass
        home = rng.choice(HASHTAG_COUNTRIES)
        name = _name(rng, home)
        if index % 50 == 49:
            name = pool[rng.randrange(index)].name  # one name, two ids
        elif name in names:
            name = f"{name}{index}"
        ids.add(hashtag_id)
        names.add(name)
        pool.append(_hashtag(rng, index, hashtag_id, name, home))
    return tuple(pool)


def _given(seed: int, index: int, hashtag_id: str) -> Hashtag:
    rng = draw(seed, "hashtags", hashtag_id)
    home = rng.choice(HASHTAG_COUNTRIES)
    return _hashtag(rng, index, hashtag_id, f"{_name(rng, home)}{hashtag_id[-5:]}", home)


def _hashtag(rng: Random, index: int, hashtag_id: str, name: str, home: str) -> Hashtag:
    return Hashtag(
        index=index,
        hashtag_id=hashtag_id,
        name=name,
        home=home,
        industry=rng.choice(_INDUSTRIES) if rng.random() < 0.52 else None,
        fame=rng.random() + rng.random(),
        promoted=rng.random() < 0.04,
        trending_type=rng.choice((1, 2)) if rng.random() < 0.16 else None,
        faces=tuple(person(rng) for _ in range(rng.randint(1, 3))) if rng.random() < 0.64 else (),
    )


class HashtagBoards:
    """All hashtag boards; both vendors show the same ones."""

    def __init__(self, seed: int, aging: Aging = AS_USUAL, lists: GivenLists | None = None) -> None:
        self._seed = seed
        self._aging = aging
        self.pool = _pool(seed)
        self.by_id = {hashtag.hashtag_id: hashtag for hashtag in self.pool}
        self._lists = lists if lists is not None and lists.plays("hashtags") else None
        if self._lists is not None:
            given = [one for one in self._lists.ids("hashtags") if one not in self.by_id]
            self.pool += tuple(_given(seed, POOL_SIZE + number, one) for number, one in enumerate(given))
            self.by_id = {hashtag.hashtag_id: hashtag for hashtag in self.pool}
        self._candidates = lru_cache(maxsize=64)(self._draw_candidates)
        self._places = lru_cache(maxsize=256)(self._draw_places)
        self._standing = lru_cache(maxsize=256)(self._draw_standing)
        self._board = lru_cache(maxsize=64)(self._draw_board)

    def board(
        self, country: str | None, period_days: int, day: date, *, industry: int | None = None, only_new: bool = False
    ) -> tuple[Record, ...]:
        """Return the records of one board by rank, shared with later callers: copy one to change it.

        `country` is ``None`` for all regions: each record then names its own country. `rank_diff` is missing if
        `rank_diff_type` is 4 (new on the board). `only_new` returns only those records, with their rank on the whole
        board (our choice; not documented).
        """
        board = self._board(country, period_days, day, industry)
        return tuple(record for record in board if record["rank_diff_type"] == 4) if only_new else board

    def standing(
        self, country: str | None, period_days: int, day: date, industry: int | None = None
    ) -> tuple[tuple[int, float], ...]:
        """Return the places in the pool of a board's hashtags, best first, each with its strength."""
        if country is not None and country not in HASHTAG_COUNTRIES:
            return ()
        return self._standing(country, period_days, day, industry)

    def _own_turnover(self, period_days: int) -> tuple[Turnover, bool]:
        """Return the turnover of a board's own places, and whether it has some of a slower board as well."""
        asked = self._aging.turnover("hashtags", period_days)
        if period_days in SLOWER:
            own = asked.without(1 / LENT_EVERY, self._own_turnover(SLOWER[period_days][0])[0])
            with suppress(UnreachableTurnoverError):
                shares(own)
                return own, True
        return asked, False

    def _draw_places(self, country: str | None, period_days: int, industry: int | None) -> BoardPlaces:
        turnover, lends = self._own_turnover(period_days)
        tempo = self._aging.tempo(self._seed, "hashtags", country)
        if industry is not None:
            count = len(self._candidates(industry)) // OF_AN_INDUSTRY
            return places_of(self._seed, "hashtags", country, (period_days, industry), count, turnover, tempo)
        own = places_of(self._seed, "hashtags", country, period_days, BOARD_SIZE, turnover, tempo)
        if not lends:
            return own
        slower, first = SLOWER[period_days]
        slower_turnover = self._own_turnover(slower)[0]
        lent = places_of(self._seed, "hashtags", country, slower, BOARD_SIZE, slower_turnover, tempo)
        return spliced(own, lent, first, LENT_EVERY)

    def _draw_candidates(self, industry: int | None) -> Sequence[int]:
        return [hashtag.index for hashtag in self.pool if industry in {None, hashtag.industry}]

    def _draw_standing(
        self, country: str | None, period_days: int, day: date, industry: int | None
    ) -> tuple[tuple[int, float], ...]:
        """Draw indices into the pool with their strengths, best first."""
        if self._lists is not None:
            listed = [self.by_id[name] for name in self._lists.on("hashtags", country, period_days, day)]
            found = [hashtag.index for hashtag in listed if industry in {None, hashtag.industry}]
            return tuple((index, 1 - rank / len(found)) for rank, index in enumerate(found))
        candidates = self._candidates(industry)
        places = self._places(country, period_days, industry)
        turns = len(candidates) // max(1, len(places.places))
        return tuple(
            (candidates[held.place + len(places.places) * turn_of(held, turns)], held.strength)
            for held in places.on(day)
        )

    def _draw_board(self, country: str | None, period_days: int, day: date, industry: int | None) -> tuple[Record, ...]:
        if country is not None and country not in HASHTAG_COUNTRIES:
            return ()
        before = self._standing(country, period_days, day - timedelta(days=1), industry)
        yesterday = {index: rank for rank, (index, _) in enumerate(before, start=1)}
        return tuple(
            self._record(self.pool[index], rank, yesterday.get(index), country, period_days, day, strength)
            for rank, (index, strength) in enumerate(self._standing(country, period_days, day, industry), start=1)
        )

    def _record(
        self,
        hashtag: Hashtag,
        rank: int,
        rank_before: int | None,
        country: str | None,
        period_days: int,
        day: date,
        strength: float,
    ) -> Record:
        rng = draw(self._seed, "counts", hashtag.hashtag_id, country, period_days)
        place = country or hashtag.home
        views = int(10 ** (5.2 + 1.9 * hashtag.fame + 1.2 * rng.random()) * (1 + period_days / 30) * (0.4 + strength))
        record: Record = {
            "hashtag_id": hashtag.hashtag_id,
            "hashtag_name": hashtag.name,
            "country_info": {"id": place, "value": COUNTRIES[place], "label": place},
        }
        if hashtag.industry is not None:
            record["industry_info"] = {
                "id": hashtag.industry,
                "value": INDUSTRIES[hashtag.industry],
                "label": f"label_{hashtag.industry}",
            }
        record["is_promoted"] = hashtag.promoted
        record["trend"] = _trend(rng, period_days, day)
        if hashtag.faces:
            expires_s = midnight_s(day) + 30 * 3600
            record["creators"] = [
                {"nick_name": face, "avatar_url": signed_url(rng, "tos-avt-0068", "cropcenter:100:100.png", expires_s)}
                for face in hashtag.faces
            ]
        record["publish_cnt"] = max(1, views // spread(rng, 2.7, 4.2))
        record["video_views"] = views
        record["rank"] = rank
        if hashtag.trending_type is not None:
            record["trending_type"] = hashtag.trending_type
        if rank_before is None:
            return {**record, "rank_diff_type": 4}
        moved = rank_before - rank
        return {**record, "rank_diff": abs(moved), "rank_diff_type": 1 if moved > 0 else 3 if moved < 0 else 2}


def _trend(rng: Random, period_days: int, day: date) -> list[Record]:
    """Return seven points up to yesterday, normalised to their own maximum; whole numbers are JSON ints (60 of 350
    are).
    """
    step, last = TREND_STEP_DAYS[period_days], day.toordinal() - 1
    phase, beat, echo = 6.2832 * rng.random(), 0.1 + 0.8 * rng.random(), 0.3 + 2 * rng.random()
    days = [last - (6 - point) * step for point in range(7)]
    heights = [(1.0 + sin(phase + beat * one) + 0.6 * sin(echo * one)) ** 2 + 0.004 for one in days]
    top, last_s = max(heights), midnight_s(day) - 86_400
    shares_of_top = [round(height / top, 2) for height in heights]
    return [
        {"time": last_s - (last - one) * 86_400, "value": int(share) if share in {0, 1} else share}
        for one, share in zip(days, shares_of_top, strict=True)
    ]
