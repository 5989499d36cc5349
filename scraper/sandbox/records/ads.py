"""Top ads: one pool of materials, listed by country, period and order.

Records are those of Crawlora's schema of a Top Ads material (its OpenAPI document, read 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import caption, draw, long_id, signed_url, spread, urls_expire_s
from scraper.sandbox.records.words import COUNTRIES, INDUSTRIES, SCRIPTS

POOL_SIZE = 900
SPOTLIGHT_SIZE = 45
BESIDE_SIZE = 12
"""Ads recommended beside one: our choice, less than a page."""
OBJECTIVES = {1: "Traffic", 2: "App installs", 3: "Conversions", 4: "Video views", 5: "Reach"}
BRANDS = ("", "", "", "Kettle & Sons", "Noodle Works", "Fern Parade", "夜市靴店", "Tres Domingos")


@dataclass(frozen=True, slots=True)
class Ad:
    """The fields for lists and filters; the rest of a record is drawn when it is shown."""

    index: int
    ad_id: str
    countries: tuple[str, ...]
    industry: int
    objective: int
    likes: int
    ctr: float
    fame: float
    language: str
    bucket: str
    """The bucket of its length."""


class TopAds:
    """All ads."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.pool = tuple(self._draw(index) for index in range(POOL_SIZE))
        self._by_id = {ad.ad_id: ad for ad in self.pool}
        self._listed = lru_cache(maxsize=32)(self._draw_listed)

    def listed(self, period_days: int, order_by: str, day: date, wanted: Callable[[Ad], bool]) -> list[Ad]:
        return [ad for ad in self._listed(period_days, order_by, day) if wanted(ad)]

    def spotlight(self, day: date) -> Sequence[Ad]:
        """Return the editors' picks of a day."""
        return draw(self._seed, "spotlight", day).sample(self.pool, SPOTLIGHT_SIZE)

    def beside(self, ad_id: str) -> Sequence[Ad]:
        """Return similar ads, those of the same industry first; none for an unknown id."""
        ad = self._by_id.get(ad_id)
        if ad is None:
            return []
        others = sorted(self.pool, key=lambda other: (other.industry != ad.industry, abs(other.index - ad.index)))
        return others[1 : BESIDE_SIZE + 1]

    def record(self, ad: Ad, at: datetime) -> Record:
        rng = draw(self._seed, "ad record", ad.index)
        expires_s = urls_expire_s(at)
        script = SCRIPTS.get(ad.countries[0], "english")
        return {
            "ad_title": caption(rng, script),
            "brand_name": rng.choice(BRANDS),
            "comment": ad.likes // rng.randint(15, 90),
            "cost": rng.randint(0, 2),
            "country_code": list(ad.countries),
            "ctr": ad.ctr,
            "favorite": False,
            "has_summary": rng.random() < 0.2,
            "highlight": "",
            "highlight_text": "",
            "id": ad.ad_id,
            "industry_key": f"label_{ad.industry}",
            "is_search": False,
            "keyword_list": rng.sample(("kettle", "kite", "noodles", "fern", "ferry", "puddle"), rng.randint(0, 3)),
            "landing_page": f"https://shop{ad.index}.example/landing",
            "like": ad.likes,
            "objective_key": f"campaign_objective_{ad.objective}",
            "objectives": [
                {"id": ad.objective, "label": f"objective_{ad.objective}", "value": OBJECTIVES[ad.objective]}
            ],
            "pattern_label": [{"id": 10_100_100_000, "label": "pattern_10100100000", "value": "Before and after"}],
            "share": ad.likes // rng.randint(20, 200),
            "source": "TikTok",
            "source_key": 1,
            "video_info": {
                "cover": signed_url(rng, "tos-p-0051c001", "noop.image", expires_s),
                "duration": round(rng.uniform(6, 60), 3),
                "height": 1280,
                "vid": f"v12044gd0000{rng.getrandbits(64):016x}",
                "video_url": {
                    "720p": signed_url(rng, "video/tos/useast2a", "720p.mp4", expires_s),
                    "480p": signed_url(rng, "video/tos/useast2a", "480p.mp4", expires_s),
                },
                "width": 720,
            },
            "voice_over": rng.random() < 0.5,
        }

    def _draw(self, index: int) -> Ad:
        rng = draw(self._seed, "ad", index)
        return Ad(
            index=index,
            ad_id=long_id(rng),
            countries=tuple(rng.sample(sorted(COUNTRIES), rng.choice((1, 1, 1, 2, 4)))),
            industry=rng.choice(tuple(INDUSTRIES)),
            objective=rng.choice(tuple(OBJECTIVES)),
            likes=spread(rng, 1.5, 6),
            ctr=round(rng.uniform(0.01, 0.99), 2),
            fame=rng.random(),
            language=rng.choice(("en", "en", "es", "ja")),
            bucket=f"time-{rng.randint(2, 7)}",
        )

    def _draw_listed(self, period_days: int, order_by: str, day: date) -> tuple[Ad, ...]:
        news = draw(self._seed, "ads", period_days, order_by, day)
        score = {ad.ad_id: ad.fame + (0.8 if period_days == 7 else 0.2) * news.random() for ad in self.pool}
        match order_by:
            case "like":
                return tuple(sorted(self.pool, key=lambda ad: ad.likes, reverse=True))
            case "ctr":
                return tuple(sorted(self.pool, key=lambda ad: ad.ctr))
            case _:
                return tuple(sorted(self.pool, key=lambda ad: score[ad.ad_id], reverse=True))
