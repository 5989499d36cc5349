"""``scraper docs``: the manual in a pipe, on a terminal and in a pager."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from scraper.cli.commands.docs import as_commands
from scraper.cli.display.docs import WIDEST, rendered
from scraper.cli.main import cli
from scraper.core.errors import UsageError
from scraper.io.docs import TOPICS, page, summary

PROGRAM = "from scraper.cli.main import main; main()"


def invoked(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["docs", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def on_a_terminal(*arguments: str, lines: int, pager: str) -> str:
    """What a terminal of 80 columns shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "LINES": str(lines), "PAGER": pager, "LESS": ""}
    words = [sys.executable, "-c", PROGRAM, "docs", *arguments]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while met := os.read(ours, 65536):
                shown += met
        except OSError:  # Linux: every writer has closed its end
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_without_a_topic_every_topic_is_listed_with_what_it_is_about() -> None:
    lines = [re.split(r"\s{2,}", line) for line in invoked().splitlines()]
    assert [line for line in lines if len(line) == 2][:-1] == [[topic, summary(topic)] for topic in TOPICS]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_pipe_receives_the_page_as_markdown(topic: str) -> None:
    shown = invoked(topic)
    assert shown.splitlines()[:3] == page(topic).splitlines()[:3]
    assert "<!--" not in shown
    assert "\x1b" not in shown
    assert re.sub(r"```.*?```", "", shown, flags=re.DOTALL).count("](") == 0


def test_the_nearest_topic_is_named_for_one_that_is_unknown() -> None:
    with pytest.raises(UsageError, match="no topic 'recipe'; did you mean 'recipes'"):
        invoked("recipe")


@pytest.mark.parametrize("name", ["JOBS", "jobs.md"])
def test_a_topic_is_found_by_its_files_name_too(name: str) -> None:
    assert invoked(name) == invoked("jobs")


def test_a_path_is_no_topic() -> None:
    with pytest.raises(UsageError, match="no topic"):
        page("../vendors/crawlora.toml")


def test_links_become_commands_and_code_stays_as_it_is() -> None:
    text = "[the plan](jobs.md#x), [jobs](jobs.md), [here](#y), [it](../a.sql), [web](https://a.test), ![A cat](a.svg)"
    assert as_commands(f"<!-- end -->\n{text}\n```sql\n[a](b)\n```\n") == (
        "the plan (`scraper docs jobs`), `scraper docs jobs`, here, it, web (https://a.test), *A cat.*\n"
        "```sql\n[a](b)\n```\n"
    )


def test_prose_is_wrapped_and_code_is_not() -> None:
    command = f"scraper sql '{'x' * 120}'"
    lines = rendered(f"{'word ' * 60}\n\n```console\n$ {command}\n```\n", 200).splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert f"$ {command}" in plain
    assert max(len(line) for line in plain if "word" in line) in range(WIDEST - 5, WIDEST + 1)


def test_a_short_page_stands_on_the_terminal_and_a_long_one_in_the_pager() -> None:
    short = on_a_terminal("python", lines=500, pager="false")
    assert "\x1b[1;4mFrom Python" in short
    long = on_a_terminal("python", lines=10, pager="wc -l")
    assert int(long) == short.count("\n")


def test_a_pipe_gets_its_page_without_a_heavy_import() -> None:
    code = (
        "import sys\n"
        "from scraper.cli.main import cli\n"
        "cli(['docs', 'jobs'], standalone_mode=False)\n"
        "heavy = {'rich', 'duckdb', 'pyarrow', 'pydantic', 'sqlalchemy', 'aiohttp'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_pages_are_in_the_package() -> None:
    packaged = {Path(entry.name).stem for entry in (resources.files("scraper") / "docs").iterdir()}
    assert set(TOPICS) <= packaged
