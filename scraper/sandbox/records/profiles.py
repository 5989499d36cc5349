"""The index of creators that Crawlora searches, larger than one search serves.

Records are those of Crawlora's schema of a creator (its package `crawlora` 1.50.0.dev1, read 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import caption, days_grown, draw, long_id, person, signed_url, urls_expire_s
from scraper.sandbox.records.words import CREATOR_COUNTRIES, SCRIPTS

NICHES = ("cooking", "craft", "comedy", "travel", "pets", "music", "study")
A_COUNTRY = 500
"""Creators of a country in the index: with 24 countries 12,000, more than the 10,000 that one search serves."""
MEASURED_EVERY = 3
"""Post statistics are "populated for a subset of creators": here every third."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The fields that searches use."""

    country: str
    index: int
    handle: str
    niche: str
    verified: bool
    active: bool
    followers: int
    likes: int
    engagement: float | None
    """None if not measured."""


class CreatorIndex:
    """All creators of the index."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sorted = lru_cache(maxsize=16)(self._sort)
        self._everybody = lru_cache(maxsize=1)(self._draw_everybody)

    def found(self, sort: str, day: date, wanted: Callable[[Profile], bool]) -> list[Profile]:
        return [profile for profile in self._sorted(sort, day) if wanted(profile)]

    def record(self, profile: Profile, at: datetime) -> Record:
        """Return the record of a creator, always without an address, which the vendor sends only on request."""
        rng = draw(self._seed, "profile", profile.country, profile.index)
        script = SCRIPTS.get(profile.country, "english")
        crawled_at = at.replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=rng.randint(0, 20))
        record: Record = {
            "avatar_url": signed_url(rng, "tos-avt-0068", "cropcenter:300:300.webp", urls_expire_s(at)),
            "bio": caption(rng, script),
            "bio_link": "",
            "brand_affiliations": [],
            "country": profile.country,
            "creator_uid": long_id(rng),
            "first_seen": "2026-01-05T00:00:00Z",
            "follower_count": profile.followers,
            "following_count": rng.randint(3, 900),
            "language": "en",
            "last_crawled": f"{crawled_at:%Y-%m-%dT%H:%M:%S}Z",
            "last_post_at": f"{crawled_at - timedelta(days=2):%Y-%m-%dT%H:%M:%S}Z",
            "niche": profile.niche,
            "niche_classified": profile.niche,
            "nickname": person(rng),
            "platform": "tiktok",
            "sec_uid": f"MS4wLjABAAAA{rng.getrandbits(256):064x}",
            "source": "crawl",
            "status": "active" if profile.active else "private",
            "total_likes": profile.likes,
            "unique_id": profile.handle,
            "verified": profile.verified,
            "video_count": rng.randint(20, 4_000),
        }
        if profile.engagement is not None:
            views = profile.followers // rng.randint(3, 40)
            record["avg_views"], record["engagement_rate"] = views, profile.engagement
            record["post_stats"] = _post_stats(views, profile, rng.randint(10, 60), long_id(rng), crawled_at)
        return record

    def _draw_everybody(self) -> tuple[Profile, ...]:
        everybody = []
        for country in CREATOR_COUNTRIES:
            rng = draw(self._seed, "index", country)
            for index in range(A_COUNTRY):
                followers = int(10 ** (7.6 - 3.6 * rng.random()))
                everybody.append(
                    Profile(
                        country,
                        index,
                        f"{country.lower()}.maker{index}",
                        rng.choice(NICHES),
                        rng.random() < 0.1,
                        rng.random() > 0.03,
                        followers,
                        followers * rng.randint(3, 60),
                        round(0.2 * rng.random(), 4) if index % MEASURED_EVERY == 0 else None,
                    )
                )
        return tuple(everybody)

    def _sort(self, sort: str, day: date) -> tuple[Profile, ...]:
        everybody = self._everybody()
        match sort:
            case "followers_desc":
                return tuple(sorted(everybody, key=lambda one: one.followers, reverse=True))
            case "likes_desc":
                return tuple(sorted(everybody, key=lambda one: one.likes, reverse=True))
            case "engagement_desc" | "engagement_qualified_desc":
                return tuple(sorted(everybody, key=lambda one: (one.engagement is None, -(one.engagement or 0))))
            case _:  # relevance: an order of the day
                order = draw(self._seed, "relevance", days_grown(day))
                return tuple(order.sample(everybody, len(everybody)))


def _post_stats(views: int, profile: Profile, sampled: int, best_post_id: str, crawled_at: datetime) -> Record:
    """Return statistics over a sample of posts, with the schema's names."""
    engagement = profile.engagement or 0.0
    likes = int(views * engagement)
    return {
        "analyzed_at": f"{crawled_at:%Y-%m-%dT%H:%M:%S}Z",
        "avg_comments": likes // 40,
        "avg_likes": likes,
        "avg_saves": likes // 12,
        "avg_shares": likes // 30,
        "avg_video_duration_sec": 24.5,
        "avg_views": views,
        "best_post_id": best_post_id,
        "best_post_views": views * 9,
        "distinct_sounds": sampled // 2,
        "engagement_rate_by_follower": round(engagement / 4, 4),
        "engagement_rate_by_view": engagement,
        "first_post_at": f"{crawled_at - timedelta(days=90):%Y-%m-%dT%H:%M:%S}Z",
        "last_post_at": f"{crawled_at - timedelta(days=2):%Y-%m-%dT%H:%M:%S}Z",
        "median_likes": likes // 2,
        "median_views": views // 2,
        "original_sound_ratio": 0.4,
        "posts_per_week": round(sampled / 13, 2),
        "sampled_posts": sampled,
        "top_hashtags": ["fyp", profile.niche],
        "top_sounds": [
            {"author": "somebody", "music_id": best_post_id, "original": True, "title": "original sound", "uses": 3}
        ],
        "views_to_follower_ratio": round(views / max(1, profile.followers), 4),
    }
