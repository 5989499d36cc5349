"""Tables of the state database, in SQL that both SQLite and PostgreSQL understand.

Instants are whole microseconds since 1970 in UTC: exact, sortable, the same everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    cast,
    func,
)
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 7
"""Incremented with every change of this module; a database of a newer version is refused."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, ANN401
        return None if value is None else _EPOCH + int(value) * _MICROSECOND


def total(of: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the sum of an integer column as an integer: PostgreSQL's own is a decimal."""
    return cast(func.sum(of), BigInteger)


_BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements only an INTEGER PRIMARY KEY

metadata = MetaData()

NUL, REPLACEMENT = "\x00", "\ufffd"
"""A character that a vendor's text may contain and PostgreSQL refuses, and its replacement there."""

COMMITS = "commits:"
"""Prefix of the keys in `meta` that identify the last transaction of a process: `io.state.postgres`."""

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

accounts = Table(
    "accounts",
    metadata,
    Column("account", String, primary_key=True),
    Column("subscription", Text, nullable=False, default="{}"),
    Column("paused_until", Instant),
    Column("pace_percent", Integer, nullable=False, default=100),  # of its rate, when it was last slowed down
    Column("slowed_at", Instant),
    Column("closed_until", Instant),
    Column("closed_because", Text, nullable=False, default=""),
    Column("told_at", Instant),  # start of the request whose answer told how many remain, and until when
    Column("told_until", Instant),
    Column("told_remaining", BigInteger, nullable=False, default=0, server_default="0"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("job", String, nullable=False),
    Column("status", String, nullable=False),
    Column("budget", BigInteger, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("elapsed_s", Float, nullable=False, default=0.0),
    Column("next_at", Instant),
    Column("message", Text, nullable=False, default=""),
    Column("auto", Boolean, nullable=False, default=False),  # budget = "auto"
    Column("weight", BigInteger, nullable=False, default=1),
    Column("shares", Text, nullable=False, default="{}"),  # account → credits that the run may spend there
    Column("number", BigInteger, nullable=False, default=0),  # the order in which runs were begun, whatever the clock
    Column("night_at", Instant),  # when its night begins; null: a run of a one-off job
    Column(
        "every_s", BigInteger
    ),  # from one night of its job to the next; null: a one-off job, or begun before it was noted
    Column("asked", Text, nullable=False, default=""),  # `core.fingerprint`; empty: begun before it was noted
    Column("exit_code", Integer),  # of its last process; null: none has ended, or it died
    Column("superseded_by", String),  # the run that was begun while this one was open
    Column("board_order", Text, nullable=False, default=""),  # `core.changes.tonight`; empty: the order of the job
    Column("late_pages", BigInteger, nullable=False, default=0, server_default="0"),  # stored by replaced processes
    Column("accounted", Boolean, nullable=False, default=False),  # its run tables in the archive are current;
    # an old name, kept: renaming a column would lock older versions out of the database for nothing
    Index("runs_by_job", "job", "started_at"),
)

# The end of each process of a run, in its own words. Rows are only added.
run_ends = Table(
    "run_ends",
    metadata,
    Column("end_id", _BigId, primary_key=True, autoincrement=True),
    Column("run_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("exit_code", Integer),  # null: it died
    Column("ended_at", Instant, nullable=False),  # of a process that died: when the next one noticed
    Column("next_at", Instant),
    Column("message", Text, nullable=False),
    Index("run_ends_by_run", "run_id"),
)

walks = Table(
    "walks",
    metadata,
    Column("run_id", String, nullable=False),
    Column("walk_id", String, nullable=False),
    Column("crawls", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("params", Text, nullable=False),
    Column("country", String),
    Column("period_days", Integer),
    Column("state", String, nullable=False),
    Column("why", String),
    Column("pages", Integer, nullable=False, default=0),
    Column("rows", BigInteger, nullable=False, default=0),
    Column("distinct_rows", BigInteger),  # distinct records with an id; null: covered before it was noted
    Column("overlaps", BigInteger, nullable=False, default=0),  # records that an earlier page had listed
    Column("gaps", BigInteger, nullable=False, default=0),  # pages that were requested and never landed
    Column("notes", String, nullable=False, default=""),  # names of guards, comma-separated
    Column("snapshot_at", Instant),
    Column("reused_from", String),
    Column("max_pages", Integer),  # the job's own limit; null: none, or covered before it was noted
    Column("decided_again_at", Instant),  # when a rebuild read its pages by a corrected vendor file
    PrimaryKeyConstraint("run_id", "walk_id"),
    Index("walks_by_id", "walk_id", "snapshot_at"),
    Index("walks_by_time", "snapshot_at"),
)

# The history of a board, a row for each walk id: `core.board_history.BoardHistory`, folded from the first pages of its
# complete and empty walks. Runs of older programs have none.
boards = Table(
    "boards",
    metadata,
    Column("walk_id", String, primary_key=True),
    Column("endpoint", String, nullable=False),
    Column("read_at", Instant, nullable=False),
    Column("reads", BigInteger, nullable=False),
    Column("filled", BigInteger, nullable=False),  # reads with rows since the last one without
    Column("usual", String, nullable=False),  # rows of the last reads with rows, with commas between
    Column("digest", String, nullable=False),  # of the ids in order; empty: no rows
    Column("still_since", Instant, nullable=False),
    Column("still_reads", BigInteger, nullable=False),
    Column("longest_still_us", BigInteger, nullable=False),
    Column("changes", BigInteger, nullable=False),
    Index("boards_by_endpoint", "endpoint", "longest_still_us"),
)

# The ledger: one row per attempt, inserted when its credits are reserved, settled once.
requests = Table(
    "requests",
    metadata,
    Column("attempt_id", _BigId, primary_key=True, autoincrement=True),
    Column("request_key", String, nullable=False),
    Column("account", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("walk_id", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("page", Integer, nullable=False),
    Column("params", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("day", String, nullable=False),  # the UTC day and the billing month that the attempt is booked on
    Column("month", String, nullable=False),
    Column("slot_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("settled_at", Instant),
    Column("charge", String, nullable=False),
    Column("credits", BigInteger, nullable=False, default=0),
    Column("outcome", String),
    Column("ending", String),
    Column("http_status", Integer),
    Column("rows", BigInteger, nullable=False, default=0),  # records of the answer
    Column("vendor_request_id", String),
    Column("detail", Text, nullable=False, default=""),
    Column("process", String, nullable=False),
    Column("reconciled_at", Instant),
    Column("reconciled_by", String),
    Index("requests_by_slot", "account", "slot_at"),
    Index("requests_by_ending", "run_id", "charge", "ending", "outcome"),
)

# Sums over the ledger, updated in the transaction of the rows they sum. Scopes: run, its share of an account, the
# account's day, the account's month.
balances = Table(
    "balances",
    metadata,
    Column("kind", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("charged", BigInteger, nullable=False, default=0),
    Column("presumed", BigInteger, nullable=False, default=0),
    Column("unknown", BigInteger, nullable=False, default=0),
    Column("reserved", BigInteger, nullable=False, default=0),
    Column("adjusted", BigInteger, nullable=False, default=0, server_default="0"),
    PrimaryKeyConstraint("kind", "scope"),
)

# The month's use that a user read on the vendor's console, and its difference from the ledger.
adjustments = Table(
    "adjustments",
    metadata,
    Column("adjustment_id", _BigId, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("month", String, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("told_at", Instant, nullable=False),
)

# Months that were compared with the vendor's statement: each once.
statements = Table(
    "statements",
    metadata,
    Column("account", String, nullable=False),
    Column("month", String, nullable=False),
    Column("held_at", Instant, nullable=False),
    Column("message", Text, nullable=False),
    PrimaryKeyConstraint("account", "month"),
)

# What the user has lifted: pauses, closures, and requests dated by a clock that was ahead.
account_lifts = Table(
    "account_lifts",
    metadata,
    Column("lift_id", _BigId, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("lifted_at", Instant, nullable=False),
    Column("lifted_by", String, nullable=False),
    Index("account_lifts_by_account", "account", "lift_id"),
)

# The spool, and after the drain what resuming needs; a body is kept until its drain is finished.
pages = Table(
    "pages",
    metadata,
    Column("page_id", _BigId, primary_key=True, autoincrement=True),
    Column("attempt_id", BigInteger, nullable=False),
    Column("run_id", String, nullable=False),
    Column("walk_id", String, nullable=False),
    Column("request_key", String, nullable=False),
    Column("observed_at", Instant, nullable=False),
    Column("outcome", String, nullable=False),
    Column("http_status", Integer, nullable=False),
    Column("facts", LargeBinary),
    Column("body", LargeBinary),
    Column("size_bytes", BigInteger, nullable=False),
    Column("drain_id", BigInteger),
    Column("stored", Boolean, nullable=False, default=False),
    Index("pages_by_run", "run_id", "request_key"),
    Index("pages_by_walk", "run_id", "walk_id"),
    Index("pages_to_drain", "stored", "run_id"),
)

drains = Table(
    "drains",
    metadata,
    Column("drain_id", _BigId, primary_key=True, autoincrement=True),
    Column("run_id", String, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("token", String, nullable=False, default="", server_default=""),  # part of its files' names: `core.adopt`
    Column("finished_at", Instant),
    Column("rows", Text, nullable=False, default="{}"),
    Index("drains_by_run", "run_id"),
)

# Findings of each drain: see the glossary, drift.
drift = Table(
    "drift",
    metadata,
    Column("drain_id", BigInteger, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("path", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("times", BigInteger, nullable=False),  # records; pages, where the kind is of pages
    Column("request_key", String, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    PrimaryKeyConstraint("drain_id", "endpoint", "kind", "path", "detail"),
    Index("drift_by_path", "endpoint", "kind", "path", "drain_id"),
)

# Totals over all drains, and how often each read path was present: `missing` is derived from these.
drift_endpoints = Table(
    "drift_endpoints",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("pages", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
)

drift_paths = Table(
    "drift_paths",
    metadata,
    Column("endpoint", String, nullable=False),
    Column("path", String, nullable=False),
    Column("parents", BigInteger, nullable=False),
    Column("present", BigInteger, nullable=False),
    PrimaryKeyConstraint("endpoint", "path"),
)

parts = Table(
    "parts",
    metadata,
    Column("path", String, primary_key=True),
    Column("table_name", String, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("select_hash", String, nullable=False),
    Column("checksum", String),  # of the file's bytes
    Index("parts_by_table", "table_name", "select_hash"),
)

compactions = Table(
    "compactions",
    metadata,
    Column("compaction_id", _BigId, primary_key=True, autoincrement=True),
    Column("partition", String, nullable=False),
    Column("merges", Text, nullable=False),  # table → the sources of each part of its new directory
    Column("offline", Boolean, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("built", Text),  # parts of the new directories once whole; null in a finished compaction: it was undone
    Column("finished_at", Instant),
)

# What is left of a rebuild: one row per part still to be rebuilt.
rebuilds = Table(
    "rebuilds",
    metadata,
    Column("table_name", String, nullable=False),
    Column("source", String, nullable=False),  # the pages part: vendor=…/date=…/part-….parquet
    Column("opened_at", Instant, nullable=False),
    PrimaryKeyConstraint("table_name", "source"),
)

# The holders of jobs and the archive, where several machines share the state: `io.state.leases`. A row for each that
# was ever held; once released or lapsed, it may be taken.
leases = Table(
    "leases",
    metadata,
    Column("what", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)


def _sort_by_code_point() -> None:
    """Let PostgreSQL compare text as SQLite and Python do, whatever the locale of its database."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String):
                column.type = column.type.with_variant(type(column.type)(collation="C"), "postgresql")


_sort_by_code_point()
