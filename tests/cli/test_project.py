"""The way in: a project that init makes, a quickstart that needs none, and a run that says which one it uses."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scraper.io.config_files.project_files import SCHEMAS, schema_of
from scraper.wiring.project import packaged_quickstart
from tests.docs.place import said

ROOT = Path(__file__).parents[2]
LIMITED = """
name = "limited"
budget = 8
[accounts.crawlora]
credits_per_day = 20
requests_per_minute = 6000
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US" }
max_pages = 1
"""


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_makes_a_project_whose_jobs_can_be_planned_and_never_overwrites(empty: Path) -> None:
    (empty / "mine").mkdir()
    (empty / "mine/.gitignore").write_text("mine\n")
    made = said(["init", "mine"])
    assert (made.exit_code, made.stderr) == (
        0,
        "warning: mine/.gitignore already exists: make sure that it lists .env and data/, so no key is committed\n",
    )
    assert "cd mine && " in made.stdout
    assert (empty / "mine/.gitignore").read_text() == "mine\n"
    for job in ("quickstart", "trends"):
        planned = said(["plan", f"mine/configs/{job}.toml"])
        assert (planned.exit_code, json.loads(planned.stdout)["fits"]) == (0, True)
    before = {path: path.read_bytes() for path in (empty / "mine").rglob("*") if path.is_file()}
    again = said(["init", "mine"])
    assert again.exit_code == 0
    assert "made" not in again.stdout
    assert {path: path.read_bytes() for path in (empty / "mine").rglob("*") if path.is_file()} == before


def test_a_plan_names_the_command_that_runs_as_was_planned(empty: Path) -> None:
    (empty / "limited.toml").write_text(LIMITED)
    terms = ("--data", "elsewhere", "--archive", "apart", "--sandbox", "--seed", "4", "--budget", "16")
    planned = said(["plan", "limited.toml", *terms, "--format", "table"])
    command = planned.stdout.rstrip().rpartition("\n")[2].partition(" run ")[2].split()
    places = ("--data", "elsewhere", "--archive", "apart")
    assert command == ["limited.toml", "--sandbox", "--seed", "4", *places, "--budget", "16"]


def test_init_says_of_what_it_cannot_write(empty: Path) -> None:
    (empty / "file").touch()
    refused = said(["init", "file/below"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (5, 1)
    assert refused.stderr.startswith("error: file/below/scraper.toml cannot be written: Not a directory")


def test_every_file_of_a_new_project_names_a_schema_that_is_there(empty: Path) -> None:
    said(["init"])
    for path in empty.rglob("*.toml"):
        directive, _, relative = path.read_text().partition("\n")[0].partition(" ")
        assert (directive, (path.parent / relative).is_file()) == ("#:schema", True)


def test_the_quickstart_is_refused_at_real_vendors(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWLORA_API_KEY", "a-key")
    for option in ((), ("--probe",)):
        refused = said(["run", "quickstart", *option])
        assert refused.exit_code == 2
        assert "runs against the sandbox alone, as its accounts are made up. Nothing was sent" in refused.stderr
    assert list(empty.iterdir()) == []


def test_the_first_line_of_a_run_says_what_is_in_use(empty: Path) -> None:
    (empty / "configs").mkdir()
    (empty / "configs/limited.toml").write_text(LIMITED)
    first = json.loads(said(["run", "limited", "--sandbox", "--log-format", "json"]).stderr.splitlines()[0])
    assert {key: first[key] for key in ("event", "project", "data", "configs", "accounts", "new_ledger")} == {
        "event": "project_in_use",
        "project": str(empty),
        "data": str(empty / "data/sandbox"),
        "configs": str(empty / "configs"),
        "accounts": "",
        "new_ledger": "",
    }


def test_status_says_which_places_are_in_use(empty: Path) -> None:
    (empty / "configs").mkdir()
    (empty / "configs/limited.toml").write_text(LIMITED)
    said(["run", "limited", "--sandbox"])
    assert json.loads(said(["status", "--sandbox"]).stdout)["places"] == {
        "project": str(empty),
        "data": str(empty / "data/sandbox"),
        "configs": str(empty / "configs"),
    }


@pytest.mark.parametrize(
    "command", [["sql", "FROM hashtags"], ["tables"], ["status"], ["export", "posts", "-o", "x.csv"]]
)
def test_a_command_that_reads_says_where_there_is_something_to_read(empty: Path, command: list[str]) -> None:
    (empty / "data/sandbox/archive").mkdir(parents=True)
    refused = said(command)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Sandbox data is in data/sandbox: add --sandbox." in refused.stderr


# --- schemas ----------------------------------------------------------------------------------------------------------

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_SAYS_NOTHING_OF_SHAPE = {"$schema", "title", "description", "default", "definitions", "format", "pattern"} | {
    "minimum", "maximum", "exclusiveMinimum", "minItems", "minLength", "minProperties", "propertyNames",
}  # fmt: skip


def unmet(value: Any, schema: Any, whole: Any, at: str = "") -> Iterator[str]:
    """What of a value's shape a schema refuses: the keywords of draft 7 that ours use, KeyError for any other."""
    for key, stated in schema.items():
        match key:
            case "$ref":
                yield from unmet(value, whole["definitions"][stated.removeprefix("#/definitions/")], whole, at)
            case "allOf":
                yield from (fault for each in stated for fault in unmet(value, each, whole, at))
            case "anyOf" | "oneOf":
                yield from [f"{at}: none"] if all(list(unmet(value, each, whole, at)) for each in stated) else []
            case "const" | "enum" | "type":
                yield from [f"{at}: not {stated}"] if not _is(value, key, stated) else []
            case _ if isinstance(value, dict):
                yield from _unmet_keys(value, key, stated, schema, whole, at)
            case "items" if isinstance(value, list):
                yield from (fault for each in value for fault in unmet(each, stated, whole, f"{at}[]"))
            case _ if key not in _SAYS_NOTHING_OF_SHAPE | {"items", "properties", "required", "additionalProperties"}:
                raise KeyError(key)


def _is(value: Any, key: str, stated: Any) -> bool:
    if key != "type":
        return value in (stated if key == "enum" else [stated])
    return isinstance(value, _TYPES[stated]) and (stated == "boolean" or not isinstance(value, bool))


def _unmet_keys(value: Any, key: str, stated: Any, schema: Any, whole: Any, at: str) -> Iterator[str]:
    others = value.keys() - schema.get("properties", {}).keys()
    match key:
        case "required":
            yield from (f"{at}.{name} is missing" for name in stated if name not in value)
        case "properties":
            for name in stated.keys() & value.keys():
                yield from unmet(value[name], stated[name], whole, f"{at}.{name}")
        case "patternProperties":
            for pattern, of in stated.items():
                names = (name for name in value if re.search(pattern, name))
                yield from (fault for name in names for fault in unmet(value[name], of, whole, f"{at}.{name}"))
        case "additionalProperties" if stated is False:
            yield from (f"{at}.{name} is unknown" for name in others)
        case "additionalProperties" if stated is not True:
            yield from (fault for name in others for fault in unmet(value[name], stated, whole, f"{at}.{name}"))
        case _ if key not in _SAYS_NOTHING_OF_SHAPE | {"items", "additionalProperties"}:
            raise KeyError(key)


def toml(path: Path) -> Any:
    """A file as editors' language servers see it: dates are text."""
    return json.loads(json.dumps(tomllib.loads(path.read_text()), default=str))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("job", packaged_quickstart()),
        ("job", ROOT / "scraper/starter/project/trends.toml"),
        ("job", ROOT / "configs/example.toml"),
        ("accounts", ROOT / "scraper/starter/project/accounts.toml"),
        ("project", ROOT / "scraper/starter/project/scraper.toml"),
        ("vendor", ROOT / "scraper/vendors/crawlora.toml"),
        ("vendor", ROOT / "scraper/vendors/keyapi.toml"),
    ],
)
def test_a_schema_accepts_what_the_program_reads_and_refuses_a_misspelt_key(kind: str, path: Path) -> None:
    schema = schema_of(kind)
    content = toml(path)
    assert list(unmet(content, schema, schema)) == []
    assert list(unmet({**content, "bugdet": 1}, schema, schema)) == [".bugdet is unknown"]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_has_no_null_which_toml_cannot_say_and_no_reference_into_nothing(kind: str) -> None:
    printed = said(["schema", kind])
    assert printed.exit_code == 0
    schema = json.loads(printed.stdout)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert '"null"' not in printed.stdout
    assert "$defs" not in printed.stdout
    named = {line.partition("#/definitions/")[2].rstrip('",') for line in printed.stdout.splitlines() if "$ref" in line}
    assert named == set(schema.get("definitions", {}))


def test_a_vendor_overlay_of_one_figure_fits_its_schema() -> None:
    schema = schema_of("vendor")
    overlay = {"endpoints": {"hashtags": {"cost": 9}}}
    assert list(unmet(overlay, schema, schema)) == []
    assert list(unmet({"endpoints": {"hashtags": {"cost": "9"}}}, schema, schema)) == [
        ".endpoints.hashtags.cost: not integer"
    ]
