"""Crawlora as played: routes, envelopes, clamps and refusals from its endpoint pages, read 2026-11-21.

Not on those pages, so chosen here: 20 records without a `limit`, or with one below 1; creators by followers without a
`sort_by`; all countries without one; 402 for the month's credits and 429 for the day's; the texts of 401 and 404.

Its pages about the account are in `sandbox.account_pages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from scraper.core.units import Credits, iso_utc
from scraper.sandbox.account_pages import account_routes
from scraper.sandbox.answers import AccountRoute, Asked, InvalidParameterError, PlayedAnswer, Route, Sold
from scraper.sandbox.crawlora_newer import SOLD, CrawloraNewer
from scraper.sandbox.metering import Limit, Rejected, credits_left
from scraper.sandbox.records import Record
from scraper.sandbox.records.creators import SORT_ORDERS, CreatorBoards
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.posts import PostFeeds

API = "/api/v1"
LAST_PAGE = 10
LARGEST_LIMIT = 100
"""`page` is clamped to 1–10 and `limit` to at most 100, silently."""
DEFAULT_LIMIT = 20
"""Undocumented: our choice."""
HIDDEN_EVERY = 31
"""A cursor also counts hidden posts, here every 31st: it is not a multiple of the page size (documented example: 93),
so a client that computes it instead of returning it fails."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a board that answers a request, after clamping."""

    page: int
    size: int

    @property
    def start(self) -> int:
        """Return the index of its first record, from 0."""
        return (self.page - 1) * self.size


class Crawlora:
    """The routes that Crawlora sells, and those that report spending.

    `retired`: the boards that are gone or deprecated answer 404.
    """

    name = "crawlora"
    prefix = API
    credit_cost: Credits = 8
    sold: Mapping[str, Sold] = MappingProxyType(
        {
            f"{prefix}/tiktok/popular-trend/hashtag": Sold("crawlora.hashtags", "page"),
            f"{prefix}/tiktok/popular-trend/creator": Sold("crawlora.creators", "page"),
            f"{prefix}/tiktok/hashtags": Sold("crawlora.hashtag_posts", "cursor"),
            **{f"{API}{path}": sold for path, sold in SOLD.items()},
        }
    )
    routes: Mapping[str, Route]
    account_routes: Mapping[str, AccountRoute]

    def __init__(
        self,
        hashtags: HashtagBoards,
        creators: CreatorBoards,
        posts: PostFeeds,
        newer: CrawloraNewer,
        *,
        retired: bool = False,
    ) -> None:
        self._hashtags, self._creators, self._posts = hashtags, creators, posts
        old: dict[str, Route] = {
            f"{self.prefix}/tiktok/popular-trend/hashtag": self._trending_hashtags,
            f"{self.prefix}/tiktok/popular-trend/creator": self._trending_creators,
        }
        self.routes = {
            **({} if retired else old),
            f"{self.prefix}/tiktok/hashtags": self._hashtag_posts,
            **{f"{self.prefix}{path}": route for path, route in newer.routes.items()},
        }
        self.account_routes = account_routes(self.prefix)

    def charges(self, answer: PlayedAnswer) -> bool:
        """Return True for each 2xx; documented: "Successful 2xx responses"."""
        return 200 <= answer.status < 300

    def key_in(self, headers: Mapping[str, str]) -> str | None:
        """The key travels in `x-api-key`."""
        return headers.get("x-api-key")

    def headers(self, request_id: str, starts_left: int | None) -> Mapping[str, str]:
        """Return the two headers named in its pages and SDKs."""
        stated = {} if starts_left is None else {"X-RateLimit-Per-Second-Remaining": str(starts_left)}
        return {"x-request-id": request_id, **stated}

    def unauthorized(self, key: str | None) -> PlayedAnswer:
        return _refusal(401, "API key required" if key is None else "Invalid API key")

    def invalid(self, fault: InvalidParameterError) -> PlayedAnswer:
        """Return a 400 with the documented words."""
        return _refusal(400, f"Invalid input: {fault.parameter}")

    def failed(self, status: int) -> PlayedAnswer:
        """Documented for 500: "Internal server error"; the others in the same style."""
        return _refusal(status, HTTPStatus(status).phrase.capitalize())

    def rejected(self, rejected: Rejected) -> PlayedAnswer:
        """Return the documented rejection body.

        The HTTP status of each reason is not documented. Assumed: 402 for the month's credits, 429 for the day's and
        for the rates. A client has to go by `data.reason`.
        """
        status, message, reason, scope = _REASONS[rejected.limit]
        plan = rejected.subscription
        data = {
            "reason": reason,
            "reset_scope": scope,
            "resets_at": iso_utc(rejected.resets_at),
            "retry_after_seconds": rejected.wait_s,
            "credit_cost": rejected.credit_cost,
            "credits_included": plan.credits_per_month,
            "credits_used": rejected.used_this_month,
            "credits_remaining": credits_left(plan.month_limit, rejected.used_this_month),
            "daily_credit_limit": plan.credits_per_day,
            "daily_credits_used": rejected.used_today,
            "daily_credits_remaining": credits_left(plan.credits_per_day, rejected.used_today),
            "plan": plan.name,
            "rate_limit_per_minute": plan.requests_per_minute,
        }
        headers = {"Retry-After": str(rejected.wait_s)} if status == 429 else {}
        return PlayedAnswer(status, {"code": status, "msg": message, "data": data}, headers=headers)

    def _trending_hashtags(self, asked: Asked) -> PlayedAnswer:
        window = _window(asked)
        period_days = int(asked.choice("period", ("7", "30", "120"), "7"))
        industry = asked.integer("industry_id") if "industry_id" in asked.parameters else None
        only_new = "filter_by" in asked.parameters and bool(
            asked.choice("filter_by", ("new_on_board",), "new_on_board")
        )
        board = self._hashtags.board(
            asked.optional("country_code"), period_days, asked.day, industry=industry, only_new=only_new
        )
        # Where KeyAPI leaves rank_diff out (type 4), Crawlora sends 0.
        records = [{"rank_diff": 0, **record} for record in board[window.start : window.start + window.size]]
        return _board(asked, "list", records, window, len(board))

    def _trending_creators(self, asked: Asked) -> PlayedAnswer:
        """`audience_count` is accepted and ignored, as documented."""
        window = _window(asked)
        country = asked.optional("creator_country")
        sort_by = asked.choice("sort_by", SORT_ORDERS, "follower")
        records = self._creators.page(country, sort_by, asked.world_at, window.start, window.size)
        return _board(asked, "creators", records, window, self._creators.total(country, asked.day))

    def _hashtag_posts(self, asked: Asked) -> PlayedAnswer:
        hashtag_id = asked.required("id")
        cursor = asked.integer("cursor", 0)
        if cursor < 0:
            raise InvalidParameterError("cursor", str(cursor))
        feed = self._posts.feed(hashtag_id, asked.day)
        if feed is None:  # recorded from live answers: a success without an itemList, and it is paid for
            return _tiktok(asked, {"cursor": "0", "hasMore": False})
        start = cursor - cursor // HIDDEN_EVERY
        records = self._posts.items(feed, start, asked.world_at)
        if not records:
            return _tiktok(asked, {"cursor": str(cursor), "hasMore": False})
        seen = start + len(records)
        more = seen < len(feed.posts)
        page = {"cursor": str(seen + seen // (HIDDEN_EVERY - 1)), "hasMore": more, "itemList": records}
        return _tiktok(asked, page, records)


_REASONS = {
    Limit.MONTH: (402, "Insufficient credits", "insufficient_credits", "monthly"),
    Limit.DAY: (429, "Daily credit limit reached", "daily_credit_limit", "daily"),
    Limit.MINUTE: (429, "Rate limit exceeded", "rate_limited", "minute"),
    Limit.SECOND: (429, "Rate limit exceeded", "rate_limited", "minute"),  # no smaller scope is documented
}


def _refusal(status: int, message: str) -> PlayedAnswer:
    return PlayedAnswer(status, {"code": status, "msg": message, "data": None})


def _window(asked: Asked) -> Window:
    page, limit = asked.integer("page", 1), asked.integer("limit", DEFAULT_LIMIT)
    return Window(min(max(page, 1), LAST_PAGE), min(limit, LARGEST_LIMIT) if limit >= 1 else DEFAULT_LIMIT)


def _board(asked: Asked, where: str, records: Sequence[Record], window: Window, total: int) -> PlayedAnswer:
    """Return a board's page in two envelopes, whose outer code is an HTTP status and whose inner one is 0.

    `has_more` is about the whole board: it is true on page 10 of a longer one, although no later page is served.
    """
    pagination = {
        "page": window.page,
        "size": window.size,
        "total": total,
        "has_more": window.start + window.size < total,
    }
    inner = {"code": 0, "msg": "OK", "request_id": asked.request_id, "data": {where: records, "pagination": pagination}}
    return PlayedAnswer(200, {"code": 200, "msg": "OK", "data": inner}, records)


def _tiktok(asked: Asked, page: Mapping[str, object], records: Sequence[Record] = ()) -> PlayedAnswer:
    """Return one envelope around TikTok's own body, which states its status twice."""
    log_id = f"{asked.at:%Y%m%d%H%M%S}{asked.request_id.replace('-', '')[:20].upper()}"
    body = {
        **page,
        "extra": {"fatal_item_ids": [], "logid": log_id, "now": int(asked.at.timestamp() * 1000)},
        "log_pb": {"impr_id": log_id},
        "statusCode": 0,
        "status_code": 0,
        "status_msg": "",
    }
    return PlayedAnswer(200, {"code": 200, "msg": "OK", "data": body}, records)
