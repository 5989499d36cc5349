"""A key that every answer echoes, in data, errors and headers: no command and no failure leaves it anywhere."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow.parquet as pq
import pytest
import zstandard
from aiohttp import web
from sqlalchemy import make_url

from scraper.cli.log import LogListener
from scraper.cli.main import _tell_bug, cli
from scraper.core.events import Event
from scraper.wiring.sandboxes import sandbox_urls
from scraper.wiring.settings import Settings
from tests.databases import postgres_database
from tests.hostile.echoes import JOB, Echoing, scraper, selling
from tests.runs.harness import Bench, Fault, Heard, bench

KEYS = {"crawlora": "crw_4f/1dA9zQm7+Kp2LxT8vB6n", "keyapi": "sk_live_4f1dA9zQm7Kp2LxT8v"}
VARIABLES = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}


def json_escaped(key: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.~" else f"\\u{ord(c):04x}" for c in key)


def spellings(key: str) -> list[str]:
    """What a vendor might make of a key."""
    return [
        f"bad key {key}",
        json_escaped(key),
        f"https://a.test/?k={quote(key, safe='')}&b=1",
        f"https://a.test/{quote(quote(key, safe=''))}",
        *("Basic " + base64.b64encode(b"x" * before + key.encode()).decode() for before in range(3)),
    ]


def traces() -> Iterator[bytes]:
    """Bytes that give a key away."""
    for key in KEYS.values():
        yield from {key.encode(), quote(key, safe="").encode(), json.dumps(key)[1:-1].replace("/", r"\/").encode()}
        yield from (json_escaped(key).encode(), quote(quote(key, safe="")).encode())
        for before in range(3):
            yield base64.b64encode(b"x" * before + key.encode())[4:-4]


def everything(place: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under a directory: its bytes, and what its columns hold where they are packed."""
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    yield from [(str(path), path.read_bytes()) for path in paths]  # all of them, before a reader changes any
    for path in paths:
        if path.suffix == ".parquet":
            for row in pq.ParquetFile(path).read().to_pylist():
                yield str(path), repr(row).encode("utf-8", "replace")
                yield from ((str(path), value) for value in row.values() if isinstance(value, bytes))
        elif path.suffix == ".db":
            yield from ((str(path), value) for value in cells(path))


def cells(database: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for row in connection.execute(f'SELECT * FROM "{name}"'):
                for value in row:
                    packed = isinstance(value, bytes) and value.startswith(zstandard.FRAME_HEADER)
                    yield (
                        zstandard.decompress(value)
                        if packed
                        else value
                        if isinstance(value, bytes)
                        else repr(value).encode()
                    )


def assert_no_key(place: Path, *written: bytes) -> bytes:
    """Nothing of a key in what was written or kept; gives all of it."""
    found = [("written", text) for text in written] + list(everything(place))
    for where, held in found:
        for trace in traces():
            assert trace not in held, f"{trace!r} in {where}"
    return b"\n".join(held for _, held in found)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "night.toml").write_text(JOB.format(name="night"))
    return tmp_path


COMMANDS: dict[str, list[list[str]]] = {
    "plan": [["configs/night.toml"], ["configs/night.toml", "--format", "table"]],
    "run": [["configs/none.toml"], ["configs/night.toml", "--vendor-url", "crawlora=https://a@b.test"]],
    "probe": [["nobody"], ["crawlora", "--vendor-url", "crawlora=https://a@b.test"]],
    "reconcile": [["configs/night.toml", "--assume", "free"], ["configs/night.toml", "--data", "none"]],
    "status": [["--format", "table"], ["--format", "json", "--check"], ["last"], ["none"]],
    "account": [["--format", "table"], ["crawlora", "--lift"], ["nobody"]],
    "sql": [
        ["SELECT * FROM pages", "--format", "csv"],
        ["SELECT * FROM hashtags", "--format", "table"],
        ["SELECT * FROM posts", "--format", "json", "-o", "posts.json"],
        ["SELECT nothing"],
    ],
    "report": [[], ["--month", "2026-11", "-o", "month.html"], ["--month", "none"]],
    "schedule": [["configs/night.toml", "--for", kind] for kind in ("cron", "systemd", "github-actions", "kubernetes")],
    "tables": [[], ["hashtags"]],
    "worker": [[], ["--state", "postgresql+psycopg://a:b@127.0.0.1:9/none", "nobody"]],
    "submit": [["configs/night.toml"], []],
    "fleet": [[]],
    "vendors": [[], ["crawlora", "--format", "table"], ["nobody"], ["draft", "configs/night.toml"]],
    "sandbox": [["--plan", "crawlora=none"]],
    "check": [[]],
    "compact": [["--all"]],
    "rebuild": [[]],
    "drift": [[]],
    "export": [["hashtags", "--format", "csv", "-o", "hashtags.csv"]],
    "archive": [["copy", "copied"], ["copy", f"s3://{KEYS['keyapi']}@bucket/x"], ["copy", "data/archive"]],
    "state": [["copy", "none", f"postgresql://scraper:{quote(KEYS['crawlora'], safe='')}@127.0.0.1:1/x"]],
    "duckdb": [["--help"]],
    "init": [["made"]],
    "backtest": [["configs/night.toml"], ["configs/night.toml", "--world", "sandbox", "--nights", "9"]],
    "schema": [[], ["accounts"]],
    "completion": [["bash"], ["none"]],
    "docs": [[], ["jobs"], ["nothing"]],
}
"""What each command is tried with, and no others: a command that is missing here, or is none, fails the test."""


def test_no_command_leaves_a_key_anywhere(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    for name, key in VARIABLES.items():
        monkeypatch.setenv(name, key)
    with selling(place, Echoing(spellings)) as urls:
        assert scraper("run", "configs/night.toml", "-v", *urls) == 0
        probe = ("--probe", "--log-format", "json", "-o", "probe.json", "--log-file", "log")
        assert scraper("run", "configs/night.toml", *probe, *urls) == 6
    assert COMMANDS.keys() == cli.commands.keys()
    codes = {(name, *words): scraper(name, *words) for name in cli.commands for words in COMMANDS[name]}
    assert not [words for words, code in codes.items() if code not in {0, 2, 6}]
    assert {codes["sql", *words] for words in COMMANDS["sql"][:3]} == {0}

    captured = capfd.readouterr()
    kept = assert_no_key(place, captured.out.encode(), captured.err.encode())
    assert kept.count(b"redacted") > 100
    (table,) = pq.read_table(place / "data" / "archive" / "hashtags").select(["hashtag_name"]).to_pydict().values()
    assert table[0] == "bad key redacted"


def test_nothing_leaves_the_password_of_a_shared_state_anywhere(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    state = make_url(postgres_database(place / "data").url).set(password=KEYS["crawlora"])
    monkeypatch.chdir(place)
    monkeypatch.setenv("SCRAPER_STATE", state.render_as_string(hide_password=False))
    monkeypatch.setenv("CRAWLORA_API_KEY", "crw_0123456789abcdefghij")
    monkeypatch.setenv("KEYAPI_API_KEY", "sk_0123456789abcdefghij")
    with selling(place, Echoing(spellings)) as urls:
        assert scraper("run", "configs/night.toml", "-v", "--log-file", "log", *urls) == 0
        assert scraper("run", "configs/night.toml", "--new", "--log-format", "json", *urls) == 0
    for words in (["status"], ["status", "none"], ["account"], ["check"], ["report"], ["plan", "configs/night.toml"]):
        assert scraper(*words) in {0, 2}
    assert scraper("state", "copy", os.environ["SCRAPER_STATE"], "copied.db") == 0
    assert scraper("state", "copy", "copied.db", os.environ["SCRAPER_STATE"]) == 2
    gone = state.update_query_dict({"host": str(place), "sslpassword": KEYS["crawlora"]})
    assert scraper("status", "--state", gone.render_as_string(hide_password=False)) == 5
    captured = capfd.readouterr()
    assert f"scraper:***@/{state.database}" in captured.err
    settings = Settings(state=state.render_as_string(hide_password=False))
    assert_no_key(place, captured.out.encode(), captured.err.encode(), repr(settings).encode(), repr(state).encode())


def test_the_search_for_keys_finds_them(place: Path) -> None:
    (place / "x").write_bytes(KEYS["keyapi"].encode())
    with pytest.raises(AssertionError, match="sk_live"):
        assert_no_key(place)
    (place / "x").unlink()
    with closing(sqlite3.connect(place / "state.db")) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (?)", [zstandard.compress(b"<" + KEYS["crawlora"].encode() * 9)])
        database.commit()
    with pytest.raises(AssertionError, match="crw_"):
        assert_no_key(place)


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def no_http(request: web.Request) -> web.StreamResponse:
    key = request.headers.get("x-api-key", "") + request.headers.get("Authorization", "")
    assert request.transport is not None
    request.transport.write(f"HTTP/1.1 {key}\r\n\r\n".encode())
    request.transport.close()
    return web.Response()


FAILURES: dict[str, Fault] = {
    **{str(status): Echoing(spellings, status) for status in (301, 400, 401, 402, 403, 404, 410, 422, 429, 500, 503)},
    "truncated": Echoing(spellings, cut=True),
    "in-band error": Echoing(lambda key: [key], 299),
    "no HTTP": no_http,
    "hung up": hang_up,
}


def test_no_failure_leaves_a_key_anywhere(tmp_path: Path) -> None:
    log = io.StringIO()

    async def failed(name: str, fault: Fault) -> dict[str, Any]:
        async with bench(tmp_path, fault=fault) as made:
            made.keys = KEYS
            job = tmp_path / "configs" / f"{name}.toml"
            job.parent.mkdir(exist_ok=True)
            job.write_text(JOB.format(name=name))
            listeners = [LogListener(log, made.clock.now, style, verbose=True) for style in ("text", "json")]

            def hear(event: Event) -> None:
                for listener in listeners:
                    listener.hear(event)
                log.write(repr(event))

            result = await made.run(job, heard=Heard(hear))
            return result.to_json()

    results = {}
    for name, fault in FAILURES.items():
        results[name] = asyncio.run(failed(name.lower().replace(" ", "-"), fault))
    assert all(result["status"] not in {"complete", "error"} for result in results.values())
    kept = assert_no_key(tmp_path, log.getvalue().encode(), orjson.dumps(results), repr(results).encode())
    assert b"redacted" in kept


def test_an_interrupted_run_and_the_sandbox_tell_no_key(place: Path) -> None:
    async def interrupted() -> bytes:
        began = asyncio.Event()

        async def hanging(_: web.Request) -> web.StreamResponse:
            began.set()
            await asyncio.sleep(60)
            return web.Response()

        async with bench(place, fault=hanging) as made:
            urls = [f"--vendor-url={vendor}={url}" for vendor, url in sandbox_urls(made.url).items()]
            root = Path(__file__).parents[2]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "scraper", "run", "configs/night.toml", "-v", *urls),
                cwd=place,
                env={**os.environ, **VARIABLES, "PYTHONPATH": str(root)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            await began.wait()
            process.kill()  # as it stands, with requests in flight
            written, _ = await process.communicate()
            return written

    written = asyncio.run(interrupted())
    assert_no_key(place, written)

    serving = subprocess.Popen(
        [sys.executable, "-m", "scraper", "sandbox", "--port", "0"],
        cwd=place,
        env={**os.environ, **VARIABLES, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert serving.stdout is not None
    line = serving.stdout.readline()
    serving.send_signal(signal.SIGINT)
    out, err = serving.communicate(timeout=30)
    assert b"the key in your environment" in err
    assert_no_key(place, line, out, err)


def test_the_traceback_of_a_bug_tells_no_key_and_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    trace = f"Traceback\n  ValueError: x-api-key: {KEYS['crawlora']}\x1b[2J\x07\n"
    _tell_bug(trace, {**VARIABLES, "PATH": "/usr/bin", "SHORT_KEY": "Trace"})
    told = capsys.readouterr().err
    assert told.startswith(
        "Traceback\n  ValueError: x-api-key: redacted\ufffd[2J\ufffd\nerror: this is a bug in scraper"
    )


def test_nothing_of_the_state_is_open_to_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    modes: dict[str, int] = {}
    try:

        async def use() -> None:
            async with bench(tmp_path) as made:
                job = tmp_path / "configs" / "night.toml"
                job.parent.mkdir()
                job.write_text(JOB.format(name="night"))
                made.keys = dict(made.keys)
                heard = Heard(lambda _: modes.update(modes_in(made)))
                await made.run(job, heard=heard)
                (made.data / "state.db").chmod(0o644)
                await made.run(job, heard=heard)
                modes.update(modes_in(made))

        def modes_in(made: Bench) -> dict[str, int]:
            return {str(p.relative_to(made.data)): stat.S_IMODE(p.stat().st_mode) for p in made.data.rglob("*")}

        asyncio.run(use())
    finally:
        os.umask(before)
    private = {name: mode for name, mode in modes.items() if not name.startswith("archive")}
    directories = {name for name in private if (tmp_path / "data" / name).is_dir()}
    assert {"state.db", "locks", "tmp", "state.db-wal", "state.db-shm", "locks/night.headroom"} <= private.keys()
    assert directories == {"cache", "locks", "tmp"}
    for name, mode in private.items():
        shielded = mode & 0o077 == 0 or name.partition("/")[0] in directories
        assert shielded, f"{name} has {mode:o}"
    parts = {mode for name, mode in modes.items() if name.endswith(".parquet")}
    assert parts == {0o644}
