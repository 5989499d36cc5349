"""The archive's tables about runs: the coverage of each walk, and the cost of every attempt. Neither contains a key."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from scraper.core.tables import PATH_COLUMNS, Column, empty_relation

COVERAGE_TABLE: Final = "coverage"
REQUESTS_TABLE: Final = "requests"

_RUN_DAY = "UTC day on which the run began; in the path only"
_RUN_PATH = (PATH_COLUMNS[0], Column("date", "DATE", _RUN_DAY))

COVERAGE_COLUMNS = (
    Column("run_id", "VARCHAR", "the run that wanted the walk"),
    Column("job", "VARCHAR", "the run's job"),
    Column(
        "run_status",
        "VARCHAR",
        "how its last process ended: complete, budget, quota, failed … ; died: it was killed; open: it has not ended",
    ),
    Column("run_exit_code", "BIGINT", "exit code of that process; null: none is known"),
    Column("run_message", "VARCHAR", "the reason for its end, in words; empty for a complete run"),
    Column("run_superseded_by", "VARCHAR", "the run that was begun while this one was open; else null"),
    Column("run_night_at", "TIMESTAMP", "UTC, when the night of the run begins; null: its job is not repeated"),
    Column("run_budget", "BIGINT", "credits that the run might spend"),
    Column("run_started_at", "TIMESTAMP", "UTC, when the run began"),
    Column("run_ended_at", "TIMESTAMP", "UTC, when its last process ended"),
    Column("run_elapsed_s", "DOUBLE", "seconds that its processes took together"),
    Column("run_every_s", "BIGINT", "seconds from one night of its job to the next; null: its job is not repeated"),
    Column("run_asked", "VARCHAR", "JSON object of what the run requests: crawls, parameters, accounts"),
    Column("endpoint", "VARCHAR", "full name of the endpoint: crawlora.hashtags"),
    Column("walk_id", "VARCHAR", "the walk: one endpoint, one set of parameters; the same in every run"),
    Column("crawls", "VARCHAR", "the job's crawls that requested it, with commas between"),
    Column("parameters", "VARCHAR", "JSON object of the walk's parameters"),
    Column("country", "VARCHAR", "the walk's country, upper case; null where it has none"),
    Column("period_days", "BIGINT", "the window of the board in days; null where the endpoint has none"),
    Column("state", "VARCHAR", "complete, truncated, empty, failed, not_attempted; open: its run was cut off"),
    Column(
        "why",
        "VARCHAR",
        "end, as_asked, known; clamp, guard, refused, budget, quota, order (left by the job's order), request_failed, "
        "interrupted, unreachable, out_of_character",
    ),
    Column("pages", "BIGINT", "pages that landed"),
    Column("rows", "BIGINT", "records on them"),
    Column("repeats", "BIGINT", "records that an earlier page of the walk had listed already"),
    Column("gaps", "BIGINT", "pages that were requested and never landed"),
    Column(
        "notes",
        "VARCHAR",
        "guards that it met, with commas between: contradictions of its answers, and ends that are only concluded",
    ),
    Column("snapshot_at", "TIMESTAMP", "UTC, when its first request was reserved, in the run that bought it"),
    Column(
        "reused_from", "VARCHAR", "the earlier run that bought its pages, under whose run_id its rows are; else null"
    ),
    Column(
        "decided_again_at",
        "TIMESTAMP",
        "UTC, when a rebuild decided the columns state to notes again, by a corrected vendor file; else null",
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
    Column("request_key", "VARCHAR", "key of the request: joins an attempt to its page"),
    Column("page", "BIGINT", "1-based place of the page in its walk"),
    Column("attempt_id", "BIGINT", "number of the attempt in its ledger"),
    Column("attempt", "BIGINT", "1 for the first try of a request in its process, 2 for the next"),
    Column("parameters", "VARCHAR", "JSON object of the request's parameters"),
    Column("outcome", "VARCHAR", "its outcome: ok, empty, rate_limited, lost … ; not_sent: it was held back, and free"),
    Column("ending", "VARCHAR", "its category in its run: ok, empty, retried, refused, failed, lost, not_sent"),
    Column("charge", "VARCHAR", "charged, free, presumed (no rule is documented) or unknown (never answered)"),
    Column("credits", "BIGINT", "what it cost; presumed and unknown count as charged"),
    Column("rows", "BIGINT", "records of the answer"),
    Column("http_status", "BIGINT", "HTTP status of the answer; null: none came"),
    Column("reserved_at", "TIMESTAMP", "UTC, when its credits were reserved"),
    Column("sent_at", "TIMESTAMP", "UTC, when it was sent; null: it was not sent, or that is unknown"),
    Column("settled_at", "TIMESTAMP", "UTC, when it was settled in the ledger"),
    Column("vendor_request_id", "VARCHAR", "the vendor's own id of the call"),
    Column("detail", "VARCHAR", "the refusal or the fault in words"),
    Column("reconciled_at", "TIMESTAMP", "UTC, when an unknown charge became known"),
    Column("reconciled_by", "VARCHAR", "the source of that charge: the vendor's billing events, or the user"),
)
"""Columns of the files, beside the path's."""

RUN_TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    COVERAGE_TABLE: COVERAGE_COLUMNS,
    REQUESTS_TABLE: REQUESTS_COLUMNS,
}
"""Table → columns of its files. They are written from the state database, not from pages."""

RUN_TABLE_HASHES: Final[Mapping[str, str]] = {
    table: sha256(empty_relation(columns).encode()).hexdigest()[:16] for table, columns in RUN_TABLES.items()
}
"""Table → hash of its columns: `Part.select_hash` of the files that this version writes."""

RENAMED_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {COVERAGE_TABLE: {"overlaps": "repeats"}}
"""Table → column of files that an older version wrote → its name now. OVERLAPS is a keyword of SQL."""

RUN_TABLE_DESCRIPTIONS: Final[Mapping[str, str]] = {
    COVERAGE_TABLE: "Coverage of each walk in a run: its state, and the reason for its end.",
    REQUESTS_TABLE: "One settled attempt of the ledger, failures included: its outcome and its cost.",
}


def run_table_meanings(table: str) -> dict[str, str]:
    """Return column → meaning of one of these tables, with the path's columns."""
    return {column.name: column.meaning for column in (*_RUN_PATH, *RUN_TABLES[table])}
