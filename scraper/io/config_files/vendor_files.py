"""Read ``scraper/vendors/*.toml`` and ``configs/vendors/*.toml`` into the catalogue.

A file in ``configs/vendors/`` adds a vendor, or is laid over the packaged vendor of that name: tables are merged key by
key, so a new endpoint is one table and a corrected figure is one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from scraper.core.catalogue import (
    NO_PRICE,
    Basis,
    Catalogue,
    Charge,
    ChargeRule,
    ErrorRule,
    OutcomeKind,
    QuotaScope,
    Source,
    Vendor,
    VendorOrigin,
)
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.subscriptions import Subscription
from scraper.io.config_files.addresses import url_fault
from scraper.io.config_files.billing_tables import BillingEventsTable, StatementsTable
from scraper.io.config_files.endpoint_tables import (
    ConditionTable,
    EndpointTable,
    Name,
    condition_of,
    endpoints_of,
    successor_faults,
)
from scraper.io.config_files.header_tables import HeaderName, RateHeadersTable
from scraper.io.config_files.text import files_in
from scraper.io.config_files.validation import Count, FileModel, Positive, dollars_of, read_toml, validate


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
    statements: StatementsTable | None = None
    rate_headers: RateHeadersTable | None = None
    plans: Annotated[dict[Name, PlanTable], Field(min_length=1)]
    errors: list[ErrorTable] = []
    endpoints: dict[Name, EndpointTable]


def read_catalogue(configs: Path | None = None) -> Catalogue:
    """Return the packaged vendors, overlaid by ``<configs>/vendors/``. Raises ConfigurationError with all faults."""
    packaged = _packaged()
    contents = {stem: (vendor.where, vendor.content) for stem, vendor in packaged.items()}
    origins = {stem: vendor.origin for stem, vendor in packaged.items()}
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
            own = stem not in packaged or packaged[stem].content is not content
            read = vendor_of(content, where, stem) if own else _packaged_vendor(stem)
            vendors[stem] = replace(read, origin=origins[stem])
        except ConfigurationError as failure:
            faults += failure.faults
    if faults:
        raise ConfigurationError(faults)
    return Catalogue(vendors)


@dataclass(frozen=True, slots=True)
class PackagedVendor:
    """A packaged vendor's file as it was read; do not modify its content."""

    where: str
    content: dict[str, Any]
    origin: VendorOrigin


@cache
def _packaged() -> Mapping[str, PackagedVendor]:
    """Return the packaged files by stem. A process reads them once, however many jobs it loads."""
    found = {}
    with resources.as_file(resources.files("scraper") / "vendors") as packaged:
        for path in sorted(packaged.glob("*.toml")):
            content = read_toml(path)
            origin = VendorOrigin(content["base_url"], content["key_env"])
            found[path.stem] = PackagedVendor(f"scraper/vendors/{path.name}", content, origin)
    return found


@cache
def _packaged_vendor(stem: str) -> Vendor:
    file = _packaged()[stem]
    return vendor_of(file.content, file.where, stem)


def vendor_of(content: dict[str, Any], where: str, stem: str) -> Vendor:
    """Return the vendor that a file's content describes; ConfigurationError with all faults."""
    endpoints = content.get("endpoints")
    named = endpoints.items() if isinstance(endpoints, dict) else ()
    unpriced = [name for name, table in named if isinstance(table, dict) and table.get("cost") == NO_PRICE]
    if unpriced:
        told = f'the price of {", ".join(unpriced)} is not filled in: write the credits that one request costs for "?"'
        raise ConfigurationError([Fault(f"{where}: endpoints.{unpriced[0]}.cost", told)])
    return _vendor(validate(VendorFile, content, where), where, stem)


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
    sourced |= {"statements": file.statements.source} if file.statements else {}
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
                faults.append(Fault(f"{where}: plans.{name}.{key}", f'should be dollars like "0.75", not {text!r}'))
    faults += successor_faults(file.endpoints, where)
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
        endpoints=endpoints_of(file.name, file.endpoints, sources),
        request_id_fields=tuple(file.request_id_fields),
        request_id_headers=tuple(file.request_id_headers),
        retry_after_field=file.retry_after_field,
        resets_at_field=file.resets_at_field,
        message_fields=tuple(file.message_fields),
        source=sources[file.source],
        billing_events=None if file.billing_events is None else file.billing_events.build(sources),
        statements=None if file.statements is None else file.statements.build(sources),
        rate_headers=None if file.rate_headers is None else file.rate_headers.build(),
    )


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


def _error_rule(table: ErrorTable, sources: Mapping[str, Source]) -> ErrorRule:
    statuses = table.status if isinstance(table.status, list) else [] if table.status is None else [table.status]
    return ErrorRule(
        outcome=OutcomeKind(table.outcome),
        statuses=tuple(statuses),
        conditions=tuple(condition_of(condition) for condition in table.when),
        scope=QuotaScope(table.scope),
        retries=table.retries,
        basis=Basis(table.basis),
        note=table.note,
        source=sources[table.source],
    )
