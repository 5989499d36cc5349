"""Hooks on loopback: what they are sent, and that a dead one is a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from scraper.core.errors import ConfigurationError
from scraper.core.notify import Notice, NoticeLevel, NotifySettings
from scraper.io.config_files.notify_table import read_notify
from scraper.io.notify import Hooks, ToldStartsFile
from tests.clock import NOON

WENT_WRONG = Notice(NoticeLevel.FAILURE, "scraper: us: quota", "the day's limit is reached")
WENT_WELL = Notice(NoticeLevel.SUCCESS, "scraper: us: complete", "all is well")
ALL = tuple(NoticeLevel)


class Heard:
    """Requests that arrived: path with query, and body."""

    def __init__(self, answer: int = 200) -> None:
        self.answer = answer
        self.met: list[tuple[str, str]] = []

    async def hear(self, request: web.Request) -> web.Response:
        self.met.append((request.path_qs, await request.text()))
        return web.Response(status=self.answer, headers={"Location": "/elsewhere"} if self.answer == 302 else None)


@asynccontextmanager
async def heard_on_loopback(heard: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", heard)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def told(heard: Heard, *notices: Notice, on: Sequence[NoticeLevel] = ALL, urls: Sequence[str] = ()) -> list[str]:
    async def script() -> list[str]:
        async with heard_on_loopback(heard.hear) as port:
            ping = f"http://127.0.0.1:{port}/secret-uuid?a=1"
            hooks = Hooks(NotifySettings(tuple(url.format(port=port) for url in urls), ping, tuple(on)))
            dead = list(await hooks.begin())
            for notice in notices:
                dead += await hooks.end(notice)
            return [sentence.replace(str(port), "PORT") for sentence in dead]

    return asyncio.run(script())


def test_a_check_is_pinged_at_start_and_at_each_kind_of_end_whatever_urls_are_told_of() -> None:
    heard = Heard()
    assert told(heard, WENT_WELL, WENT_WRONG, on=()) == []
    assert heard.met == [
        ("/secret-uuid/start?a=1", ""),
        ("/secret-uuid?a=1", "scraper: us: complete\nall is well"),
        ("/secret-uuid/fail?a=1", "scraper: us: quota\nthe day's limit is reached"),
    ]


@pytest.mark.parametrize(("answer", "met"), [(500, "it answers HTTP 500"), (302, "it answers HTTP 302")])
def test_a_check_that_refuses_is_a_sentence_without_its_address(answer: int, met: str) -> None:
    heard = Heard(answer)
    assert told(heard, WENT_WRONG) == [f"notify: http://127.0.0.1/… was not notified: {met}"] * 2
    assert len(heard.met) == 2


def test_starts_that_were_told_of_are_remembered_until_a_run_begins(tmp_path: Path) -> None:
    file = ToldStartsFile(tmp_path / "data", "us")
    file.note(NOON)
    assert (list(file.all()), list(tmp_path.iterdir())) == ([], []), "no data directory is made for it"
    (tmp_path / "data").mkdir()
    file.clear()
    room = (tmp_path / "data" / "told" / "us").stat().st_size
    for _ in range(2):
        file.note(NOON)
    assert (list(file.all()), (tmp_path / "data" / "told" / "us").stat().st_size) == ([NOON, NOON], room)
    file.clear()
    assert list(file.all()) == []


def test_a_dead_host_is_a_sentence_without_its_address() -> None:
    settings = NotifySettings(ping="http://127.0.0.1:9/secret", on=ALL)
    (sentence,) = asyncio.run(Hooks(settings).end(WENT_WRONG))
    assert sentence == "notify: http://127.0.0.1/… was not notified: Connection refused"


def test_a_hook_that_does_not_answer_is_not_waited_for() -> None:
    async def script() -> Sequence[str]:
        ended = asyncio.Event()

        async def silent(_: web.Request) -> web.StreamResponse:
            await ended.wait()
            return web.Response()

        async with heard_on_loopback(silent) as port:
            hooks = Hooks(NotifySettings(ping=f"http://127.0.0.1:{port}/secret"), longest_s=0.05)
            found = await hooks.begin()
            ended.set()
        return found

    assert asyncio.run(script()) == ["notify: http://127.0.0.1/… was not notified: no answer within 0.05 s"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's own
def test_a_url_is_told_of_the_levels_that_were_asked_for() -> None:
    pytest.importorskip("apprise")
    heard = Heard()
    levels = [NoticeLevel.FAILURE, NoticeLevel.WARNING]
    assert told(heard, WENT_WELL, WENT_WRONG, on=levels, urls=["json://127.0.0.1:{port}/apprise"]) == []
    (body,) = [body for path, body in heard.met if path == "/apprise"]
    assert "the day's limit is reached" in body


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("url", "met"),
    [
        (
            "json://127.0.0.1:9/token",
            "notify: json://… was not notified: the service could not be reached, or refused it",
        ),
        ("nothing://like/that", "notify: nothing://… was not notified: Apprise knows no such URL"),
    ],
)
def test_a_service_that_cannot_be_told_is_a_sentence_without_its_url(
    url: str, met: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("apprise")
    assert told(Heard(), WENT_WRONG, urls=[url]) == [met]
    assert "token" not in caplog.text + "".join(capfd.readouterr())


def test_without_apprise_a_url_says_what_to_install() -> None:
    try:
        import apprise  # noqa: F401, PLC0415
    except ImportError:
        assert told(Heard(), WENT_WRONG, urls=["json://127.0.0.1:{port}"]) == [
            "notify: json://… was not notified: Apprise is not installed: pip install apprise"
        ]


# --- the table --------------------------------------------------------------------------------------------------------


def written(place: Path, text: str) -> Path:
    path = place / "scraper.toml"
    path.write_text(text)
    return path


def test_a_table_may_name_variables_and_leave_out_what_it_does_not_change(tmp_path: Path) -> None:
    path = written(tmp_path, 'data = "x"\n[notify]\nurls = ["$HOOK", "mailto://me:word@mail.test"]\n')
    assert read_notify(path, {"HOOK": "slack://a/b/c"}) == NotifySettings(
        ("slack://a/b/c", "mailto://me:word@mail.test"), None, (NoticeLevel.FAILURE, NoticeLevel.WARNING)
    )
    assert read_notify(written(tmp_path, 'data = "x"\n'), {}) == NotifySettings()


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('urls = ["secret-word"]', ["notify: urls has an entry that is neither a URL"]),
        ('ping = "ftp://secret-word"', ["notify: ping is neither an http:// or https:// address"]),
        ('on = ["never"]', ["notify: on"]),
        ('url = "x"', ["notify: url"]),
        ('ping = "$CRAWLORA_API_KEY"', ["notify.ping the variable CRAWLORA_API_KEY contains no such URL"]),
        ('ping = "$PING"', ["notify.ping the variable PING is not set"]),
    ],
)
def test_a_faulty_table_is_refused_without_what_may_be_a_secret(tmp_path: Path, text: str, faults: list[str]) -> None:
    path = written(tmp_path, f"[notify]\n{text}\n")
    with pytest.raises(ConfigurationError) as failure:
        read_notify(path, {"CRAWLORA_API_KEY": "secret-word"})
    told_faults = [str(fault).replace(f"{path}: ", "").replace(": ", " ") for fault in failure.value.faults]
    assert len(told_faults) == len(faults)
    for met, begins in zip(told_faults, faults, strict=True):
        assert met.startswith(begins.replace(": ", " ")), met
        assert "secret-word" not in met
