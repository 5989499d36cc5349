"""The catalogue: vendors, their endpoints, prices, plans and rules, as frozen values.

`io.config_files` reads them from ``scraper/vendors/*.toml`` and ``configs/vendors/*.toml``; every table there names its
source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from scraper.core.pagination import Pagination
from scraper.core.rate_headers import RateHeaders
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits

NO_PRICE: Final = "?"
"""The price of an endpoint in a drafted vendor file, until it is filled in."""


class Basis(StrEnum):
    """The basis of a figure. KNOWN is only what the vendor documents, or the job's own limit."""

    KNOWN = "known"
    OBSERVED = "observed"
    ASSUMED = "assumed"


class Charge(StrEnum):
    """The charge of an attempt, as far as it is known."""

    CHARGED = "charged"
    FREE = "free"
    PRESUMED = "presumed"
    """Answered, without a documented rule for such an answer: counts as charged."""
    UNKNOWN = "unknown"
    """Sent, never answered: counts as charged until reconciled."""


class OutcomeKind(StrEnum):
    """The ways in which an attempt can end."""

    OK = "ok"
    EMPTY = "empty"
    IN_BAND_ERROR = "in_band_error"
    """A 2xx whose body reports a failure."""
    MALFORMED = "malformed"
    """A 2xx that is not JSON, or does not have the documented shape."""
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH_REJECTED = "auth_rejected"
    ENDPOINT_DENIED = "endpoint_denied"
    BAD_REQUEST = "bad_request"
    GONE = "gone"
    UPSTREAM_ERROR = "upstream_error"
    NOT_SENT = "not_sent"
    """No connection was made, and nothing reached the vendor."""
    LOST = "lost"
    """Sent and never answered."""


class QuotaScope(StrEnum):
    """The period that a vendor's quota refusal closes."""

    DAY = "day"
    MONTH = "month"
    UNSTATED = "unstated"


class Role(StrEnum):
    """The role of a parameter that has a column or a part in pagination."""

    COUNTRY = "country"
    PERIOD_DAYS = "period_days"
    PAGE = "page"
    PAGE_SIZE = "page_size"
    CURSOR = "cursor"
    DELTA = "delta"
    """Any value but the default requests new entries only."""


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a figure."""

    document: str
    read_on: date


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value that a document lists; others may be served too, and usually answer empty."""

    value: str
    name: str = ""
    """The value in words, if it does not explain itself."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter of an endpoint. Values are text, as they travel."""

    name: str
    type: str
    """``integer`` or ``string``."""
    description: str
    allowed: tuple[str, ...] = ()
    """Empty: any value of the type."""
    default: str | None = None
    """The documented value of an omitted parameter."""
    means_none: tuple[str, ...] = ()
    """Values that mean *no filter*: such a walk has no country."""
    required: bool = False
    ignored: bool = False
    """True if the vendor accepts it without effect: a sweep buys the same answer again."""
    role: Role | None = None
    from_parent: str | None = None
    """A crawl with ``each`` fills this parameter with this field of its parents' records."""
    known: tuple[KnownValue, ...] = ()
    """Values that are documented; any other is a warning with its price. Empty: nothing is documented."""
    known_source: Source | None = None

    def unknown(self, values: Iterable[str]) -> list[str]:
        """Return those of the values that no document lists; none if nothing is documented."""
        documented = {each.value for each in self.known} | set(self.means_none)
        return [value for value in values if self.known and value not in documented]


@dataclass(frozen=True, slots=True)
class Records:
    """The place of the records in an answer, and the fields that other parts need."""

    path: str
    """Dotted path from the root of the body to the list, or to the one record; empty: the body is it."""
    id: str
    """The record's id field: pages are compared by it, and children are made from it by default."""
    nested_in: str | None = None
    """The object that some resellers wrap each record in."""
    rank: str | None = None
    views: str | None = None
    fields: tuple[str, ...] = ()
    """Dotted paths of further fields that can fill a child's parameter."""
    country: str | None = None
    """Dotted path of the code of the country that a record belongs to: the one that its walk requested."""

    @property
    def carried(self) -> tuple[str, ...]:
        """All fields that can fill a child's parameter."""
        return (self.id, *self.fields)


@dataclass(frozen=True, slots=True)
class Condition:
    """A field of the body, and the values that meet the condition; numbers and their text compare equal."""

    field: str
    values: tuple[str, ...] = ()
    contains: str | None = None
    """Text that the field must contain."""


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """HTTP status and/or body fields → outcome. The first rule of a vendor that matches decides."""

    outcome: OutcomeKind
    statuses: tuple[int, ...] = ()
    """Empty: any status."""
    conditions: tuple[Condition, ...] = ()
    """All must be true; empty: any body."""
    scope: QuotaScope = QuotaScope.UNSTATED
    note: str = ""
    source: Source | None = None
    retries: int | None = None
    """Retries in a row that the vendor allows; ``None``: the program's policy."""
    basis: Basis = Basis.KNOWN


@dataclass(frozen=True, slots=True)
class ChargeRule:
    """The vendor's charges; PRESUMED if it documents nothing."""

    ok: Charge
    empty: Charge
    failed_2xx: Charge
    """A 2xx that reports an error or cannot be read."""
    refused: Charge
    """Any other status."""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class BillingEvents:
    """A vendor's list of billed requests. Paths are dotted, in one event."""

    path: str
    from_param: str
    to_param: str
    records: str
    request_id: str
    endpoint: str
    """The route that was billed."""
    status: str
    charged: tuple[str, ...]
    """Values of `status` that mean: charged."""
    free: tuple[str, ...]
    """Values of `status` that mean: never charged. Any other is undecided."""
    at: str
    credits: str | None = None
    """The price; ``None``: events state none, and the endpoint's price applies."""
    limit_param: str | None = None
    max_size: int | None = None
    """Most events in one answer; ``None``: all are in one."""
    source: Source | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class BillingPage:
    """A page about the account itself. Paths are dotted, from the root of the body, or in one of its `records`."""

    path: str
    """The path; ``{period}`` is replaced by the key of a billing period."""
    used: str
    params: tuple[tuple[str, str], ...] = ()
    limit_param: str | None = None
    max_size: int | None = None
    """Most records in one answer."""
    from_param: str | None = None
    to_param: str | None = None
    records: str | None = None
    period: str | None = None
    starts: str | None = None
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Statements:
    """A vendor's pages about a whole billing period."""

    account: BillingPage
    """The current period."""
    periods: BillingPage
    statement: BillingPage
    """One period, with its billing events."""
    days: BillingPage | None = None
    source: Source | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One documented route of a vendor."""

    vendor: str
    name: str
    path: str
    summary: str
    cost: Credits
    parameters: tuple[Parameter, ...]
    pagination: Pagination
    records: Records
    table: str
    success: tuple[Condition, ...]
    """In-band success: each of these conditions must be true if its field is present."""
    status: str
    """``documented``; ``deprecated``: still listed by the vendor, which says that it will end; ``gone``: no longer
    listed, so that it may answer 404. A job may request the endpoint in any status."""
    status_since: date
    source: Source
    typical_total: int | None = None
    """Rows of a whole board in recorded answers: an assumption for plans."""
    note: str = ""
    assumed: tuple[str, ...] = ()
    """Parts of the description that no document states: cost, records, pagination, parameters."""
    successor: Endpoint | None = field(default=None, compare=False)
    """The endpoint of the same vendor to move to, if this one is deprecated or gone."""
    moving: str = ""
    """The effects of a move to the successor, in a sentence."""

    @property
    def full_name(self) -> str:
        return f"{self.vendor}.{self.name}"

    def parameter(self, name: str) -> Parameter | None:
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def with_role(self, role: Role) -> Parameter | None:
        return next((parameter for parameter in self.parameters if parameter.role is role), None)

    @property
    def is_leaving(self) -> bool:
        return self.status in {"deprecated", "gone"}

    @property
    def cost_basis(self) -> Basis:
        return Basis.ASSUMED if "cost" in self.assumed else Basis.KNOWN

    @property
    def parent_parameter(self) -> Parameter | None:
        """The parameter that a parent crawl can fill."""
        return next((parameter for parameter in self.parameters if parameter.from_parent is not None), None)


@dataclass(frozen=True, slots=True)
class VendorOrigin:
    """The files that name the destination of a vendor's key. Empty: the packaged one."""

    packaged_url: str = ""
    """Empty for a vendor that is not packaged."""
    packaged_key_env: str = ""
    base_url_in: str = ""
    """The user's file and its key: ``configs/vendors/crawlora.toml: base_url``."""
    key_env_in: str = ""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor: its address, terms and endpoints."""

    name: str
    title: str
    base_url: str
    auth_header: str
    auth_format: str
    """The header's value: ``{key}`` or ``Bearer {key}``."""
    key_env: str
    plans: tuple[Subscription, ...]
    charge: ChargeRule
    error_rules: tuple[ErrorRule, ...]
    endpoints: tuple[Endpoint, ...]
    request_id_fields: tuple[str, ...] = ()
    request_id_headers: tuple[str, ...] = ()
    retry_after_field: str | None = None
    """Body field with seconds to wait, in addition to the Retry-After header."""
    resets_at_field: str | None = None
    """Body field with the instant at which a quota renews."""
    message_fields: tuple[str, ...] = ()
    """Body fields with the vendor's error message."""
    source: Source | None = None
    billing_events: BillingEvents | None = None
    statements: Statements | None = None
    origin: VendorOrigin = VendorOrigin()
    rate_headers: RateHeaders | None = None
    """Headers that state how many requests remain, and until when."""

    @property
    def rate_header_names(self) -> frozenset[str]:
        """Names of those headers, in lower case."""
        return frozenset(() if (named := self.rate_headers) is None else (named.remaining, named.resets))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All known vendors."""

    vendors: Mapping[str, Vendor] = field(default_factory=dict)

    def endpoint(self, full_name: str) -> Endpoint | None:
        vendor = self.vendors.get(full_name.partition(".")[0])
        if vendor is None:
            return None
        return next((endpoint for endpoint in vendor.endpoints if endpoint.full_name == full_name), None)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(endpoint for vendor in self.vendors.values() for endpoint in vendor.endpoints)
