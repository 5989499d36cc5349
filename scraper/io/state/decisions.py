"""Stored answers as they were noted, and what follows from deciding them again, on one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, or_, select, update

from scraper.core.catalogue import Endpoint, OutcomeKind
from scraper.core.decisions import Decision, replayed
from scraper.core.events import Ending
from scraper.core.pagination import PageFacts, WalkState, Why
from scraper.core.requests import Walk
from scraper.io.state.ledger import mark_run_outdated
from scraper.io.state.runs import coverage_values
from scraper.io.state.schema import pages, requests, walks
from scraper.ports import DecidedAnswer, ReadAgain


def noted_decisions(connection: Connection, answers: Sequence[DecidedAnswer | ReadAgain]) -> list[Decision | None]:
    """Return the noted decision of each answer; ``None``: the state does not know it."""
    noted: dict[tuple[str, str, datetime], Decision] = {}
    for run_id in {answer.run_id for answer in answers}:
        keys = [answer.request_key for answer in answers if answer.run_id == run_id]
        query = select(pages.c.request_key, pages.c.observed_at, pages.c.outcome, pages.c.facts)
        for start in range(0, len(keys), 500):  # SQLite binds at most 32,766 values in a statement
            some = pages.c.request_key.in_(keys[start : start + 500])
            for row in connection.execute(query.where(pages.c.run_id == run_id, some)):
                facts = None if row.facts is None else _facts(row.facts)
                noted[run_id, row.request_key, row.observed_at] = Decision(OutcomeKind(row.outcome), facts)
    return [noted.get((answer.run_id, answer.request_key, answer.observed_at)) for answer in answers]


def decide_again(connection: Connection, answers: Sequence[DecidedAnswer], decided_at: datetime) -> None:
    """Note these decisions, and the coverage of every walk that holds or reuses the answers."""
    touched: dict[tuple[str, str], Endpoint] = {}
    for answer in answers:
        here = and_(
            pages.c.run_id == answer.run_id,
            pages.c.request_key == answer.request_key,
            pages.c.observed_at == answer.observed_at,
        )
        facts = None if answer.decision.facts is None else orjson.dumps(answer.decision.facts.to_json())
        connection.execute(update(pages).where(here).values(outcome=answer.decision.outcome.value, facts=facts))
        for walk_id in connection.execute(select(pages.c.walk_id).where(here)).scalars():
            touched[answer.run_id, walk_id] = answer.endpoint
    for (run_id, walk_id), endpoint in touched.items():
        landed = _landed(connection, run_id, walk_id)
        attempted = _attempted(connection, run_id, walk_id)
        for row in _covered(connection, run_id, walk_id):
            progress = replayed(_walk(row, endpoint), landed, attempted, None if row.why is None else Why(row.why))
            here = and_(walks.c.run_id == row.run_id, walks.c.walk_id == walk_id)
            values = {**coverage_values(progress), "decided_again_at": decided_at}
            connection.execute(update(walks).where(here).values(**values))
            mark_run_outdated(connection, row.run_id)


def _covered(connection: Connection, run_id: str, walk_id: str) -> Sequence[Row[Any]]:
    """Return the ended walks over these pages; one that is open is covered by its own run."""
    of_run = or_(walks.c.run_id == run_id, walks.c.reused_from == run_id)
    query = select(walks).where(walks.c.walk_id == walk_id, of_run, walks.c.state != WalkState.OPEN.value)
    return connection.execute(query).all()


def _walk(row: Row[Any], endpoint: Endpoint) -> Walk:
    """Return the walk of a row; older rows know the job's limit only where it ended the walk."""
    limit = row.pages if row.max_pages is None and row.why == Why.AS_ASKED.value else row.max_pages
    return Walk(endpoint, tuple(sorted(orjson.loads(row.params).items())), limit, tuple(row.crawls.split(",")))


def _landed(connection: Connection, run_id: str, walk_id: str) -> Mapping[int, PageFacts]:
    """Return page → facts of a walk in a run, as they landed."""
    query = (
        select(requests.c.page, pages.c.facts)
        .join(requests, requests.c.attempt_id == pages.c.attempt_id)
        .where(pages.c.run_id == run_id, pages.c.walk_id == walk_id, pages.c.facts.is_not(None))
        .order_by(pages.c.page_id)
    )
    return {page: _facts(facts) for page, facts in connection.execute(query)}


def _attempted(connection: Connection, run_id: str, walk_id: str) -> frozenset[int]:
    sent = or_(requests.c.ending.is_(None), requests.c.ending != Ending.NOT_SENT.value)
    query = select(requests.c.page).where(requests.c.run_id == run_id, requests.c.walk_id == walk_id, sent)
    return frozenset(connection.execute(query.distinct()).scalars())


def _facts(stored: bytes) -> PageFacts:
    return PageFacts.from_json(orjson.loads(stored))
