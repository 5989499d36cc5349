"""The generated blocks of README and manual, made from the live program."""

from __future__ import annotations

import json
import re
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import click

from scraper.cli.commands import imported
from scraper.cli.display.outcomes import charge_words, outcome_rows, when_words
from scraper.cli.display.run import STATUS_WORDS
from scraper.cli.main import cli
from scraper.core.catalogue import Basis, Catalogue, Charge, Endpoint, Vendor
from scraper.core.coverage import RUN_TABLE_DESCRIPTIONS
from scraper.core.errors import ScraperError
from scraper.core.events import Ending, RunResult, RunStatus
from scraper.core.pagination import Guard
from scraper.core.planning import Known, plan
from scraper.core.subscriptions import Subscription
from scraper.core.tables import COMMON_COLUMNS, PAGES_COLUMNS, PAGES_DESCRIPTION, PAGES_TABLE, PATH_COLUMNS
from scraper.core.units import LARGEST_COUNT
from scraper.core.views import meanings
from scraper.io.config_files.account_tables import AccountTable
from scraper.io.config_files.job_files import CrawlTable, JobFile
from scraper.io.config_files.validation import FileModel
from scraper.io.docs import TOPICS, summary
from scraper.io.query import open_archive
from scraper.sandbox import KINDS, FaultKind
from scraper.wiring.files import load_catalogue, load_job, load_tables, load_views
from tests.core.builders import NOON
from tests.docs.markdown import ROOT
from tests.docs.place import said

NOTHING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def fenced(text: str, info: str = "text") -> str:
    """Fenced code."""
    return f"```{info}\n{text.rstrip()}\n```"


def titled(title: str, text: str) -> str:
    """Text under a heading of its own."""
    return f"### {title}\n\n{text}"


def topics() -> str:
    """Every page of the manual, and what it is about."""
    return table(["page", "what it says"], [[f"[{name}](scraper/docs/{name}.md)", summary(name)] for name in TOPICS])


# --- what it costs ----------------------------------------------------------------------------------------------------


def prices() -> str:
    """Every endpoint, and what a whole board of it costs."""
    head = ["endpoint", "credits a request", "rows a request", "a whole board, usually", "at most", "table"]
    return table(head, [_price(endpoint) for endpoint in _catalogue().endpoints])


def _price(endpoint: Endpoint) -> list[str]:
    size = endpoint.pagination.rows_per_page
    usual = "no known end"
    if endpoint.typical_total is not None:
        requests = -(-endpoint.typical_total // size)
        usual = f"{_rows(endpoint.typical_total)}: {_requests(requests)}, {requests * endpoint.cost} credits"
    most = "no documented last page"
    if (last := endpoint.pagination.max_page) is not None:
        most = f"{_rows(last * size)}: {_requests(last)}, {last * endpoint.cost} credits"
    assumed = " (assumed)" if "rows_per_page" in endpoint.pagination.assumed else ""
    price = f"{endpoint.cost}{' (assumed)' if 'cost' in endpoint.assumed else ''}"
    return [f"`{endpoint.full_name}`", price, f"{size}{assumed}", usual, most, f"`{endpoint.table}`"]


def _rows(number: int) -> str:
    return f"{number:,} rows"


def _requests(number: int) -> str:
    return f"{number} request{'s' if number != 1 else ''}"


def plans() -> str:
    """Every plan of every vendor; the first is the one that a job has when it states none."""
    head = ["vendor", "plan", "a month", "credits a month", "credits a day", "requests", "1,000 credits more"]
    rows: list[list[str]] = []
    for vendor in _catalogue().vendors.values():
        rows += [[vendor.name, *_plan(subscription)] for subscription in vendor.plans]
    return table(head, rows)


def _plan(terms: Subscription) -> list[str]:
    rates = [
        f"{rate:,} a {per}{' (assumed)' if f'requests_per_{per}' in terms.assumed else ''}"
        for rate, per in ((terms.requests_per_minute, "minute"), (terms.requests_per_second, "second"))
        if rate is not None
    ]
    return [
        f"`{terms.name}`",
        _dollars(terms.usd_per_month),
        _number(terms.credits_per_month, "not known" if "credits_per_month" in terms.assumed else "no limit"),
        _number(terms.credits_per_day, NOTHING),
        ", ".join(rates),
        _dollars(terms.overage_usd_per_1000),
    ]


def _dollars(amount: Decimal | None) -> str:
    return NOTHING if amount is None else f"${amount:,}"


def _number(value: int | None, none: str) -> str:
    return none if value is None else f"{value:,}"


def assumed() -> str:
    """What no page of a vendor says and the program takes to be so."""
    lines = [line for vendor in _catalogue().vendors.values() for line in _assumed_of(vendor)]
    return "\n".join(textwrap.fill(f"- {line}", 110, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def _assumed_of(vendor: Vendor) -> Iterable[str]:
    for terms in vendor.plans:
        for name in terms.assumed:
            value = getattr(terms, name)
            is_ = "nobody publishes it, so no limit is known" if value is None else f"{value}"
            yield f"**{vendor.name}**, plan `{terms.name}`: `{name}` – {is_} (assumed). State yours in `[accounts]`."
    answers = {"an empty list": vendor.charge.empty, "a 2xx that failed": vendor.charge.failed_2xx}
    answers |= {"a refused or failed request": vendor.charge.refused}
    presumed = [words for words, charge in answers.items() if charge is Charge.PRESUMED]
    if presumed:
        yield f"**{vendor.name}**: what {', '.join(presumed)} costs is not documented; it counts as charged (presumed)."
    yield from _assumed_of_endpoints(vendor)
    if vendor.billing_events is not None and vendor.billing_events.note:
        yield f"**{vendor.name}**, billing events (`scraper reconcile`): {vendor.billing_events.note}"
    if vendor.statements is not None and vendor.statements.note:
        yield f"**{vendor.name}**, statements (`scraper reconcile`): {vendor.statements.note}"
    for rule in vendor.error_rules:
        if rule.basis is not Basis.KNOWN:
            taken_for = f"{when_words(rule)} → {rule.outcome.value.replace('_', ' ')}"
            yield f"**{vendor.name}**, {taken_for} ({rule.basis.value}): {rule.note}"


def _assumed_of_endpoints(vendor: Vendor) -> Iterable[str]:
    for endpoint in vendor.endpoints:
        if "rows_per_page" in endpoint.pagination.assumed:
            yield f"`{endpoint.full_name}`: {endpoint.pagination.rows_per_page} rows a page, recorded or chosen."
        if endpoint.typical_total is not None:
            yield f"`{endpoint.full_name}`: {endpoint.typical_total} rows on a board, from recorded or example answers."
        if "cost" in endpoint.assumed:
            yield f"`{endpoint.full_name}`: its price of {endpoint.cost} credits."
        if shape := [part for part in endpoint.assumed if part != "cost"]:
            yield f"`{endpoint.full_name}`: its {' and '.join(shape)}, as far as no document that could be read says."
        if endpoint.is_leaving:
            yield f"`{endpoint.full_name}`: it is {endpoint.status}, known since {endpoint.status_since.isoformat()}."
        if endpoint.note:
            yield f"`{endpoint.full_name}`: {endpoint.note}"


def outcomes() -> str:
    """Every outcome with what follows it, for all vendors side by side."""
    vendors = _catalogue().vendors
    rows = {name: outcome_rows(vendor) for name, vendor in vendors.items()}
    shown = []
    for place, row in enumerate(next(iter(rows.values()))):
        by_vendor = {name: of_vendor[place] for name, of_vendor in rows.items()}
        again = {name: each["asked_again"] for name, each in by_vendor.items()}
        same = len(set(again.values())) == 1
        words = str(row["asked_again"]) if same else "; ".join(f"{name}: {said}" for name, said in again.items())
        name = f"*{str(row['outcome']).replace('_', ' ')}*: {row['meaning']}"
        shown.append([name, *(charge_words(each) for each in by_vendor.values()), words, row["reach"]])
    return table(["outcome", *(f"charge, {name}" for name in vendors), "asked again", "reach"], shown)


def guards() -> str:
    """What a walk may meet that its vendor's own word contradicts."""
    rows = [[f"`{guard.value}`", guard.meaning, "ends" if guard.ends else "continues"] for guard in Guard]
    return table(["note", "met", "the walk"], rows)


# --- job files --------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Every key of a job file."""
    sections: tuple[tuple[str, type[FileModel]], ...] = (
        ("The job itself", JobFile),
        ("`[accounts.<vendor>]`", AccountTable),
        ("`[[crawl]]`", CrawlTable),
    )
    parts = []
    for title, model in sections:
        rows = [
            [f"`{key}`", type_words(model, key), default_words(model, key), meaning] for key, meaning in keys(model)
        ]
        parts.append(f"{title}\n\n{table(['key', 'value', 'default', 'meaning'], rows)}")
    return "\n\n".join(parts)


def keys(model: type[FileModel]) -> list[tuple[str, str]]:
    """The keys that hold a value, with their meaning; tables of their own stand apart."""
    described = [(field.alias or name, field.description) for name, field in model.model_fields.items()]
    return [(key, meaning) for key, meaning in described if meaning is not None]


def type_words(model: type[FileModel], key: str) -> str:
    """A key's type in words."""
    schema = model.model_json_schema()["properties"][key]
    words = [_schema_words(option) for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(words)


def _schema_words(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"enum": list(values)}:
            return " or ".join(f'`"{value}"`' for value in values)
        case {"const": value}:
            return f'`"{value}"`'
        case {"type": "integer", "minimum": low, "maximum": high} if high < LARGEST_COUNT:
            return f"{low}–{high}"
        case {"type": "integer", "minimum": low} if low > -LARGEST_COUNT:
            return f"number ≥ {low}"
        case {"type": "string", "pattern": _}:
            return "name: a–z, 0–9, `-`, `_`"
        case {"type": "string"}:
            return "text"
        case _:
            return {"integer": "number", "boolean": "true or false", "object": "table"}.get(str(schema["type"]), "")


def default_words(model: type[FileModel], key: str) -> str:
    """A key's default as TOML has it, ``required``, or a dash where it has none."""
    field = next(field for name, field in model.model_fields.items() if (field.alias or name) == key)
    if field.is_required():
        return "required"
    return NOTHING if field.default in (None, {}) else f"`{json.dumps(field.default)}`"


# --- commands and what they say ---------------------------------------------------------------------------------------


def help_texts() -> str:
    """``--help`` of the program and of every command."""
    parts = [fenced(said(["--help"]).stdout)]
    for name in cli.commands:
        text = fenced(said([name, "--help"]).stdout)
        parts.append(titled(f"`scraper {name}`", text))
        found = imported(name)
        for inner in found.commands if isinstance(found, click.Group) else ():
            parts.append(titled(f"`scraper {name} {inner}`", fenced(said([name, inner, "--help"]).stdout)))
    return "\n\n".join(parts)


def exit_codes() -> str:
    """Every exit code, in the words of ``scraper --help``."""
    text = " ".join((cli.help or "").replace("\b", "").split())
    found = re.search(r"Exit codes: (.*?)\.(?: |$)", text)
    if found is None:
        raise ValueError("scraper --help lists no exit codes")
    words = {int(code): said for code, said in (entry.split(" ", 1) for entry in found[1].split(" · "))}
    statuses = [status for status in RunStatus if status not in {RunStatus.OPEN, RunStatus.DIED}]  # they gave no code
    met = {status.exit_code for status in statuses} | {fault.exit_code for fault in _faults(ScraperError)}
    if met - words.keys():
        raise ValueError(f"scraper --help leaves out exit codes {met - words.keys()}")
    rows = []
    for code, said_ in words.items():
        named = [f"`{status.value}` ({STATUS_WORDS[status]})" for status in statuses if status.exit_code == code]
        rows.append([code, said_, "; ".join(named) or NOTHING])
    return table(["exit code", "meaning", "`status` of the run"], sorted(rows, key=lambda row: int(str(row[0]))))


def _faults(root: type[ScraperError]) -> Iterable[type[ScraperError]]:
    yield root
    for fault in root.__subclasses__():
        yield from _faults(fault)


def run_json() -> str:
    """What ``scraper run --format json`` ends with, as an example."""
    return fenced(
        _object(
            RunResult(
                run_id="us-trends-20261121T021500Z-1f3a",
                job="us-trends",
                status=RunStatus.COMPLETE,
                budget=800,
                charged=512,
                presumed=0,
                unknown=0,
                requests={Ending.OK: 64, Ending.RETRIED: 2},
                reused=0,
                walks={"complete": 26, "truncated": 0, "empty": 0, "failed": 0, "not_attempted": 0},
                rows={"hashtags": 600, "posts": 1750},
                elapsed_s=262.1,
            ).to_json()
        ),
        "json",
    )


def plan_json() -> str:
    """What ``scraper plan --format json`` says of the quickstart job; long warnings are cut."""
    job, _ = load_job(ROOT / "configs" / "quickstart.toml")
    said = plan(job, Known(NOON)).to_json()
    said["warnings"] = [textwrap.shorten(warning, 110, placeholder=" …") for warning in said["warnings"]]
    return fenced(_object(said), "json")


def _object(value: Any, indent: int = 0) -> str:
    """JSON within 110 columns: a list or an object that fits stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or 0 < indent <= 110 - len(line):
        return line
    pad = " " * (indent + 1)
    if isinstance(value, list):
        return "[\n" + ",\n".join(pad + _object(inner, indent + 1) for inner in value) + "]"
    inner_of = {json.dumps(key): inner for key, inner in value.items()}
    return "{\n" + ",\n".join(f"{pad}{key}: {_object(inner, indent + 1)}" for key, inner in inner_of.items()) + "}"


# --- the archive ------------------------------------------------------------------------------------------------------


def tables() -> str:
    """Every table: what a row of it is, and its columns."""
    selects = load_tables(None)
    rows = [[f"`{select.name}`", select.description] for select in selects]
    rows.append([f"`{PAGES_TABLE}`", PAGES_DESCRIPTION])
    rows += [[f"`{name}`", description] for name, description in RUN_TABLE_DESCRIPTIONS.items()]
    common = table(["column", "type", "meaning"], [[f"`{c.name}`", c.type, c.meaning] for c in COMMON_COLUMNS])
    parts = [
        table(["table", "one row is"], rows),
        f"Columns that every typed table starts with:\n\n{common}",
    ]
    shared = {column.name for column in COMMON_COLUMNS}
    of_pages = shared & {column.name for column in (*PATH_COLUMNS, *PAGES_COLUMNS)}
    for name, known in [*((select.name, shared) for select in selects), (PAGES_TABLE, of_pages)]:
        own = [column for column in columns_of(name) if column[0] not in known]
        shown = [[f"`{column}`", compact(type_), meaning] for column, type_, meaning in own]
        parts.append(titled(f"Columns of `{name}`", table(["column", "type", "meaning"], shown)))
    for name in RUN_TABLE_DESCRIPTIONS:
        shown = [[f"`{column}`", type_, meaning] for column, type_, meaning in columns_of(name)]
        parts.append(titled(f"Columns of `{name}`", table(["column", "type", "meaning"], shown)))
    return "\n\n".join(parts)


def views() -> str:
    """Every view: what a row of it is, and the columns that it does not have from a table."""
    found = load_views(None)
    parts = [table(["view", "one row is"], [[f"`{view.name}{view.arguments}`", view.description] for view in found])]
    for view in found:
        own = [column for column in columns_of(view.name) if column[0] in view.columns]
        if own:
            shown = [[f"`{column}`", compact(type_), meaning] for column, type_, meaning in own]
            parts.append(titled(f"Columns of `{view.name}`", table(["column", "type", "meaning"], shown)))
    return "\n\n".join(parts)


def columns_of(name: str) -> list[tuple[str, str, str]]:
    """Columns as `scraper tables NAME` has them."""
    return _columns()[name]


@cache
def _columns() -> Mapping[str, list[tuple[str, str, str]]]:
    """Columns of every table, view and macro, over one connection."""
    tables, views = load_tables(None), load_views(None)
    nothing = {
        view.name: f"({', '.join('NULL' for _ in view.arguments.split(','))})" for view in views if view.arguments
    }
    with tempfile.TemporaryDirectory() as directory, closing(open_archive(Path(directory), tables, views)) as archive:
        rows = {
            name: archive.execute(f"DESCRIBE FROM {name}{nothing.get(name, '')}").fetchall()
            for name in meanings(tables, views)
        }
    return {
        name: [(column, type_, told.get(column, "")) for column, type_, *_ in rows[name]]
        for name, told in meanings(tables, views).items()
    }


def compact(type_: str) -> str:
    """DuckDB's type with the fields of a STRUCT by name only: ``list of struct: id, title``."""
    if type_.endswith("[]"):
        return f"list of {compact(type_[:-2])}"
    if type_.startswith("STRUCT("):
        return f"struct: {', '.join(_field_names(type_.removeprefix('STRUCT(').removesuffix(')')))}"
    return type_


def _field_names(fields: str) -> list[str]:
    names, depth, field = [], 0, ""
    for character in f"{fields},":
        if character == "," and depth == 0:
            names.append(field.strip().split(" ")[0].strip('"'))
            field = ""
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        field += character
    return names


def _catalogue() -> Catalogue:
    return load_catalogue(None)


# --- the sandbox ------------------------------------------------------------------------------------------------------


def faults() -> str:
    """Every kind of fault that the sandbox can be asked for."""
    rows = [[f"`{kind.name}`", kind.charged.value, _happens(kind), _options(kind)] for kind in KINDS]
    legend = (
        "Charged: *yes*, as a success; *2xx*, by Crawlora, which charges each 2xx; *no*, not by Crawlora; *never*,"
        "\nsince the vendor does not see the request. KeyAPI does not document what *2xx* and *no* cost: the"
        "\njob's `failed_requests`, or `scraper sandbox --failed-requests`, says it; else it is free."
    )
    return f"{table(['kind', 'charged', 'what happens', 'options, the default first'], rows)}\n\n{legend}"


def _happens(kind: FaultKind) -> str:
    only = {"page": " (pages by number only)", "cursor": " (pages by cursor only)", None: ""}
    return f"{kind.meaning}{only[kind.paging]}"


def _options(kind: FaultKind) -> str:
    values = {option.name: sorted(option.allowed, key=lambda value: value != option.default) for option in kind.options}
    told = [f"`{each.name}=`{', '.join(values[each.name]) or f'{each.default} or any number'}" for each in kind.options]
    return "; ".join(told)


BLOCKS = {
    "topics": topics,
    "faults": faults,
    "prices": prices,
    "plans": plans,
    "assumed": assumed,
    "outcomes": outcomes,
    "guards": guards,
    "settings": settings,
    "help": help_texts,
    "exit codes": exit_codes,
    "run json": run_json,
    "plan json": plan_json,
    "tables": tables,
    "views": views,
}
"""Name of a block → what it says."""
