"""Hashtag boards: one pool of hashtags, ranked by country and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from random import Random

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import draw, midnight_s, person, signed_url, spread
from scraper.sandbox.records.places import COUNTRIES, HASHTAG_COUNTRIES, INDUSTRIES, SCRIPTS
from scraper.sandbox.records.words import FIRST, SECOND, TAILS

POOL_SIZE = 1_500
BOARD_SIZE = 100
"""`pagination.total` of a hashtag board seen from both vendors (vendors' pages, read 2026-11-21)."""

CHURN = {7: 0.92, 30: 0.5, 90: 0.35, 120: 0.3}
"""Share of a score that is drawn anew each day, by period: at 7 days about half of a board is new."""
TREND_STEP_DAYS = {7: 1, 30: 5, 90: 15, 120: 20}
"""Seven points whatever the period; that they span the period is our assumption."""


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
    """Rates from 50 counted records: industry in 26, creators in 32, trending_type in 8."""
    rng = draw(seed, "hashtags")
    pool: list[Hashtag] = []
    ids: set[str] = set()
    names: set[str] = set()
    industries = tuple(INDUSTRIES)
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
        pool.append(
            Hashtag(
                index=index,
                hashtag_id=hashtag_id,
                name=name,
                home=home,
                industry=rng.choice(industries) if rng.random() < 0.52 else None,
                fame=rng.random() + rng.random(),
                promoted=rng.random() < 0.04,
                trending_type=rng.choice((1, 2)) if rng.random() < 0.16 else None,
                faces=tuple(person(rng) for _ in range(rng.randint(1, 3))) if rng.random() < 0.64 else (),
            )
        )
    return tuple(pool)


class HashtagBoards:
    """All hashtag boards; both vendors show the same ones."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.pool = _pool(seed)
        self.by_id = {hashtag.hashtag_id: hashtag for hashtag in self.pool}
        self._taste = lru_cache(maxsize=64)(self._draw_taste)
        self._standing = lru_cache(maxsize=256)(self._draw_standing)
        self._board = lru_cache(maxsize=64)(self._draw_board)

    def board(
        self, country: str | None, period_days: int, day: date, *, industry: int | None = None, only_new: bool = False
    ) -> tuple[Record, ...]:
        """The records of one board by rank, shared with later callers: copy one to change it.

        `country` is ``None`` for all regions: each record then names its own country.
        `rank_diff` is missing where `rank_diff_type` is 4 (new on the board). `only_new` leaves those records alone,
        with the rank they have on the whole board (our choice; no page says).
        """
        board = self._board(country, period_days, day, industry)
        return tuple(record for record in board if record["rank_diff_type"] == 4) if only_new else board

    def _draw_taste(self, country: str | None, period_days: int) -> tuple[float, ...]:
        """Draw each hashtag's lasting score on one country's board."""
        lasting, passing = draw(self._seed, "taste", country), draw(self._seed, "taste", country, period_days)
        return tuple(
            hashtag.fame + 0.8 * lasting.random() + 0.3 * passing.random() + 0.35 * (hashtag.home == country)
            for hashtag in self.pool
        )

    def _draw_standing(self, country: str | None, period_days: int, day: date, industry: int | None) -> tuple[int, ...]:
        """Indices into the pool, best first."""
        news, churn = draw(self._seed, "news", country, period_days, day), CHURN[period_days]
        score = [taste + churn * news.random() for taste in self._taste(country, period_days)]
        if industry is None:
            at_issue = list(range(POOL_SIZE))
        else:
            middling = sorted(score)[POOL_SIZE // 3]
            at_issue = [h.index for h in self.pool if h.industry == industry and score[h.index] > middling]
        return tuple(sorted(at_issue, key=score.__getitem__, reverse=True)[:BOARD_SIZE])

    def _draw_board(self, country: str | None, period_days: int, day: date, industry: int | None) -> tuple[Record, ...]:
        if country is not None and country not in HASHTAG_COUNTRIES:
            return ()
        yesterday = {
            index: rank
            for rank, index in enumerate(
                self._standing(country, period_days, day - timedelta(days=1), industry), start=1
            )
        }
        return tuple(
            self._record(self.pool[index], rank, yesterday.get(index), country, period_days, day)
            for rank, index in enumerate(self._standing(country, period_days, day, industry), start=1)
        )

    def _record(
        self, hashtag: Hashtag, rank: int, rank_before: int | None, country: str | None, period_days: int, day: date
    ) -> Record:
        rng = draw(self._seed, "counts", hashtag.hashtag_id, country, period_days, day)
        place = country or hashtag.home
        views = int(10 ** (5.2 + 1.9 * hashtag.fame + 1.2 * rng.random()) * (1 + period_days / 30))
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
    """Seven points up to yesterday, normalised to their own maximum; whole numbers are JSON ints (60 of 350 are)."""
    step_s, last_s = TREND_STEP_DAYS[period_days] * 86_400, midnight_s(day) - 86_400
    heights = [rng.random() ** 2 + 0.004 for _ in range(7)]
    top = max(heights)
    shares = [round(height / top, 2) for height in heights]
    return [
        {"time": last_s - (6 - point) * step_s, "value": int(share) if share in {0, 1} else share}
        for point, share in enumerate(shares)
    ]
