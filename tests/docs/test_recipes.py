"""Every query and command of README and manual is run over an archive that a sandbox run has made."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import shlex
from pathlib import Path

import click
import duckdb
import pytest

from scraper.cli.commands import imported
from scraper.cli.main import cli
from scraper.cli.output import Format, write_rows
from scraper.cli.rows import rows_of_reader
from tests.clock import dated
from tests.docs.markdown import README, Fence, blocks, fences, manual
from tests.docs.place import Place, said

SQL = tuple({fence.body: fence for fence in fences(manual(), "sql")}.values())
"""Each once: README shows some of the recipes."""
PLAIN = [fence for fence in SQL if "read_parquet(" in fence.body]
"""Of plain DuckDB: they name files, where the others name tables."""
RECIPES = [fence for fence in SQL if fence not in PLAIN and not fence.body.startswith("-- configs/")]
PYTHON = fences(manual(), "python")
COMMANDS = {
    command: None
    for info in ("console", "bash")
    for fence in fences(manual(), info)
    for command in fence.commands
    if command.startswith("scraper ")
}


def _first_line(fence: Fence) -> str:
    return fence.body.splitlines()[0]


def test_there_are_recipes_to_run() -> None:
    assert len(RECIPES) >= 12
    assert PLAIN
    assert PYTHON


@pytest.fixture(scope="module")
def plain(place: Place) -> duckdb.DuckDBPyConnection:
    """DuckDB as an analyst starts it: after `-init views.sql`, with nothing else of ours in it."""
    connection = duckdb.connect()
    with contextlib.chdir(place.directory):
        assert said(["duckdb", "--sandbox", "-o", "analyst/archive.duckdb"]).exit_code == 0
    connection.execute((place.analyst / "views.sql").read_text(encoding="utf-8"))
    return connection


@pytest.mark.parametrize("fence", PLAIN, ids=lambda fence: fence.title)
def test_a_recipe_without_anything_of_ours_answers(place: Place, fence: Fence) -> None:
    with contextlib.chdir(place.analyst):
        assert duckdb.connect().execute(fence.body).fetchall()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_a_recipe_answers_the_same_in_the_program_and_in_plain_duckdb(
    place: Place, plain: duckdb.DuckDBPyConnection, recipe: Fence
) -> None:
    query = dated(recipe.body)
    with contextlib.chdir(place.directory):
        ours = said(["sql", "--sandbox", "--format", "ndjson", query])
    assert (ours.exit_code, ours.stderr) == (0, "")
    with contextlib.chdir(place.analyst):
        theirs = io.StringIO()
        answer = plain.sql(query)
        assert answer is not None
        write_rows(rows_of_reader(answer.to_arrow_reader()), Format.NDJSON, theirs)
    assert ours.stdout == theirs.getvalue()
    assert ours.stdout.count("\n") > 0, "a recipe that finds nothing shows nothing"


@pytest.fixture(scope="module")
def bought_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of jobs that the manual runs from Python."""
    return tmp_path_factory.mktemp("python")


@pytest.mark.parametrize("fence", PYTHON, ids=lambda fence: f"{fence.title}: {_first_line(fence)}")
def test_python_in_the_manual_prints_the_rows(
    place: Place, fence: Fence, bought_in: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPER_DATA", str(bought_in))
    code = compile(fence.body, "manual", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # as a notebook's cell
    with contextlib.chdir(place.analyst):
        awaited = eval(code, {})  # noqa: S307 - the manual's own code
        if inspect.iscoroutine(awaited):
            asyncio.run(awaited)
    assert "400" in capsys.readouterr().out.replace(",", "")  # rows of the quickstart's hashtags


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_only_options_that_the_program_knows(command: str) -> None:
    name, *arguments = shlex.split(command, comments=True)[1:]
    program = click.Context(cli, **cli.context_settings)  # a command keeps the help option that it first had
    with contextlib.suppress(click.exceptions.Exit):  # of --help
        imported(name).make_context(name, arguments, parent=program)


def test_the_two_commands_of_the_readme_are_single_lines() -> None:
    commands = blocks(README.read_text(encoding="utf-8"), "command")
    assert {name: len(fences(text, "bash")[0].commands) for name, text in commands.items()} == {"try": 1, "test": 1}
