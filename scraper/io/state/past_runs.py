"""Credits and rows of a job's earlier runs, for its next plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import and_, select

from scraper.core.budget import ScopeKind
from scraper.core.events import RunStatus
from scraper.core.planning.history import PastRun
from scraper.io.state.schema import balances, drains, runs

RUNS_KEPT = 14
"""Last runs on which a forecast is based."""


def past_runs(rows: Callable[[Any], Sequence[Any]], job: str, asked: str, before: datetime) -> list[PastRun]:
    """Return the last runs that ended as complete or at their budget, oldest first. `rows` carries out a SELECT."""
    whole = (RunStatus.COMPLETE.value, RunStatus.BUDGET.value)
    spent = balances.c.charged + balances.c.presumed + balances.c.unknown
    query = (
        select(runs.c.run_id, runs.c.budget, spent.label("credits"))
        .join(balances, and_(balances.c.kind == ScopeKind.RUN.value, balances.c.scope == runs.c.run_id))
        .where(runs.c.job == job, runs.c.asked == asked, runs.c.status.in_(whole), runs.c.started_at < before)
        .order_by(runs.c.number.desc())
        .limit(RUNS_KEPT)
    )
    found = rows(query)
    counted: dict[str, dict[str, int]] = {row.run_id: {} for row in found}
    for run_id, stored in rows(select(drains.c.run_id, drains.c.rows).where(drains.c.run_id.in_(list(counted)))):
        for table, count in orjson.loads(stored).items():
            counted[run_id][table] = counted[run_id].get(table, 0) + count
    return [PastRun(row.budget, row.credits, counted[row.run_id]) for row in reversed(found)]
