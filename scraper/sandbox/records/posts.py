"""The posts of a hashtag, in feed order, each an item of TikTok's web schema.

Shapes and rates: 553 counted item objects (2021 to 2025). A post is the same wherever it is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from math import exp
from random import Random
from typing import NamedTuple

from scraper.sandbox.records import Record
from scraper.sandbox.records.aging import ALWAYS, AS_USUAL, Aging, BoardPlaces, key_of, mixed, places_of
from scraper.sandbox.records.draws import caption, draw, long_id, midnight_s, signed_url, spread, urls_expire_s
from scraper.sandbox.records.hashtags import Hashtag
from scraper.sandbox.records.people import AUTHORS, SOUNDS, People, author_fields, author_stats, music_fields
from scraper.sandbox.records.turnover import instant_s
from scraper.sandbox.records.words import HASHTAG_COUNTRIES, SCRIPTS

PAGE_SIZE = 30
"""About 30 posts a page [concluded, not documented]; no parameter sets it."""
PLACES = 1_000
"""Places of a feed: more than a hashtag has posts."""
DAY_S = 86_400
FRESH = 0.4
"""The part of posts that are days old when they enter a feed; the others are older ones that come back."""
SHARED_EVERY = 8
"""Every eighth post of a hashtag is listed under its partner hashtag as well."""
CREATED_FROM_S, OLD_UNTIL_S, NEW_FROM_S, CREATED_UNTIL_S = 1_609_459_200, 1_656_633_600, 1_704_067_200, 1_767_225_600
"""1 January 2021, 1 July 2022, 1 January 2024, 1 January 2026: the style of an item depends on its age."""


class Listed(NamedTuple):
    """A post as a feed lists it."""

    owner: int
    """The place of its hashtag in the pool."""
    number: int
    """The number of its place among the owner's posts."""
    spell: int
    """Its spell at this place: the posts of a place follow each other."""
    begun: float
    """The beginning of the spell, in the units of `moved`."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The posts listed for one hashtag on one day, in no time order."""

    posts: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class PostStats:
    """Exact counts of a post on one day."""

    plays: int
    likes: int
    comments: int
    shares: int
    saves: int


class PostFeeds:
    """The feed of every hashtag of a pool."""

    def __init__(
        self, seed: int, pool: Sequence[Hashtag], by_id: Mapping[str, Hashtag], aging: Aging = AS_USUAL
    ) -> None:
        self._seed = seed
        self._pool = pool
        self._by_id = by_id
        self._turnover = aging.turnover("posts")
        self._people = People(seed)
        self._places = lru_cache(maxsize=512)(self._draw_places)
        self._feed = lru_cache(maxsize=512)(self._draw_feed)

    def feed(self, hashtag_id: str, day: date) -> Feed | None:
        """Return the feed of a hashtag on a day, or ``None`` for an unknown id."""
        hashtag = self._by_id.get(hashtag_id)
        return None if hashtag is None else self._feed(hashtag.index, day)

    def items(self, feed: Feed, start: int, at: datetime) -> list[Record]:
        """Return one page of items, from `start` (0-based) on."""
        return [self._item(listed, at) for listed in feed.posts[start : start + PAGE_SIZE]]

    def _draw_places(self, index: int) -> BoardPlaces:
        count = draw(self._seed, "posts", index).randint(12, 210)
        return places_of(self._seed, "posts", index, "", count, self._turnover, worldwide=0.0)

    def _partner(self, index: int) -> int:
        return index ^ 1 if index ^ 1 < len(self._pool) else index

    def _draw_feed(self, index: int, day: date) -> Feed:
        """Draw a feed of 12 to 237 posts."""
        posts = [Listed(index, held.place, held.spell, held.begun) for held in self._places(index).on(day)]
        partner = self._partner(index)
        if partner != index:
            shared = (held for held in self._places(partner).on(day) if held.place % SHARED_EVERY == 0)
            posts += [Listed(partner, held.place, held.spell, held.begun) for held in shared]
        key = key_of(self._seed, "feed", index)
        posts.sort(key=lambda listed: mixed(key ^ listed.owner, listed.number + PLACES * listed.spell))
        return Feed(tuple(posts))

    def _tags(self, owner: int, number: int, rng: Random) -> list[Hashtag]:
        """Return the hashtags that a post names: its owner, the partner if shared, and a few others."""
        tags = {owner: self._pool[owner]}
        if number % SHARED_EVERY == 0:
            partner = self._partner(owner)
            tags[partner] = self._pool[partner]
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            other = rng.randrange(len(self._pool))
            tags[other] = self._pool[other]
        return list(tags.values())

    def _item(self, listed: Listed, at: datetime) -> Record:
        rng = draw(self._seed, "post", listed.owner, listed.number, listed.spell)
        expires_s = urls_expire_s(at)
        author = self._people.author(rng.randrange(AUTHORS))
        tags = self._tags(listed.owner, listed.number, rng)
        created_s = rng.randrange(CREATED_FROM_S, CREATED_UNTIL_S)
        listed_s = CREATED_UNTIL_S if listed.spell == ALWAYS else instant_s(listed.begun)
        if listed_s < created_s or (listed.spell != ALWAYS and rng.random() < FRESH):
            created_s = listed_s - rng.randrange(2 * DAY_S, 4 * DAY_S)
        counts = _counts(rng, (midnight_s(at.date()) - created_s) / DAY_S)
        home = tags[0].home if rng.random() < 0.8 else rng.choice(HASHTAG_COUNTRIES)
        script = SCRIPTS.get(home, "english")
        desc, extra = _description(rng, script, tags)
        item: Record = {
            "id": long_id(rng),
            "desc": desc,
            "createTime": created_s,
            "author": author_fields(author, rng, expires_s),
            "authorStats": author_stats(author),
            "stats": _rounded(counts),
            "music": music_fields(self._people.sound(rng.randrange(SOUNDS)), rng, expires_s),
            "challenges": [_challenge(tag) for tag in tags],
            "textExtra": extra,
            "duetInfo": {"duetFromId": long_id(rng) if rng.random() < 0.03 else "0"},
            **FLAGS,
            "isAd": rng.random() < 0.02,
        }
        if created_s >= NEW_FROM_S:
            _make_new(item, counts, rng)
        if created_s >= NEW_FROM_S and rng.random() < 0.15:
            item["imagePost"] = _photos(rng, desc, expires_s)
        else:
            item["video"] = _video(rng, expires_s, detailed=created_s >= NEW_FROM_S)
        if rng.random() < 0.05:
            item["effectStickers"] = [{"ID": str(rng.randrange(10**6)), "name": "Steam"}]
        if rng.random() < 0.09:
            item["stickersOnItem"] = [{"stickerText": [caption(rng, script)], "stickerType": 4}]
        if created_s < OLD_UNTIL_S and rng.random() < 0.3:
            _make_old(item, author.handle, rng)
        return item


FLAGS = {
    "privateItem": False,
    "secret": False,
    "duetEnabled": True,
    "stitchEnabled": True,
    "shareEnabled": True,
    "forFriend": False,
    "digged": False,
    "originalItem": False,
    "officalItem": False,
    "itemMute": False,
    "showNotPass": False,
}
"""Flags that hardly ever differ; `officalItem` is spelt as upstream spells it."""


def _counts(rng: Random, age_days: float) -> PostStats:
    """Return the counts of a post at its age: most views come in its first days or weeks, and a few later."""
    reach, quick = spread(rng, 2.2, 8.3), 10 ** rng.uniform(0, 1.5)
    age_days = max(0.0, age_days)
    plays = int(reach * (1 - exp(-(age_days + 0.5) / quick) + 0.0004 * age_days))
    likes = int(plays * rng.uniform(0.01, 0.2))
    return PostStats(
        plays, likes, likes // rng.randint(20, 300), likes // rng.randint(10, 400), likes // rng.randint(5, 60)
    )


def _rounded(counts: PostStats) -> Record:
    """Round for `stats`: from 10,000 on to hundreds, from a million on to hundred thousands, like upstream."""

    def shown(count: int) -> int:
        return count if count < 10_000 else round(count, -2 if count < 1_000_000 else -5)

    return {
        "playCount": shown(counts.plays),
        "diggCount": shown(counts.likes),
        "commentCount": shown(counts.comments),
        "shareCount": shown(counts.shares),
    }


def _description(rng: Random, script: str, tags: Sequence[Hashtag]) -> tuple[str, list[Record]]:
    """Return the caption with its hashtags, and `textExtra` with their places (in UTF-16 units)."""
    if rng.random() < 0.01:
        return "", []
    desc, extra = caption(rng, script), []
    for tag in tags:
        start = len(desc.encode("utf-16-le")) // 2 + 1
        desc = f"{desc} #{tag.name}"
        extra.append(
            {
                "hashtagId": tag.hashtag_id,
                "hashtagName": tag.name,
                "userId": "",
                "userUniqueId": "",
                "secUid": "",
                "start": start,
                "end": start + len(tag.name.encode("utf-16-le")) // 2 + 1,
                "type": 1,
                "subType": 0,
                "isCommerce": False,
            }
        )
    if rng.random() < 0.08:
        start = len(desc.encode("utf-16-le")) // 2 + 1
        desc = f"{desc} @a.friend"
        mention = {"hashtagName": "", "userId": long_id(rng), "userUniqueId": "a.friend", "start": start}
        extra.append({**mention, "end": start + 9, "type": 0, "isCommerce": False})
    return desc, extra


def _challenge(tag: Hashtag) -> Record:
    return {
        "id": tag.hashtag_id,
        "title": tag.name,
        "desc": "",
        "profileThumb": "",
        "profileMedium": "",
        "profileLarger": "",
        "coverThumb": "",
        "coverMedium": "",
        "coverLarger": "",
        "isCommerce": tag.promoted,
    }


def _video(rng: Random, expires_s: int, *, detailed: bool) -> Record:
    height, width = rng.choice(((1024, 576), (1280, 720), (960, 540), (576, 1024)))
    video: Record = {
        "id": long_id(rng),
        "duration": rng.randint(5, 180),
        "height": height,
        "width": width,
        "ratio": rng.choice(("540p", "720p")),
        "format": "mp4",
        "bitrate": rng.randrange(300_000, 3_000_000),
        "videoQuality": "normal",
        "encodedType": "normal",
        "cover": signed_url(rng, "tos-p-0068", "noop.image", expires_s),
        "dynamicCover": signed_url(rng, "tos-p-0068", "dynamic.webp", expires_s),
        "originCover": signed_url(rng, "tos-p-0068", "origin.image", expires_s),
        "playAddr": signed_url(rng, "video/tos/useast2a", "play.mp4", expires_s),
        "shareCover": [""],
    }
    if rng.random() < 0.985:
        video["downloadAddr"] = signed_url(rng, "video/tos/useast2a", "download.mp4", expires_s)
    if detailed:
        video["definition"] = "540p"
        video["codecType"] = rng.choice(("h264", "h265_hvc1"))
        video["size"] = rng.randrange(400_000, 40_000_000)
        video["VQScore"] = f"{rng.uniform(40, 80):.2f}"
        video["volumeInfo"] = {"Loudness": -round(rng.uniform(8, 30), 1), "Peak": round(rng.uniform(0.3, 1), 5)}
        video["zoomCover"] = {"240": signed_url(rng, "tos-p-0068", "zoom:240.image", expires_s)}
    return video


def _photos(rng: Random, desc: str, expires_s: int) -> Record:
    """Return the photos of a post, which then has no video."""
    images = [
        {
            "imageURL": {"urlList": [signed_url(rng, "tos-i-photomode", "photo.image", expires_s)]},
            "imageHeight": 1440,
            "imageWidth": 1080,
        }
        for _ in range(rng.randint(2, 6))
    ]
    return {"images": images, "cover": images[0], "shareCover": images[0], "title": desc[:20]}


def _make_new(item: Record, counts: PostStats, rng: Random) -> None:
    """Add the fields of newer items, such as exact counts as strings."""
    exact = {
        "playCount": counts.plays,
        "diggCount": counts.likes,
        "commentCount": counts.comments,
        "shareCount": counts.shares,
        "collectCount": counts.saves,
        "repostCount": counts.shares // 9,
    }
    item["statsV2"] = {name: str(count) for name, count in exact.items()}
    item["stats"]["collectCount"] = str(counts.saves) if rng.random() < 0.3 else counts.saves
    item["contents"] = [{"desc": item["desc"], "textExtra": item["textExtra"]}] if item["desc"] else []
    item["AIGCDescription"] = ""
    item["BAInfo"] = ""
    item["CategoryType"] = rng.randrange(100, 130)
    item["adAuthorization"] = False
    item["adLabelVersion"] = 0
    item["aigcLabelType"] = 0
    item["collected"] = False
    item["diversificationId"] = rng.randrange(10_000, 10_200)
    item["item_control"] = {"can_repost": True}
    item["textLanguage"] = "un"
    item["textTranslatable"] = bool(item["desc"])


def _make_old(item: Record, handle: str, rng: Random) -> None:
    """Give an item the style of older dumps: the time as a string, the author as a handle or missing."""
    item["createTime"] = str(item["createTime"])
    del item["authorStats"]
    if rng.random() < 0.7:
        item["author"] = handle
    else:
        del item["author"]
