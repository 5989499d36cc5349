"""Classification of attempts: every answer, and every missing answer, has a kind and a charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from scraper.core.bodies import Decoded, Json, Undecodable, at, decode
from scraper.core.catalogue import Charge, ChargeRule, Condition, Endpoint, ErrorRule, OutcomeKind, QuotaScope, Vendor
from scraper.core.pagination import PageFacts
from scraper.core.records import read_page
from scraper.core.units import Credits
from scraper.core.vendor_times import instant_of, wait_of

LONGEST_MESSAGE = 200
"""Most characters of a vendor's message that are shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole or cut short."""

    status: int
    headers: Mapping[str, str]
    """Name in lower case → value."""
    body: bytes
    cut_short: str | None = None
    """The reason why the body is incomplete, if it is."""
    over_limit: bool = False
    """The body is incomplete because it is larger than the limit."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer."""

    sent: bool
    """False only if no connection was made, so that nothing can have been charged."""
    reason: str


Reply: TypeAlias = Answer | NoAnswer


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt, its charge, and the terms of the next one."""

    kind: OutcomeKind
    charge: Charge
    credits: Credits
    """Credits that count against every limit."""
    detail: str = ""
    """The failure in words; empty on success."""
    facts: PageFacts | None = None
    http_status: int | None = None
    vendor_request_id: str | None = None
    wait_s: float | None = None
    """Seconds that the vendor asks the client to wait, a day at most."""
    scope: QuotaScope = QuotaScope.UNSTATED
    resets_at: datetime | None = None
    retries: int | None = None
    """Retries in a row that the vendor's rule allows; ``None``: no rule."""
    transient: bool = True
    """Another attempt may bring another answer; False: the same fault comes, and is charged, each time."""

    @property
    def landed(self) -> bool:
        """True if the page has arrived, and the request is done."""
        return self.kind in {OutcomeKind.OK, OutcomeKind.EMPTY}


def classify(
    vendor: Vendor,
    endpoint: Endpoint,
    reply: Reply,
    now: datetime,
    failed_requests: Charge | None = None,
    decoded: Decoded | Undecodable | None = None,
) -> Outcome:
    """Return the outcome of an attempt.

    `failed_requests` is the account owner's own knowledge of undocumented charges (CHARGED or FREE); `decoded`, the
    body if it has been decoded already.
    """
    if isinstance(reply, NoAnswer):
        if not reply.sent:
            return Outcome(OutcomeKind.NOT_SENT, Charge.FREE, 0, reply.reason)
        return Outcome(OutcomeKind.LOST, Charge.UNKNOWN, endpoint.cost, reply.reason)
    decoded = decode(reply.body) if decoded is None else decoded
    document = decoded.value if isinstance(decoded, Decoded) else None
    rule = next((rule for rule in vendor.error_rules if _matches(rule, reply.status, document)), None)
    kind, detail, facts = _read(vendor, endpoint, reply, document, rule)
    charge = _charge(vendor.charge, kind, reply.status, failed_requests)
    return Outcome(
        kind=kind,
        charge=charge,
        credits=0 if charge is Charge.FREE else endpoint.cost,
        detail=detail,
        facts=facts,
        http_status=reply.status,
        vendor_request_id=_request_id(vendor, reply.headers, document),
        wait_s=_wait_s(vendor, reply.headers, document, now),
        scope=QuotaScope.UNSTATED if rule is None else rule.scope,
        retries=None if rule is None else rule.retries,
        transient=kind is not OutcomeKind.MALFORMED or _may_pass(endpoint, reply, decoded),
        resets_at=instant_of(at(document, vendor.resets_at_field)) if vendor.resets_at_field else None,
    )


_Reading: TypeAlias = tuple[OutcomeKind, str, PageFacts | None]


def _read(vendor: Vendor, endpoint: Endpoint, answer: Answer, document: Json, rule: ErrorRule | None) -> _Reading:
    said = _message(vendor, document)
    if rule is not None:
        return rule.outcome, f"HTTP {answer.status}{said}", None
    if not _is_2xx(answer.status):
        return _undocumented_status(answer.status), f"HTTP {answer.status}{said}", None
    kind, detail, facts = _read_success(endpoint, answer, document)
    return kind, detail + (said if kind is OutcomeKind.IN_BAND_ERROR else ""), facts


def _read_success(endpoint: Endpoint, answer: Answer, document: Json) -> _Reading:
    if answer.cut_short is not None:
        return OutcomeKind.MALFORMED, f"the body is cut short: {answer.cut_short}", None
    whole_body_is_the_list = endpoint.records.path == "" and isinstance(document, list)
    if not isinstance(document, dict) and not whole_body_is_the_list:
        met = f"{len(answer.body)} bytes that are not a JSON object" if answer.body else "no body"
        return OutcomeKind.MALFORMED, f"HTTP {answer.status} with {met}", None
    stated = [(condition, at(document, condition.field)) for condition in endpoint.success]
    for condition, value in stated:
        if value is not None and not _holds(condition, value):
            met = _short(_printable(_text(value)))
            return OutcomeKind.IN_BAND_ERROR, f"HTTP {answer.status} with {condition.field} = {met}", None
    facts = read_page(endpoint, document)
    if facts is None:
        return (
            OutcomeKind.MALFORMED,
            f"{endpoint.records.path or 'the body'} is not a JSON {endpoint.pagination.shape}",
            None,
        )
    if facts.records == 0 and at(document, endpoint.records.path) is None and all(v is None for _, v in stated):
        return OutcomeKind.MALFORMED, f"the body has neither {endpoint.records.path} nor a sign of success", None
    return (OutcomeKind.OK if facts.records else OutcomeKind.EMPTY), "", facts


def _may_pass(endpoint: Endpoint, answer: Answer, decoded: Decoded | Undecodable) -> bool:
    """Return whether another attempt may bring a sound answer instead of a malformed one.

    A body that lost bytes or is a page of HTML may, and so may an object of no known shape, which may be an error that
    no rule names. Sound JSON with something else than records at their path, or of another kind, comes again.
    """
    if answer.cut_short is not None:
        return not answer.over_limit
    if isinstance(decoded, Undecodable):
        return True
    return isinstance(decoded.value, dict) and at(decoded.value, endpoint.records.path) is None


def _is_2xx(status: int) -> bool:
    return 200 <= status < 300


def _undocumented_status(status: int) -> OutcomeKind:
    if status >= 500:
        return OutcomeKind.UPSTREAM_ERROR
    # Redirects are not followed: the route has moved from its documented address.
    return OutcomeKind.GONE if status < 400 else OutcomeKind.BAD_REQUEST


def _charge(rule: ChargeRule, kind: OutcomeKind, status: int, failed_requests: Charge | None) -> Charge:
    if kind is OutcomeKind.OK:
        return rule.ok
    if kind is OutcomeKind.EMPTY:
        return rule.empty
    charge = rule.failed_2xx if _is_2xx(status) else rule.refused
    if kind is OutcomeKind.MALFORMED and failed_requests is Charge.FREE:
        return charge  # a success damaged on its way looks the same, and was charged
    return failed_requests if charge is Charge.PRESUMED and failed_requests is not None else charge


def charges_of(vendor: Vendor, kind: OutcomeKind) -> tuple[Charge, Charge | None]:
    """Return the charge of an outcome by the vendor's rule, and inside a 2xx if an error rule can match there."""
    match kind:
        case OutcomeKind.NOT_SENT:
            return Charge.FREE, None
        case OutcomeKind.LOST:
            return Charge.UNKNOWN, None
        case OutcomeKind.IN_BAND_ERROR | OutcomeKind.MALFORMED:
            return vendor.charge.failed_2xx, None
        case OutcomeKind.OK | OutcomeKind.EMPTY:
            return _charge(vendor.charge, kind, 200, None), None
        case _:
            rules = (rule for rule in vendor.error_rules if rule.outcome is kind)
            in_2xx = any(not rule.statuses or any(map(_is_2xx, rule.statuses)) for rule in rules)
            return vendor.charge.refused, vendor.charge.failed_2xx if in_2xx else None


def _matches(rule: ErrorRule, status: int, document: Json) -> bool:
    if rule.statuses and status not in rule.statuses:
        return False
    return all(_holds(condition, at(document, condition.field)) for condition in rule.conditions)


def _holds(condition: Condition, value: Json) -> bool:
    if value is None:
        return False
    if condition.contains is not None:
        return condition.contains in _text(value)
    return _text(value) in condition.values


def _text(value: Json) -> str:
    """Return a scalar as people write it (200.0 as 200), and only the type of a container, which may be deep."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "an object"
        case list():
            return "a list"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _message(vendor: Vendor, document: Json) -> str:
    for path in vendor.message_fields:
        value = at(document, path)
        if isinstance(value, str) and value:
            return f": {_short(_printable(value))}"
    return ""


def _request_id(vendor: Vendor, headers: Mapping[str, str], document: Json) -> str | None:
    found = [headers.get(name) for name in vendor.request_id_headers]
    found += [value if isinstance(value := at(document, path), str) else None for path in vendor.request_id_fields]
    return next((_short(_printable(value)) for value in found if value), None)


def _wait_s(vendor: Vendor, headers: Mapping[str, str], document: Json, now: datetime) -> float | None:
    """Return seconds to wait: from the header, else from the body's field."""
    from_header = wait_of(headers.get("retry-after", ""), now)
    if from_header is not None or not vendor.retry_after_field:
        return from_header
    return wait_of(at(document, vendor.retry_after_field), now)
