"""What the archive tells of itself: how far each walk came, and what every attempt cost. No key stands in either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scraper.core.tables import PATH_COLUMNS, Column

COVERAGE_TABLE: Final = "coverage"
REQUESTS_TABLE: Final = "requests"

_RUN_DAY = "UTC day on which the run began; stands in the path only"
_ACCOUNT_PATH = (PATH_COLUMNS[0], Column("date", "DATE", _RUN_DAY))

COVERAGE_COLUMNS = (
    Column("run_id", "VARCHAR", "the run that wanted the walk"),
    Column("job", "VARCHAR", "the run's job"),
    Column("run_status", "VARCHAR", "how the run stands: complete, budget, quota, failed … ; open: it never ended"),
    Column("run_budget", "BIGINT", "credits that the run might spend"),
    Column("run_started_at", "TIMESTAMP", "UTC, when the run began"),
    Column("run_ended_at", "TIMESTAMP", "UTC, when its last process ended"),
    Column("endpoint", "VARCHAR", "full name of the endpoint: crawlora.hashtags"),
    Column("walk_id", "VARCHAR", "the walk: one endpoint, one set of parameters; the same in every run"),
    Column("crawls", "VARCHAR", "the job's crawls that asked for it, with commas between"),
    Column("parameters", "VARCHAR", "JSON object of the walk's parameters"),
    Column("country", "VARCHAR", "the walk's country, upper case; null where it has none"),
    Column("period_days", "BIGINT", "the window of the board in days; null where the endpoint has none"),
    Column("state", "VARCHAR", "complete, truncated, empty, failed, not_attempted; open: its run was cut off"),
    Column(
        "why",
        "VARCHAR",
        "end, as_asked, known; clamp, guard, refused, budget, request_failed, interrupted, unreachable",
    ),
    Column("pages", "BIGINT", "pages that landed"),
    Column("rows", "BIGINT", "records on them"),
    Column("overlaps", "BIGINT", "records that an earlier page of the walk had listed already"),
    Column("gaps", "BIGINT", "pages that were asked for and never landed"),
    Column("notes", "VARCHAR", "guards that it met, with commas between: what the vendor's own word contradicts"),
    Column("snapshot_at", "TIMESTAMP", "UTC, when its first request was reserved, in the run that bought it"),
    Column(
        "reused_from", "VARCHAR", "the earlier run that bought its pages, under whose run_id its rows stand; else null"
    ),
)
"""Columns of the files, beside the path's."""

REQUESTS_COLUMNS = (
    Column("run_id", "VARCHAR", "the run that sent it"),
    Column("job", "VARCHAR", "the run's job"),
    Column("account", "VARCHAR", "vendor and name of the account that paid"),
    Column("day", "DATE", "the UTC day that it is booked on"),
    Column("endpoint", "VARCHAR", "full name of the endpoint: crawlora.hashtags"),
    Column("country", "VARCHAR", "the walk's country, upper case; null where it has none"),
    Column("period_days", "BIGINT", "the window of the board in days; null where the endpoint has none"),
    Column("walk_id", "VARCHAR", "the walk that it belongs to"),
    Column("request_key", "VARCHAR", "what was asked: joins an attempt to its page"),
    Column("page", "BIGINT", "1-based place of the page in its walk"),
    Column("attempt_id", "BIGINT", "number of the attempt in its ledger"),
    Column("attempt", "BIGINT", "1 for the first try of a request in its process, 2 for the next"),
    Column("parameters", "VARCHAR", "JSON object of the request's parameters"),
    Column("outcome", "VARCHAR", "what it met: ok, empty, rate_limited, lost … ; not_sent: it was held back, and free"),
    Column("ending", "VARCHAR", "what it counts as in its run: ok, empty, retried, refused, failed, lost, not_sent"),
    Column("charge", "VARCHAR", "charged, free, presumed (no rule is documented) or unknown (never answered)"),
    Column("credits", "BIGINT", "what it cost; presumed and unknown count as charged"),
    Column("rows", "BIGINT", "records of the answer"),
    Column("http_status", "BIGINT", "HTTP status of the answer; null: none came"),
    Column("reserved_at", "TIMESTAMP", "UTC, when its credits were reserved"),
    Column("sent_at", "TIMESTAMP", "UTC, when it was sent; null: it was not, or nobody knows"),
    Column("settled_at", "TIMESTAMP", "UTC, when it was settled in the ledger"),
    Column("vendor_request_id", "VARCHAR", "the vendor's own id of the call"),
    Column("detail", "VARCHAR", "the refusal or the fault in words"),
    Column("reconciled_at", "TIMESTAMP", "UTC, when an unknown charge became known"),
    Column("reconciled_by", "VARCHAR", "on whose word: the vendor's billing events, or the user"),
)
"""Columns of the files, beside the path's."""

ACCOUNT_COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    COVERAGE_TABLE: COVERAGE_COLUMNS,
    REQUESTS_TABLE: REQUESTS_COLUMNS,
}
"""Table → columns of its files. Made from the state database, not from pages: nothing rebuilds them but the ledger."""

ACCOUNT_DESCRIPTIONS: Final[Mapping[str, str]] = {
    COVERAGE_TABLE: "How far a walk came in a run, and why no further.",
    REQUESTS_TABLE: "One settled attempt of the ledger, failures included: what it met and what it cost.",
}


def account_meanings(table: str) -> dict[str, str]:
    """Column → meaning of one of these tables, the path's columns included."""
    return {column.name: column.meaning for column in (*_ACCOUNT_PATH, *ACCOUNT_COLUMNS[table])}
