"""A vendor and a table by files alone: those of the manual, crawled through the program."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.docs.markdown import manual, own_files
from tests.docs.place import said

pytestmark = pytest.mark.own_instant

FILES = own_files(manual())
KEY = "secret-of-the-forum"
THREADS = {"cats": 95, "boats": 40}


@dataclass(slots=True)
class Forum:
    """The manual's forum: offsets, an envelope and a header of its own; counts what it was asked."""

    url: str = ""
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    async def threads(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Forum-Token") != f"token {KEY}":
            return web.json_response({"state": "sorry", "why": "no such token"}, status=418)
        board, query = request.match_info["board"], request.query
        skip, take = int(query["skip"]), int(query["take"])
        self.asked[board, query["skip"], query["sortBy"]] += 1
        numbers = range(skip, min(skip + take, THREADS[board]))
        threads = [
            {
                "no": n,
                "title": f"{board} {n}",
                "reads": 1_000 - n,
                "labels": ["a"],
                "opened": 1_790_000_000,
                "avatar": "",
            }
            for n in numbers
        ]
        return web.json_response(
            {"state": "fine", "found": {"skipped": skip, "of": THREADS[board], "threads": threads}}
        )

    async def thread(self, request: web.Request) -> web.Response:
        """One thread, by its title; null where there is none of that name any more."""
        title = request.match_info["title"]
        self.asked["thread", title, "&".join(request.query)] += 1
        found = None if title == "boats 0" else {"no": int(title.split()[1]), "text": f"about {title}"}
        return web.json_response({"state": "fine", "found": found})

    async def shop(self, request: web.Request) -> web.Response:
        """Pages from 0, of a size that the vendor chooses; the whole body is the list."""
        page = int(request.query["p"])
        self.asked["shop", request.query["p"], "&".join(request.query)] += 1
        return web.json_response([{"sku": f"s{n}"} for n in range(page * 10, min(page * 10 + 10, 25))])


@pytest.fixture
def forum() -> Iterator[Forum]:
    """The forum, on a thread of its own: the program runs beside it."""
    served, begun = Forum(), threading.Event()
    stops: list[Callable[[], object]] = []

    async def serve() -> None:
        application, stopped, loop = web.Application(), asyncio.Event(), asyncio.get_running_loop()
        application.router.add_get("/v2/boards/{board}/threads", served.threads)
        application.router.add_get("/v2/shop", served.shop)
        application.router.add_get("/v2/thread/{title}", served.thread)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v2"
        stops.append(lambda: loop.call_soon_threadsafe(stopped.set))
        begun.set()
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert begun.wait(10)
    yield served
    stops[0]()
    thread.join(10)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manual's three files, in the current directory; the key in the environment."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORUM_API_KEY", KEY)
    return tmp_path


def answered(*words: str) -> Any:
    """What the program says in JSON."""
    ended = said([*words, "--format", "json"])
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.usefixtures("place")
def test_the_readmes_vendor_and_table_are_crawled_without_a_line_of_code(forum: Forum) -> None:
    planned = answered("plan", "configs/forum.toml")
    assert (planned["fits"], planned["requests"]["low"]) == (True, 2)

    at_forum = ("--vendor-url", f"forum={forum.url}")
    result = answered("run", "configs/forum.toml", *at_forum)
    assert (result["status"], result["warnings"]) == ("complete", [])
    assert result["credits"] == {"budget": 60, "charged": 12, "presumed": 0, "unknown": 0, "left": 48, "retried": 0}
    assert result["walks"] == {"complete": 2, "truncated": 0, "empty": 0, "failed": 0, "not_attempted": 0}
    assert result["rows"] == {"threads": 135}
    assert forum.asked == {("cats", skip, "reads"): 1 for skip in ("0", "40", "80")} | {("boats", "0", "reads"): 1}

    counts = "SELECT board, count(*) AS n, count(DISTINCT thread_id) AS ids, max(page) AS pages FROM threads GROUP BY 1"
    rows = answered("sql", f"{counts} ORDER BY 1")
    assert rows == [
        {"board": "boats", "n": 40, "ids": 40, "pages": 1},
        {"board": "cats", "n": 95, "ids": 95, "pages": 3},
    ]
    assert answered("drift") == []


def test_the_program_shows_a_vendor_and_a_table_of_ones_own_as_its_own(place: Path) -> None:
    (place / "data/archive").mkdir(parents=True)
    shown = answered("vendors", "forum")
    [threads] = shown["endpoints"]
    assert (shown["name"], threads["credits"], threads["table"]) == ("forum", 3, "threads")
    sheet = said(["vendors", "forum", "--format", "table"]).stdout
    assert "by offset (skip from 0), at most 40 rows (take)" in " ".join(sheet.split())
    columns = {row["column"]: (row["type"], row["meaning"]) for row in answered("tables", "threads")}
    assert columns["thread_id"] == ("VARCHAR", "the thread's number")
    assert columns["opened_at"] == ("TIMESTAMP", "UTC, when it was opened")
    assert "threads" in {row["table"] for row in answered("tables")}


@pytest.mark.usefixtures("place")
def test_a_ledger_that_begins_beside_an_account_with_limits_is_said_once(forum: Forum) -> None:
    words = ["run", "configs/forum.toml", "--new", "--vendor-url", f"forum={forum.url}", "--log-format", "json"]
    told = [json.loads(said(words).stderr.splitlines()[0])["new_ledger"] for _ in range(2)]
    assert told == [
        "new ledger in data: credits that were spent elsewhere on forum/default are not counted; "
        "scraper reconcile --used states them",
        "",
    ]


@pytest.mark.usefixtures("place")
def test_a_wrong_key_at_ones_own_vendor_is_refused_by_its_own_rule(
    forum: Forum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORUM_API_KEY", "another-key")
    ended = said(["run", "configs/forum.toml", "--vendor-url", f"forum={forum.url}", "--format", "json"])
    assert (ended.exit_code, json.loads(ended.stdout)["credits"]["charged"]) == (4, 0)
    assert "forum refuses the key in FORUM_API_KEY" in ended.stdout


@pytest.mark.usefixtures("place")
def test_a_missing_key_of_ones_own_vendor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORUM_API_KEY")
    ended = said(["run", "configs/forum.toml"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "FORUM_API_KEY: this environment variable must contain the Forum key" in ended.stderr


@pytest.mark.usefixtures("place")
def test_the_sandbox_says_that_it_does_not_play_ones_own_vendor() -> None:
    ended = said(["run", "configs/forum.toml", "--sandbox"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "the sandbox plays crawlora and keyapi, not forum" in ended.stderr


SHOP = """
[endpoints.shop]
source = "docs"
path = "/shop"
summary = "What is for sale."
cost = 1
table = "wares"
status = "documented"
status_since = 2026-11-21
success = []
records = { path = "", id = "sku" }
[endpoints.shop.pagination]
kind = "page"
page_param = "p"
first = 0
max_size = 10
[endpoints.shop.parameters]
"""


def test_pages_from_zero_of_a_bare_list_end_with_the_first_that_is_not_full(forum: Forum, place: Path) -> None:
    with (place / "configs/vendors/forum.toml").open("a") as file:
        file.write(SHOP)
    select = FILES["configs/tables/threads.sql"].replace('"no"', '"sku"').replace("record.no", "record.sku")
    (place / "configs/tables/wares.sql").write_text(select)
    job = place / "configs/shop.toml"
    job.write_text('name = "shop"\nbudget = 9\n[[crawl]]\nendpoint = "forum.shop"\n')
    result = answered("run", str(job), "--vendor-url", f"forum={forum.url}")
    assert (result["status"], result["rows"], result["credits"]["charged"]) == ("complete", {"wares": 25}, 3)
    assert forum.asked == {("shop", page, "p"): 1 for page in ("0", "1", "2")}


THREAD = """
[endpoints.thread]
source = "docs"
path = "/thread/{title}"
summary = "One thread."
cost = 2
table = "texts"
status = "documented"
status_since = 2026-11-21
success = [{ field = "state", is = "fine" }]
records = { path = "found", id = "no" }
pagination = { kind = "single" }
[endpoints.thread.parameters.title]
type = "string"
required = true
from_parent = "title"
description = "The thread's title."
"""

TEXTS = """
-- A thread, as its own page has it.
SELECT endpoint, run_id, walk_id, parent_id AS title, record.no AS thread_id, record.text AS text
FROM (SELECT *, unnest(from_json(records, '[{"no": "BIGINT", "text": "VARCHAR"}]')) AS record FROM pages)
"""

OPENED = """
name = "opened"
budget = 60
[[crawl]]
endpoint = "forum.threads"
params = { board = ["cats", "boats"] }
max_pages = 1
[[crawl]]
endpoint = "forum.thread"
each = "forum.threads"
top = 5
"""


def test_one_record_for_each_of_the_best_parents_by_a_field_of_theirs(forum: Forum, place: Path) -> None:
    vendor = place / "configs/vendors/forum.toml"
    described = vendor.read_text().replace('views = "reads" }', 'views = "reads", fields = ["title"] }')
    vendor.write_text(described + THREAD)
    (place / "configs/tables/texts.sql").write_text(TEXTS)
    (place / "configs/opened.toml").write_text(OPENED)
    job = "configs/opened.toml"

    planned = answered("plan", job)
    assert [(crawl["name"], crawl["requests"]["likely"]) for crawl in planned["crawls"]] == [
        ("forum.threads", 2),
        ("forum.thread", 5),
    ]
    result = answered("run", job, "--vendor-url", f"forum={forum.url}")
    assert (result["status"], result["warnings"], result["credits"]["charged"]) == ("complete", [], 2 * 3 + 5 * 2)
    assert result["walks"] == {"complete": 6, "truncated": 0, "empty": 1, "failed": 0, "not_attempted": 0}
    assert result["rows"] == {"texts": 4, "threads": 80}
    titles = ["boats 0", "boats 1", "boats 2", "cats 0", "cats 1"]
    assert {key: n for key, n in forum.asked.items() if key[0] == "thread"} == {
        ("thread", one, ""): 1 for one in titles
    }

    rows = [{"title": one, "thread_id": int(one[-1]), "text": f"about {one}"} for one in titles if one != "boats 0"]
    texts = ("sql", "SELECT title, thread_id, text FROM texts ORDER BY title")
    assert answered(*texts) == rows
    ended = "SELECT state, why, count(*) AS n FROM coverage WHERE endpoint = 'forum.thread' GROUP BY ALL ORDER BY ALL"
    assert answered("sql", ended) == [
        {"state": "complete", "why": "end", "n": 4},
        {"state": "empty", "why": "end", "n": 1},
    ]
    assert answered("drift") == []
    assert [(row["table"], row["rows"]) for row in answered("rebuild", "texts")] == [("texts", 4)]
    assert answered(*texts) == rows
    again = answered("plan", job)
    assert [crawl["requests"]["likely"] for crawl in again["crawls"]] == [2, 5]
    probed = answered("run", job, "--vendor-url", f"forum={forum.url}", "--probe")
    assert {"endpoint": "forum.thread", "as_described": True, "text": "records at found: 1"} in probed["findings"]
