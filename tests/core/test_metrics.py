"""Figures of a run as Prometheus reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scraper.core.budget import Balance
from scraper.core.events import RunStatus
from scraper.core.metrics import metrics_of
from scraper.io.metrics import write_metrics
from tests.core.test_notify import result

ENDED = datetime(2026, 11, 21, 2, 20, tzinfo=UTC)
MONTHS = {"crawlora": (Balance(charged=512, unknown=8), 20_000), "keyapi": (Balance(), None)}
SAMPLE = re.compile(r'(scraper_[a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (-?[0-9.e+]+)')


def samples(text: str) -> dict[tuple[str, str], float]:
    """Family and labels → value, of a text whose every line is one that a collector reads."""
    lines = text.splitlines()
    assert text.endswith("# EOF\n")
    found, families = dict[tuple[str, str], float](), list[str]()
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            families.append(line.split()[2])
            assert line.split()[3:] == ["gauge"]
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == families[-1], "a family's samples stand below its type"
            assert (match[1], match[2]) not in found
            found[match[1], match[2]] = float(match[3])
    assert len(families) == len(set(families))
    return found


def test_credits_requests_rows_walks_status_exit_code_and_instants_are_samples() -> None:
    told = samples(metrics_of(result(RunStatus.QUOTA), ENDED, MONTHS, "0.1.0"))
    assert told["scraper_run_info", 'job="us",run_id="us-20261121T021500Z-1f3a",version="0.1.0"'] == 1
    assert told["scraper_run_exit_code", 'job="us"'] == RunStatus.QUOTA.exit_code
    assert told["scraper_run_end_timestamp_seconds", 'job="us"'] == ENDED.timestamp()
    assert told["scraper_run_duration_seconds", 'job="us"'] == 262.1
    assert told["scraper_run_credits", 'job="us",kind="charged"'] == 512
    assert told["scraper_run_credits", 'job="us",kind="unknown"'] == 8
    assert told["scraper_run_requests", 'job="us",ending="lost"'] == 1
    assert told["scraper_run_walks", 'job="us",state="complete"'] == 26
    assert told["scraper_run_rows", 'job="us",table="posts"'] == 1750
    assert told["scraper_account_month_credits", 'job="us",account="crawlora"'] == 520
    assert told["scraper_account_month_credits_limit", 'job="us",account="crawlora"'] == 20_000
    assert ("scraper_account_month_credits_limit", 'job="us",account="keyapi"') not in told
    statuses = {labels: value for (name, labels), value in told.items() if name == "scraper_run_status"}
    assert len(statuses) == len(RunStatus)
    assert [labels for labels, value in statuses.items() if value] == ['job="us",status="quota"']


def test_no_digit_of_a_large_figure_is_lost() -> None:
    told = samples(metrics_of(replace(result(), charged=123_456_789_012), ENDED, {}, "0.1.0"))
    assert told["scraper_run_credits", 'job="us",kind="charged"'] == 123_456_789_012


def test_text_that_breaks_lines_or_quotes_is_escaped() -> None:
    told = samples(metrics_of(replace(result(), rows={'a"b\\c\nd': 1}), ENDED, {}, "0.1.0"))
    assert told["scraper_run_rows", r'job="us",table="a\"b\\c\nd"'] == 1


def test_prometheus_own_parsers_read_it() -> None:
    pytest.importorskip("prometheus_client")
    from prometheus_client.openmetrics import parser as openmetrics  # noqa: PLC0415
    from prometheus_client.parser import text_string_to_metric_families as plain  # noqa: PLC0415

    text = metrics_of(result(), ENDED, MONTHS, "0.1.0")
    for parsed in (list(plain(text)), list(openmetrics.text_string_to_metric_families(text))):  # type: ignore[no-untyped-call]
        values = {sample.value for family in parsed for sample in family.samples}
        assert {512.0, 1750.0, 20_000.0, ENDED.timestamp()} <= values
        assert {family.type for family in parsed} == {"gauge"}


def test_a_file_is_replaced_as_a_whole_and_one_that_cannot_be_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "us.prom"
    path.write_text("old")
    assert write_metrics(path, "new\n") is None
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new\n", 0o644)
    assert write_metrics(tmp_path / "none" / "us.prom", "new\n") == "No such file or directory"
    assert list(tmp_path.iterdir()) == [path]
