"""A whole vendor file from an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from scraper.core.bodies import Json
from scraper.core.catalogue import NO_PRICE
from scraper.core.draft.endpoints import DraftedEndpoint, LeftOut, draft_endpoint, endpoint_name, snake
from scraper.core.draft.guesses import inside, plain
from scraper.core.draft.openapi import OpenApiDocument, Operation, mapping, sequence, text
from scraper.core.draft.toml_text import Commented, Value, comment_lines, table_lines
from scraper.core.errors import UsageError

MOST_ENDPOINTS: Final = 40
"""More than a person fills in and compares with answers."""
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
_OUTCOMES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "auth_rejected",
    402: "quota_exhausted",
    403: "endpoint_denied",
    404: "gone",
    410: "gone",
    422: "bad_request",
    429: "rate_limited",
}
_MESSAGES: Final = ("message", "msg", "error", "detail", "title", "description", "reason")


@dataclass(frozen=True, slots=True)
class DraftedFiles:
    """The files of a draft, with its assumptions and gaps."""

    vendor: str
    toml: str
    tables: Mapping[str, str]
    """Table → its SELECT."""
    endpoints: tuple[DraftedEndpoint, ...]
    left_out: tuple[LeftOut, ...]
    missing: tuple[str, ...]
    """References that lead nowhere in the document."""

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Endpoints whose price has to be filled in."""
        return tuple(endpoint.name for endpoint in self.endpoints if not endpoint.priced)


def draft_vendor(
    document: OpenApiDocument,
    *,
    only: Sequence[str],
    name: str | None,
    known: Collection[str],
    today: date,
    cost: int | None,
) -> DraftedFiles:
    """Draft the files. `known`: the existing vendors; `cost`: credits a request; ``None``: left to fill in.

    Raises UsageError for a document with nothing to draft, and for a name in use.
    """
    operations = document.operations(only)
    if len(operations) > MOST_ENDPOINTS:
        some = ", ".join(operation.path for operation in operations[:5])
        raise UsageError(
            f"{document.name} has {len(operations):,} GET operations, and at most {MOST_ENDPOINTS} are drafted at "
            f"once: select some with --only PATH (or 'PATH*'), such as {some}. Nothing was written."
        )
    vendor = name or _vendor_name(document)
    if vendor in known:
        raise UsageError(
            f"vendor {vendor} already exists, and this file would change it: choose another name with --name. "
            "Nothing was written."
        )
    drafted, left_out = _endpoints(document, operations, vendor, today, cost)
    if not drafted:
        why = "; ".join(f"{each.path}: {each.why}" for each in left_out[:3])
        raise UsageError(f"nothing in {document.name} can be drafted ({why}). Nothing was written.")
    lines = [*_head(document, vendor, today, drafted, left_out), ""]
    lines += _errors(document, operations, drafted)
    for endpoint in drafted:
        lines += [*endpoint.toml, ""]
    tables = {each.table: each.select for each in drafted if each.select is not None}
    missing = tuple(sorted(document.missing))
    return DraftedFiles(vendor, "\n".join(lines), tables, tuple(drafted), tuple(left_out), missing)


def _endpoints(
    document: OpenApiDocument, operations: Sequence[Operation], vendor: str, today: date, cost: int | None
) -> tuple[list[DraftedEndpoint], list[LeftOut]]:
    drafted: list[DraftedEndpoint] = []
    left_out: list[LeftOut] = []
    for operation in operations:
        taken = {each.name for each in drafted}
        named = endpoint_name(operation.path, taken)
        made = draft_endpoint(document, operation, vendor=vendor, name=named, today=today, cost=cost)
        if isinstance(made, DraftedEndpoint):
            drafted.append(made)
        else:
            left_out.append(made)
    return drafted, left_out


def _vendor_name(document: OpenApiDocument) -> str:
    """Return a name from the host, else from the title."""
    host = urlsplit(_base_url(document)[0]).hostname or ""
    parts = [part for part in host.split(".") if part not in {"api", "www", "rest", "data"}]
    if len(parts) > 1 and parts[-1] not in {"example", "invalid", "localhost"}:
        return snake(parts[-2] if len(parts[-2]) > 3 or len(parts) == 2 else parts[-3])
    return snake(document.title) if document.title else "vendor"


def _base_url(document: OpenApiDocument) -> tuple[str, str]:
    """Return the base URL, and what is assumed about it."""
    root = document.root
    if document.is_swagger:
        host, schemes = text(root.get("host")), [text(each) for each in sequence(root.get("schemes"))]
        scheme = "https" if not schemes or "https" in schemes else schemes[0]
        stated = f"{scheme}://{host}{text(root.get('basePath'))}" if host else ""
    else:
        server = mapping(next(iter(sequence(root.get("servers"))), None))
        stated = text(server.get("url"))
        for variable, described in mapping(server.get("variables")).items():
            stated = stated.replace(f"{{{variable}}}", text(mapping(described).get("default")))
    try:
        found = urlsplit(stated)
        whole = found.scheme in {"http", "https"} and bool(found.hostname) and found.port is not False
    except ValueError:
        whole = False
    if whole and "{" not in stated and not found.query and not found.username:
        return stated.rstrip("/"), ""
    return "https://api.example", "ASSUMED: the document has no address: write the vendor's"


def _auth(document: OpenApiDocument) -> tuple[str, str, str]:
    """Return the header of the key, its form, and what is assumed about them."""
    root = document.root
    named = mapping(root.get("securityDefinitions") or mapping(root.get("components")).get("securitySchemes"))
    schemes = [document.resolved(each) for each in named.values()]
    for scheme in schemes:
        header = text(scheme.get("name"))
        if scheme.get("type") == "apiKey" and scheme.get("in") == "header" and _HEADER.fullmatch(header):
            return header, "{key}", ""
    for scheme in schemes:
        kind = text(scheme.get("type")), text(scheme.get("scheme")).lower()
        if kind == ("http", "bearer"):
            return "Authorization", "Bearer {key}", ""
        if "basic" in kind:
            return "Authorization", "Basic {key}", "assumed: the key is user:password in base64"
        if kind[0] in {"oauth2", "openIdConnect"}:
            return "Authorization", "Bearer {key}", "assumed: a token of the vendor's login is the key"
    elsewhere = next((scheme for scheme in schemes if scheme.get("type") == "apiKey"), None)
    if elsewhere is not None:
        where = f"{text(elsewhere.get('in'))} {text(elsewhere.get('name'))}"[:80]
        return "Authorization", "Bearer {key}", f"ASSUMED: the document puts the key in its {where}, not in a header"
    return "Authorization", "Bearer {key}", "assumed: the document names no key"


def _head(
    document: OpenApiDocument,
    vendor: str,
    today: date,
    drafted: Sequence[DraftedEndpoint],
    left_out: Sequence[LeftOut],
) -> Iterator[str]:
    title = (document.title or vendor)[:100]
    yield from comment_lines(
        f"{title}, drafted from {document.name} on {today.isoformat()}. What the document states is taken "
        "unchanged; guesses from names and examples are marked assumed. Compare one answer of each endpoint with "
        f"this file: scraper probe {vendor}"
    )
    if unpriced := [endpoint.name for endpoint in drafted if not endpoint.priced]:
        asked = f'TO FILL IN: the price of {", ".join(unpriced)} (cost = "{NO_PRICE}"), in credits a request.'
        yield from comment_lines(asked)
    for each in left_out:
        yield from comment_lines(f"Left out: {text(each.path)[:100]}: {each.why}.")
    base_url, assumed_url = _base_url(document)
    header, form, assumed_key = _auth(document)
    fields: dict[str, Value] = {"name": vendor, "title": title}
    fields["base_url"] = Commented(base_url, assumed_url) if assumed_url else base_url
    fields["auth_header"] = Commented(header, assumed_key) if assumed_key else header
    fields |= {"auth_format": form, "key_env": f"{vendor.upper()}_API_KEY", "source": "document"}
    fields["message_fields"] = list(_messages(document))
    yield from table_lines("", fields)
    version = f" {document.version[:40]}" if document.version else ""
    words = f"{title}{version}, its OpenAPI document {document.name}"
    yield from ("", *table_lines("[sources]", {"document": {"document": words, "read_on": today}}))
    charge: dict[str, Value] = {"source": "document", "ok": "charged"}
    charge |= dict.fromkeys(("empty", "failed_2xx", "refused"), "presumed")
    yield from ("", *table_lines("[charge]", charge, ["Assumed: OpenAPI documents state no charge rule."]))
    plan: dict[str, Value] = {"source": "document", "requests_per_second": 1}
    plan["assumed"] = ["requests_per_second", "credits_per_month"]
    above = ["Assumed: state the limits of your contract in [accounts], or the vendor's plans here."]
    yield from ("", *table_lines("[plans.unpublished]", plan, above))


def _failures(document: OpenApiDocument) -> Iterator[tuple[int, Json]]:
    """Yield the documented failures of all drafted operations with an example of each, if there is one."""
    for path in mapping(document.root.get("paths")).values():
        content = mapping(document.resolved(path).get("get"))
        for status in mapping(content.get("responses")):
            if status.isdecimal() and 400 <= int(status) <= 599:
                operation = Operation("", "", "", (), (), deprecated=False, content=content)
                example, schema = document.answer(operation, int(status))
                yield int(status), example if example is not None else document.made_up(schema)


def _messages(document: OpenApiDocument) -> Iterator[str]:
    """Yield the fields of failures that seem to contain a message."""
    found: dict[str, None] = {}
    for number, (_, example) in enumerate(_failures(document)):
        if number >= 20:
            break
        for each in inside(example):
            if plain(each.key) in _MESSAGES and isinstance(each.value, str):
                found.setdefault(each.path)
    yield from list(found)[:5]


def _errors(
    document: OpenApiDocument, operations: Sequence[Operation], drafted: Sequence[DraftedEndpoint]
) -> Iterator[str]:
    """Yield the error rules: documented failures by status, and by the field that says success."""
    made = {endpoint.path for endpoint in drafted}
    kept = [operation for operation in operations if operation.path in made]
    documented = sorted({status for operation in kept for status in operation.statuses})
    by_id = any("{" in operation.path for operation in kept)
    note = "The document lists the status; its meaning is assumed." if documented else "Assumed: none is listed."
    outcomes: dict[str, list[int]] = {}
    for status in documented or (401, 403, 404, 429, 500, 502, 503, 504):
        outcome = _OUTCOMES.get(status, "upstream_error" if status >= 500 else "bad_request")
        if outcome == "gone" and by_id:
            outcome = "bad_request"  # a path with an id: the id does not exist
        outcomes.setdefault(outcome, []).append(status)
    rule: dict[str, Value] = {"source": "document", "basis": "assumed", "note": note}
    for outcome, statuses in outcomes.items():
        listed: Value = statuses[0] if len(statuses) == 1 else [*statuses]
        yield from (*table_lines("[[errors]]", {**rule, "status": listed, "outcome": outcome}), "")
        for condition in [each for status in statuses for each in _in_body(document, kept, drafted, status)]:
            yield from (*table_lines("[[errors]]", {**rule, "when": [condition], "outcome": outcome}), "")


def _in_body(
    document: OpenApiDocument, kept: Sequence[Operation], drafted: Sequence[DraftedEndpoint], status: int
) -> Iterator[Value]:
    """Yield the conditions on a body that are equivalent to a status, by the examples of failures."""
    fields = {endpoint.success[0] for endpoint in drafted if endpoint.success is not None}
    met: set[tuple[str, int]] = set()
    for operation in kept:
        example, _ = document.answer(operation, status) if status in operation.statuses else (None, {})
        for name in sorted(fields):
            value = example.get(name) if isinstance(example, dict) else None
            if isinstance(value, int) and not isinstance(value, bool) and value not in {0, 200}:
                met.add((name, value))
    for name, value in sorted(met):
        yield {"field": name, "is": value}
