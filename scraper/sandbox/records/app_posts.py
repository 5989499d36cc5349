"""Posts, hashtags and effects as TikTok's app lists them: its own schema over the posts of the web feeds.

Crawlora types these records as anything (its package crawlora-tiktok 0.4.0, read 2026-11-29); the fields are those of
TikTok's app schema, as public clients read it: assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import draw, spread, urls_expire_s
from scraper.sandbox.records.hashtags import Hashtag, HashtagBoards
from scraper.sandbox.records.posts import PAGE_SIZE, Feed, PostFeeds

EFFECTS = ("Steam", "Paper kite", "Fern frame", "Night bath", "Two suns")
EFFECT_POSTS = 60
CATEGORIES = 50
"""Hashtags that the app shows on a day: our choice. It may show sounds among them; none is played."""


class AppPosts:
    """The app's view of hashtags and posts."""

    def __init__(self, seed: int, hashtags: HashtagBoards, feeds: PostFeeds) -> None:
        self._seed = seed
        self._hashtags, self._feeds = hashtags, feeds
        self._by_name: dict[str, Hashtag] = {}
        for hashtag in hashtags.pool:  # of several hashtags with one name, the app knows the first
            self._by_name.setdefault(hashtag.name, hashtag)
        self._order = lru_cache(maxsize=64)(self._sort)

    def hashtag(self, name: str) -> Hashtag | None:
        return self._by_name.get(name)

    def detail(self, hashtag: Hashtag, at: datetime) -> Record:
        """Return a hashtag's page on the web: counts of all time, exact ones as text."""
        videos, views = self._counts(hashtag)
        return {
            "challenge": {
                "coverLarger": "",
                "coverMedium": "",
                "coverThumb": "",
                "desc": "",
                "id": hashtag.hashtag_id,
                "isCommerce": hashtag.promoted,
                "profileLarger": f"https://p16-sg.cdn.example/obj/tiktok-obj/{hashtag.index:08x}.jpeg?shp={at.day}",
                "profileMedium": "",
                "profileThumb": "",
                "title": hashtag.name,
            },
            "stats": {"videoCount": videos, "viewCount": round(views, -5)},
            "statsV2": {"videoCount": str(videos), "viewCount": str(views)},
        }

    def posts(self, hashtag: Hashtag, sort: str, at: datetime, start: int, count: int) -> tuple[Sequence[Record], int]:
        """Return a hashtag's posts from `start` (0-based) on, and the number of all."""
        feed = self._order(hashtag.hashtag_id, sort, at.date())
        if feed is None:
            return [], 0
        return [_app_post(item, at) for item in self._items(feed, at, start, count)], len(feed.posts)

    def effect_posts(self, at: datetime, start: int, count: int) -> tuple[Sequence[Record], int]:
        """Return some of the videos with today's trending effects."""
        rng = draw(self._seed, "effects", at.date())
        chosen = rng.sample(self._hashtags.pool, EFFECT_POSTS)
        records = []
        for place, hashtag in enumerate(chosen[start : start + count], start):
            (record,) = self._shown(hashtag, at, 1)
            effect = place % len(EFFECTS)
            sticker = {"id": str(40_100 + effect), "name": EFFECTS[effect], "user_count": 1_000 * (effect + 3)}
            records.append({**record, "sticker_detail": sticker})
        return records, len(chosen)

    def categories(self, at: datetime, start: int, count: int) -> tuple[Sequence[Record], int]:
        """Return some of the hashtags that the app shows under Discover."""
        board = self._hashtags.board("US", 7, at.date())[:CATEGORIES]
        shown = [self._hashtags.by_id[listed["hashtag_id"]] for listed in board[start : start + count]]
        return [self._category(hashtag, at) for hashtag in shown], len(board)

    def _category(self, hashtag: Hashtag, at: datetime) -> Record:
        videos, views = self._counts(hashtag)
        posts = self._shown(hashtag, at, 2)
        return {
            "category_type": 0,
            "desc": "Trending hashtag",
            "challenge_info": {
                "cid": hashtag.hashtag_id,
                "cha_name": hashtag.name,
                "desc": "",
                "type": 1,
                "is_commerce": hashtag.promoted,
                "user_count": videos,
                "view_count": views,
            },
            "aweme_list": [{"aweme_id": post["aweme_id"], "desc": post["desc"]} for post in posts],
        }

    def _shown(self, hashtag: Hashtag, at: datetime, count: int) -> list[Record]:
        """Return the first posts of a hashtag's own feed."""
        feed = self._feeds.feed(hashtag.hashtag_id, at.date())
        return [] if feed is None else [_app_post(item, at) for item in self._items(feed, at, 0, count)]

    def _items(self, feed: Feed, at: datetime, start: int, count: int) -> list[Record]:
        """Return the requested number of a feed's items; the web's pages are shorter."""
        part = Feed(feed.posts[start : start + count])
        return [item for first in range(0, len(part.posts), PAGE_SIZE) for item in self._feeds.items(part, first, at)]

    def _counts(self, hashtag: Hashtag) -> tuple[int, int]:
        rng = draw(self._seed, "all time", hashtag.hashtag_id)
        videos = spread(rng, 3.5, 6.5)
        return videos, videos * rng.randint(500, 9_000)

    def _sort(self, hashtag_id: str, sort: str, day: date) -> Feed | None:
        """Return the feed sorted by time, the newest first, or by plays."""
        feed = self._feeds.feed(hashtag_id, day)
        if feed is None:
            return None
        items = self._items(feed, datetime.combine(day, time(), UTC), 0, len(feed.posts))
        values = [int(item["createTime"]) if sort == "fresh" else item["stats"]["playCount"] for item in items]
        order = sorted(range(len(items)), key=values.__getitem__, reverse=True)
        return Feed(tuple(feed.posts[place] for place in order))


def _app_post(item: Record, at: datetime) -> Record:
    """Return a post of the web schema in the app's schema."""
    stats, music = item["stats"], item["music"]
    return {
        "aweme_id": item["id"],
        "desc": item["desc"],
        "create_time": int(item["createTime"]),
        "region": "US",
        "desc_language": "en",
        "aweme_type": 150 if "imagePost" in item else 0,
        "is_ads": item["isAd"],
        "share_url": f"https://www.tiktok.com/@author/video/{item['id']}",
        "author": _author(item),
        "statistics": {
            "play_count": stats["playCount"],
            "digg_count": stats["diggCount"],
            "comment_count": stats["commentCount"],
            "share_count": stats["shareCount"],
            "collect_count": int(stats.get("collectCount", 0)),
            "download_count": stats["shareCount"] // 3,
        },
        "music": {
            "id_str": music["id"],
            "mid": music["id"],
            "title": music["title"],
            "author": music["authorName"],
            "album": music["album"],
            "duration": music["duration"],
            "is_original_sound": music["original"],
            "user_count": 12,
        },
        "cha_list": [
            {"cid": tag["id"], "cha_name": tag["title"], "user_count": 0, "view_count": 0} for tag in item["challenges"]
        ],
        "text_extra": [_mark(mark) for mark in item["textExtra"]],
        **(_video(item["video"], at) if "video" in item else _pictures(item["imagePost"])),
    }


def _mark(mark: Record) -> Record:
    return {
        "hashtag_id": mark.get("hashtagId", ""),
        "hashtag_name": mark["hashtagName"],
        "user_id": mark["userId"],
        "sec_uid": mark.get("secUid", ""),
        "start": mark["start"],
        "end": mark["end"],
        "type": mark["type"],
    }


def _video(video: Record, at: datetime) -> Record:
    """Return a post's video; its length is in milliseconds here."""
    played = {"uri": f"v09044g4{urls_expire_s(at)}", "url_list": [video["playAddr"]], "data_size": 900_000}
    return {
        "video": {
            "duration": video["duration"] * 1000,
            "height": video["height"],
            "width": video["width"],
            "ratio": video["ratio"],
            "play_addr": played,
            "cover": {"url_list": [video["cover"]]},
            "origin_cover": {"url_list": [video["originCover"]]},
        }
    }


def _pictures(photos: Record) -> Record:
    pictures = [image["imageURL"]["urlList"] for image in photos["images"]]
    shown = [{"display_image": {"url_list": urls, "height": 1440, "width": 1080}} for urls in pictures]
    return {"image_post_info": {"images": shown}}


def _author(item: Record) -> Record:
    """Return a post's author; older web items have only a handle, or nothing."""
    author = item.get("author", "")
    if isinstance(author, str):
        return {"uid": "", "unique_id": author, "nickname": author, "sec_uid": ""}
    stats = item.get("authorStats", {})
    return {
        "uid": author["id"],
        "unique_id": author["uniqueId"],
        "nickname": author["nickname"],
        "sec_uid": author["secUid"],
        "signature": author["signature"],
        "region": "US",
        "follower_count": stats.get("followerCount", 0),
        "aweme_count": stats.get("videoCount", 0),
        "total_favorited": stats.get("heartCount", 0),
        "verification_type": int(author["verified"]),
        "avatar_larger": {"url_list": [author["avatarLarger"]]},
        "avatar_thumb": {"url_list": [author["avatarThumb"]]},
    }
