"""Stored answers read again: their outcome, their facts and the coverage of their walks by today's vendor files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from scraper.core.bodies import Decoded, Undecodable
from scraper.core.catalogue import Endpoint, OutcomeKind, Vendor
from scraper.core.outcomes import Answer, classify
from scraper.core.pagination import PageFacts, WalkState, Why
from scraper.core.requests import Progress, Walk, start


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer as a vendor file reads it."""

    outcome: OutcomeKind
    facts: PageFacts | None
    """``None``: the answer is not a page."""

    @property
    def records(self) -> int:
        return 0 if self.facts is None else self.facts.records

    @property
    def digest(self) -> bytes:
        """Hash of the outcome, the records and the end.

        Fields of a record for child walks are left out: older databases lack them.
        """
        compared = orjson.dumps([self.outcome.value, _compared(self.facts)])
        return hashlib.blake2b(compared, digest_size=16).digest()

    def agrees_with(self, noted: Decision) -> bool:
        """Return whether both have the same outcome, records and end."""
        return self.digest == noted.digest


def decide(
    vendor: Vendor,
    endpoint: Endpoint,
    http_status: int,
    body: bytes,
    observed_at: datetime,
    decoded: Decoded | Undecodable | None = None,
) -> Decision:
    """Return the decision on a stored answer by its vendor file. Headers are not stored, and decide no outcome.

    `decoded`: the body, if it has been decoded already.
    """
    outcome = classify(vendor, endpoint, Answer(http_status, {}, body), observed_at, decoded=decoded)
    return Decision(outcome.kind, outcome.facts)


def replayed(walk: Walk, landed: Mapping[int, PageFacts], attempted: Collection[int], ended: Why | None) -> Progress:
    """Return the coverage of a walk by the facts of its stored pages.

    `landed`: page → facts, in the order of arrival; `attempted`: pages that were requested at all; `ended`: why the
    walk ended when it was bought. A page that was never requested, although the walk needs it, leaves the walk
    truncated: for the reason that stopped it then, else as interrupted, so that the next run buys it first.
    """
    progress, first = start(walk)
    arrival = {page: place for place, page in enumerate(landed)}
    waiting = {first.page: first}
    while due := [page for page in waiting if page in arrival]:
        request = waiting.pop(min(due, key=arrival.__getitem__))
        waiting |= {each.page: each for each in progress.learn(request, landed[request.page])}
    for request in progress.unwanted():
        if request.page not in attempted:
            progress.withdraw(request)
    failing = ended if ended in {Why.REFUSED, Why.REQUEST_FAILED, Why.UNREACHABLE} else Why.REQUEST_FAILED
    unfinished = ended in {Why.BUDGET, Why.QUOTA, Why.INTERRUPTED}
    for request in progress.outstanding():
        if request.page in attempted and not unfinished and progress.state is WalkState.OPEN:
            progress.fail(request, failing, whole_walk=failing is not Why.REQUEST_FAILED)
    stopped_by = {Why.BUDGET, Why.QUOTA, Why.INTERRUPTED, Why.REFUSED, Why.UNREACHABLE}
    progress.give_up(ended if ended in stopped_by and ended is not None else Why.INTERRUPTED)
    return progress


def _compared(facts: PageFacts | None) -> tuple[object, ...] | None:
    if facts is None:
        return None
    ids = [(record.id, record.rank, record.views) for record in facts.ids]
    return facts.records, ids, facts.reported_page, facts.size, facts.total, facts.has_more, facts.cursor
