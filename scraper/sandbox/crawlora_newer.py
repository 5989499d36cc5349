"""Crawlora's newer endpoints as played, written by hand from its packages and pages (2026-11-29).

Paths, parameters, allowed values, names and types: its packages crawlora-tiktok 0.4.0 and crawlora 1.50.0.dev1, its
OpenAPI document and its MCP catalogue. At most three hashtags, `limit` and `page_size` up to 100 and page × page_size
up to 10,000 are documented there.

Chosen here, since no source states it: each costs 8 credits; `total_count` of the three hashtags is the whole board's,
as the vendor says of its videos; a larger limit is handled as 100; past 10,000 rows a search is a 400; the app's lists
have 20 entries without a `count`, and at most 50; an unknown hashtag name is a success without a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from scraper.sandbox.answers import Asked, InvalidParameterError, PlayedAnswer, Route, Sold
from scraper.sandbox.records import Record
from scraper.sandbox.records.ads import Ad, TopAds
from scraper.sandbox.records.app_posts import AppPosts
from scraper.sandbox.records.draws import draw, handle, long_id, signed_url, spread, urls_expire_s
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.profiles import CreatorIndex, Profile
from scraper.sandbox.records.sounds import SoundBoards

SOLD: Mapping[str, Sold] = MappingProxyType(
    {
        "/tiktok/creative-center/hashtags": Sold("crawlora.creative_hashtags", "one"),
        "/tiktok/hashtag/{name}": Sold("crawlora.hashtag_detail", "one"),
        "/tiktok/mobile/hashtag/posts": Sold("crawlora.mobile_hashtag_posts", "cursor"),
        "/tiktok/mobile/music/trending": Sold("crawlora.mobile_music", "cursor"),
        "/tiktok/mobile/trending/effects": Sold("crawlora.mobile_effects", "cursor"),
        "/tiktok/mobile/trending/categories": Sold("crawlora.mobile_categories", "cursor"),
        "/tiktok/top-ads/list": Sold("crawlora.top_ads", "page"),
        "/tiktok/top-ads/spotlight": Sold("crawlora.top_ads_spotlight", "page"),
        "/tiktok/top-ads/recommend": Sold("crawlora.top_ads_recommend", "page"),
        "/datasets/creators/search": Sold("crawlora.creator_search", "page"),
    }
)
"""Route, without the prefix → endpoint."""

SHOWN = 3
"""Hashtags of a board that are shown without an account at TikTok."""
LARGEST_PAGE, DEFAULT_PAGE, MOST_ROWS = 100, 20, 10_000
LARGEST_COUNT = 50
CREATIVE_INDUSTRIES = frozenset({*range(10, 16), *range(17, 20), *range(21, 30)})
"""The 18 industries that the board filters by, in thousands of millions."""
ORDERS = ("for_you", "impression", "ctr", "play_2s_rate", "play_6s_rate", "cvr", "like")
SORTS = ("followers_desc", "engagement_desc", "engagement_qualified_desc", "likes_desc", "relevance")

Part: TypeAlias = tuple[Sequence[Record], int]
"""Records from a place on, and the number of all."""


class CrawloraNewer:
    """The routes."""

    def __init__(self, seed: int, hashtags: HashtagBoards, sounds: SoundBoards, app: AppPosts) -> None:
        self._seed = seed
        self._hashtags, self._app = hashtags, app
        self.ads, self._index = TopAds(seed), CreatorIndex(seed)
        self.routes: Mapping[str, Route] = {
            "/tiktok/creative-center/hashtags": self._creative_hashtags,
            "/tiktok/hashtag/{name}": self._hashtag,
            "/tiktok/mobile/hashtag/posts": self._hashtag_posts,
            "/tiktok/mobile/music/trending": _app_list("music_list", sounds.app_list),
            "/tiktok/mobile/trending/effects": _app_list("aweme_list", app.effect_posts),
            "/tiktok/mobile/trending/categories": _app_list("category_list", app.categories),
            "/tiktok/top-ads/list": self._top_ads,
            "/tiktok/top-ads/spotlight": self._spotlight,
            "/tiktok/top-ads/recommend": self._recommended,
            "/datasets/creators/search": self._creators,
        }

    def _creative_hashtags(self, asked: Asked) -> PlayedAnswer:
        country = asked.required("country_code")
        period_days = int(asked.choice("period", ("7", "30", "90"), "7"))
        industry = asked.integer("industry_id") if "industry_id" in asked.parameters else None
        if industry is not None and (industry % 10**9 or industry // 10**9 not in CREATIVE_INDUSTRIES):
            raise InvalidParameterError("industry_id", str(industry))
        board = self._hashtags.board(country, period_days, asked.day, industry=industry)
        records = [self._creative(record, asked) for record in board[:SHOWN]]
        return _ok({"hashtags": records, "total_count": len(board)}, records)

    def _creative(self, record: Record, asked: Asked) -> Record:
        """Return a record of the old board with the names of the new one."""
        rng = draw(self._seed, "top creators", record["hashtag_id"])
        industry = record.get("industry_info")
        return {
            "hashtag_id": record["hashtag_id"],
            "hashtag_name": record["hashtag_name"],
            "industry_ids": [industry["id"]] if industry else [],
            "popularity_curve": [{"timestamp": one["time"], "value": one["value"]} for one in record["trend"]],
            "publish_count": record["publish_cnt"],
            "rank": record["rank"],
            "top_creators": [
                {
                    "avatar_url": signed_url(
                        rng, "tos-avt-0068", "cropcenter:100:100.png", urls_expire_s(asked.world_at)
                    ),
                    "country_code": record["country_info"]["id"],
                    "creator_id": long_id(rng),
                    "follower_count": spread(rng, 3, 7),
                    "handle": handle(rng),
                    "nickname": face["nick_name"],
                    "rank": place,
                    "tiktok_uid": long_id(rng),
                }
                for place, face in enumerate(record.get("creators", ()), start=1)
            ],
            "video_views": record["video_views"],
        }

    def _hashtag(self, asked: Asked) -> PlayedAnswer:
        hashtag = self._app.hashtag(asked.required("name"))
        found = {} if hashtag is None else self._app.detail(hashtag, asked.world_at)
        body = {
            "challengeInfo": found,
            "extra": {"fatal_item_ids": [], "logid": asked.request_id, "now": int(asked.at.timestamp() * 1000)},
            "log_pb": {"impr_id": asked.request_id},
            "shareMeta": {"desc": "", "title": "" if hashtag is None else f"#{hashtag.name}"},
            "statusCode": 0,
            "status_code": 0,
            "status_msg": "",
        }
        return _ok(body, [found] if found else [])

    def _hashtag_posts(self, asked: Asked) -> PlayedAnswer:
        hashtag = self._app.hashtag(asked.required("name"))
        sort = asked.choice("sort", ("fresh", "popular"), "popular")

        def part(start: int, count: int) -> Part:
            return ([], 0) if hashtag is None else self._app.posts(hashtag, sort, asked.world_at, start, count)

        return _app_page(asked, "aweme_list", part)

    def _top_ads(self, asked: Asked) -> PlayedAnswer:
        page, limit = _numbered(asked, "limit")
        period_days = int(asked.choice("period", ("7", "30", "180"), "30"))
        order_by = asked.choice("order_by", ORDERS, "for_you")
        asked.choice("duration", ("", *(f"time-{n}" for n in range(2, 8))), "")
        asked.choice("ad_format", ("", "1", "2"), "")
        listed = self.ads.listed(period_days, order_by, asked.day, lambda ad: _is_wanted(ad, asked))
        return self._ads_page(asked, listed, page, limit)

    def _spotlight(self, asked: Asked) -> PlayedAnswer:
        page, limit = _numbered(asked, "limit")
        return self._ads_page(asked, self.ads.spotlight(asked.day), page, limit)

    def _recommended(self, asked: Asked) -> PlayedAnswer:
        """Return a page; its schema has no pagination, so nothing marks the last one."""
        page, limit = _numbered(asked, "limit")
        beside = self.ads.beside(asked.required("material_id"))[(page - 1) * limit : page * limit]
        records = [self.ads.record(ad, asked.world_at) for ad in beside]
        return _inner(asked, {"materials": records}, records)

    def _ads_page(self, asked: Asked, listed: Sequence[Ad], page: int, limit: int) -> PlayedAnswer:
        records = [self.ads.record(ad, asked.world_at) for ad in listed[(page - 1) * limit : page * limit]]
        pagination = {
            "has_more": page * limit < len(listed),
            "page": page,
            "size": limit,
            "total": len(listed),
            "total_count": len(listed),
        }
        return _inner(asked, {"materials": records, "pagination": pagination}, records)

    def _creators(self, asked: Asked) -> PlayedAnswer:
        page, size = _numbered(asked, "page_size")
        if page * size > MOST_ROWS:
            raise InvalidParameterError("page", str(page))
        sort = asked.choice("sort", SORTS, "followers_desc")
        found = self._index.found(sort, asked.day, _profile_filter(asked))
        records = [self._index.record(one, asked.world_at) for one in found[(page - 1) * size : page * size]]
        answered = {"dataset": "creators", "page": page, "page_size": size, "sort": sort, "total": len(found)}
        return _ok({**answered, "items": records}, records)


def _ok(data: Mapping[str, object], records: Sequence[Record]) -> PlayedAnswer:
    return PlayedAnswer(200, {"code": 200, "msg": "OK", "data": data}, records)


def _inner(asked: Asked, data: Mapping[str, object], records: Sequence[Record]) -> PlayedAnswer:
    """Return a body in two envelopes, like the old boards'."""
    return _ok({"code": 0, "msg": "OK", "request_id": asked.request_id, "data": data}, records)


def _numbered(asked: Asked, size_name: str) -> tuple[int, int]:
    """Return the page and page size in use."""
    page, size = asked.integer("page", 1), asked.integer(size_name, DEFAULT_PAGE)
    for name, value in (("page", page), (size_name, size)):
        if value < 1:
            raise InvalidParameterError(name, str(value))
    return page, min(size, LARGEST_PAGE)


def _app_list(list_name: str, part: Callable[[datetime, int, int], Part]) -> Route:
    return lambda asked: _app_page(asked, list_name, partial(part, asked.world_at))


def _app_page(asked: Asked, list_name: str, part: Callable[[int, int], Part]) -> PlayedAnswer:
    start, count = asked.integer("cursor", 0), min(asked.integer("count", DEFAULT_PAGE), LARGEST_COUNT)
    if start < 0 or count < 1:
        raise InvalidParameterError("cursor" if start < 0 else "count", str(min(start, count)))
    records, total = part(start, count)
    seen = start + len(records)
    page = {list_name: records, "cursor": seen, "has_more": seen < total, "status_code": 0, "status_msg": ""}
    return _ok(page, records)


def _is_wanted(ad: Ad, asked: Asked) -> bool:
    """Return whether the filters of a request select an ad; several values are separated by commas."""
    filters = (
        ("country_code", set(ad.countries)),
        ("industry", {str(ad.industry)}),
        ("objective", {str(ad.objective)}),
        ("ad_language", {ad.language}),
        ("duration", {ad.bucket}),
    )
    for name, has in filters:
        wanted = asked.optional(name)
        if wanted is not None and not has & set(wanted.split(",")):
            return False
    return True


def _profile_filter(asked: Asked) -> Callable[[Profile], bool]:
    """Return the filter of profiles: accounts that are gone or private are left out unless requested."""
    country, niche, handle_asked = asked.optional("country"), asked.optional("niche"), asked.optional("handle")
    verified = {"": None, "true": True, "false": False}[asked.choice("verified", ("", "true", "false"), "")]
    inactive = asked.choice("include_inactive", ("true", "false"), "false") == "true"
    fewest, words = asked.integer("min_followers", 0), asked.text("q", " ").strip().lower()

    def is_wanted(one: Profile) -> bool:
        return (
            country in {None, one.country}
            and niche in {None, one.niche}
            and (handle_asked is None or handle_asked.lower() == one.handle)
            and verified in {None, one.verified}
            and (inactive or one.active)
            and one.followers >= fewest
            and words in one.handle
        )

    return is_wanted
