"""Keys, limits, parameters, unknown paths and failures: each in the words of its vendor, none charged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox
from tests.sandbox.visits import (
    C_CREATORS,
    C_HASHTAGS,
    C_POSTS,
    K_HASHTAGS,
    K_VIDEOS,
    KEYS,
    HandClock,
    Opened,
    Reply,
    Visitor,
    opened,
)

KEYAPI_REFUSED = {"code": 401, "data": None, "message": "apiKey is null"}


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        (C_HASHTAGS, {}, {"code": 401, "msg": "API key required", "data": None}),
        (C_POSTS, {"x-api-key": "another"}, {"code": 401, "msg": "Invalid API key", "data": None}),
        (
            C_HASHTAGS,
            {"Authorization": f"Bearer {KEYS['crawlora']}"},
            {"code": 401, "msg": "API key required", "data": None},
        ),
        (K_HASHTAGS, {}, KEYAPI_REFUSED),
        (K_VIDEOS, {"Authorization": "Bearer sk_live_another"}, KEYAPI_REFUSED),
        (K_VIDEOS, {"x-api-key": KEYS["keyapi"]}, KEYAPI_REFUSED),
        (K_VIDEOS, {"Authorization": KEYS["keyapi"]}, KEYAPI_REFUSED),
    ],
)
def test_a_refused_key_is_not_charged(path: str, headers: dict[str, str], body: dict[str, Any]) -> None:
    sandbox = opened()
    reply = sandbox.visit(lambda visitor: visitor.get(path, headers=headers))
    assert (reply.status, reply.body) == (401, body)
    account = sandbox.sandbox.account("crawlora" if path.startswith("/api") else "keyapi")
    assert (account["credits_charged"], account["requests_by_status"]) == (0, {"401": 1})
    assert account["most_starts_in_a_minute"] == 0


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (C_HASHTAGS, {"period": 14}),
        (C_HASHTAGS, {"period": "07"}),
        (C_HASHTAGS, {"page": "one"}),
        (C_HASHTAGS, {"page": ""}),
        (C_HASHTAGS, {"limit": "1e2"}),
        (C_HASHTAGS, {"limit": "١٠"}),
        (C_HASHTAGS, {"industry_id": "nothing"}),
        (C_HASHTAGS, {"filter_by": "new"}),
        (C_HASHTAGS, {"country_code": ""}),
        (C_CREATORS, {"sort_by": "likes"}),
        (C_CREATORS, {"page": "1.0"}),
        (C_POSTS, {}),
        (C_POSTS, {"id": ""}),
        (C_POSTS, {"id": "3242", "cursor": "next"}),
        (C_POSTS, {"id": "3242", "cursor": "-1"}),
        (C_POSTS, {"id": "3242", "cursor": "9" * 30}),
    ],
)
def test_crawlora_refuses_a_wrong_parameter_free_of_charge(path: str, params: dict[str, object]) -> None:
    sandbox = opened()
    reply = sandbox.get(path, **params)
    wrong = list(params)[-1] if params else "id"
    assert (reply.status, reply.body) == (400, {"code": 400, "msg": f"Invalid input: {wrong}", "data": None})
    assert sandbox.sandbox.account("crawlora")["credits_charged"] == 0


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (K_HASHTAGS, {"period": "14"}),
        (K_HASHTAGS, {"page": "0"}),
        (K_HASHTAGS, {"limit": "0"}),
        (K_HASHTAGS, {"limit": "many"}),
        (K_HASHTAGS, {"industry_id": "pets"}),
        (K_HASHTAGS, {"new_to_top_100": "yes"}),
        (K_HASHTAGS, {"region": ""}),
        (K_VIDEOS, {"period": "120"}),
        (K_VIDEOS, {"order_by": "share"}),
    ],
)
def test_keyapi_refuses_a_wrong_parameter_free_of_charge(path: str, params: dict[str, object]) -> None:
    sandbox = opened()
    reply = sandbox.get(path, **params)
    assert reply.status == 400
    assert reply.body == {"code": 400, "data": None, "message": f"Invalid parameter: {next(iter(params))}"}
    assert sandbox.sandbox.account("keyapi")["credits_charged"] == 0


def test_crawlora_rejects_over_the_rate_and_says_for_how_long() -> None:
    sandbox = opened(Subscription("free", credits_per_month=2000, credits_per_day=500, requests_per_minute=2))

    async def script(visitor: Visitor) -> Reply:
        for wait_s in (10, 5.5):
            await visitor.get(C_HASHTAGS)
            sandbox.clock.move(seconds=wait_s)
        return await visitor.get(C_HASHTAGS)

    reply = sandbox.visit(script)
    assert (reply.status, reply.headers["Retry-After"]) == (429, "55")
    assert reply.body == {
        "code": 429,
        "msg": "Rate limit exceeded",
        "data": {
            "reason": "rate_limited",
            "reset_scope": "minute",
            "resets_at": "2026-11-21T12:01:10Z",
            "retry_after_seconds": 55,
            "credit_cost": 8,
            "credits_included": 2000,
            "credits_used": 16,
            "credits_remaining": 1984,
            "daily_credit_limit": 500,
            "daily_credits_used": 16,
            "daily_credits_remaining": 484,
            "plan": "free",
            "rate_limit_per_minute": 2,
        },
    }


@pytest.mark.parametrize(
    ("subscription", "status", "reason", "scope", "resets_at"),
    [
        (Subscription("m", credits_per_month=12), 402, "insufficient_credits", "monthly", "2026-12-01T00:00:00Z"),
        (Subscription("d", credits_per_day=12), 429, "daily_credit_limit", "daily", "2026-11-22T00:00:00Z"),
    ],
)
def test_crawlora_rejects_what_the_credits_do_not_reach_for(
    subscription: Subscription, status: int, reason: str, scope: str, resets_at: str
) -> None:
    sandbox = opened(subscription)
    sandbox.get(C_HASHTAGS)
    reply = sandbox.get(C_HASHTAGS)
    assert (reply.status, reply.body["code"]) == (status, status)
    data = reply.body["data"]
    assert (data["reason"], data["reset_scope"], data["resets_at"]) == (reason, scope, resets_at)
    assert sandbox.sandbox.account("crawlora")["credits_charged"] == 8


def test_crawlora_sells_overage_where_it_was_allowed() -> None:
    overage = Subscription(
        "starter",
        credits_per_month=8,
        overage=True,
        overage_usd_per_1000=Decimal("0.75"),
        max_overage_usd=Decimal("0.01"),
    )
    sandbox = opened(overage)
    assert [sandbox.get(C_HASHTAGS).status for _ in range(3)] == [200, 200, 402]


@pytest.mark.parametrize(
    ("subscription", "status", "message"),
    [
        (Subscription("m", credits_per_month=3), 402, "apiKey quota is not enough"),
        (Subscription("d", credits_per_day=3), 402, "apiKey quota is not enough"),
        (Subscription("q", requests_per_second=1), 429, "qps limit exceeded"),
        (Subscription("r", requests_per_minute=1), 429, "qps limit exceeded"),
    ],
)
def test_keyapi_rejects_in_its_documented_words(subscription: Subscription, status: int, message: str) -> None:
    sandbox = opened(keyapi=subscription)
    sandbox.get(K_VIDEOS)
    reply = sandbox.get(K_VIDEOS)
    assert (reply.status, reply.body) == (status, {"code": status, "data": None, "message": message})
    assert ("Retry-After" in reply.headers) is (status == 429)
    assert sandbox.sandbox.account("keyapi")["credits_charged"] == 2


def test_an_unknown_path_is_the_404_of_the_vendor_whose_prefix_it_has() -> None:
    async def script(visitor: Visitor) -> list[Reply]:
        return [
            await visitor.get("/api/v1/tiktok/creative-center/songs"),
            await visitor.get("/v1/tiktok/trending/songs"),
            await visitor.ask("POST", K_VIDEOS),
            await visitor.get("/nothing"),
        ]

    sandbox = opened()
    crawlora, keyapi, posted, neither = sandbox.visit(script)
    assert (crawlora.status, crawlora.body) == (404, {"code": 404, "msg": "Not found", "data": None})
    assert (keyapi.status, keyapi.body) == (404, {"code": 404, "data": None, "message": "Not found"})
    assert (posted.status, posted.body) == (keyapi.status, keyapi.body)
    assert (neither.status, neither.body["error"]) == (404, "not a page of the sandbox")
    assert sandbox.sandbox.account("keyapi")["requests_by_status"] == {"404": 2}


class BrokenWithin(Sandbox):
    """A sandbox with a fault inside its metering."""

    def application(self) -> web.Application:
        application = super().application()
        application.middlewares.append(self._break)
        return application

    @staticmethod
    @web.middleware
    async def _break(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        raise RuntimeError("not a vendor's words")


def test_an_unexpected_exception_is_the_vendors_500_and_free() -> None:
    open_end = Subscription("open")
    sandbox = BrokenWithin(subscriptions={"crawlora": open_end, "keyapi": open_end}, keys=KEYS, clock=HandClock())
    broken = Opened(sandbox)
    crawlora, keyapi = broken.get(C_CREATORS), broken.get(K_VIDEOS)
    assert (crawlora.status, crawlora.body) == (500, {"code": 500, "msg": "Internal server error", "data": None})
    assert (keyapi.status, keyapi.body) == (500, {"code": 500, "data": None, "message": "Internal server error"})
    account = sandbox.account("crawlora")
    assert (account["credits_charged"], account["requests_by_status"]) == (0, {"500": 1})
