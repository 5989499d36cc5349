"""Bodies and headers as no vendor documents them: real answers, bent in ways that shrink well."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from hypothesis import strategies as st

from scraper.core.subscriptions import Subscription
from scraper.sandbox import KINDS
from scraper.sandbox.answers import Asked
from scraper.sandbox.faults import Target
from scraper.sandbox.played import World, played_vendors, world_of

PAYLOADS = Path(__file__).parents[1] / "payloads"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SMALL_BYTES = 20_000
"""Larger answers only slow the search down; what they would show, smaller ones show."""

Bend: TypeAlias = Callable[[bytes, int, int, bytes], bytes]
"""A body, a place and a length that may be any number, and a token: another body."""


# --- what there is to bend --------------------------------------------------------------------------------------------


@cache
def corpus() -> Mapping[str, Sequence[bytes]]:
    """Endpoint → answers: saved ones, the sandbox's, and those of every fault that it knows."""
    found: dict[str, list[bytes]] = {}
    world = world_of(0)
    first = world.hashtags.board("US", 7, NOON.date())[0]
    filled = {"id": first["hashtag_id"], "name": first["hashtag_name"], "country_code": "US", "page": "2"}
    filled |= {"material_id": world.newer.ads.pool[0].ad_id, "clip_id": _sound_of(world)}
    sizes = {"limit": "2", "count": "2", "page_size": "2"}
    for vendor in played_vendors(world_of(0)):
        for path, sold in vendor.sold.items():
            bodies = found.setdefault(sold.endpoint, [])
            bodies += [case.read_bytes() for case in PAYLOADS.glob(f"{sold.endpoint}/*/answer.json")]
            asked = Asked({**filled, **sizes}, NOON, "11111111-2222-4333-8444-555555555555", NOON)
            for kind in KINDS:
                if kind.replaced is not None and kind.paging in {None, sold.paging}:
                    options = {option.name: "3" if not option.allowed else option.default for option in kind.options}
                    target = Target(vendor, path, "sk-a-key-of-nobody", Subscription("open"), options)
                    bodies.append(kind.replaced(target, asked).body)
    small = {endpoint: [_small(body) for body in bodies] for endpoint, bodies in found.items()}
    return {endpoint: [body for body in bodies if len(body) <= SMALL_BYTES] for endpoint, bodies in small.items()}


def _sound_of(world: World) -> str:
    board = world.sounds.board("US", 7, NOON.date(), only_new=False, commercial=False)
    return str(board[0]["clip_id"])


def _small(body: bytes) -> bytes:
    """Two posts of thirty say the same."""
    if len(body) <= SMALL_BYTES:
        return body
    try:
        document = orjson.loads(body)
        document["data"]["itemList"] = document["data"]["itemList"][:2]
    except (ValueError, KeyError, TypeError):
        return body
    return orjson.dumps(document)


# --- how it is bent ---------------------------------------------------------------------------------------------------


def _flip(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    at = where % max(1, len(body))
    return body[:at] + bytes([body[at] ^ (1 << length % 8)]) + body[at + 1 :] if body else body


def _cut(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    return body[: where % (len(body) + 1)]


def _drop(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    at = where % (len(body) + 1)
    return body[:at] + body[at + length % 64 :]


def _repeat(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    at = where % (len(body) + 1)
    return body[:at] + body[at : at + length % 256] * 2 + body[at:]


def _insert(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    at = where % (len(body) + 1)
    return body[:at] + token + body[at:]


def _splice(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    others = [other for bodies in corpus().values() for other in bodies]
    other = others[length % len(others)]
    return body[: where % (len(body) + 1)] + other[where % (len(other) + 1) :]


def _retype(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    """Another value, of any type, in some place of the document."""
    document, places = _places(body)
    if not places:
        return body
    holder, key = places[where % len(places)]
    holder[key] = VALUES[length % len(VALUES)]
    return _loose(document)


def _swap(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    document, places = _places(body)
    if not places:
        return body
    (here, mine), (there, theirs) = places[where % len(places)], places[length % len(places)]
    taken = orjson.loads(_loose(there[theirs]).decode("utf-8", "replace").replace("NaN", "null"))
    here[mine] = taken  # a copy: no document may come to hold itself
    return _loose(document)


def _remove(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    document, places = _places(body)
    if not places:
        return body
    holder, key = places[where % len(places)]
    del holder[key]
    return _loose(document)


def _again(body: bytes, where: int, length: int, token: bytes) -> bytes:  # noqa: ARG001
    """A key twice in one object, first with another value."""
    starts = [at for at in range(len(body)) if body[at : at + 2] in {b'{"', b',"'}]
    if not starts:
        return body
    at = starts[where % len(starts)] + 1
    name, colon, _ = body[at:].partition(b":")
    return body[:at] + name + colon + _loose(VALUES[length % len(VALUES)]) + b"," + body[at:] if colon else body


def _places(body: bytes) -> tuple[Any, list[tuple[Any, Any]]]:
    """The document, and every (object or list, key or index) in it."""
    try:
        document = orjson.loads(body)
    except ValueError:
        return None, []
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        places += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    return document, places


def _loose(value: Any) -> bytes:
    """JSON as careless services write it: NaN, lone surrogates, numbers of any length."""
    return json.dumps(value, separators=(",", ":")).encode()


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


VALUES: Sequence[Any] = (
    *(None, True, False, 0, 1, -1, 2, 11, 10**6, 2**31, 2**53 + 1, 2**63, -(2**63), 10**40, 5.7, 1e308, float("nan")),
    *(float("-inf"), "", "0", "12", "12k", "-1", "9" * 40, "true", "null", "1e9", "\ud83d", "a\0b", "x" * 3_000),
    *("2026-11-21T12:00:00Z", "-0001-01-01", "٣", "\u202e\x1b[2J", "' OR 1=1; --", "../../etc/passwd", "$.x[*]"),
    *([], {}, [None], ["x"], [{}], [[{}]], {"": 1}, {"a.b": {"c": 1}}, _deep(60), [0] * 500),
    [{"id": "1", "hashtag_id": "1", "user_id": "1", "item_id": "1"}] * 40,
)
TOKENS: Sequence[bytes] = (
    *(b"\0", b"\xff", b"\xed\xa0\xbd", b"\xef\xbb\xbf", b"\\ud83d", b"\\u0000", b"\x1b[2J", b"\r\n\r\n", b'"', b"\\"),
    *(b"{", b"}", b"[", b"]", b",", b":", b"[" * 1_100, b"NaN", b"1e999", b"-", b"9" * 400, b"null", b"//", b"'"),
)
BENDS: Sequence[Bend] = (_flip, _cut, _drop, _repeat, _insert, _splice, _retype, _retype, _swap, _remove, _again)

PLACE = st.integers(0, 2**24)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """An endpoint, and an answer of it that was bent up to five times; a few are bare noise."""
    endpoint = draw(st.sampled_from(sorted(corpus())))
    if draw(st.integers(0, 30)) == 30:
        return endpoint, draw(st.binary(max_size=200))
    body = draw(st.sampled_from(corpus()[endpoint]))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3, 5]))):
        bend, token = draw(st.sampled_from(BENDS)), draw(st.sampled_from(TOKENS))
        body = bend(body, draw(PLACE), draw(PLACE), token)
    return endpoint, body


STATUSES = st.sampled_from([200] * 12 + [201, 204, 206, 299, 302, 400, 401, 402, 403, 404, 418, 429, 500, 503, 599])
_WAITS = ("5", "0", "-1", "1e9", "9" * 400, "٣", "５", " 7 ", "7.5", "Sat, 21 Nov 2026 12:00:07 GMT")
_DATES = ("Sat, 21 Nov 2026 12:00:07 +9999", "Fri, 31 Feb 2026 25:61:61 GMT", "Sat, 21 Nov 0000 00:00:00 GMT", "soon")
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.sampled_from(_WAITS + _DATES) | st.text(max_size=30),
        "content-type": st.sampled_from(["application/json", "text/html", "application/json; charset=utf-16", ""]),
        "x-request-id": st.text(max_size=300),
        "date": st.sampled_from(_DATES) | st.text(max_size=20),
    },
)
