"""The queue's own schema in the state's database: created and migrated to the installed Procrastinate, under a lock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from typing import Final

import procrastinate
from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection, sql

from scraper.core.errors import StateError

_DEFAULT_SCHEMA: Final = "public"
_OURS: Final = "scraper_fleet"
_ENDING: Final = "_fleet"
CONNECT_TIMEOUT_S: Final = 5
_MADE_BY = re.compile(r"procrastinate (\d+\.\d+\.\d+), fleet (\d+)")
_MIGRATION = re.compile(r"(\d+)\.(\d+)\.(\d+)_\d+_.*\.sql")

_OURS_VERSION: Final = 1
"""Incremented with every change to the SQL below, which is then executed again."""
_OUR_TABLES: Final = """
CREATE TABLE IF NOT EXISTS fleet_workers (
    worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE,
    name text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    at_once integer NOT NULL,
    jobs text[] NOT NULL
);
CREATE TABLE IF NOT EXISTS fleet_work (
    task_id bigint PRIMARY KEY REFERENCES procrastinate_jobs (id) ON DELETE CASCADE,
    worker text NOT NULL,
    exit_code integer,
    words text NOT NULL DEFAULT ''
);
CREATE OR REPLACE FUNCTION fleet_alive(
    p_worker_id bigint, p_name text, p_version text, p_at_once integer, p_jobs text[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (p_worker_id, now())
    ON CONFLICT (id) DO UPDATE SET last_heartbeat = now();
    INSERT INTO fleet_workers (worker_id, name, version, at_once, jobs)
    VALUES (p_worker_id, p_name, p_version, p_at_once, p_jobs)
    ON CONFLICT (worker_id) DO UPDATE SET jobs = excluded.jobs;
$$;
CREATE OR REPLACE FUNCTION fleet_take(p_worker_id bigint, p_name text, p_jobs text[], p_runs_of_account integer)
RETURNS SETOF procrastinate_jobs LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    -- Workers take one after the other: the SELECT sees what the one before has taken.
    PERFORM pg_advisory_xact_lock(hashtext('scraper fleet take'), hashtext(current_schema()));
    SELECT id INTO found_id FROM procrastinate_jobs AS waiting
    WHERE status = 'todo'
        AND (scheduled_at IS NULL OR scheduled_at <= now())
        AND (args->>'kind' <> 'run' OR args->>'job' = ANY(p_jobs))
        AND NOT EXISTS (
            SELECT FROM procrastinate_jobs AS running WHERE running.status = 'doing' AND running.lock = waiting.lock
        )
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements_text(waiting.args->'accounts') AS used (account)
            WHERE p_runs_of_account <= (
                SELECT count(*) FROM procrastinate_jobs AS running
                WHERE running.status = 'doing' AND running.args->'accounts' ? used.account
            )
        )
    ORDER BY priority DESC, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED;
    IF found_id IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO fleet_work (task_id, worker) VALUES (found_id, p_name)
    ON CONFLICT (task_id) DO UPDATE SET worker = excluded.worker;
    RETURN QUERY UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id, scheduled_at = NULL
        WHERE id = found_id RETURNING *;
END;
$$;
CREATE OR REPLACE FUNCTION fleet_wake() RETURNS void LANGUAGE sql AS $$
    -- Workers poll again: an account is free, or a task is back.
    SELECT pg_notify('procrastinate_any_queue_v1', '{"type": "job_inserted", "job_id": 0}');
$$;
CREATE OR REPLACE FUNCTION fleet_back(p_task_id bigint, p_wait_s double precision, p_counted integer)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fleet_wake();
    BEGIN
        UPDATE procrastinate_jobs
        SET status = 'todo', scheduled_at = now() + make_interval(secs => p_wait_s), attempts = attempts + p_counted
        WHERE id = p_task_id;
        RETURN true;
    EXCEPTION WHEN unique_violation THEN
        -- The job is in the queue again, for its next night or submitted by a user: that task does what is left.
        UPDATE procrastinate_jobs SET status = 'aborted' WHERE id = p_task_id;
        UPDATE fleet_work SET words = 'another task of the job continues it' WHERE task_id = p_task_id;
        RETURN false;
    END;
END;
$$;
"""
"""Additions to Procrastinate: the names of workers, the end of a task's last command, and a limit of runs per account.
"""


async def connected(conninfo: str) -> AsyncConnection:
    """Return an open connection; raises psycopg.OperationalError."""
    return await AsyncConnection.connect(conninfo, connect_timeout=CONNECT_TIMEOUT_S, autocommit=True)


async def prepared_schema(connection: AsyncConnection) -> str:
    """Return the name of the queue's schema, created or migrated if necessary; StateError if its version is newer."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('scraper fleet schema'))")
        found = await (await connection.execute("SELECT current_schema()")).fetchone()
        beside = found[0] if found else None
        name = _OURS if beside in {None, _DEFAULT_SCHEMA} else f"{beside}{_ENDING}"
        row = await (
            await connection.execute(
                "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", [name]
            )
        ).fetchone()
        if row is None:
            await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        await connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(name)))
        if (comment := await _brought_up_to_date(connection, name, (row or [None])[0] or "")) is not None:
            said = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(name), sql.Literal(comment))
            await connection.execute(said)
    return name


async def _brought_up_to_date(connection: AsyncConnection, name: str, comment: str) -> str | None:
    """Create or migrate the schema's contents; return its new comment, or ``None`` if it is up to date."""
    found = _MADE_BY.match(comment)
    made, ours = (_numbers(found[1]), int(found[2])) if found else ((), 0)
    installed = _numbers(procrastinate.__version__)
    if made[:2] > installed[:2] or ours > _OURS_VERSION:
        raise StateError(
            f"the queue in schema {name} was created by newer versions ({comment}); installed here are Procrastinate "
            f"{procrastinate.__version__} and fleet {_OURS_VERSION}. Nothing was changed; upgrade this installation."
        )
    if not made:
        await connection.execute(SchemaManager.get_schema())
    else:
        for migration in migrations(made, installed):
            await connection.execute(migration)
    if ours < _OURS_VERSION:
        await connection.execute(_OUR_TABLES)
    told = f"procrastinate {'.'.join(map(str, max(made, installed)))}, fleet {_OURS_VERSION}"
    return None if told == comment else told


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def migrations(made: tuple[int, ...], installed: tuple[int, ...]) -> Sequence[str]:
    """Return the SQL of the migrations after one version, up to another, in order."""
    directory = resources.files("procrastinate.sql") / "migrations"
    named = sorted((entry.name, entry) for entry in directory.iterdir() if _MIGRATION.fullmatch(entry.name))
    return [entry.read_text(encoding="utf-8") for name, entry in named if made < _numbers(name) <= installed]
