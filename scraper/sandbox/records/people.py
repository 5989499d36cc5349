"""Authors and music, shared by many posts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from scraper.sandbox.records import Record
from scraper.sandbox.records.draws import caption, draw, handle, long_id, person, signed_url, spread
from scraper.sandbox.records.words import ALBUMS, SCRIPTS, SONGS

AUTHORS = 4_000
SOUNDS = 3_000


@dataclass(frozen=True, slots=True)
class Author:
    """An author of posts; signed avatars are added when a post is shown."""

    user_id: str
    handle: str
    nickname: str
    signature: str
    sec_uid: str
    verified: bool
    sells: bool
    followers: int
    following: int
    hearts: int
    videos: int


@dataclass(frozen=True, slots=True)
class Sound:
    """The music of a post."""

    music_id: str
    title: str
    author: str
    album: str
    duration_s: int
    original: bool


class People:
    """Authors and music by number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.author = lru_cache(maxsize=2048)(self._draw_author)
        self.sound = lru_cache(maxsize=2048)(self._draw_sound)

    def _draw_author(self, number: int) -> Author:
        rng = draw(self._seed, "author", number)
        script = SCRIPTS.get(rng.choice(("US", "GB", "JP", "KR", "TH", "SA", "IL", "BR", "MX", "TW", "VN")), "english")
        followers = spread(rng, 1.5, 7.3)
        return Author(
            user_id=long_id(rng) if rng.random() < 0.7 else str(rng.randrange(10**6, 10**11)),
            handle=handle(rng),
            nickname=person(rng),
            signature=caption(rng, script) if rng.random() < 0.6 else "",
            sec_uid=f"MS4wLjABAAAA{rng.getrandbits(256):064x}",
            verified=rng.random() < 0.05,
            sells=rng.random() < 0.1,
            followers=followers,
            following=spread(rng, 0, 3.6),
            hearts=followers * rng.randint(2, 60),
            videos=spread(rng, 0.5, 3.6),
        )

    def _draw_sound(self, number: int) -> Sound:
        rng = draw(self._seed, "sound", number)
        original = rng.random() < 0.7
        return Sound(
            music_id=long_id(rng),
            title=SONGS[0] if original else rng.choice(SONGS[1:]),
            author=person(rng),
            album="" if original else rng.choice(ALBUMS),
            duration_s=rng.randint(7, 240),
            original=original,
        )


def author_fields(author: Author, rng: Random, expires_s: int) -> Record:
    """Return the `author` object of a post item."""
    return {
        "id": author.user_id,
        "uniqueId": author.handle,
        "nickname": author.nickname,
        "signature": author.signature,
        "secUid": author.sec_uid,
        "verified": author.verified,
        "privateAccount": False,
        "ttSeller": author.sells,
        "avatarThumb": signed_url(rng, "tos-avt-0068", "cropcenter:100:100.jpeg", expires_s),
        "avatarMedium": signed_url(rng, "tos-avt-0068", "cropcenter:720:720.jpeg", expires_s),
        "avatarLarger": signed_url(rng, "tos-avt-0068", "cropcenter:1080:1080.jpeg", expires_s),
        "relation": 0,
        "commentSetting": 0,
        "duetSetting": 0,
        "stitchSetting": 0,
        "ftc": False,
        "secret": False,
        "openFavorite": False,
    }


def author_stats(author: Author) -> Record:
    """Return the `authorStats` object of a post item."""
    return {
        "followerCount": author.followers,
        "followingCount": author.following,
        "heart": author.hearts,
        "heartCount": author.hearts,
        "videoCount": author.videos,
        "diggCount": author.following * 7,
    }


def music_fields(sound: Sound, rng: Random, expires_s: int) -> Record:
    """Return the `music` object of a post item."""
    return {
        "id": sound.music_id,
        "title": sound.title,
        "authorName": sound.author,
        "album": sound.album,
        "duration": sound.duration_s,
        "original": sound.original,
        "playUrl": signed_url(rng, "tos-useast2a-v-2774", "play.mp3", expires_s),
        "coverThumb": signed_url(rng, "tos-avt-0068", "cropcenter:100:100.jpeg", expires_s),
        "coverMedium": signed_url(rng, "tos-avt-0068", "cropcenter:720:720.jpeg", expires_s),
        "coverLarge": signed_url(rng, "tos-avt-0068", "cropcenter:1080:1080.jpeg", expires_s),
    }
