"""Outcomes of a vendor's answers and their consequences (charge, retries, reach), from its file and the policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from scraper.cli.display.citations import Sources, source_json
from scraper.cli.formatting import harmless
from scraper.cli.tables import heading, new_table, print_fields
from scraper.core.catalogue import Basis, Charge, Condition, ErrorRule, OutcomeKind, QuotaScope, Vendor
from scraper.core.outcomes import charges_of
from scraper.core.retries import FREE_RETRIES, MALFORMED_RETRIES, PAID_RETRIES, POLICIES, Policy, Wait

MEANINGS: Final[Mapping[OutcomeKind, str]] = MappingProxyType(
    {
        OutcomeKind.OK: "a page with rows",
        OutcomeKind.EMPTY: "a page without rows",
        OutcomeKind.IN_BAND_ERROR: "a 2xx whose body reports a failure",
        OutcomeKind.MALFORMED: "a 2xx that is not a JSON object, is cut short, or lacks its list (or its one record)",
        OutcomeKind.RATE_LIMITED: "too many requests, by the vendor's count",
        OutcomeKind.QUOTA_EXHAUSTED: "the credits of the day or the month are used up",
        OutcomeKind.AUTH_REJECTED: "the key is refused",
        OutcomeKind.ENDPOINT_DENIED: "the key is valid, and may not use the endpoint",
        OutcomeKind.BAD_REQUEST: "the parameters are refused",
        OutcomeKind.GONE: "the route does not exist, or no longer exists",
        OutcomeKind.UPSTREAM_ERROR: "the vendor failed, or its upstream",
        OutcomeKind.NOT_SENT: "no connection was made",
        OutcomeKind.LOST: "sent, and no complete answer arrived",
    }
)


def print_outcomes(vendor: Vendor, console: Console) -> None:
    """Print every outcome with its consequences, then the rules that recognise it."""
    sources = Sources()
    heading(console, f"{vendor.title}: outcomes of an answer{sources.mark(vendor.charge.source)}")
    table = new_table()
    table.add_column("outcome", overflow="fold")
    table.add_column("charge", overflow="fold")
    table.add_column("retried", overflow="fold")
    table.add_column("reach", overflow="fold")
    for row in outcome_rows(vendor):
        outcome = Text(str(row["outcome"]).replace("_", " "))
        outcome.append(f"\n{row['meaning']}", style="dim")
        table.add_row(outcome, charge_words(row), Text(harmless(str(row["asked_again"]))), str(row["reach"]))
    console.print(table)
    print_error_rules(vendor.error_rules, console, sources)
    heading(console, "Sources")
    print_fields(console, sources.fields(), indent=5)


def charge_words(row: Mapping[str, Any]) -> str:
    """``free; charged in a 2xx``."""
    return row["charge"] if row["charge_in_2xx"] is None else f"{row['charge']}; {row['charge_in_2xx']} in a 2xx"


def outcomes_json(vendor: Vendor) -> dict[str, Any]:
    """Return the same for programs, the rules with their sources."""
    rules = [rule_json(rule) for rule in vendor.error_rules]
    return {"name": vendor.name, "outcomes": outcome_rows(vendor), "error_rules": rules}


def outcome_rows(vendor: Vendor) -> list[dict[str, Any]]:
    """Return a flat object for each outcome; it fits CSV too."""
    rows = []
    for kind in OutcomeKind:
        charge, in_2xx = charges_of(vendor, kind)
        policy = POLICIES.get(kind)
        rows.append(
            {
                "vendor": vendor.name,
                "outcome": kind.value,
                "meaning": MEANINGS[kind],
                "charge": charge.value,
                "charge_in_2xx": None if in_2xx is None or in_2xx is charge else in_2xx.value,
                "asked_again": "no" if policy is None else _asked_again(vendor, kind, policy),
                "reach": "none" if policy is None else policy.reach.value,
                "breaks": policy is not None and policy.breaks,
            }
        )
    return rows


def _asked_again(vendor: Vendor, kind: OutcomeKind, policy: Policy) -> str:
    match policy.wait:
        case Wait.NONE:
            return "no"
        case Wait.PAUSE:
            return "when the pause is over"
        case Wait.BACKOFF if kind is OutcomeKind.NOT_SENT:
            return "for a minute"
        case Wait.BACKOFF:
            pass
    free = set(charges_of(vendor, kind)) <= {None, Charge.FREE}
    usual = FREE_RETRIES if free else PAID_RETRIES
    if kind is OutcomeKind.MALFORMED:
        return f"{times(usual if free else MALFORMED_RETRIES)}; never where the answer is the same each time"
    own = [rule for rule in vendor.error_rules if rule.outcome is kind and rule.retries is not None]
    words = [f"{times(rule.retries or 0)} after {when_words(rule)} ({rule.basis.value})" for rule in own]
    return "; ".join([times(usual), *words])


def times(number: int) -> str:
    """``once``, ``3 times``."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def print_error_rules(rules: Iterable[ErrorRule], console: Console, sources: Sources) -> None:
    """Print the rules that turn an answer into an outcome, and the basis of each."""
    heading(console, "Error rules (the first match decides)")
    table = new_table()
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("when", overflow="fold")
    table.add_column("outcome", overflow="fold")
    for number, rule in enumerate(rules, 1):
        outcome = Text(rule.outcome.value.replace("_", " "))
        if rule.scope is not QuotaScope.UNSTATED:
            outcome.append(f" of the {rule.scope.value}")
        if rule.retries is not None:
            outcome.append(f", {times(rule.retries)}")
        outcome.append(sources.mark(rule.source), style="dim")
        when = Text(harmless(when_words(rule)))
        basis = "" if rule.basis is Basis.KNOWN else f"({rule.basis.value})"
        if note := " ".join(part for part in (rule.note, basis) if part):
            when.append(f"\n{harmless(note)}", style="dim")
        table.add_row(str(number), when, outcome)
    console.print(table)


def when_words(rule: ErrorRule) -> str:
    """``HTTP 402 or 403 and reason = no_credits``."""
    status = f"HTTP {' or '.join(map(str, rule.statuses))}" if rule.statuses else ""
    return " and ".join(part for part in [status, *map(_condition_words, rule.conditions)] if part) or "anything"


def _condition_words(condition: Condition) -> str:
    if condition.contains is not None:
        return f"{condition.field} holds “{condition.contains}”"
    return f"{condition.field} = {' or '.join(condition.values)}"


def rule_json(rule: ErrorRule) -> dict[str, Any]:
    return {
        "outcome": rule.outcome.value,
        "statuses": list(rule.statuses),
        "conditions": [
            {"field": condition.field, "values": list(condition.values), "contains": condition.contains}
            for condition in rule.conditions
        ],
        "scope": rule.scope.value,
        "retries": rule.retries,
        "basis": rule.basis.value,
        "note": rule.note,
        "source": source_json(rule.source),
    }
