"""The commands as they are listed and found: known by name, imported when they are called."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from scraper.cli import commands
from scraper.cli.commands import SHORT_HELPS, imported
from scraper.cli.main import cli
from scraper.io.state import open_stores, state_url
from tests.clock import NOON

pytestmark = pytest.mark.own_instant

HEAVY = {
    "aiohttp",
    "aiolimiter",
    "asyncio",
    "duckdb",
    "orjson",
    "procrastinate",
    "psycopg",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
    "zstandard",
}

FORMAT_HELP = "Output format.  [default: by the ending of -o; table on a terminal, json in a pipe; env: SCRAPER_FORMAT]"

RECORDED = """
import sys
from scraper.cli.main import main
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def loaded(directory: Path, *words: str) -> set[str]:
    """The top-level modules, and ours in full, of a process that ran this command."""
    ended = subprocess.run(
        [sys.executable, "-c", RECORDED, *words], cwd=directory, capture_output=True, text=True, timeout=60, check=True
    )
    modules = ended.stderr.splitlines()[-1].split()
    return {name for name in modules if "." not in name or name.startswith("scraper.")}


@pytest.mark.parametrize("name", SHORT_HELPS)
def test_the_list_says_of_a_command_what_its_own_help_begins_with(name: str) -> None:
    command = imported(name)
    assert command.name == name
    assert SHORT_HELPS[name] == (command.help or "").partition("\n")[0]


def test_every_module_of_commands_is_listed() -> None:
    modules = {path.stem for path in Path(commands.__file__).parent.glob("*.py")}
    assert modules - {"__init__"} == set(SHORT_HELPS)


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_what_needs_no_command_imports_no_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    modules = loaded(tmp_path, *words)
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith(("scraper.cli.commands.", "scraper.wiring"))}


def test_the_help_of_a_command_imports_no_library_but_click(tmp_path: Path) -> None:
    modules = loaded(tmp_path, "sql", "--help")
    assert "scraper.cli.commands.sql" in modules
    assert not modules & HEAVY


def test_a_query_imports_duckdb_and_nothing_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "data" / "archive").mkdir(parents=True)
    modules = loaded(tmp_path, "sql", "SELECT count(*) FROM hashtags_latest")
    assert modules & HEAVY == {"duckdb", "orjson", "pyarrow"}
    assert not {name for name in modules if name.startswith(("scraper.ports", "scraper.runs", "scraper.sandbox"))}


def test_the_list_of_tables_imports_neither_duckdb_nor_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "data" / "archive").mkdir(parents=True)
    assert loaded(tmp_path, "tables") & HEAVY == {"orjson"}


def test_a_status_imports_no_machinery_of_a_run_and_no_planner(tmp_path: Path) -> None:
    with open_stores(state_url(tmp_path / "data"), lambda: NOON, kind="real"):
        pass
    modules = loaded(tmp_path, "status")
    assert modules & HEAVY == {"asyncio", "orjson", "rich", "sqlalchemy", "zstandard"}
    assert not {name for name in modules if name.startswith(("scraper.runs", "scraper.core.planning"))}


def test_a_misspelt_command_is_told_its_nearest_name() -> None:
    told = CliRunner().invoke(cli, ["comapct"])
    assert told.exit_code == 2
    assert "No such command 'comapct'. Did you mean 'compact'?" in told.output


@pytest.mark.parametrize(
    ("typed", "incomplete", "offered"),
    [
        ([], "re", [(name, SHORT_HELPS[name]) for name in ("rebuild", "reconcile", "report")]),
        (["sql"], "--f", [("--format", FORMAT_HELP)]),
        (["sql", "--format"], "n", [("ndjson", None)]),
    ],
)
def test_a_shell_completes_commands_and_their_options(
    typed: list[str], incomplete: str, offered: list[tuple[str, str | None]]
) -> None:
    found = ShellComplete(cli, {}, "scraper", "_SCRAPER_COMPLETE").get_completions(typed, incomplete)
    assert [(item.value, item.help) for item in found] == offered


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a job, a vendor and a table of its own, and the database of one run."""
    for name, text in {
        "configs/week.toml": "",
        "configs/accounts.toml": "",
        "configs/vendors/acme.toml": "",
        "configs/tables/extra.sql": "-- One. More.\nSELECT id AS extra_id, -- Id.\n1::BIGINT AS position FROM pages",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "data").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "state.db")) as database:
        database.execute("CREATE TABLE runs (run_id, status, started_at)")
        database.execute("INSERT INTO runs VALUES ('week-1', 'complete', '1'), ('week-2', 'open', '2')")
        database.commit()
    monkeypatch.chdir(tmp_path)
    for variable in ("SCRAPER_DATA", "SCRAPER_CONFIGS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def completed(words: str, begun: str = "") -> list[str]:
    found = ShellComplete(cli, {}, "scraper", "_SCRAPER_COMPLETE").get_completions(words.split(), begun)
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        ("run", "", ["week", "quickstart"]),
        ("plan", "w", ["week"]),
        ("status", "", ["week-2", "week-1"]),
        ("status --sandbox", "", []),
        ("vendors", "", ["acme", "crawlora", "keyapi"]),
        ("account", "c", ["crawlora"]),
        ("tables", "ex", ["extra", "exits"]),
        ("export", "hashtags", ["hashtags", "hashtags_as_of", "hashtags_latest"]),
        ("run week --fault", "http_50", ["http_500", "http_502", "http_503", "http_504"]),
        ("docs", "gl", ["glossary"]),
        ("completion", "", ["bash", "zsh", "fish"]),
    ],
)
def test_a_shell_completes_the_names_of_a_project(words: str, begun: str, offered: list[str]) -> None:
    assert completed(words, begun) == offered


def test_files_complete_where_no_job_has_that_name(project: Path) -> None:
    for begun in ("configs/", "x"):
        (item,) = ShellComplete(cli, {}, "scraper", "_SCRAPER_COMPLETE").get_completions(["run"], begun)
        assert (item.type, item.value) == ("file", begun)
    (project / "configs" / "tables" / "views.sql").write_text("DROP TABLE x")
    (project / "scraper.toml").write_text("data = ")
    assert (completed("tables"), completed("status"), completed("docs", "gl")) == ([], [], ["glossary"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_clicks_and_answers_through_the_program(shell: str, project: Path) -> None:
    script = CliRunner().invoke(cli, ["completion", shell])
    assert script.exit_code == 0
    assert f"_SCRAPER_COMPLETE={shell}_complete" in script.output
    asked = {"COMP_WORDS": "scraper run we", "COMP_CWORD": "we" if shell == "fish" else "2"}
    program = "import sys; sys.argv = ['scraper']; from scraper.cli.main import main; main()"
    environment = {**os.environ, **asked, "_SCRAPER_COMPLETE": f"{shell}_complete"}
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    assert "week" in told.stdout
    assert told.stderr == ""
