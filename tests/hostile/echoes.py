"""A vendor that puts strangers' text wherever one can stand: into data, ids, cursors, messages, headers, errors."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from aiohttp import web

from scraper.cli.main import run
from scraper.wiring.sandboxes import sandbox_urls
from tests.runs.harness import ACCOUNTS, ROUTES, Fault, bench

JOB = f"""
name = "{{name}}"
budget = 400
{ACCOUNTS}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{{{ country_code = "US" }}}}
max_pages = 1
[[crawl]]
endpoint = "crawlora.hashtag_posts"
each = "crawlora.hashtags"
top = 2
max_items = 60
[[crawl]]
endpoint = "keyapi.videos"
params = {{{{ region = "US" }}}}
max_pages = 1
"""


@dataclass(frozen=True, slots=True)
class Echoing:
    """Answers with the texts that it is given, of the request's own key for one."""

    texts: Callable[[str], Sequence[str]]
    """What to say to a request with this key. JSON escapes that stand in a text are sent as they are."""
    status: int = 200
    """Other than 200: a failure, with the texts in its message."""
    headers: Callable[[str], str] = lambda key: key
    """What stands in headers: one line of visible characters."""
    cut: bool = False
    """Closes the connection in the middle of a body."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("x-api-key", "") + request.headers.get("Authorization", "").removeprefix("Bearer ")
        texts = self.texts(key)
        status = self.status if request.path in ROUTES else 403  # an account's own pages
        document = page_of(request, texts) if status == 200 else refusal(texts)
        # A text is quoted, but for the backslashes of its own escapes.
        body = json.dumps(document, ensure_ascii=False).replace("\\\\u", "\\u").encode("utf-8", "surrogatepass")
        line = self.headers(key)
        told = {"X-Request-Id": line, "Location": f"/{line}", "Set-Cookie": line, "X-Anything": line}
        if not self.cut:
            return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **told})
        answer = web.StreamResponse(headers={**told, "Content-Length": str(len(body))})
        await answer.prepare(request)
        await answer.write(body[: body.index(key.encode()) + len(key) - 2])
        assert request.transport is not None
        request.transport.close()
        return answer


def refusal(texts: Sequence[str]) -> dict[str, Any]:
    said = " ".join(texts)
    return {"code": 401, "msg": said, "message": said, "error": {"message": said, "request_id": said}, "data": None}


def page_of(request: web.Request, texts: Sequence[str]) -> dict[str, Any]:
    """A page of one record for each text, in the envelope of the endpoint that was asked for."""
    said = " ".join(texts)
    records = [record_of(place, text) for place, text in enumerate(texts, 1)]
    pages = {"page": 1, "size": 100, "limit": 100, "total": len(texts), "total_count": len(texts), "has_more": False}
    match ROUTES[request.path]:
        case ("crawlora.hashtags", _):
            inner = {"code": 0, "msg": said, "request_id": said, "data": {"list": records, "pagination": pages}}
            return {"code": 200, "msg": said, "data": inner}
        case ("crawlora.hashtag_posts", _):
            more = "cursor" not in request.query
            listed = [{**record, "id": f"{record['id']}-{more}"} for record in records]
            inner = {"statusCode": 0, "status_code": 0, "cursor": texts[0], "hasMore": more, "itemList": listed}
            return {"code": 200, "msg": said, "data": {**inner, "status_msg": said}}
        case _:
            return {
                "code": 0,
                "message": "success",
                "requestId": said,
                "data": {"videos": records, "pagination": pages},
            }


def record_of(place: int, text: str) -> dict[str, Any]:
    author = {"id": text, "uniqueId": text, "nickname": text, "signature": text}
    ids = dict.fromkeys(("id", "item_id", "hashtag_id", "video_id"), f"{place}{text}")
    texts = dict.fromkeys(("hashtag_name", "title", "desc", "cover", "item_url", text), text)
    return {**ids, "rank": place, "video_views": 7, "publish_cnt": 1, "duration": 3, **texts, "author": author}


@contextmanager
def selling(place: Path, fault: Fault) -> Iterator[list[str]]:
    """This vendor in a thread of its own; the options of ``scraper run`` that lead to it."""
    ready, loop, over = Queue[str](), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with bench(place, fault=fault) as made:
            ready.put(made.url)
            await over.wait()

    thread = Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield [f"--vendor-url={vendor}={url}" for vendor, url in sandbox_urls(ready.get(timeout=30)).items()]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def scraper(*words: str) -> int:
    """The program, in this process: its exit code."""
    before = sys.argv
    sys.argv = ["scraper", *words]
    try:
        return run()
    finally:
        sys.argv = before
