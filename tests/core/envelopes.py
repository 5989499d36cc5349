"""Answers in the envelopes of both vendors, through `classify` and the walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scraper.core.catalogue import Endpoint, Records
from scraper.core.outcomes import classify
from scraper.core.pagination import Guard, SinglePagination, WalkState, Why
from scraper.core.requests import Progress, Request, Walk, start
from tests.core.builders import C_CREATORS, C_POSTS, NOON, answer, endpoint, vendor_of, walk_of

ABSENT = object()
"""A field that the answer does not carry."""


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Set the field at a dotted path."""
    *above, last = path.split(".")
    for name in above:
        document = document.setdefault(name, {})
    if value is not ABSENT:
        document[last] = value


def envelope(described: Endpoint, records: Any, **told: Any) -> dict[str, Any]:
    """A success in the vendor's envelope; `told`: fact → value, `ABSENT` for none."""
    document: dict[str, Any] = {}
    for condition in described.success:
        put(document, condition.field, int(condition.values[0]))
    put(document, described.records.path, records)
    for fact, path in described.pagination.fields.items():
        if path is not None and fact in told:
            put(document, path, told[fact])
    return document


def listed(described: Endpoint, *ids: object) -> list[Any]:
    """Records with these ids, None for a record without one."""
    wrapped = described.records.nested_in
    plain = [{} if one is None else {described.records.id: str(one)} for one in ids]
    return [{wrapped: record} for record in plain] if wrapped else plain


def walked(walk: Walk, body: Callable[[Request], dict[str, Any]], most: int = 60) -> Progress:
    """A walk to its end; a request whose answer is not taken for a page fails."""
    progress, first = start(walk)
    queue = [first]
    for _ in range(most):
        if not queue:
            break
        request = queue.pop(0)
        outcome = classify(vendor_of(C_POSTS), walk.endpoint, answer(body(request)), NOON)
        if outcome.facts is None:
            progress.fail(request, Why.REQUEST_FAILED)
        else:
            queue += progress.learn(request, outcome.facts)
        for unwanted in progress.unwanted():
            progress.withdraw(unwanted)
            queue.remove(unwanted)
    progress.give_up(Why.BUDGET)
    return progress


def standing(progress: Progress) -> tuple[WalkState, Why | None, list[Guard]]:
    return progress.state, progress.why, list(progress.notes)


def stopped(*guards: Guard) -> tuple[WalkState, Why, list[Guard]]:
    return WalkState.TRUNCATED, Why.GUARD, list(guards)


def complete(*guards: Guard) -> tuple[WalkState, Why, list[Guard]]:
    return WalkState.COMPLETE, Why.END, list(guards)


def one_page(full_name: str, records: Any, **told: Any) -> tuple[WalkState, Why | None, list[Guard]]:
    described = endpoint(full_name)
    found = listed(described, *records) if isinstance(records, range) else records
    return standing(walked(walk_of(full_name), lambda _: envelope(described, found, **told)))


def single() -> Endpoint:
    return replace(endpoint(C_CREATORS), pagination=SinglePagination(), records=Records("data.user", "user_id"))
