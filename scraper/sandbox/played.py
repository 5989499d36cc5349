"""Both vendors over the records of a seed, which age or replay lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from scraper.sandbox.answers import FailedRequests, Paging, PlayedVendor
from scraper.sandbox.crawlora import Crawlora
from scraper.sandbox.crawlora_newer import CrawloraNewer
from scraper.sandbox.keyapi import KeyApi
from scraper.sandbox.records.aging import AS_USUAL, Aging
from scraper.sandbox.records.app_posts import AppPosts
from scraper.sandbox.records.creators import CreatorBoards
from scraper.sandbox.records.given import GivenLists
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.posts import PostFeeds
from scraper.sandbox.records.sounds import SoundBoards
from scraper.sandbox.records.videos import VideoBoards


@dataclass(frozen=True, slots=True)
class World:
    """The records of a seed, for both vendors."""

    hashtags: HashtagBoards
    creators: CreatorBoards
    posts: PostFeeds
    videos: VideoBoards
    sounds: SoundBoards
    newer: CrawloraNewer


@lru_cache(maxsize=4)
def world_of(seed: int, aging: Aging = AS_USUAL, lists: GivenLists | None = None) -> World:
    """Draw the records of a seed, once for all sandboxes of a process; nothing in them is ever changed."""
    hashtags, sounds = HashtagBoards(seed, aging, lists), SoundBoards(seed, aging)
    posts = PostFeeds(seed, hashtags.pool, hashtags.by_id, aging)
    newer = CrawloraNewer(seed, hashtags, sounds, AppPosts(seed, hashtags, posts))
    return World(hashtags, CreatorBoards(seed, aging, lists), posts, VideoBoards(seed, aging, lists), sounds, newer)


def played_vendors(
    world: World, *, failed_requests: FailedRequests = "free", retired: bool = False
) -> tuple[PlayedVendor, ...]:
    return (
        Crawlora(world.hashtags, world.creators, world.posts, world.newer, retired=retired),
        KeyApi(world.hashtags, world.videos, world.sounds, failed_requests),
    )


def endpoints_played(vendors: Collection[str]) -> Mapping[str, Paging]:
    """Return endpoint → kind of pagination, for all that these vendors sell here."""
    kinds: tuple[type[PlayedVendor], ...] = (Crawlora, KeyApi)
    sold = [each for kind in kinds if kind.name in vendors for each in kind.sold.values()]
    return {each.endpoint: each.paging for each in sold}
