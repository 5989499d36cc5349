"""Whatever jobs, vendors and answers say: files come to lie below the data directory, under names of our own making."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from scraper.core.catalogue import OutcomeKind
from scraper.core.errors import ConfigurationError
from scraper.core.jobs import NAME
from scraper.core.tables import PAGES_TABLE
from scraper.io.archive import ParquetArchive
from scraper.io.config_files.job_files import read_job
from scraper.io.config_files.table_files import read_tables
from scraper.io.config_files.vendor_files import read_catalogue
from scraper.ports import SpooledPage
from tests.core.builders import C_POSTS, CATALOGUE, NOON, walk_of
from tests.examples import examples
from tests.hostile.echoes import JOB, Echoing
from tests.io.raw_server import Server, raw, sent
from tests.runs.harness import Bench, on_bench

WAYS_OUT = ["..", "../../x", "/etc/passwd", "a/b", "a\\b", "a\x00b", ".", "", "vendor=x", "a=b/c=d", "%2e%2e%2f", "~",
            "*", "[x]", "a'b", 'a"b', "x" * 300, "con", "-rf", "a\n", "\u202e", "é", "\ud800",
            "date=2026-01-01"]  # fmt: skip
ODD = st.sampled_from(WAYS_OUT) | st.text(max_size=20)
PART = re.compile(r"[a-z_]+/vendor=[a-z][a-z0-9_]*/date=\d{4}-\d{2}-\d{2}/(?:part|runs?)-[A-Za-z0-9_-]+\.parquet")


def toml(text: str) -> str:
    """A basic string of TOML; halves of surrogate pairs cannot be written."""
    return '"' + "".join(f"\\U{ord(c):08x}" if not 0xD800 <= ord(c) < 0xE000 else "�" for c in text) + '"'


@examples(60)
@given(ODD, ODD)
@example("night", "team-a")
@example("night\n", "default")
def test_a_name_that_could_leave_a_directory_is_no_name_of_a_job_or_an_account(job: str, account: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "job.toml"
        head = f"name = {toml(job)}\nbudget = 1\n[accounts.crawlora]\nname = {toml(account)}\n"
        path.write_text(f'{head}[[crawl]]\nendpoint = "crawlora.hashtags"\n', encoding="utf-8")
        try:
            read = read_job(path, CATALOGUE)
        except ConfigurationError:
            assert not (NAME.fullmatch(job) and NAME.fullmatch(account))
            return
        assert NAME.fullmatch(read.name)
        assert NAME.fullmatch(read.accounts["crawlora"].name)


@pytest.mark.parametrize("name", [name for name in WAYS_OUT if name and "/" not in name and "\x00" not in name])
def test_a_vendor_or_a_table_with_such_a_name_is_refused(tmp_path: Path, name: str) -> None:
    stem = name.strip().encode("utf-8", "replace").decode()[:60] or "x"
    (tmp_path / "vendors").mkdir()
    packaged = Path(__file__).parents[2] / "scraper" / "vendors" / "keyapi.toml"
    text = packaged.read_text(encoding="utf-8").replace('name = "keyapi"', f"name = {toml(stem)}", 1)
    (tmp_path / "vendors" / f"{stem}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / f"{stem}.sql").write_text("SELECT 1 AS x FROM pages", encoding="utf-8")
    if re.fullmatch("[a-z][a-z0-9_]*", stem):
        assert stem in read_catalogue(tmp_path).vendors
        assert stem in {table.name for table in read_tables(tmp_path)}
        return
    with pytest.raises(ConfigurationError, match="name"):
        read_catalogue(tmp_path)
    with pytest.raises(ConfigurationError, match="name"):
        read_tables(tmp_path)


@examples(60)
@given(ODD, ODD)
@example("..", ".")
def test_a_parameter_or_a_cursor_stays_in_its_place_of_the_url(parent_id: str, cursor: str) -> None:
    known, said = (text.encode("utf-8", "replace").decode() for text in (parent_id, cursor))
    endpoint = replace(walk_of(C_POSTS).endpoint, path="/tiktok/hashtag/{id}/posts")
    server = Server(lambda _: raw(b"{}"))
    sent(server, replace(walk_of(C_POSTS, id=known), endpoint=endpoint).request(2, said), path="/api/v1")
    ((method, target, _),) = [head.partition("\r\n")[0].split(" ") for head in server.heads]
    path, _, query = target.partition("?")
    *before, segment, after = path.split("/")
    assert (method, before, after) == ("GET", ["", "api", "v1", "tiktok", "hashtag"], "posts")
    assert segment not in {".", ".."}
    assert unquote(segment) == known
    assert parse_qs(query, keep_blank_values=True, strict_parsing=True) == {"cursor": [said]}


@examples(15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ODD, min_size=6, max_size=6))
@example(["../../../x", "/etc/x", "a/b", "..", "\x00", "vendor=evil/date=2026-01-01"])
def test_what_pages_say_of_themselves_stands_in_no_path(texts: list[str]) -> None:
    sound = [text.encode("utf-8", "replace").decode() for text in texts]
    run_id, walk_id, key, country, parameters, body = sound
    page = SpooledPage(
        page_id=1,
        vendor="crawlora",
        endpoint="crawlora.hashtags",
        run_id=run_id,
        walk_id=walk_id,
        request_key=key,
        snapshot_at=NOON,
        observed_at=NOON,
        country=country,
        period_days=7,
        page=1,
        parameters=parameters,
        http_status=200,
        outcome=OutcomeKind.OK,
        body=body.encode(),
    )
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "inner" / "data"
        data.mkdir(parents=True)
        archive = ParquetArchive(data, read_tables()[:1], CATALOGUE)
        with archive.lock():
            written = archive.write(1, [page])
        assert [part.table for part in written.parts if part.rows] == [PAGES_TABLE]
        kept = sorted(path.relative_to(data) for path in Path(directory).rglob("*") if path.is_file())
        assert all(PART.fullmatch(str(path.relative_to("archive"))) for path in kept if path.parts[0] == "archive")
        assert {path.parts[0] for path in kept} <= {"archive", "archive.lock", "cache", "tmp"}


def test_ids_cursors_and_request_ids_of_a_vendor_leave_no_directory(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)

    async def use(bench: Bench) -> str:
        job = inner / "configs" / "night.toml"
        job.parent.mkdir()
        job.write_text(JOB.format(name="night"))
        result = await bench.run(job)
        assert result.status.exit_code == 0
        assert result.rows["hashtags"] == len(ways)
        return result.run_id

    ways = [way.encode("utf-8", "replace").decode() for way in WAYS_OUT if way]
    run_id = on_bench(inner, use, fault=Echoing(lambda _: ways, headers=lambda _: "../../x"))
    files = [path.relative_to(inner) for path in tmp_path.rglob("*") if path.is_file()]
    archived = [path.relative_to("data/archive") for path in files if path.parts[:2] == ("data", "archive")]
    assert archived
    marks = {str(path) for path in archived if path.parts[0] == "_ledger"}
    assert marks == {"_ledger/archive.json", f"_ledger/{run_id}.json"}
    assert all(PART.fullmatch(str(path)) for path in archived if str(path) not in marks)
    others = {str(path) for path in files if path.parts[:2] not in {("data", "archive"), ("data", "cache")}}
    cached = {path.name for path in files if path.parts[:2] == ("data", "cache")}
    assert all(re.fullmatch(r"(fragile|schema)-[0-9a-f]{16}", name) for name in cached)
    assert others <= {"configs/night.toml", "data/state.db", "data/archive.lock", "data/locks/night.lock"}
