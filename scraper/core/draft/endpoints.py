"""Tables of a vendor file for one operation of an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from scraper.core.catalogue import NO_PRICE
from scraper.core.draft import guesses
from scraper.core.draft.examples import ExampleAnswer, answer_of, table_file
from scraper.core.draft.guesses import plain
from scraper.core.draft.openapi import AskedParameter, OpenApiDocument, Operation
from scraper.core.draft.toml_text import Commented, Value, key_text, table_lines

_PARAMETER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_PATH: Final = re.compile(r"/[A-Za-z0-9_/.{}-]*")
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An operation that a vendor file cannot describe."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class DraftedEndpoint:
    """An operation as a vendor file describes it."""

    path: str
    name: str
    table: str
    toml: tuple[str, ...]
    select: str | None
    """``None``: nothing shows a record with an id."""
    assumed: tuple[str, ...]
    priced: bool
    success: tuple[str, str | int | bool] | None


@dataclass(slots=True)
class _Draft:
    """An endpoint that is being drafted."""

    operation: Operation
    answer: ExampleAnswer
    assumed: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    """Parameter → its role in pagination."""
    skipped: list[str] = field(default_factory=list)
    """Parameters that a vendor file cannot describe, and why."""


def words_of(path: str) -> list[str]:
    """Return the words of a path, without its parameters and its version."""
    parts = [part for part in path.split("/") if part and "{" not in part]
    return [part for part in parts if not re.fullmatch(r"v?\d+(\.\d+)*", part) and part not in {"api", "rest"}]


def snake(name: str) -> str:
    """Return a name for a vendor file: lowercase letters, digits and _, a letter first."""
    found = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    found = re.sub(r"[^a-z0-9]+", "_", found.lower()).strip("_")[:40].strip("_")
    return found if found and found[0].isalpha() else f"n_{found}".rstrip("_")


def endpoint_name(path: str, taken: set[str]) -> str:
    """Return a name from the last words of a path that no other endpoint has."""
    words = words_of(path)
    if words and path.endswith("}") and snake(words[-1]) in taken:
        words[-1] = f"{words[-1]}_by_{path.rpartition('{')[2]}"
    for number in range(1, len(words) + 1):
        name = snake("_".join(words[-number:]))
        if name not in taken and (number > 1 or name not in {"list", "search", "index", "all", "get"}):
            return name
    whole = name = snake("_".join(words) or "root")
    number = 1
    while name in taken:
        number += 1
        name = f"{whole}_{number}"
    return name


def draft_endpoint(
    document: OpenApiDocument, operation: Operation, *, vendor: str, name: str, today: date, cost: int | None
) -> DraftedEndpoint | LeftOut:
    """Return the tables of an operation, or the reason why it is left out."""
    if not _PATH.fullmatch(operation.path):
        return LeftOut(operation.path, "its path contains characters that a vendor file does not allow")
    draft = _Draft(operation, answer_of(document, operation, words_of(operation.path)[-1:]))
    pagination = _pagination(draft)
    parameters: dict[str, dict[str, Value]] = {}
    for parameter in operation.parameters:
        if parameter.place not in {"query", "path"}:
            continue
        why = _unusable(parameter)
        if why and parameter.required:
            return LeftOut(operation.path, f"its required parameter {parameter.name[:60]!r} {why}")
        if why:
            draft.skipped.append(f"{parameter.name[:60]!r} {why}")
        else:
            parameters[parameter.name] = _parameter(parameter, draft)
    if missing := set(re.findall(r"\{([^{}]*)\}", operation.path)) - parameters.keys():
        return LeftOut(operation.path, f"{{{min(missing)}}} of its path is not among the described parameters")
    price = cost if cost is not None else guesses.cost_in(operation.summary, operation.description)
    table = f"{vendor}_{name}"
    head = _head(draft, table, today, price)
    lines = [*table_lines(f"[endpoints.{name}]", head, _above(draft))]
    lines += ["", *table_lines(f"[endpoints.{name}.pagination]", pagination)]
    for key, fields in parameters.items():
        lines += ["", *table_lines(f"[endpoints.{name}.parameters.{key_text(key)}]", fields)]
    lines += [] if parameters else ["", f"[endpoints.{name}.parameters]"]
    select = table_file(document, draft.answer, f"{_words(operation.summary) or name}: one row for each record.")
    success = guesses.success_of(draft.answer.example)
    return DraftedEndpoint(
        operation.path, name, table, tuple(lines), select, tuple(draft.assumed), price is not None, success
    )


def _words(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _above(draft: _Draft) -> Iterator[str]:
    if draft.answer.example is None:
        yield "ASSUMED: the document shows no answer: compare one with this by scraper probe."
    elif draft.answer.is_made_up:
        yield "The document gives no example: records and pagination are from its schema alone."
    for sentence in draft.skipped:
        yield f"Left out: parameter {sentence}."


def _head(draft: _Draft, table: str, today: date, price: int | None) -> dict[str, Value]:
    operation, answer = draft.operation, draft.answer
    head: dict[str, Value] = {"source": "document", "path": operation.path}
    head["summary"] = _words(operation.summary or operation.description or f"GET {operation.path}")
    if price is None:
        head["cost"] = Commented(
            NO_PRICE, "credits a request: write the number here; until then no command uses the file"
        )
    else:
        head["cost"] = price
    head |= {"table": table, "status": "documented", "status_since": today}
    if operation.deprecated:
        head["note"] = "Deprecated in the document."
    success = guesses.success_of(answer.example)
    conditions: list[Value] = [] if success is None else [{"field": success[0], "is": success[1]}]
    head["success"] = _commented(conditions, "assumed: from the example" if success else "")
    id_key = answer.id
    if id_key is None:
        id_key = "id"
        draft.assumed.append(f"records.id is {id_key}: no field of the example looks like one")
    stands = f"records at {answer.path or 'the root'}, identified by {id_key}"
    draft.assumed.append(stands)
    records: dict[str, Value] = {"path": answer.path, "id": id_key}
    shown = answer.records[:1]
    if shown and isinstance(shown[0].get("rank"), int) and not isinstance(shown[0].get("rank"), bool):
        records["rank"] = "rank"
    head["records"] = Commented(records, f"assumed: {stands}")
    return head


def _commented(value: Value, comment: str) -> Value:
    return Commented(value, comment) if comment and not isinstance(value, Commented) else value


def _pagination(draft: _Draft) -> dict[str, Value]:
    """Return the endpoint's likely pagination, and assign roles to its parameters."""
    parameters, around = draft.operation.parameters, draft.answer.around
    cursor = guesses.with_name(parameters, guesses.CURSORS)
    page = guesses.with_name(parameters, guesses.PAGES)
    offset = guesses.with_name(parameters, guesses.OFFSETS)
    after = guesses.one_of(guesses.NEXT, around, str, int)
    size = guesses.with_name(parameters, guesses.SIZES)
    if draft.answer.listed is None and (page or offset or cursor) is None:
        return {"kind": "single"}
    if cursor is not None and (after is not None or (page or offset) is None):
        return _by_cursor(draft, cursor, size, "" if after is None else after.path)
    counted = page or offset
    if counted is None:
        draft.assumed.append("the list is complete: no parameter selects a second page")
        return _whole_list(draft)
    return _by_page(draft, counted, size, is_offset=page is None)


def _by_cursor(draft: _Draft, cursor: AskedParameter, size: AskedParameter | None, path: str) -> dict[str, Value]:
    draft.roles[cursor.name] = "cursor"
    if size is not None:
        draft.roles[size.name] = "page_size"
    around = draft.answer.around
    more = guesses.one_of(guesses.MORE, around, bool, int)
    rows, why = guesses.largest_page(size, len(draft.answer.records) or None)
    table: dict[str, Value] = {"kind": "cursor", "cursor_param": cursor.name}
    table["cursor_field"] = Commented(
        path or cursor.name, "assumed: from the example" if path else "assumed: not shown"
    )
    draft.assumed.append(f"the next cursor is at {path or cursor.name}")
    if more is not None:
        table["has_more_field"] = Commented(more.path, "assumed: from the example")
    else:
        table["has_more_field"] = Commented("has_more", "assumed: no field of the example says so")
        table["ends"] = Commented("empty_page", "assumed: an empty page is the end")
    table["rows_per_page"] = _commented(rows, why or "the document's maximum")
    return table


def _by_page(
    draft: _Draft, counted: AskedParameter, size: AskedParameter | None, *, is_offset: bool
) -> dict[str, Value]:
    draft.roles[counted.name] = "page"
    table: dict[str, Value] = {"kind": "page"}
    if is_offset:
        table["counts"] = Commented("records", "assumed: it counts records, not pages")
    table["page_param"] = Commented(counted.name, "assumed: by its name")
    if isinstance(counted.default, (int, str)) and str(counted.default) == ("1" if is_offset else "0"):
        table["first"] = int(counted.default)
    if size is not None:
        draft.roles[size.name] = "page_size"
        table["size_param"] = Commented(size.name, "assumed: by its name")
    rows, why = guesses.largest_page(size, None if size is not None else len(draft.answer.records) or None)
    table["max_size"] = _commented(rows, why or "the document's maximum")
    if why.startswith("assumed"):
        draft.assumed.append(f"{rows} records a page at most ({why.removeprefix('assumed: ')})")
    if counted.maximum and not is_offset:
        table["max_page"] = Commented(counted.maximum, "the document's maximum")
    around = draft.answer.around
    fields = {
        "page_field": guesses.one_of(guesses.OFFSETS if is_offset else guesses.PAGES, around, int),
        "size_field": guesses.one_of(guesses.SIZES, around, int),
        "total_field": guesses.one_of(guesses.TOTALS, around, int),
        "has_more_field": guesses.one_of(guesses.MORE, around, bool, int),
    }
    for key, found in fields.items():
        if found is not None:
            table[key] = Commented(found.path, "assumed: from the example")
            draft.assumed.append(f"{key.removesuffix('_field')} is at {found.path}")
    return table


def _whole_list(draft: _Draft) -> dict[str, Value]:
    rows = max(1, len(draft.answer.records))
    return {
        "kind": "page",
        "page_param": Commented("page", "assumed: the document has none; with max_page = 1 only 1 is sent"),
        "max_size": Commented(max(rows, 1_000), "assumed: more than any answer has"),
        "max_page": 1,
    }


def _unusable(parameter: AskedParameter) -> str:
    """Return the reason why a vendor file cannot describe a parameter; empty if it can."""
    if not _PARAMETER.fullmatch(parameter.name) or len(parameter.name) > 80:
        return "has a name that a vendor file does not allow"
    if parameter.type == "object":
        return "is an object"
    return ""


def _parameter(parameter: AskedParameter, draft: _Draft) -> dict[str, Value]:
    is_number = parameter.type == "integer"
    fields: dict[str, Value] = {"type": "integer" if is_number else "string"}
    if parameter.required:
        fields["required"] = True
    allowed = [_as(is_number, each) for each in parameter.allowed]
    if parameter.type == "boolean" and not allowed:
        allowed = ["false", "true"]
    usable: list[Value] = [each for each in dict.fromkeys(allowed) if each is not None]
    if usable and len(usable) == len(set(allowed)):
        fields["allowed"] = usable
    default = None if parameter.default is None else _as(is_number, parameter.default)
    if default is not None and (not usable or default in usable):
        fields["default"] = default
    role = draft.roles.get(parameter.name)
    if role is not None:
        fields["role"] = role
    elif parameter.place == "query" and (guessed := _role(parameter)):
        fields["role"] = Commented(guessed, "assumed: by its name")
        draft.assumed.append(f"{parameter.name} is the {guessed.replace('_', ' ')}")
    described = parameter.description or "Not described in the document."
    if parameter.type == "array":
        described = f"{described} (A list; assumed: its values are joined by commas.)"
    if parameter.example is not None and "default" not in fields and not usable:
        described = f"{described} Example: {parameter.example}"
    fields["description"] = _words(described)
    return fields


def _as(is_number: bool, value: str | int) -> str | int | None:
    """Return a value in the type of its parameter; ``None`` if it is of another."""
    if not is_number:
        return str(value)
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", str(value)) else None


def _role(parameter: AskedParameter) -> str:
    name = plain(parameter.name)
    if name in guesses.COUNTRIES or name.endswith("countrycode"):
        return "country"
    numbers = all(str(each).isdecimal() for each in (*parameter.allowed, parameter.default or 0))
    return "period_days" if name in guesses.PERIODS and numbers else ""
