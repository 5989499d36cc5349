"""Prepared answers, and a server in a process of its own that does nothing but send them.

Boards: 25 countries, three periods, ten pages of 100 hashtags. Posts: five pages of 30 posts by cursor for any hashtag
of a board. KeyAPI: the same countries, ten pages of 20 hashtags and of 20 videos. Every body is bytes before the first
request; the server looks one up and writes it, without a web framework.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

import orjson

COUNTRIES: Final = (
    *("US", "FR", "DE", "IT", "ES", "GB", "AR", "AU", "BR", "CA", "CO", "EG", "ID"),
    *("IL", "JP", "KR", "MX", "MY", "PH", "SA", "SE", "TH", "TR", "VN", "AE"),
)
PERIODS: Final = (7, 30, 120)
PAGES: Final = 10
BOARD_ROWS: Final = 100
KEYAPI_ROWS: Final = 20
FEEDS: Final = 100
FEED_PAGES: Final = 5
FEED_ROWS: Final = 30

BOARD_PATH: Final = "/api/v1/tiktok/popular-trend/hashtag"
POSTS_PATH: Final = "/api/v1/tiktok/hashtags"
KEYAPI_HASHTAGS_PATH: Final = "/v1/tiktok/trending/hashtags"
KEYAPI_VIDEOS_PATH: Final = "/v1/tiktok/trending/videos"

Record: TypeAlias = Mapping[str, object]
Key: TypeAlias = tuple[str, ...]
"""Path and the parameters that choose an answer."""


def hashtag(chance: random.Random, rank: int, country: str = "US") -> Record:
    """About 1.5 KB: a third of it is signed URLs of creators' pictures, as in real answers."""
    return {
        "hashtag_id": str(7_000_000 + rank),
        "hashtag_name": f"made up tag {chance.randrange(10**6)}",
        "country_info": {"id": country, "value": f"The land of {country}", "label": country},
        "industry_info": {"id": 22_000_000_000, "value": "Apparel & Accessories", "label": "label_22000000000"},
        "is_promoted": False,
        "trend": [{"time": 1_776_729_600 + day * 86_400, "value": chance.random()} for day in range(7)],
        "creators": [{"nick_name": f"creator {n}", "avatar_url": url(chance)} for n in range(3)],
        "publish_cnt": chance.randrange(10**6),
        "video_views": chance.randrange(10**11),
        "rank": rank,
        "rank_diff": 0,
        "rank_diff_type": 4,
    }


def post(chance: random.Random) -> Record:
    """About 6 KB, most of it signed URLs, as real items are."""
    return {
        "id": str(chance.randrange(10**18, 10**19)),
        "desc": "An invented caption 🌊 #made #up " * 3,
        "createTime": chance.randrange(1_600_000_000, 1_790_000_000),
        "author": {
            "id": str(chance.randrange(10**18)),
            "uniqueId": f"user{chance.randrange(10**6)}",
            "nickname": "Somebody",
            "signature": "words " * 10,
            "verified": False,
            **{f"avatar{size}": url(chance) for size in ("Thumb", "Medium", "Larger")},
        },
        "authorStats": {"followerCount": chance.randrange(10**7), "heartCount": chance.randrange(10**9)},
        "stats": {"playCount": chance.randrange(10**8), "diggCount": 5, "commentCount": 7, "shareCount": 9},
        "statsV2": {"playCount": str(chance.randrange(10**8)), "diggCount": "5", "collectCount": "3"},
        "music": {"id": "7", "title": "a song", "duration": 30, "playUrl": url(chance), "coverLarge": url(chance)},
        "challenges": [{"id": str(n), "title": f"tag{n}", "desc": ""} for n in range(4)],
        "textExtra": [{"hashtagId": str(n), "hashtagName": f"tag{n}", "start": n, "end": n + 4} for n in range(4)],
        "video": {
            "id": "7",
            "duration": 15,
            "height": 1024,
            "width": 576,
            "bitrate": 1_200_000,
            **{name: url(chance) for name in ("cover", "dynamicCover", "originCover", "playAddr", "downloadAddr")},
            "bitrateInfo": [{"Bitrate": 9, "PlayAddr": {"UrlList": [url(chance), url(chance)]}} for _ in range(3)],
        },
        "isAd": False,
        "privateItem": False,
    }


def video(chance: random.Random, country: str) -> Record:
    return {
        "item_id": str(chance.randrange(10**18, 10**19)),
        "id": str(chance.randrange(10**18, 10**19)),
        "title": "An invented title #made #up",
        "duration": chance.randrange(5, 60),
        "item_url": f"https://video.example/@user/video/{chance.randrange(10**18)}",
        "cover": url(chance),
        "country_code": country,
        "region": f"The land of {country}",
    }


def url(chance: random.Random) -> str:
    return f"https://cdn.example/{chance.randbytes(40).hex()}.jpeg?x-expires=1770282000&x-signature={chance.randbytes(60).hex()}"


def boards() -> dict[Key, bytes]:
    """750 answers, 75,000 rows."""
    chance, made = random.Random(7), dict[Key, bytes]()
    for country in COUNTRIES:
        for period in PERIODS:
            for page in range(1, PAGES + 1):
                first = (page - 1) * BOARD_ROWS + 1
                pagination = {"page": page, "size": BOARD_ROWS, "total": PAGES * BOARD_ROWS, "has_more": page < PAGES}
                rows = [hashtag(chance, rank, country) for rank in range(first, first + BOARD_ROWS)]
                data = {"code": 0, "msg": "OK", "request_id": "r", "data": {"list": rows, "pagination": pagination}}
                body = orjson.dumps({"code": 200, "msg": "OK", "data": data})
                made[BOARD_PATH, country, str(period), str(page)] = body
    return made


def feeds() -> dict[Key, bytes]:
    """500 answers, 15,000 rows; the hashtags of the later pages of a board share them."""
    chance, made = random.Random(11), dict[Key, bytes]()
    for feed in range(FEEDS):
        for page in range(FEED_PAGES):
            rows = [post(chance) for _ in range(FEED_ROWS)]
            more = page + 1 < FEED_PAGES
            data = {"itemList": rows, "cursor": str((page + 1) * FEED_ROWS), "hasMore": more}
            body = {"code": 200, "msg": "OK", "data": {**data, "statusCode": 0, "status_code": 0, "status_msg": ""}}
            made[POSTS_PATH, str(feed), str(page * FEED_ROWS)] = orjson.dumps(body)
    return made


def keyapi() -> dict[Key, bytes]:
    """500 answers, 10,000 rows, in small pages."""
    chance, made = random.Random(13), dict[Key, bytes]()
    for country in COUNTRIES:
        for page in range(1, PAGES + 1):
            first = (page - 1) * KEYAPI_ROWS + 1
            more = page < PAGES
            board = {
                "list": [hashtag(chance, rank, country) for rank in range(first, first + KEYAPI_ROWS)],
                "pagination": {"page": page, "size": KEYAPI_ROWS, "total": PAGES * KEYAPI_ROWS, "has_more": more},
            }
            told = {"has_more": more, "limit": KEYAPI_ROWS, "page": page, "total_count": PAGES * KEYAPI_ROWS}
            videos = {"pagination": told, "videos": [video(chance, country) for _ in range(KEYAPI_ROWS)]}
            for path, data in ((KEYAPI_HASHTAGS_PATH, board), (KEYAPI_VIDEOS_PATH, videos)):
                body = {"code": 0, "message": "success", "data": data, "requestId": "r"}
                made[path, country, str(page)] = orjson.dumps(body)
    return made


def key_of(target: str) -> Key:
    """Return the key of a request's target."""
    path, _, query = target.partition("?")
    params = dict(parse_qsl(query))
    match path:
        case _ if path == BOARD_PATH:
            return path, params["country_code"], params.get("period", "7"), params.get("page", "1")
        case _ if path == POSTS_PATH:
            return path, str(int(params["id"]) % FEEDS), params.get("cursor", "0")
        case _:
            return path, params["region"], params.get("page", "1")


class _Connection(asyncio.Protocol):
    """One connection: a request without a body, an answer, and again."""

    def __init__(self, answers: Mapping[Key, bytes]) -> None:
        self._answers = answers
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            target = self._waiting.split(b" ", 2)[1].decode()
            self._waiting = self._waiting[end + 4 :]
            body = self._answers.get(key_of(target))
            if body is None:
                self._transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                continue
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            self._transport.writelines((head, body))


def _serve(told: Connection) -> None:
    answers = {**boards(), **feeds(), **keyapi()}

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(answers), "127.0.0.1", 0)
        told.send((server.sockets[0].getsockname()[1], sum(map(len, answers.values()))))
        await asyncio.Event().wait()

    asyncio.run(serve())


@contextmanager
def prepared_server() -> Iterator[str]:
    """Serve the answers until the block ends; yield the URL."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    there.close()  # so that a server that cannot start is an EOFError, and no wait
    try:
        port, _ = here.recv()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.join()
