"""Vendors as their files describe them: every figure with its source, every assumption labelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scraper.cli.display.citations import Sources, source_json
from scraper.cli.display.outcomes import outcome_rows, print_error_rules, rule_json
from scraper.cli.formatting import count, counted, dollars, harmless
from scraper.cli.rows import picked
from scraper.cli.tables import fits, heading, new_table, print_fields
from scraper.core.catalogue import Basis, Catalogue, Charge, ChargeRule, Endpoint, Parameter, Vendor
from scraper.core.subscriptions import Subscription

_STATUS_STYLES = {"gone": "red", "deprecated": "yellow"}


def print_vendors(catalogue: Catalogue, console: Console) -> None:
    """Print every endpoint of every vendor on a line; on a narrow terminal, its figures are below its name."""
    table = _endpoint_table(catalogue)
    if fits(table, console):
        console.print(table)
    else:
        for endpoint in catalogue.endpoints:
            console.print(Text(harmless(endpoint.full_name), style="bold", overflow="fold"))
            print_fields(console, _endpoint_figures(endpoint))
    if any(_mark(endpoint) for endpoint in catalogue.endpoints):
        console.print(Text("?: assumed price; no page of the vendor states one", style="dim"))
    console.print(Text("Details: scraper vendors NAME", style="dim"))


def _endpoint_figures(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    yield "  credits", f"{count(endpoint.cost)}{_mark(endpoint)}"
    yield "  rows", f"{count(endpoint.pagination.rows_per_page)} a page"
    yield "  table", harmless(endpoint.table)
    yield "  status", harmless(endpoint.status)


def _endpoint_table(catalogue: Catalogue) -> Table:
    table = new_table()
    table.add_column("endpoint", no_wrap=True)
    table.add_column("credits", justify="right", no_wrap=True)
    table.add_column("rows/page", justify="right", no_wrap=True)
    table.add_column("table", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for endpoint in catalogue.endpoints:
        table.add_row(
            Text(harmless(endpoint.full_name)),
            f"{count(endpoint.cost)}{_mark(endpoint)}",
            count(endpoint.pagination.rows_per_page),
            Text(harmless(endpoint.table)),
            Text(harmless(endpoint.status), style=_STATUS_STYLES.get(endpoint.status, "")),
        )
    return table


def _mark(endpoint: Endpoint) -> str:
    return "?" if endpoint.cost_basis is Basis.ASSUMED else ""


def print_vendor(vendor: Vendor, console: Console) -> None:
    """Print all terms of a vendor; numbers in brackets refer to the sources at the end."""
    sources = Sources()
    console.print(Text(f"{harmless(vendor.title)}{sources.mark(vendor.source)}", style="bold"))
    key = f"{vendor.key_env} → {vendor.auth_header}: {vendor.auth_format}"
    print_fields(console, [("name", harmless(vendor.name)), ("url", harmless(vendor.base_url)), ("key", harmless(key))])
    _print_plans(vendor, console, sources)
    heading(console, f"Charged{sources.mark(vendor.charge.source)}")
    print_fields(console, _charge_fields(vendor.charge))
    _print_account_pages(vendor, console, sources)
    for endpoint in vendor.endpoints:
        _print_endpoint(endpoint, console, sources)
    print_error_rules(vendor.error_rules, console, sources)
    heading(console, "Sources")
    print_fields(console, sources.fields(), indent=5)


def _print_plans(vendor: Vendor, console: Console, sources: Sources) -> None:
    heading(console, f"Plans, the first is the default{sources.mark(vendor.source)}")
    fields = [(harmless(plan.name), ", ".join([*_price(plan), *limit_words(plan)])) for plan in vendor.plans]
    print_fields(console, fields)


def _price(plan: Subscription) -> Iterator[str]:
    if plan.usd_per_month is not None:
        yield f"{dollars(plan.usd_per_month)} a month" if plan.usd_per_month else "free"
    if plan.overage_usd_per_1000 is not None:
        yield f"{dollars(plan.overage_usd_per_1000)} for 1,000 credits more"


def limit_words(subscription: Subscription) -> list[str]:
    """Return the limits of a vendor plan in words; limits neither documented nor stated are labelled assumed."""
    limits = (
        ("requests_per_second", subscription.requests_per_second, "request", "a second"),
        ("requests_per_minute", subscription.requests_per_minute, "request", "a minute"),
        ("credits_per_day", subscription.credits_per_day, "credit", "a day"),
        ("credits_per_month", subscription.credits_per_month, "credit", "a month"),
    )
    words = []
    for name, limit, what, per in limits:
        assumed = " (assumed)" if name in subscription.assumed else ""
        if limit is not None:
            words.append(f"{counted(limit, what)} {per}{assumed}")
        elif assumed:
            words.append(f"no {what}s {per} known{assumed}")
    return words


def _print_account_pages(vendor: Vendor, console: Console, sources: Sources) -> None:
    """Print the pages that `scraper reconcile` reads."""
    if vendor.billing_events is None and vendor.statements is None:
        return
    heading(console, "Account pages, read by scraper reconcile")
    fields = []
    if (events := vendor.billing_events) is not None:
        fields += [("events", f"{harmless(events.path)}{sources.mark(events.source)}"), ("", harmless(events.note))]
    if (statements := vendor.statements) is not None:
        pages = (statements.account, statements.periods, statements.statement, statements.days)
        paths = harmless(", ".join(page.path for page in pages if page is not None))
        fields += [("statements", f"{paths}{sources.mark(statements.source)}"), ("", harmless(statements.note))]
    print_fields(console, [field for field in fields if field[1]])


def _charge_fields(rule: ChargeRule) -> list[tuple[str, str]]:
    charges = (
        ("rows", rule.ok),
        ("empty list", rule.empty),
        ("2xx that failed", rule.failed_2xx),
        ("refused or failed", rule.refused),
    )
    return [(what, _charge_words(charge)) for what, charge in charges]


def _charge_words(charge: Charge) -> str:
    if charge is Charge.PRESUMED:
        return "presumed charged: the vendor documents no rule (assumed)"
    return charge.value


def _print_endpoint(endpoint: Endpoint, console: Console, sources: Sources) -> None:
    heading(console, f"{endpoint.full_name}{sources.mark(endpoint.source)}")
    console.print(Text(harmless(endpoint.summary)))
    assumed_price = " (assumed: no page of the vendor states it)" if endpoint.cost_basis is Basis.ASSUMED else ""
    fields = [
        ("path", harmless(endpoint.path)),
        ("price", f"{counted(endpoint.cost, 'credit')} a request{assumed_price}"),
        ("status", f"{harmless(endpoint.status)} since {endpoint.status_since.isoformat()}"),
        *_moving_fields(endpoint),
        ("pages", harmless(endpoint.pagination.words)),
        ("records", harmless(f"{endpoint.records.path}, identified by {endpoint.records.id}")),
        ("table", harmless(endpoint.table)),
    ]
    if endpoint.typical_total is not None:
        fields.append(("usual size", f"{counted(endpoint.typical_total, 'row')} (assumed, from recorded answers)"))
    if endpoint.records.fields:
        fields.append(("children", harmless(f"by {' or '.join(endpoint.records.carried)}")))
    if shape := [part for part in endpoint.assumed if part != "cost"]:
        fields.append(("assumed", f"{', '.join(shape)}: not in any document that could be read"))
    if endpoint.note:
        fields.append(("note", harmless(endpoint.note)))
    print_fields(console, fields)
    console.print(Text("parameters", style="dim"))
    print_fields(console, [_parameter_field(each, sources) for each in endpoint.parameters], style="bold")


def _moving_fields(endpoint: Endpoint) -> list[tuple[str, str]]:
    if endpoint.successor is None:
        return []
    fields = [("successor", harmless(endpoint.successor.full_name))]
    return [*fields, ("changes", harmless(endpoint.moving))] if endpoint.moving else fields


def _parameter_field(parameter: Parameter, sources: Sources) -> tuple[str, str]:
    words = [", ".join(_parameter_words(parameter)), parameter.description]
    if parameter.known:
        named = [f"{each.value} {each.name}".rstrip() for each in parameter.known]
        words.append(f"Documented{sources.mark(parameter.known_source)}: {', '.join(named)}")
    return f"  {harmless(parameter.name)}", "\n".join(map(harmless, words))


def _parameter_words(parameter: Parameter) -> Iterator[str]:
    yield parameter.type
    if parameter.required:
        yield "required"
    if parameter.allowed:
        yield f"one of {' | '.join(parameter.allowed)}"
    if parameter.default is not None:
        yield f"default {parameter.default}"
    if parameter.means_none:
        yield f"{' | '.join(parameter.means_none)} = no filter"
    if parameter.ignored:
        yield "ignored by the vendor: a sweep of it is refused"
    if parameter.role is not None:
        yield f"role {parameter.role.value}"
    if parameter.from_parent is not None:
        yield f"filled by each, from {parameter.from_parent}"


def vendors_json(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return a flat object for each endpoint, the columns of `print_vendors`; it fits CSV too."""
    return [
        {
            "endpoint": endpoint.full_name,
            "vendor": endpoint.vendor,
            "credits": endpoint.cost,
            "credits_basis": endpoint.cost_basis.value,
            "rows_per_page": endpoint.pagination.rows_per_page,
            "table": endpoint.table,
            "status": endpoint.status,
            "status_since": endpoint.status_since.isoformat(),
            "successor": None if endpoint.successor is None else endpoint.successor.full_name,
            "summary": endpoint.summary,
        }
        for endpoint in catalogue.endpoints
    ]


def vendor_json(vendor: Vendor) -> dict[str, Any]:
    charge = vendor.charge
    return {
        **picked(vendor, "name", "title", "base_url", "key_env", "auth_header", "auth_format"),
        "source": source_json(vendor.source),
        "plans": [_plan_json(plan) for plan in vendor.plans],
        "charge": {
            **picked(charge, "ok", "empty", "failed_2xx", "refused"),
            "source": source_json(charge.source),
        },
        "endpoints": [_endpoint_json(endpoint) for endpoint in vendor.endpoints],
        "outcomes": outcome_rows(vendor),
        "error_rules": [rule_json(rule) for rule in vendor.error_rules],
    }


def _plan_json(plan: Subscription) -> dict[str, Any]:
    return {
        "name": plan.name,
        "usd_per_month": None if plan.usd_per_month is None else str(plan.usd_per_month),
        **picked(plan, "credits_per_month", "credits_per_day", "requests_per_minute", "requests_per_second"),
        "overage_usd_per_1000": None if plan.overage_usd_per_1000 is None else str(plan.overage_usd_per_1000),
        "assumed": list(plan.assumed),
    }


def _endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "endpoint": endpoint.full_name,
        "path": endpoint.path,
        "summary": endpoint.summary,
        "credits": endpoint.cost,
        "credits_basis": endpoint.cost_basis.value,
        "status": endpoint.status,
        "status_since": endpoint.status_since.isoformat(),
        "successor": None if endpoint.successor is None else endpoint.successor.full_name,
        "moving": endpoint.moving,
        "assumed": list(endpoint.assumed),
        "pagination": {
            **picked(endpoint.pagination, "kind", "rows_per_page", "max_page"),
            "assumed": list(endpoint.pagination.assumed),
        },
        "records": {"path": endpoint.records.path, "id": endpoint.records.id, "fields": [*endpoint.records.fields]},
        "table": endpoint.table,
        **picked(endpoint, "typical_total", "note"),
        "parameters": [_parameter_json(parameter) for parameter in endpoint.parameters],
        "source": source_json(endpoint.source),
    }


def _parameter_json(parameter: Parameter) -> dict[str, Any]:
    return {
        **picked(parameter, "name", "type", "description", "default", "required", "ignored", "role", "from_parent"),
        "allowed": list(parameter.allowed),
        "means_none": list(parameter.means_none),
        "parent_id": parameter.from_parent,  # its name before
        "known": [each.value for each in parameter.known],
        "known_names": {each.value: each.name for each in parameter.known if each.name},
        "known_source": source_json(parameter.known_source),
    }
