"""``scraper vendors draft``: from a document to rows, and what is said of documents that are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper.io.config_files.openapi_files import read_openapi
from tests.cli.sandbox_beside import SandboxBeside, sandbox_beside
from tests.docs.place import said
from tests.openapi_documents import boards, library, odd, stations
from tests.runs.harness import KEYS

pytestmark = pytest.mark.own_instant

JOB = """
name = "boards"
budget = 100
[accounts.boards]
requests_per_second = 1000
[[crawl]]
endpoint = "boards.hashtags"
params = { region = "US" }
max_pages = 2
[[crawl]]
endpoint = "boards.videos"
params = { region = ["GB", "US"], period = 30 }
max_pages = 1
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a document beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/boards.toml").write_text(JOB)
    (tmp_path / "boards.json").write_text(json.dumps(boards()))
    (tmp_path / "library.yaml").write_text(yaml.safe_dump(library(), sort_keys=False))
    return tmp_path


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxBeside]:
    monkeypatch.setenv("BOARDS_API_KEY", KEYS["keyapi"])
    with sandbox_beside() as made:
        yield made


def priced(place: Path, credits: int) -> None:
    """Fill in the price by hand."""
    path = place / "configs/vendors/boards.toml"
    path.write_text(path.read_text().replace('cost = "?"', f"cost = {credits}"))


def test_the_two_boards_are_crawled_from_a_draft_with_the_price_filled_in(place: Path, beside: SandboxBeside) -> None:
    ended = said(["vendors", "draft", "boards.json"])
    assert ended.exit_code == 0
    assert ended.stdout.split() == [
        "configs/vendors/boards.toml",
        "configs/tables/boards_hashtags.sql",
        "configs/tables/boards_videos.sql",
    ]
    assert 'fill in the price (cost = "?") of hashtags, videos' in ended.stderr

    unpriced = said(["plan", "configs/boards.toml"])
    assert unpriced.exit_code == 2
    assert "the price of hashtags, videos is not filled in: write the credits" in unpriced.stderr
    priced(place, 2)
    there = ["--vendor-url", f"boards={beside.url}"]
    result = json.loads(said(["run", "configs/boards.toml", *there, "--format", "json"]).stdout)
    assert (result["status"], result["rows"]) == ("complete", {"boards_hashtags": 40, "boards_videos": 40})
    assert result["credits"]["charged"] == beside.sandbox.account("keyapi")["credits_charged"] == 8
    query = "SELECT count(*) AS n, count(DISTINCT hashtag_id) AS ids, max(rank) AS last, max(video_views) > 2e9 AS big"
    (row,) = json.loads(said(["sql", f"{query} FROM boards_hashtags"]).stdout)
    assert row == {"n": 40, "ids": 40, "last": 40, "big": True}
    (first,) = json.loads(
        said(["sql", "SELECT country, period_days, title FROM boards_videos ORDER BY country LIMIT 1"]).stdout
    )
    assert (first["country"], first["period_days"], bool(first["title"])) == ("GB", 30, True)
    new = [row["path"] for row in json.loads(said(["drift"]).stdout) if row["kind"] == "new"]
    assert set(new) <= {"rank_diff", "trending_type"}, "fields that the document's example does not have"


def test_a_probe_holds_one_answer_of_each_endpoint_against_the_draft(place: Path, beside: SandboxBeside) -> None:
    (place / "configs/accounts.toml").write_text("[accounts.boards]\nrequests_per_second = 1_000\n")
    words = ["vendors", "draft", "boards.json", "--cost", "2", "--probe", "--vendor-url", f"boards={beside.url}"]
    ended = said(words)
    assert ended.exit_code == 0, ended.stderr
    assert (place / "configs/vendors/boards.toml").exists()
    found = json.loads(ended.stdout[ended.stdout.index("{") :])["findings"]
    assert {finding["endpoint"] for finding in found} == {"boards.hashtags", "boards.videos"}
    assert all(finding["as_described"] for finding in found)
    assert beside.sandbox.account("keyapi")["credits_charged"] == 4


def test_a_draft_overwrites_nothing_and_takes_no_name_that_is_known(place: Path) -> None:
    assert said(["vendors", "draft", "boards.json", "--cost", "2"]).exit_code == 0
    before = (place / "configs/vendors/boards.toml").read_text()
    for words, why in (
        (["boards.json", "--cost", "2"], "vendor boards already exists"),
        (["boards.json", "--name", "keyapi"], "vendor keyapi already exists"),
        (["boards.json", "--name", "draft"], "and not draft"),
        (["boards.json", "--name", "Bad-Name"], "is made of a-z, 0-9 and _"),
        (["boards.json", "--probe"], "--cost says how many one request costs"),
        (["boards.json", "--probe", "--cost", "2", "--print"], "leave --print out"),
    ):
        ended = said(["vendors", "draft", *words])
        assert (ended.exit_code, why in ended.stderr) == (2, True), ended.stderr
    assert (place / "configs/vendors/boards.toml").read_text() == before
    (place / "configs/tables/other_videos.sql").write_text("SELECT 1")
    assert "other_videos.sql already exists" in said(["vendors", "draft", "boards.json", "--name", "other"]).stderr
    assert not (place / "configs/vendors/other.toml").exists()


def test_a_draft_can_be_printed_and_yaml_is_read_as_json_would_be(place: Path) -> None:
    from_yaml = said(["vendors", "draft", "library.yaml", "--only", "/books*", "--print"])
    (place / "library.json").write_text(json.dumps(library()))
    from_json = said(["vendors", "draft", "library.json", "--only", "/books*", "--print"])
    assert from_yaml.stdout.replace("library.yaml", "library.json") == from_json.stdout
    assert not (place / "configs/vendors").exists()


@pytest.mark.parametrize("document", [library, stations, odd])
def test_what_is_drafted_is_read_by_the_program_without_a_fault(place: Path, document: Callable[[], Any]) -> None:
    (place / "data/archive").mkdir(parents=True)
    (place / "any.json").write_text(json.dumps(document()))
    ended = said(["vendors", "draft", "any.json", "--cost", "1", "--name", "any"])
    assert (ended.exit_code, "drafted" in ended.stderr) == (0, True), ended.stderr
    endpoints = json.loads(said(["vendors", "any"]).stdout)["endpoints"]
    tables = {row["table"] for row in json.loads(said(["tables"]).stdout)}
    assert {each["table"] for each in endpoints} <= tables


def test_yaml_keeps_the_types_that_json_has(tmp_path: Path) -> None:
    text = "countries: [NO, SE, on, off]\nat: 2026-11-29\nday: 1:30\noctal: 010\nbig: 1e3\nnone: ~\nyes: true\n"
    text += "200: &a {x: 1}\nb: *a\n"
    (tmp_path / "a.yaml").write_text(text)
    assert read_openapi(tmp_path / "a.yaml") == {
        "countries": ["NO", "SE", "on", "off"],
        "at": "2026-11-29",
        "day": "1:30",
        "octal": 10,
        "big": 1000.0,
        "none": None,
        "yes": True,
        "200": {"x": 1},
        "b": {"x": 1},
    }


def test_the_block_of_a_documentation_page_is_read(tmp_path: Path) -> None:
    document = yaml.safe_dump(library(), sort_keys=False)
    page = f"# A board\n\n```yaml\nnot: this\n```\n\n````yaml en/x.json GET /books\n{document}````\n"
    (tmp_path / "page.md").write_text(page)
    found: Any = read_openapi(tmp_path / "page.md")
    assert found["info"] == library()["info"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.yaml", "", "is not an OpenAPI document: it is not a JSON object"),
        ("cut.json", '{"openapi": "3.0.0", "paths": {', "is not valid JSON"),
        ("list.json", "[1]", "it is not a JSON object"),
        ("bad.yaml", "a: [1\nb: 2", "is neither JSON nor YAML"),
        ("tag.yaml", "!!python/object/apply:os.system [ls]", "is neither JSON nor YAML"),
        ("self.yaml", "openapi: 3.0.0\npaths: &a\n  /x: *a", "is not valid YAML: it is more than 200 levels"),
        ("binary.yaml", "\ud800", "is not UTF-8 text"),
        ("deep.yaml", "[" * 100_000, "is no"),
        ("text.md", "# Nothing here\n\nJust words: none.\n", "and it has neither"),
    ],
)
def test_a_file_that_is_no_document_is_a_sentence(place: Path, name: str, content: str, words: str) -> None:
    (place / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    ended = said(["vendors", "draft", name])
    assert (ended.exit_code, words in ended.stderr) == (2, True), ended.stderr
    assert not (place / "configs/vendors").exists()


def test_ten_megabytes_are_read_in_seconds(place: Path) -> None:
    paths = {f"/list{n}": {"get": {"summary": "x" * 900}} for n in range(10_000)}
    (place / "large.json").write_text(json.dumps({**boards(), "paths": {**boards()["paths"], **paths}}))
    assert (place / "large.json").stat().st_size > 9_000_000
    assert "has 10,002 GET operations" in said(["vendors", "draft", "large.json"]).stderr
    ended = said(["vendors", "draft", "large.json", "--only", "/v1/*"])
    assert "2 endpoints drafted" in ended.stderr
