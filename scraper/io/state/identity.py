"""The identity that a state shares with its archive, and what it has of a run under way, on one connection."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, and_, delete, func, insert, select

from scraper.core.adopt import Identity, Standing
from scraper.core.budget import ScopeKind
from scraper.io.state.balances import scope_names
from scraper.io.state.row_locks import lock_the_rest
from scraper.io.state.schema import balances, meta, requests, runs
from scraper.ports import RunSpending, StateIdentity

_KEY = "identity"
_ADOPTING = "adopting"


def state_identity(connection: Connection, database: str, place: str, *, shared: bool) -> StateIdentity:
    known = dict(connection.execute(select(meta.c.key, meta.c.value)).all())
    new = all(connection.execute(select(table).limit(1)).first() is None for table in (runs, requests))
    stored = known.get(_KEY)
    adopting = None if _ADOPTING not in known else Standing[known[_ADOPTING]]
    own = None if stored is None else _read(stored)
    return StateIdentity(known["kind"], own, new, adopting, database, place, shared)


def begin_adoption(connection: Connection, why: Standing) -> None:
    """Note that an adoption is under way: until its end nobody may spend, whatever the state has by then."""
    lock_the_rest(connection)
    end_of_adoption(connection)
    connection.execute(insert(meta).values(key=_ADOPTING, value=why.name))


def end_of_adoption(connection: Connection) -> None:
    connection.execute(delete(meta).where(meta.c.key == _ADOPTING))


def stamp(connection: Connection, base: Identity | None) -> Identity:
    """Add an epoch to the identity, and return it. `base`: the archive's, which the state takes over."""
    lock_the_rest(connection)
    stored = connection.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar_one_or_none()
    own = Identity(secrets.token_hex(8)) if stored is None else _read(stored)
    after = (base or own).next(secrets.token_hex(4))
    connection.execute(delete(meta).where(meta.c.key == _KEY))
    text = orjson.dumps([after.archive_id, after.epoch, after.lineage]).decode()
    connection.execute(insert(meta).values(key=_KEY, value=text))
    return after


def epoch_token(connection: Connection) -> str:
    """Return the token of the state's last epoch; empty for a state that was never stamped."""
    stored = connection.execute(select(meta.c.value).where(meta.c.key == _KEY)).scalar_one_or_none()
    return "" if stored is None else _read(stored).token


def _read(stored: str) -> Identity:
    return Identity(*orjson.loads(stored))


def run_spending(connection: Connection, run_id: str) -> RunSpending | None:
    run = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
    if run is None:
        return None
    share = scope_names(run_id, "", "", "")[ScopeKind.SHARE]
    after = share[:-1] + chr(ord(share[-1]) + 1)
    of_run = and_(balances.c.kind == ScopeKind.SHARE.value, balances.c.scope >= share, balances.c.scope < after)
    committed = {
        row.scope.removeprefix(share): row.charged + row.presumed + row.unknown + row.reserved
        for row in connection.execute(select(balances).where(of_run))
        if row.scope.startswith(share)
    }
    return RunSpending(run.job, run.budget, run.started_at, committed, last_attempt(connection))


def last_attempt(connection: Connection) -> int:
    """Return the number of the ledger's last attempt."""
    return int(connection.execute(select(func.coalesce(func.max(requests.c.attempt_id), 0))).scalar_one())


def accounted_runs(connection: Connection, run_ids: Sequence[str]) -> list[str]:
    """Return those of these runs whose coverage and ledger in the archive are current."""
    query = select(runs.c.run_id).where(runs.c.run_id.in_(run_ids), runs.c.accounted.is_(True))
    return list(connection.execute(query).scalars())
