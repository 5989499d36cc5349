"""KeyAPI as played: routes, envelopes, clamps and refusals from its endpoint pages, read 2026-11-21 and 2026-11-29.

Not on those pages, so chosen here: a page or limit below 1 is a 400; a failure, in a 2xx too, is free unless configured
otherwise; the day's and the month's credits are refused alike; a page past the end is an empty success.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from scraper.core.units import Credits
from scraper.sandbox.answers import (
    AccountRoute,
    Asked,
    FailedRequests,
    InvalidParameterError,
    PlayedAnswer,
    Route,
    Sold,
)
from scraper.sandbox.metering import Limit, Rejected
from scraper.sandbox.records import Record
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.sounds import SoundBoards
from scraper.sandbox.records.videos import VideoBoards

LARGEST_LIMIT = 20
"""`limit` is 1 to 20, "if it exceeds the maximum value, it will be automatically handled as 20"; also the default."""


class KeyApi:
    """The four routes that KeyAPI sells. All its parameters travel as strings."""

    name = "keyapi"
    prefix = "/v1"
    credit_cost: Credits = 2
    sold: Mapping[str, Sold] = MappingProxyType(
        {
            f"{prefix}/tiktok/trending/hashtags": Sold("keyapi.hashtags", "page"),
            f"{prefix}/tiktok/trending/videos": Sold("keyapi.videos", "page"),
            f"{prefix}/tiktok/trending/music": Sold("keyapi.music", "page"),
            f"{prefix}/tiktok/trending/music/detail": Sold("keyapi.music_detail", "one"),
        }
    )
    routes: Mapping[str, Route]
    account_routes: Mapping[str, AccountRoute]
    """No account routes are published."""

    def __init__(
        self,
        hashtags: HashtagBoards,
        videos: VideoBoards,
        sounds: SoundBoards,
        failed_requests: FailedRequests = "free",
    ) -> None:
        self._hashtags, self._videos, self._sounds = hashtags, videos, sounds
        self._failed_requests = failed_requests
        self.account_routes = {}
        self.routes = {
            f"{self.prefix}/tiktok/trending/hashtags": self._trending_hashtags,
            f"{self.prefix}/tiktok/trending/videos": self._trending_videos,
            f"{self.prefix}/tiktok/trending/music": self._trending_music,
            f"{self.prefix}/tiktok/trending/music/detail": self._music_detail,
        }

    def charges(self, answer: PlayedAnswer) -> bool:
        """Return whether an answer is charged; only the price of a request is documented."""
        return answer.succeeded or self._failed_requests == "charged"

    def key_in(self, headers: Mapping[str, str]) -> str | None:
        """The key travels as `Authorization: Bearer sk_live_…`."""
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    def headers(self, request_id: str, starts_left: int | None) -> Mapping[str, str]:  # noqa: ARG002 no header is documented
        return {}

    def unauthorized(self, key: str | None) -> PlayedAnswer:  # noqa: ARG002 no other words are documented for a wrong key
        """Return the documented 401."""
        return _refusal(401, "apiKey is null")

    def invalid(self, fault: InvalidParameterError) -> PlayedAnswer:
        """Return a 400; only the words for a missing parameter are documented."""
        what = "Missing required parameter" if fault.met is None else "Invalid parameter"
        return _refusal(400, f"{what}: {fault.parameter}")

    def failed(self, status: int) -> PlayedAnswer:
        """Documented for 500: "Internal server error"; the others in the same style."""
        return _refusal(status, HTTPStatus(status).phrase.capitalize())

    def rejected(self, rejected: Rejected) -> PlayedAnswer:
        """Return the documented 402 or 429."""
        if rejected.limit in {Limit.MONTH, Limit.DAY}:
            return _refusal(402, "apiKey quota is not enough")
        return _refusal(429, "qps limit exceeded", {"Retry-After": str(rejected.wait_s)})

    def _trending_hashtags(self, asked: Asked) -> PlayedAnswer:
        page, limit = _window(asked)
        period_days = int(asked.choice("period", ("7", "30", "120"), "7"))
        region = asked.text("region", "all_regions")
        only_new = asked.choice("new_to_top_100", ("false", "true"), "false") == "true"
        no_industry = asked.parameters.get("industry_id", "nothing") == "nothing"
        board = self._hashtags.board(
            None if region == "all_regions" else region,
            period_days,
            asked.day,
            industry=None if no_industry else asked.integer("industry_id"),
            only_new=only_new,
        )
        return _board(asked, "list", board, page, limit)

    def _trending_videos(self, asked: Asked) -> PlayedAnswer:
        """Return a page whose pagination has other field names than every other board: `limit` and `total_count`."""
        page, limit = _window(asked)
        period_days = int(asked.choice("period", ("7", "30"), "7"))
        region = asked.text("region", "US")
        order_by = asked.choice("order_by", ("vv", "like", "comment", "repost"), "vv")
        start, total = (page - 1) * limit, self._videos.total(region, period_days, asked.day)
        records = self._videos.page(region, period_days, order_by, asked.world_at, start, limit)
        pagination = {"has_more": start + limit < total, "limit": limit, "page": page, "total_count": total}
        return _success(asked, {"pagination": pagination, "videos": records}, records)

    def _trending_music(self, asked: Asked) -> PlayedAnswer:
        page, limit = _window(asked)
        board = self._sounds.board(
            asked.text("region", "US"),
            int(asked.choice("period", ("7", "30", "120"), "7")),
            asked.day,
            only_new=asked.choice("new_to_top_100", ("false", "true"), "false") == "true",
            commercial=asked.choice("commercial_music", ("false", "true"), "false") == "true",
            keyword=asked.optional("search_keyword") or "",
        )
        return _board(asked, "sound_list", board, page, limit)

    def _music_detail(self, asked: Asked) -> PlayedAnswer:
        """Return the record of a sound; one not on the board of that period and country has none (chosen here)."""
        period_days = int(asked.choice("period", ("7", "30", "120"), "7"))
        region = asked.text("region", "US")
        sound = self._sounds.detail(asked.required("clip_id"), region, period_days, asked.day)
        data = {"disliked": None, "like_count": None, "liked": None, "sound": sound}
        return _success(asked, data, [] if sound is None else [sound])


def _window(asked: Asked) -> tuple[int, int]:
    """Return the page and limit in use."""
    page, limit = asked.integer("page", 1), asked.integer("limit", LARGEST_LIMIT)
    for name, value in (("page", page), ("limit", limit)):
        if value < 1:
            raise InvalidParameterError(name, str(value))
    return page, min(limit, LARGEST_LIMIT)


def _board(asked: Asked, list_name: str, board: Sequence[Record], page: int, limit: int) -> PlayedAnswer:
    start = (page - 1) * limit
    records = board[start : start + limit]
    pagination = {"page": page, "size": limit, "total": len(board), "has_more": start + limit < len(board)}
    return _success(asked, {list_name: records, "pagination": pagination}, records)


def _success(asked: Asked, data: Mapping[str, object], records: Sequence[Record]) -> PlayedAnswer:
    return PlayedAnswer(200, {"code": 0, "message": "success", "data": data, "requestId": asked.request_id}, records)


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> PlayedAnswer:
    return PlayedAnswer(status, {"code": status, "data": None, "message": message}, headers=headers or {})
