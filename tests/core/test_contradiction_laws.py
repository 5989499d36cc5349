"""The law of contradictions: a grammar of envelopes, for both vendors and all three kinds of pagination."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.core.catalogue import Endpoint
from scraper.core.pagination import WalkState
from scraper.core.requests import Request, Walk
from tests.core.builders import C_CREATORS, C_HASHTAGS, C_POSTS, K_HASHTAGS, K_VIDEOS, endpoint
from tests.core.envelopes import ABSENT, envelope, listed, single, walked
from tests.core.test_contradictions import ODD_COUNTS

SOUND = object()
"""The field, or the list, as a vendor that keeps its word sends it."""
LISTS = st.sampled_from([*[SOUND] * 6, ABSENT, None, "short", "repeated", "without ids", []])
COUNTS = st.sampled_from([*[SOUND] * 12, ABSENT, None, *ODD_COUNTS, 0, 7, 90, "41", 300])
FLAGS = st.sampled_from([*[SOUND] * 8, ABSENT, None, True, False, 0, 1, "True", "false", "yes", 2, {}])
CURSORS = st.sampled_from([*[SOUND] * 8, ABSENT, None, "", "0", -1, 12.5, {}, 7])
FIELDS = {"total": COUNTS, "size": COUNTS, "reported_page": COUNTS, "has_more": FLAGS, "cursor": CURSORS}
ANSWERS = st.tuples(LISTS, st.fixed_dictionaries(FIELDS))


def answered(described: Endpoint, page: int, rows: int, found: Any, told: dict[str, Any]) -> dict[str, Any]:
    """The page of a board of so many rows: each field, and the list, sound or as the grammar has it."""
    size = described.pagination.rows_per_page
    ids: list[object] = list(range((page - 1) * size, min(page * size, rows)))
    more = page * size < rows
    sound = {"total": rows, "size": size, "reported_page": page, "has_more": more, "cursor": str(page * size)}
    told = {fact: sound[fact] if value is SOUND else value for fact, value in told.items()}
    lists: dict[Any, list[object]] = {
        SOUND: ids,
        "short": ids[:-3],
        "repeated": [0] * len(ids),
        "without ids": [*ids[:3], *[None] * len(ids[3:])],
    }
    if found is ABSENT or found is None or found == []:
        return envelope(described, found, **told)
    records = listed(described, *lists[found])
    if described.pagination.kind == "single":
        return envelope(described, records[0] if records else {}, **told)
    return envelope(described, records, **told)


def total_in(described: Endpoint, body: dict[str, Any]) -> int:
    """The rows that an answer promises of its whole list by its total, read as the plainest reader would."""
    value: Any = body
    for key in (described.pagination.fields.get("total") or "").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    readable = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.isdecimal()
    )
    return int(value) if readable else 0


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([C_HASHTAGS, C_CREATORS, C_POSTS, K_HASHTAGS, K_VIDEOS, "single"]),
    st.sampled_from([0, 1, 17, 20, 37, 60, 100, 230]),
    st.lists(ANSWERS, min_size=1, max_size=4),
)
def test_a_walk_that_kept_fewer_usable_records_than_an_answer_promised_is_not_quiet(
    full_name: str, rows: int, answers: list[tuple[Any, dict[str, Any]]]
) -> None:
    described = single() if full_name == "single" else endpoint(full_name)
    promised = [0]

    def body(request: Request) -> dict[str, Any]:
        document = answered(described, request.page, rows, *answers[(request.page - 1) % len(answers)])
        promised[0] = max(promised[0], total_in(described, document))
        return document

    progress = walked(Walk(described, (("id", "3242"),) if full_name == C_POSTS else ()), body)
    if progress.state in {WalkState.COMPLETE, WalkState.EMPTY} and not progress.notes:
        assert progress.distinct >= promised[0]
        assert progress.unusable == 0
