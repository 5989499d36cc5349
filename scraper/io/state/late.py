"""Late settlements by a process that was presumed dead: what it paid for is kept.

A process that is suspended for longer than its lease loses its job. The next holder settles its reservations as lost,
unknown whether charged, and may buy their pages again. When the old process resumes and has answers, each attempt is
settled by its real outcome, once, in one transaction with its body.

A page that is not stored yet becomes the run's page, and nobody buys it again (`reserve`). If it has been bought again,
both are charged and both bodies are kept, and the one that was stored first feeds the tables: the other attempt counts
as retried, and its page is archived as lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select, update

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending
from scraper.io.state.schema import pages, requests, runs

EXPIRED: Final = "its process ended before an answer was stored"
"""The detail of an attempt whose process was presumed dead."""
_CAME_LATE: Final = "settled late, by a process that another one had replaced"

_ATTEMPT = select(requests).where(requests.c.attempt_id == bindparam("attempt_id"))
_FACTS = (
    select(pages.c.request_key, pages.c.facts)
    .where(pages.c.run_id == bindparam("run_id"), pages.c.facts.is_not(None))
    .where(pages.c.request_key.in_(bindparam("keys", expanding=True)))
    .order_by(pages.c.page_id.desc())  # the first one is read last, and wins
)
_ONE_MORE = update(runs).where(runs.c.run_id == bindparam("of_run")).values(late_pages=runs.c.late_pages + 1)


def settle_lost(connection: Connection, attempt_id: int, values: Mapping[str, Any]) -> Any | None:  # noqa: ANN401 - a row
    """Settle an attempt that was given up as lost, with these columns; return its row from before.

    ``None``: it was settled otherwise, and nothing changes. An attempt reconciled meanwhile keeps its charge.
    """
    row = connection.execute(_ATTEMPT, {"attempt_id": attempt_id}).one()
    if row.outcome != OutcomeKind.LOST.value or row.detail != EXPIRED or values["outcome"] == OutcomeKind.LOST.value:
        return None
    kept = () if row.charge == Charge.UNKNOWN.value else ("charge", "credits")
    changed = {name: value for name, value in values.items() if name not in kept}
    changed["detail"] = values["detail"] or _CAME_LATE
    here = and_(requests.c.attempt_id == attempt_id, requests.c.charge == row.charge)
    connection.execute(update(requests).where(here).values(**changed))
    return row


def stored_facts(connection: Connection, run_id: str, request_keys: Collection[str]) -> dict[str, bytes]:
    """Return request key → facts, for the requests of which the run has a page."""
    found = connection.execute(_FACTS, {"run_id": run_id, "keys": list(request_keys)})
    return {row.request_key: row.facts for row in found}


def set_aside_repeated(connection: Connection, page: dict[str, Any], bodies: Collection[Mapping[str, Any]]) -> bool:
    """Mark a page as a repetition if the run has one of the same request; return True if it is the run's page.

    `bodies`: pages of the same transaction, not stored yet.
    """
    if page["facts"] is None:
        return False
    run_id, key = page["run_id"], page["request_key"]
    if not stored_facts(connection, run_id, [key]) and not any(
        (each["run_id"], each["request_key"]) == (run_id, key) and each["facts"] is not None for each in bodies
    ):
        return True
    page |= {"facts": None, "outcome": OutcomeKind.LOST.value}
    repeated = {"ending": Ending.RETRIED.value, "detail": "its request was bought twice: another process had begun it"}
    connection.execute(update(requests).where(requests.c.attempt_id == page["attempt_id"]).values(**repeated))
    return False


def note_late_page(connection: Connection, run_id: str) -> None:
    """Note that a run has a page unknown to its current process."""
    connection.execute(_ONE_MORE, {"of_run": run_id})
