"""Read job files (``configs/*.toml``), and ``accounts.toml`` beside them, into a `Job`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationError

from scraper.core.catalogue import Catalogue, Vendor
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.jobs import Account, BudgetPercent, Crawl, Job, OrderName, crawl_faults
from scraper.core.nearest import nearest
from scraper.core.nights import Every
from scraper.core.units import LARGEST_COUNT
from scraper.io.config_files.account_tables import AccountTable, JobName, account_of
from scraper.io.config_files.periods import duration_of, every_of, order_faults, removed_keys
from scraper.io.config_files.text import files_in
from scraper.io.config_files.validation import (
    Count,
    FileModel,
    Positive,
    read_toml,
    shortened,
    validate_what_can_be,
)

ACCOUNTS_FILE = "accounts.toml"
DURATIONS = ("max_age", "max_wait", "max_staleness")
"""Keys of a job that state a duration."""
_SHARE = re.compile(r"([0-9]|[1-9][0-9]|100)\s*%")

Value = bool | int | str
Priority = Annotated[int, Field(ge=-LARGEST_COUNT, le=LARGEST_COUNT)]


def _budget(value: Any) -> Any:  # noqa: ANN401 - whatever TOML gave; one fault where a union would tell two
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_COUNT):
        return value
    allowed = f'credits, 1 or more, or "auto" (tonight\'s share of the month), at most {LARGEST_COUNT:,}'
    raise ValueError(f"should be {allowed}, not {shortened(repr(value))}")


Budget = Annotated[int | Literal["auto"], PlainValidator(_budget, json_schema_input_type=Positive | Literal["auto"])]


class CrawlTable(FileModel):
    """``[[crawl]]``: one endpoint, swept over parameters."""

    endpoint: str = Field(description="full name of an endpoint: crawlora.hashtags")
    name: JobName | None = Field(default=None, description="default: the endpoint's; needed where two crawls share one")
    params: dict[str, Value | list[Value]] = Field(default={}, description="parameters; a list sweeps: a walk for each")
    max_pages: Positive | None = Field(default=None, description="pages of one walk; default: as far as it goes")
    max_items: Positive | None = Field(default=None, description="rows of one walk, rounded up to whole pages")
    priority: Priority = Field(default=1, description="higher is bought first when the budget is short")
    each: str | None = Field(
        default=None, description="parent crawl, by name: a walk for each distinct id that it finds"
    )
    top: Positive | None = Field(
        default=None, description="only the best parents over all boards, by rank, then views; default: all"
    )
    top_per_board: Positive | None = Field(
        default=None, description="only the best parents of each board; default: all"
    )
    expect_rows: Count | None = Field(
        default=None,
        description="fewest rows over all its walks, else exit 6; default: 1 where its last walks had rows",
    )
    stop_when_known: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="0.9: a walk ends at the first page of which 90 % was seen before, in it or by earlier runs",
    )
    retry_empty: Annotated[int, Field(ge=0, le=3)] = Field(
        default=0, description="how often an empty page that promises more is bought again, within retry_budget"
    )
    delta: str | None = Field(
        default=None,
        description='parameter for new entries alone, "new_to_top_100": a page of it a night, the board once a week',
    )


class JobFile(FileModel):
    """A job."""

    name: JobName = Field(description="the job's name; run ids carry it")
    budget: Budget = Field(
        description='credits that one run may spend, a hard ceiling; "auto": tonight\'s share of the month'
    )
    weight: Positive = Field(
        default=1, description='this job\'s part of a night where jobs with budget = "auto" share an account'
    )
    every: str | None = Field(
        default=None,
        description='how often it is repeated, one run each time: "day", "hour", "6h", "week"; default: a one-off job',
    )
    starts_at: str | None = Field(
        default=None, description='when a night of the job begins, UTC: "02:00"; default: when its first run began'
    )
    max_age: str | None = Field(
        default=None, description='a complete walk younger than this is reused: "20h", "2d"; default: never across runs'
    )
    order: Literal["value", "stalest", "changes"] = Field(
        default="value",
        description='which boards a short budget buys first: "value": those left over, then by priority; "stalest": '
        'read longest ago; "changes": most new entries expected for a credit',
    )
    max_staleness: str | None = Field(
        default=None, description='with order = "changes": a board read this long ago comes first: "7d"; default: none'
    )
    retry_budget: Count | str = Field(
        default="15%",
        description="credits, or a share of the budget, for retries of attempts that were charged without a page",
    )
    max_wait: str = Field(default="15m", description="a vendor that asks for a longer pause ends the run for now")
    confirm_above: Count = Field(
        default=1_000,
        description="a run on a terminal that is likely to spend more credits asks first",
    )
    sandbox_only: bool = Field(
        default=False, description="true: it runs against the sandbox alone, as its accounts are made up"
    )
    accounts: dict[str, AccountTable] = {}
    crawl: Annotated[list[CrawlTable], Field(min_length=1)]


class AccountsFile(FileModel):
    """``accounts.toml``: the accounts of all jobs in its directory."""

    accounts: dict[str, AccountTable]


def read_job(path: Path, catalogue: Catalogue, budget: int | None = None, accounts_file: Path | None = None) -> Job:
    """Read a job, with the accounts that are stated for all jobs. Raises ConfigurationError with all faults.

    `budget`: overrides the file's. `accounts_file`: default: ``accounts.toml`` beside the job.
    """
    # Placeholders for required keys that are missing or faulty, so that the rest is still checked.
    content = read_toml(path)
    gone = removed_keys(content, str(path))
    file, faults = validate_what_can_be(JobFile, content, str(path), {"name": "job", "budget": 1})
    faults = [*gone, *faults]
    if file is None:
        raise ConfigurationError(faults)
    tables, wheres = _account_tables(path, accounts_file, file, faults)
    accounts = _accounts(tables, wheres, catalogue, faults)
    crawls, crawl_problems = _crawls(file, str(path), catalogue)
    faults += crawl_problems
    for name in sorted({crawl.endpoint.vendor for crawl in crawls} - accounts.keys()):
        accounts[name] = default_account(catalogue.vendors[name])
    auto = file.budget == "auto" and budget is None
    if auto:
        faults += _auto_faults(f"{path}: budget", file, accounts, crawls)
    durations = {key: duration_of(getattr(file, key), f"{path}: {key}", faults) for key in DURATIONS}
    every = every_of(file.every, file.starts_at, str(path), faults)
    faults += _night_faults(file, durations["max_staleness"], every, str(path))
    retry_budget = _retry_budget(file.retry_budget, f"{path}: retry_budget", faults)
    if faults:
        raise ConfigurationError(faults)
    stated = 0 if file.budget == "auto" else file.budget
    return Job(
        name=file.name,
        budget=stated if budget is None else budget,
        crawls=tuple(crawls),
        accounts=accounts,
        max_age=durations["max_age"],
        retry_budget=retry_budget,
        max_wait=durations["max_wait"] or timedelta(0),
        every=every,
        confirm_above=file.confirm_above,
        auto=auto,
        weight=file.weight,
        sandbox_only=file.sandbox_only,
        order=OrderName(file.order),
        max_staleness=durations["max_staleness"],
    )


def _accounts(
    tables: Mapping[str, AccountTable], wheres: Mapping[str, Path], catalogue: Catalogue, faults: list[Fault]
) -> dict[str, Account]:
    """Return the accounts by vendor; add a fault for each that cannot be."""
    accounts: dict[str, Account] = {}
    for vendor, table in tables.items():
        at = f"{wheres[vendor]}: accounts.{vendor}"
        if vendor not in catalogue.vendors:
            faults.append(Fault(at, f"no such vendor{nearest(vendor, catalogue.vendors)}"))
            continue
        accounts[vendor], account_faults = account_of(catalogue.vendors[vendor], table, at)
        faults += account_faults
    return accounts


def _account_tables(
    path: Path, shared_in: Path | None, file: JobFile, faults: list[Fault]
) -> tuple[dict[str, AccountTable], dict[str, Path]]:
    """Return the accounts of a job and of ``accounts.toml`` by vendor, and the file that states each."""
    tables = dict(file.accounts)
    wheres = dict.fromkeys(tables, path)
    shared_in = shared_in or path.parent / ACCOUNTS_FILE
    if shared_in.exists() and shared_in.resolve() != path.resolve():
        shared, shared_faults = _shared_accounts(shared_in)
        faults += shared_faults
        for vendor, table in shared.items():
            tables.setdefault(vendor, table)
            wheres.setdefault(vendor, shared_in)
    faults += _conflicts(path, tables, wheres)
    return tables, wheres


def read_accounts(path: Path | None, catalogue: Catalogue) -> dict[str, Account]:
    """Return the accounts of ``accounts.toml``, by vendor; none without a path. ConfigurationError with all faults."""
    if path is None:
        return {}
    tables, faults = _shared_accounts(path)
    accounts = _accounts(tables, dict.fromkeys(tables, path), catalogue, faults)
    if faults:
        raise ConfigurationError(faults)
    return accounts


def default_account(vendor: Vendor) -> Account:
    """Return the account of a vendor that no file states: its first plan."""
    return account_of(vendor, AccountTable(), "")[0]


def _auto_faults(
    where: str, file: JobFile, accounts: Mapping[str, Account], crawls: Sequence[Crawl]
) -> Iterator[Fault]:
    if file.every is None:
        yield Fault(where, '"auto" divides the month among nights, and a one-off job has none: state every = "day"')
    for name in sorted({crawl.endpoint.vendor for crawl in crawls}):
        if fault := _undivided(where, accounts[name]):
            yield fault


def _undivided(where: str, account: Account) -> Fault | None:
    """Return the fault that keeps a month from being divided into nights, if any."""
    terms, table = account.subscription, f"[accounts.{account.vendor}]"
    if terms.credits_per_month is None:
        met = f"{account.vendor}, plan {terms.name}, has no credits_per_month that is known"
        return Fault(where, f'"auto" divides the month, and {met}: state it in {table}, or give budget a number')
    if terms.reserve and terms.reserve >= terms.credits_per_month:
        met = f"the reserve of {terms.reserve} leaves nothing of the month's {terms.credits_per_month} credits"
        return Fault(where, f'"auto" has nothing to divide: {met}; state a smaller one in {table}')
    return None


def _shared_accounts(path: Path) -> tuple[Mapping[str, AccountTable], list[Fault]]:
    try:
        file, faults = validate_what_can_be(AccountsFile, read_toml(path), str(path))
    except ConfigurationError as failure:
        return {}, list(failure.faults)
    return ({} if file is None else file.accounts), faults


def _crawls(file: JobFile, where: str, catalogue: Catalogue) -> tuple[list[Crawl], list[Fault]]:
    faults: list[Fault] = []
    named: dict[str, tuple[str, Crawl]] = {}
    for index, table in enumerate(file.crawl):
        at = f"{where}: crawl[{index}]"
        endpoint = catalogue.endpoint(table.endpoint)
        if endpoint is None:
            known = [endpoint.full_name for endpoint in catalogue.endpoints]
            hint = f"no such endpoint{nearest(table.endpoint, known)}; known are {', '.join(known)}"
            faults.append(Fault(f"{at}.endpoint", hint))
            continue
        name = table.name or table.endpoint
        if name in named:
            faults.append(Fault(f"{at}.name", f"two crawls are named {name!r}: give one a name of its own"))
        crawl = Crawl(
            name=name,
            endpoint=endpoint,
            params={key: _values(value) for key, value in table.params.items()},
            max_pages=table.max_pages,
            max_items=table.max_items,
            priority=table.priority,
            each=table.each,
            top=table.top,
            top_per_board=table.top_per_board,
            expect_rows=table.expect_rows,
            stop_when_known=table.stop_when_known,
            retry_empty=table.retry_empty,
            delta=table.delta,
        )
        named[name] = (at, crawl)
    crawls = {name: crawl for name, (_, crawl) in named.items()}
    for at, crawl in named.values():
        unknown_parent = crawl.each is not None and crawl.each not in crawls and len(crawls) < len(file.crawl)
        if not unknown_parent:  # else its parent has a fault that is reported already
            faults += crawl_faults(at, crawl, catalogue, crawls)
    return list(crawls.values()), faults


def _night_faults(file: JobFile, max_staleness: timedelta | None, every: Every | None, where: str) -> Iterator[Fault]:
    """Yield the faults of keys that count nights."""
    yield from order_faults(file.order, max_staleness, every, where)
    for index, table in enumerate(file.crawl):
        if table.delta is not None and every is None:
            met = 'reads a board whole once in seven nights, and a one-off job has none: state every = "day"'
            yield Fault(f"{where}: crawl[{index}].delta", met)


def _values(value: Value | list[Value]) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _retry_budget(stated: int | str, where: str, faults: list[Fault]) -> int | BudgetPercent:
    if isinstance(stated, int):
        return stated
    found = _SHARE.fullmatch(stated.strip())
    if found is None:
        faults.append(Fault(where, f'{stated!r} is neither a number of credits nor a share like "15%"'))
        return 0
    return BudgetPercent(int(found[1]))


def _conflicts(path: Path, accounts: Mapping[str, AccountTable], wheres: Mapping[str, Path]) -> list[Fault]:
    """Return a fault for each file in the directory that states other limits for the same account.

    `wheres`: the file that each account is stated in, this one or ``accounts.toml``.
    """
    faults = []
    for other in files_in(path.parent, ".toml"):
        if other.resolve() == path.resolve():
            continue
        try:
            tables = read_toml(other).get("accounts", {})
            theirs = {vendor: AccountTable.model_validate(table) for vendor, table in tables.items()}
        except (ConfigurationError, ValidationError, AttributeError):
            continue  # not a job file, or one whose own run reports its faults
        for vendor, mine in accounts.items():
            their = theirs.get(vendor)
            if their is None or their.name != mine.name or their == mine or other == wheres[vendor]:
                continue
            differing = [f for f in AccountTable.model_fields if getattr(mine, f) != getattr(their, f)]
            said = ", ".join(f"{key} = {getattr(mine, key)!r} here, {getattr(their, key)!r} there" for key in differing)
            where = f"{wheres[vendor]}: accounts.{vendor}"
            faults.append(Fault(where, f"{other} states otherwise for the same account ({said}); state it once"))
    return faults
