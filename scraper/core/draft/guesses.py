"""Likely places of records, ids, totals and pages, guessed from common names and from examples."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scraper.core.bodies import Json
from scraper.core.draft.openapi import AskedParameter, sequence

DEEPEST: Final = 8
MOST_OBJECTS: Final = 5_000

PAGES: Final = frozenset({"page", "pagenumber", "pageno", "pagenum", "pageindex", "p", "currentpage"})
OFFSETS: Final = frozenset({"offset", "skip", "start", "startindex", "from"})
SIZES: Final = frozenset(
    {
        "limit",
        "size",
        "perpage",
        "pagesize",
        "count",
        "take",
        "rows",
        "maxresults",
        "pagelimit",
        "top",
        "resultsperpage",
    }
)
CURSORS: Final = frozenset(
    {
        *("cursor", "pagetoken", "nexttoken", "nextpagetoken", "continuation", "continuationtoken", "after"),
        *("startingafter", "maxcursor", "nextcursor", "scrollid", "startafter", "paginationtoken"),
    }
)
COUNTRIES: Final = frozenset({"country", "countrycode", "region", "regioncode", "market", "geo", "countryiso"})
PERIODS: Final = frozenset({"period", "days", "perioddays", "window"})

TOTALS: Final = frozenset(
    {"total", "totalcount", "totalresults", "totalitems", "totalrecords", "numfound", "resultcount", "recordcount"}
)
MORE: Final = frozenset({"hasmore", "hasnext", "hasnextpage", "more", "ismore"})
NEXT: Final = CURSORS | {"next"}
LISTS: Final = ("list", "items", "data", "results", "records", "rows", "docs", "entries", "hits")
WRAPPERS: Final = frozenset({"properties", "item", "node", "data", "attributes", "record", "resource", "fields"})
CODES: Final = frozenset({"code", "statuscode", "errcode", "errorcode", "errno"})
_RANGE = re.compile(
    r"(?:1\s*(?:to|-|–|and|through)\s*|max(?:imum)?\.?(?: value)?(?: is| of|:)?\s*|at most\s*|up to\s*)(\d{1,5})\b",
    re.I,
)
_COST = re.compile(r"\b(\d{1,6})\s+credits?\s+(?:per|a|each|/)\s*(?:request|call)", re.I)


def plain(name: str) -> str:
    """Return a name without case and separators: ``nextPageToken`` and ``next_page_token`` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True, slots=True)
class Spot:
    """A value of an answer and its dotted path."""

    path: str
    key: str
    value: Json


def inside(document: Json) -> Iterator[Spot]:
    """Yield the values of objects inside objects, the outermost first; lists are not looked into."""
    waiting: deque[tuple[str, Json, int]] = deque([("", document, 0)])
    for _ in range(MOST_OBJECTS):
        if not waiting:
            return
        path, here, depth = waiting.popleft()
        if not isinstance(here, dict) or depth > DEEPEST:
            continue
        for key, value in here.items():
            if key and "." not in key and key.isprintable():
                inner = f"{path}.{key}" if path else key
                yield Spot(inner, key, value)
                waiting.append((inner, value, depth + 1))


def records_in(document: Json, words: Sequence[str]) -> Spot | None:
    """Return the likeliest list of records; ``None`` if the answer seems to be one record.

    `words`: those of the endpoint's path. A list with a typical name wins, then the outermost, then the one whose
    records have most fields.
    """
    if isinstance(document, list):
        return Spot("", "", document) if any(isinstance(each, dict) for each in document) else None
    lists = [found for found in inside(document) if isinstance(found.value, list)]
    lists = [found for found in lists if any(isinstance(each, dict) for each in sequence(found.value))]

    def likeliness(found: Spot) -> tuple[int, int, int]:
        name = plain(found.key)
        named = 2 if name in LISTS else 1 if any(name in {plain(word), plain(f"{word}s")} for word in words) else 0
        most = max((len(each) for each in sequence(found.value) if isinstance(each, dict)), default=0)
        return named + (1 if named else 0), -found.path.count("."), most

    return max(lists, key=likeliness, default=None)


def record_in(document: Json) -> str:
    """Return the path of the one record of an answer: inside its envelope, if it has one."""
    if isinstance(document, dict):
        for key in ("data", "result", "response", "record", "item"):
            if isinstance(document.get(key), dict) and document[key]:
                return key
    return ""


def id_of(fields: Mapping[str, Json], words: Sequence[str], *, named: bool = True) -> str | None:
    """Return the field that seems to be a record's id; ``None`` if no field can be one.

    `named`: a name, a title or a link will do.
    """
    scalars = [key for key, value in fields.items() if _can_be_id(key, value)]
    by_name = {plain(key): key for key in reversed(scalars)}
    singular = [plain(word).removesuffix("s") for word in words]
    wished = ("id", *(f"{word}id" for word in singular), "uuid", "guid", "key", "uid", "slug", "code")
    if found := next((by_name[name] for name in wished if name in by_name), None):
        return found
    ending = next((key for key in scalars if re.search(r"(?:_id|Id|ID|_uuid|_key|Key)$", key)), None)
    if ending or not named:
        return ending
    # Wrapped, as GeoJSON's records are in their properties; else whose id it is remains a guess.
    for key, value in sorted(fields.items(), key=lambda field: plain(field[0]) not in WRAPPERS):
        if isinstance(value, dict) and key.isprintable() and "." not in key and '"' not in key:
            inner = id_of(value, words, named=False)
            if inner is not None and "." not in inner:
                return f"{key}.{inner}"
    return next((by_name[name] for name in ("name", "title", "url", "link") if name in by_name), None)


def _can_be_id(key: str, value: Json) -> bool:
    scalar = isinstance(value, (str, int)) and not isinstance(value, bool)
    return scalar and bool(key) and "." not in key and key.isprintable() and '"' not in key


def one_of(names: Iterable[str], found: Iterable[Spot], *kinds: type) -> Spot | None:
    """Return the first value under one of these names that is of one of these types."""
    wanted = set(names)
    for each in found:
        if plain(each.key) in wanted and isinstance(each.value, kinds) and (bool in kinds or each.value is not True):
            if isinstance(each.value, bool) and bool not in kinds:
                continue
            return each
    return None


def with_name(parameters: Iterable[AskedParameter], names: frozenset[str]) -> AskedParameter | None:
    """Return the first query parameter with one of these names."""
    return next((each for each in parameters if each.place == "query" and plain(each.name) in names), None)


def largest_page(parameter: AskedParameter | None, example: Json) -> tuple[int, str]:
    """Return the largest page size and its origin; an empty origin: the document states it."""
    if parameter is not None and parameter.maximum:
        return parameter.maximum, ""
    stated = _RANGE.search(parameter.description) if parameter is not None else None
    if stated and int(stated[1]) > 0:
        return int(stated[1]), "from its description"
    for value, why in ((None if parameter is None else parameter.default, "the default"), (example, "of an example")):
        if isinstance(value, (int, str)) and str(value).isdecimal() and 0 < int(value) <= 10_000:
            return int(value), f"assumed: {why}"
    return 20, "assumed: no maximum is stated"


def cost_in(*texts: str) -> int | None:
    """Return the credits a request that a description states."""
    return next((int(met[1]) for text in texts if (met := _COST.search(text)) and int(met[1])), None)


def success_of(document: Json) -> tuple[str, str | int | bool] | None:
    """Return the field of an envelope that says success, and its value; ``None`` if none seems to."""
    for key, value in document.items() if isinstance(document, dict) else ():
        if "." in key or not key.isprintable():
            continue
        name = plain(key)
        if name in CODES and isinstance(value, int) and not isinstance(value, bool) and value in {0, 200}:
            return key, value
        if name in {"success", "ok", "succeeded"} and value is True:
            return key, True
        if name == "status" and isinstance(value, str) and value.lower() in {"ok", "success"}:
            return key, value
    return None
