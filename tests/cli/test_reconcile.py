"""``scraper reconcile`` against a sandbox on a port of its own."""

from __future__ import annotations

import csv
import http.client
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

from tests.cli.sandbox_beside import SandboxBeside, sandbox_beside
from tests.docs.place import said
from tests.runs.harness import KEYS


@pytest.fixture
def beside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxBeside]:
    """A sandbox where job `night` has run, and another program with the same key has bought a page."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("CRAWLORA_API_KEY", KEYS["crawlora"])
    with sandbox_beside() as made:
        assert said(["run", "configs/night.toml", *made.vendor_urls]).exit_code == 0
        with closing(http.client.HTTPConnection(made.url.removeprefix("http://"))) as other:
            other.request("GET", "/api/v1/tiktok/popular-trend/creator", headers={"x-api-key": KEYS["crawlora"]})
            assert other.getresponse().status == 200
        yield made


def test_a_request_that_is_not_ours_is_named_for_people_and_for_programs(beside: SandboxBeside) -> None:
    words = ["reconcile", "configs/night.toml", *beside.vendor_urls]
    foreign = beside.sandbox.events("crawlora")[-1].request_id
    shown = said([*words, "--format", "table"])
    assert shown.exit_code == 0
    assert f"request {foreign}" in shown.stdout
    assert "crawlora.creators  8 credits" in shown.stdout
    assert "the vendor's total is 16, which agrees" in shown.stderr

    (row,) = csv.DictReader(io.StringIO(said([*words, "--format", "csv"]).stdout))
    assert (row["finding"], row["endpoint"], row["ours"], row["theirs"]) == (
        "theirs alone",
        "crawlora.creators",
        "",
        "8",
    )
    rows = list(csv.DictReader(io.StringIO(said([*words, "--all", "--format", "csv"]).stdout)))
    assert [row["finding"] for row in rows] == ["agrees", "theirs alone"]

    (account,) = json.loads(said([*words, "--format", "json"]).stdout)
    assert (account["month"]["vendor_total"], account["month"]["difference"]) == (16, 0)
    assert [line["request_id"] for line in account["month"]["lines"]] == [foreign]


def test_a_month_that_does_not_add_up_exits_with_6(beside: SandboxBeside) -> None:
    beside.sandbox.event_log("crawlora").unlist(beside.sandbox.events("crawlora")[-1].request_id)
    ended = said(["reconcile", "configs/night.toml", *beside.vendor_urls])
    assert ended.exit_code == 6
    (account,) = json.loads(ended.stdout)
    assert (account["month"]["difference"], account["month"]["adds_up"]) == (8, False)
    assert account["month"]["notes"][0].startswith("Days on which the vendor's sum and the lines differ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--month", "last", "--assume", "free"], "give one of them"),
        (["--assume", "free", "--used", "crawlora=8"], "give one of them"),
    ],
)
def test_options_that_contradict_each_other_are_refused(place: Path, options: list[str], words: str) -> None:
    ended = said(["reconcile", str(place / "configs/night.toml"), *options])
    assert ended.exit_code == 2
    assert words in " ".join(ended.stderr.split())


def test_a_month_is_last_or_a_day(place: Path) -> None:
    with pytest.raises(click.BadParameter, match="'November' is neither last nor a day like 2026-11-14"):
        said(["reconcile", str(place / "configs/night.toml"), "--month", "November"])


def test_a_month_that_the_vendor_does_not_list_is_said(beside: SandboxBeside) -> None:
    ended = said(["reconcile", "configs/night.toml", *beside.vendor_urls, "--month", "2025-01-01"])
    assert ended.exit_code == 6
    assert "/billing/me/periods of crawlora lists no such period (2025-01-01)" in ended.stdout
