"""Visiting a sandbox over its port, with the clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import aiohttp
import orjson

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox, serve

T = TypeVar("T")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEYS = {"crawlora": "crawlora-test-key", "keyapi": "sk_live_test"}
HEADERS = {
    "/api/v1/": {"x-api-key": KEYS["crawlora"]},
    "/v1/": {"Authorization": f"Bearer {KEYS['keyapi']}"},
    "/": {},
}
C_HASHTAGS = "/api/v1/tiktok/popular-trend/hashtag"
C_CREATORS = "/api/v1/tiktok/popular-trend/creator"
C_POSTS = "/api/v1/tiktok/hashtags"
C_BILLING = "/api/v1/billing/me"
C_EVENTS = "/api/v1/billing/me/events"
K_HASHTAGS = "/v1/tiktok/trending/hashtags"
K_VIDEOS = "/v1/tiktok/trending/videos"
K_MUSIC = "/v1/tiktok/trending/music"
K_SOUND = "/v1/tiktok/trending/music/detail"
C_CREATIVE = "/api/v1/tiktok/creative-center/hashtags"
C_HASHTAG = "/api/v1/tiktok/hashtag"
C_APP_POSTS = "/api/v1/tiktok/mobile/hashtag/posts"
C_APP_MUSIC = "/api/v1/tiktok/mobile/music/trending"
C_APP_EFFECTS = "/api/v1/tiktok/mobile/trending/effects"
C_APP_CATEGORIES = "/api/v1/tiktok/mobile/trending/categories"
C_ADS = "/api/v1/tiktok/top-ads/list"
C_SPOTLIGHT = "/api/v1/tiktok/top-ads/spotlight"
C_RECOMMEND = "/api/v1/tiktok/top-ads/recommend"
C_INDEX = "/api/v1/datasets/creators/search"


@dataclass(slots=True)
class HandClock:
    """A clock that stands still until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: Any
    """The JSON body."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Visitor:
    base: str
    session: aiohttp.ClientSession

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, **params: Any) -> Reply:
        """GET with the right key for the path, unless headers are given."""
        return await self.ask("GET", path, headers=headers, **params)

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **params: Any) -> Reply:
        if headers is None:
            headers = next(own for prefix, own in HEADERS.items() if path.startswith(prefix))
        query = {name: str(value) for name, value in params.items()}
        async with self.session.request(method, self.base + path, params=query, headers=headers) as response:
            raw = await response.read()
            return Reply(response.status, response.headers, orjson.loads(raw) if raw else None, len(raw))


@dataclass(frozen=True, slots=True)
class Opened:
    """A sandbox with the clock it goes by."""

    sandbox: Sandbox
    clock: HandClock = field(default_factory=HandClock)

    def visit(self, script: Callable[[Visitor], Awaitable[T]]) -> T:
        """Serves the sandbox for as long as the script takes."""

        async def served() -> T:
            async with serve(self.sandbox) as base, aiohttp.ClientSession() as session:
                return await script(Visitor(base, session))

        return asyncio.run(served())

    def get(self, path: str, **params: Any) -> Reply:
        """One request, one answer."""
        return self.visit(lambda visitor: visitor.get(path, **params))

    def bodies(self, path: str, *questions: Mapping[str, Any]) -> list[Any]:
        """The 200 bodies to several questions, in order."""

        async def script(visitor: Visitor) -> list[Any]:
            replies = [await visitor.get(path, **params) for params in questions]
            assert [reply.status for reply in replies] == [200] * len(replies)
            return [reply.body for reply in replies]

        return self.visit(script)


def opened(
    crawlora: Subscription | None = None,
    keyapi: Subscription | None = None,
    *,
    seed: int = 0,
    day: date | None = None,
    remember: bool = False,
    retired: bool = False,
    kind: type[Sandbox] = Sandbox,
) -> Opened:
    """Both vendors with these subscriptions; without limits where none is given."""
    clock = HandClock()
    subscriptions = {"crawlora": crawlora or Subscription("open"), "keyapi": keyapi or Subscription("open")}
    sandbox = kind(
        subscriptions=subscriptions,
        keys=KEYS,
        seed=seed,
        day=day,
        clock=clock,
        remember_served=remember,
        retired=retired,
    )
    return Opened(sandbox, clock)


def some_hashtag_id(sandbox: Opened) -> str:
    """An id from the first board, as a client would get it."""
    found: str = sandbox.get(C_HASHTAGS, country_code="US", limit=1).body["data"]["data"]["list"][0]["hashtag_id"]
    return found
