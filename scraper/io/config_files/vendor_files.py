"""Read ``scraper/vendors/*.toml`` and ``configs/vendors/*.toml`` into the catalogue.

A file in ``configs/vendors/`` adds a vendor, or is laid over the packaged vendor of that name: tables are merged key by
key, so a new endpoint is one table and a corrected figure is one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from scraper.core.catalogue import (
    Basis,
    BillingEvents,
    Catalogue,
    Charge,
    ChargeRule,
    Condition,
    Endpoint,
    ErrorRule,
    KnownValue,
    OutcomeKind,
    Parameter,
    QuotaScope,
    Records,
    Role,
    Source,
    Vendor,
    VendorOrigin,
)
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.jobs import MOST_PAGES
from scraper.core.subscriptions import Subscription
from scraper.io.config_files.addresses import url_fault
from scraper.io.config_files.header_tables import HeaderName, RateHeadersTable
from scraper.io.config_files.pagination_tables import PaginationTable
from scraper.io.config_files.text import files_in
from scraper.io.config_files.validation import Count, FileModel, Positive, dollars_of, read_toml, validate

Scalar = bool | str | int
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")]
RoutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/.{}-]*$")]


class SourceTable(FileModel):
    document: str
    read_on: date


class ChargeTable(FileModel):
    source: str
    ok: Literal["charged", "presumed"]
    empty: Literal["charged", "free", "presumed"]
    failed_2xx: Literal["charged", "free", "presumed"]
    refused: Literal["charged", "free", "presumed"]


class PlanTable(FileModel):
    source: str
    usd_per_month: str | None = None
    credits_per_month: Count | None = None
    credits_per_day: Count | None = None
    requests_per_minute: Positive | None = None
    requests_per_second: Positive | None = None
    overage_usd_per_1000: str | None = None
    assumed: list[str] = []


class ConditionTable(FileModel):
    field: str
    is_: Scalar | list[Scalar] | None = Field(default=None, alias="is")
    contains: str | None = None

    @model_validator(mode="after")
    def _says_what_satisfies(self) -> ConditionTable:
        if self.is_ is None and self.contains is None:
            raise ValueError("needs is or contains: a condition without them never holds")
        return self


class ErrorTable(FileModel):
    source: str
    status: int | list[int] | None = None
    when: list[ConditionTable] = []
    outcome: Literal[
        "in_band_error", "rate_limited", "quota_exhausted", "auth_rejected", "endpoint_denied", "bad_request", "gone",
        "upstream_error", "malformed",
    ]  # fmt: skip
    scope: Literal["day", "month", "unstated"] = "unstated"
    retries: Count | None = None
    basis: Literal["known", "observed", "assumed"] = "known"
    note: str = ""


class RecordsTable(FileModel):
    path: str
    id: str
    nested_in: str | None = None
    rank: str | None = None
    views: str | None = None
    fields: list[str] = []
    country: str | None = None


class ParameterTable(FileModel):
    type: Literal["integer", "string"]
    description: str
    allowed: list[Scalar] = []
    default: Scalar | None = None
    means_none: list[str] = []
    required: bool = False
    ignored: bool = False
    role: Literal["country", "period_days", "page", "page_size", "cursor", "delta"] | None = None
    from_parent: str | None = None
    known: list[Scalar] | dict[str, str] = []
    known_source: str | None = None

    @model_validator(mode="after")
    def _names_the_source_of_known_values(self) -> ParameterTable:
        if self.known and self.known_source is None:
            raise ValueError("known needs known_source, the document that lists the values")
        if self.role == "delta" and (self.default is None or len(self.allowed) != 2):
            raise ValueError(
                'role = "delta" needs a default and two allowed values: the other one asks for what is new'
            )
        return self


class EndpointTable(FileModel):
    source: str
    path: RoutePath
    summary: str
    cost: Positive
    table: Name
    status: Literal["documented", "gone"]
    status_since: date
    note: str = ""
    typical_total: Annotated[int, Field(ge=1, le=MOST_PAGES)] | None = None
    success: list[ConditionTable]
    records: RecordsTable
    pagination: PaginationTable
    parameters: dict[ParameterName, ParameterTable]


class BillingEventsTable(FileModel):
    source: str
    note: str = ""
    path: RoutePath
    from_param: str
    to_param: str
    records: str
    request_id: str
    endpoint: str
    status: str
    charged: list[str]
    free: list[str]
    at: str


class VendorFile(FileModel):
    name: Name
    title: str
    base_url: str
    auth_header: HeaderName
    auth_format: Annotated[str, Field(pattern=r"\{key\}")]
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    source: str
    request_id_fields: list[str] = []
    request_id_headers: list[str] = []
    message_fields: list[str] = []
    retry_after_field: str | None = None
    resets_at_field: str | None = None
    sources: dict[str, SourceTable]
    charge: ChargeTable
    billing_events: BillingEventsTable | None = None
    rate_headers: RateHeadersTable | None = None
    plans: Annotated[dict[Name, PlanTable], Field(min_length=1)]
    errors: list[ErrorTable] = []
    endpoints: dict[Name, EndpointTable]


def read_catalogue(configs: Path | None = None) -> Catalogue:
    """Return the packaged vendors, overlaid by ``<configs>/vendors/``. Raises ConfigurationError with all faults."""
    contents: dict[str, tuple[str, dict[str, Any]]] = {}
    origins: dict[str, VendorOrigin] = {}
    with resources.as_file(resources.files("scraper") / "vendors") as packaged:
        for path in sorted(packaged.glob("*.toml")):
            contents[path.stem] = (f"scraper/vendors/{path.name}", read_toml(path))
            content = contents[path.stem][1]
            origins[path.stem] = VendorOrigin(content["base_url"], content["key_env"])
    vendors: dict[str, Vendor] = {}
    faults: list[Fault] = []
    for path in files_in(configs / "vendors", ".toml") if configs is not None else ():
        where, below = contents.get(path.stem, (str(path), {}))
        try:
            above = read_toml(path)
        except ConfigurationError as failure:
            faults += failure.faults
            continue
        origins[path.stem] = _origin_over(origins.get(path.stem), above, str(path))
        contents[path.stem] = (str(path) if not below else f"{path} over {where}", _laid_over(below, above))
    for stem, (where, content) in contents.items():
        try:
            vendors[stem] = replace(_vendor(validate(VendorFile, content, where), where, stem), origin=origins[stem])
        except ConfigurationError as failure:
            faults += failure.faults
    if faults:
        raise ConfigurationError(faults)
    return Catalogue(vendors)


def _origin_over(packaged: VendorOrigin | None, above: Mapping[str, Any], where: str) -> VendorOrigin:
    """Return the origin of a vendor whose own file is laid over the packaged one, if there is one."""
    stated = {f"{key}_in": f"{where}: {key}" for key in ("base_url", "key_env") if key in above}
    return replace(packaged or VendorOrigin(), **stated)


_RENAMED = {"parent_id": "from_parent"}
"""Former names of keys."""


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            known = merged.get(key)
            merged[key] = _laid_over(known if isinstance(known, dict) else {}, value)
        else:
            merged[_RENAMED.get(key, key)] = value
    return merged


def _vendor(file: VendorFile, where: str, stem: str) -> Vendor:
    faults = [] if file.name == stem else [Fault(f"{where}: name", f"the file is named {stem}, and says {file.name!r}")]
    faults += [Fault(f"{where}: base_url", fault) for fault in [url_fault(file.base_url, allow_http=True)] if fault]
    sourced: dict[str, str] = {"": file.source, "charge": file.charge.source}
    sourced |= {"billing_events": file.billing_events.source} if file.billing_events else {}
    sourced |= {"rate_headers": file.rate_headers.source} if file.rate_headers else {}
    sourced |= {f"plans.{name}": plan.source for name, plan in file.plans.items()}
    sourced |= {f"errors[{n}]": rule.source for n, rule in enumerate(file.errors)}
    sourced |= {f"endpoints.{name}": endpoint.source for name, endpoint in file.endpoints.items()}
    known = {
        f"endpoints.{name}.parameters.{key}.known": parameter.known_source
        for name, endpoint in file.endpoints.items()
        for key, parameter in endpoint.parameters.items()
    }
    sourced |= {key: source for key, source in known.items() if source is not None}
    for key, name in sourced.items():
        if name not in file.sources:
            at = f"{where}: {f'{key}.source' if key else 'source'}".replace("known.source", "known_source")
            faults.append(Fault(at, f"{name!r} is not in [sources], which has {', '.join(file.sources)}"))
    for name, plan in file.plans.items():
        for key in ("usd_per_month", "overage_usd_per_1000"):
            if (text := getattr(plan, key)) is not None and dollars_of(text) is None:
                faults.append(Fault(f"{where}: plans.{name}.{key}", f'{text!r} is no amount of dollars like "0.75"'))
    if faults:
        raise ConfigurationError(faults)
    sources = {name: Source(table.document, table.read_on) for name, table in file.sources.items()}
    return Vendor(
        name=file.name,
        title=file.title,
        base_url=file.base_url.rstrip("/"),
        auth_header=file.auth_header,
        auth_format=file.auth_format,
        key_env=file.key_env,
        plans=tuple(_subscription(name, plan) for name, plan in file.plans.items()),
        charge=_charge_rule(file.charge, sources),
        error_rules=tuple(_error_rule(rule, sources) for rule in file.errors),
        endpoints=tuple(_endpoint(file.name, name, table, sources) for name, table in file.endpoints.items()),
        request_id_fields=tuple(file.request_id_fields),
        request_id_headers=tuple(file.request_id_headers),
        retry_after_field=file.retry_after_field,
        resets_at_field=file.resets_at_field,
        message_fields=tuple(file.message_fields),
        source=sources[file.source],
        billing_events=_billing_events(file.billing_events, sources),
        rate_headers=None if file.rate_headers is None else file.rate_headers.build(),
    )


def _billing_events(table: BillingEventsTable | None, sources: Mapping[str, Source]) -> BillingEvents | None:
    if table is None:
        return None
    fields = table.model_dump(exclude={"source", "charged", "free"})
    return BillingEvents(**fields, charged=tuple(table.charged), free=tuple(table.free), source=sources[table.source])


def _subscription(name: str, plan: PlanTable) -> Subscription:
    return Subscription(
        name=name,
        credits_per_month=plan.credits_per_month,
        credits_per_day=plan.credits_per_day,
        requests_per_minute=plan.requests_per_minute,
        requests_per_second=plan.requests_per_second,
        usd_per_month=dollars_of(plan.usd_per_month),
        overage_usd_per_1000=dollars_of(plan.overage_usd_per_1000),
        assumed=tuple(plan.assumed),
    )


def _charge_rule(table: ChargeTable, sources: Mapping[str, Source]) -> ChargeRule:
    charges = {key: Charge(getattr(table, key)) for key in ("ok", "empty", "failed_2xx", "refused")}
    return ChargeRule(**charges, source=sources[table.source])


def _listed(value: Scalar | list[Scalar] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _condition(table: ConditionTable) -> Condition:
    return Condition(table.field, _listed(table.is_), table.contains)


def _error_rule(table: ErrorTable, sources: Mapping[str, Source]) -> ErrorRule:
    statuses = table.status if isinstance(table.status, list) else [] if table.status is None else [table.status]
    return ErrorRule(
        outcome=OutcomeKind(table.outcome),
        statuses=tuple(statuses),
        conditions=tuple(_condition(condition) for condition in table.when),
        scope=QuotaScope(table.scope),
        retries=table.retries,
        basis=Basis(table.basis),
        note=table.note,
        source=sources[table.source],
    )


def _known(values: list[Scalar] | dict[str, str]) -> tuple[KnownValue, ...]:
    if isinstance(values, dict):
        return tuple(KnownValue(value, name) for value, name in values.items())
    return tuple(KnownValue(value) for value in _listed(values))


def _parameter(name: str, table: ParameterTable, sources: Mapping[str, Source]) -> Parameter:
    return Parameter(
        name=name,
        type=table.type,
        description=table.description,
        allowed=_listed(list(table.allowed)),
        default=None if table.default is None else str(table.default),
        means_none=tuple(table.means_none),
        required=table.required,
        ignored=table.ignored,
        role=None if table.role is None else Role(table.role),
        from_parent=table.from_parent,
        known=_known(table.known),
        known_source=None if table.known_source is None else sources[table.known_source],
    )


def _endpoint(vendor: str, name: str, table: EndpointTable, sources: Mapping[str, Source]) -> Endpoint:
    cursor_type = next((each.type for each in table.parameters.values() if each.role == "cursor"), None)
    return Endpoint(
        vendor=vendor,
        name=name,
        path=table.path,
        summary=table.summary,
        cost=table.cost,
        parameters=tuple(_parameter(key, parameter, sources) for key, parameter in table.parameters.items()),
        pagination=table.pagination.described(cursor_type),
        records=Records(**{**table.records.model_dump(), "fields": tuple(table.records.fields)}),
        table=table.table,
        success=tuple(_condition(condition) for condition in table.success),
        status=table.status,
        status_since=table.status_since,
        source=sources[table.source],
        typical_total=table.typical_total,
        note=table.note,
    )
