"""Captions, names, ids and messages that command a terminal: on a real one, they arrive as text."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from scraper.io.clock import SystemClock
from tests.databases import database_in
from tests.hostile.echoes import JOB, Echoing, scraper, selling
from tests.runs.harness import KEYS

COMMANDS = {
    "clear the screen": "\x1b[2J\x1b[1;1Hgone",
    "change the title": "\x1b]0;owned\x07",
    "write the clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "link to elsewhere": "\x1b]8;;https://evil.test\x1b\\click\x1b]8;;\x1b\\",
    "ask for an answer": "\x1b[6n\x1bP$q\x1b\\",
    "C1": "\x9b2J\x9d0;owned\x9c\x85",
    "go back": "safe\rEVIL\b\b\b\b\v\f",
    "reorder": "\u202egpj.exe\u2066x\u2069\u2028",
    "halves": "\ud83d\ud800 \x00\x7f",
}
VARIABLES = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}

OURS = re.compile(r"\x1b\[(?:\d+(?:;\d+)*)?[mAK]|\x1b\[\?25[lh]|\x1b\[2K|\r*\n|\r(?=\x1b\[|$)")
"""What rich writes of its own accord: colours, and the panel's way up and clear of its lines."""
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@contextmanager
def terminal() -> Iterator[list[bytes]]:
    """stdout and stderr are a terminal of 100 columns; what it gets."""
    ours, theirs = pty.openpty()
    got: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 65_536):
                got.append(chunk)

    reader, streams = Thread(target=read), (sys.stdout, sys.stderr)
    reader.start()
    with open(theirs, "w", encoding="utf-8", closefd=True) as stream:  # noqa: PTH123 - a descriptor
        sys.stdout = sys.stderr = stream
        try:
            yield got
        finally:
            sys.stdout, sys.stderr = streams
    reader.join()
    os.close(ours)


def shown(*words: str) -> tuple[object, str]:
    """The program's exit code, and what a terminal gets of it."""
    with terminal() as got:
        code = scraper(*words)
    return code, b"".join(got).decode()


def assert_harmless(written: str) -> None:
    assert "Traceback" not in written
    rest = OURS.sub("", written)
    assert OBEYED.findall(rest) == [], repr(rest)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "night.toml").write_text(JOB.format(name="night"))
    monkeypatch.chdir(tmp_path)
    for name, value in {**VARIABLES, "COLUMNS": "100", "LINES": "40", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def texts(_key: str) -> list[str]:
    return list(COMMANDS.values())


def header(_key: str) -> str:
    return "\x9b2J\x9d0;owned\u202e"


def test_what_a_vendor_writes_into_data_commands_no_terminal(place: Path) -> None:
    query = "SELECT hashtag_id, hashtag_name, parameters FROM hashtags JOIN pages USING (request_key)"
    with selling(place, Echoing(texts, headers=header)) as urls:
        code, run = shown("run", "configs/night.toml", "-v", *urls)
    assert code == 0
    assert "hashtags 9" in run
    assert_harmless(run)
    for form, escaped in (("table", "\ufffd]52;c;"), ("csv", "\ufffd]52;c;"), ("json", "\\u001b]52;c;")):
        code, looked = shown("sql", query, "--format", form)
        assert code == 0
        assert escaped in looked
        assert_harmless(looked)


def test_what_a_vendor_writes_into_errors_commands_no_terminal(place: Path) -> None:
    commands = [["run", "configs/night.toml", "-v"], ["status"], ["run", "configs/night.toml", "--probe"]]
    with selling(place, Echoing(texts, 403, headers=header)) as urls:
        for words in commands:
            _, written = shown(*words, *(urls if words[0] == "run" else ()))
            assert_harmless(written)
            assert "gone" in written


def test_the_panel_of_a_run_and_its_summary_show_no_key(place: Path) -> None:
    """The key stands in ids and cursors: those name the requests that the panel and the log tell of."""
    with selling(place, Echoing(lambda key: [f"{key}/1", f"2{key}"])) as urls:
        code, written = shown("run", "configs/night.toml", "-v", *urls)
    assert code == 0
    assert "redacted/1" in written
    assert not [key for key in KEYS.values() if key in written]


def test_a_terminal_that_cannot_draw_a_panel_gets_the_log(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with selling(place, Echoing(texts)) as urls:
        code, written = shown("run", "configs/night.toml", *urls)
    assert code == 0
    assert re.findall(r"Z (run_started|drained|run_ended) ", written) == ["run_started", "drained", "run_ended"]
    assert "\x1b" not in written


def test_data_in_a_pipe_is_exact(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with selling(place, Echoing(texts, headers=header)) as urls:
        assert scraper("run", "configs/night.toml", *urls) == 0
    capfd.readouterr()
    query = "SELECT hashtag_name FROM hashtags ORDER BY rank"
    sound = [*list(COMMANDS.values())[:-1], "\ufffd" * 6 + " \x00\x7f"]
    assert scraper("sql", query, "--format", "json") == 0
    written = capfd.readouterr().out
    assert [row["hashtag_name"] for row in json.loads(written)] == sound
    assert OBEYED.findall(written.replace("\n", "")) == []
    assert scraper("sql", query, "--format", "csv") == 0
    assert [row["hashtag_name"] for row in csv.DictReader(io.StringIO(capfd.readouterr().out, newline=""))] == sound


@pytest.mark.parametrize(
    "words",
    [
        ["run", "configs/\x1b[2J.toml"],
        ["sql", "SELECT '\x1b]0;owned\x07' AS \x9b FROM nothing"],
        ["status", "\x1b[2J\u202e"],
        ["vendors", "\x1b[2J"],
        ["\x1b[2J"],
        ["run", "--\x1b[2J"],
        ["run", "x.toml", "--vendor-url", "\x1b[2J"],
        ["run", "configs/night.toml", "--vendor-url", "\x1b[2J=\x9b"],
        ["sql", "SELECT 1", "--data", "\x1b[2J"],
        ["tables", "\x1b[2J", "--data", "."],
        ["plan", "configs/odd.toml"],
        ["sandbox", "--plan", "crawlora=\x1b[2J"],
    ],
)
def test_a_sentence_about_what_was_typed_or_read_commands_no_terminal(
    place: Path, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    odd = """
name = "\\u001b[2J"
budget = 1
"\\u009b" = 1
[[crawl]]
endpoint = "\\u202e"
params = { "\\u0007" = "\\u001b" }
"""
    (place / "configs" / "odd.toml").write_text(odd)
    with database_in(place / "data").opened(SystemClock().now):
        pass
    assert scraper(*words) in {2, 5}
    written = capfd.readouterr()
    assert "\ufffd" in written.err or "\\x1b" in written.err or "x9b" in written.err, written.err
    assert_harmless(written.out + written.err)
