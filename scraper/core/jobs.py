"""A job: its crawls, their depth and its budget; and its faults, all at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from scraper.core.catalogue import Catalogue, Charge, Endpoint, Parameter, Role
from scraper.core.errors import Fault
from scraper.core.nearest import nearest
from scraper.core.nights import Every
from scraper.core.requests import Params, Walk, canonical
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names of jobs and accounts. They appear in run ids and file names, so they cannot leave a directory."""

PROBE_ENDING = "-probe"
"""The end of the name under which a probe runs."""

MOST_PAGES = 100_000
"""Most pages of one walk: three hours at 600 requests a minute. A plan iterates over them."""
MOST_WALKS = 1_000_000
"""Most walks of one crawl's sweep, for the same reason."""


@dataclass(frozen=True, slots=True)
class Account:
    """A vendor account: vendor, name and limits. The key may be rotated; the account and its ledger stay."""

    vendor: str
    subscription: Subscription
    key_env: str
    name: str = "default"
    allow_http: bool = False
    """True if the owner allows the key to be sent unencrypted."""
    proxy: str = ""
    """Address of the HTTP proxy that its requests go through; empty: none."""
    proxy_auth_env: str = ""
    """The variable with its ``user:password``; empty: it needs none."""
    key_env_in: str = field(default="", compare=False)
    """The file and key that name its variable; empty: the packaged vendor file."""
    proxy_in: str = field(default="", compare=False)
    failed_requests: Charge | None = None
    """CHARGED or FREE: the owner's statement on failed requests if the vendor documents nothing."""

    @property
    def id(self) -> str:
        return f"{self.vendor}/{self.name}"


class OrderName(StrEnum):
    """The values of a job's ``order``."""

    VALUE = "value"
    """Walks that were left over first, then the job's own order."""
    STALEST = "stalest"
    """Boards that were read longest ago first."""
    CHANGES = "changes"
    """Boards with the most expected new entries per credit first; the stalest if the boards are alike."""


@dataclass(frozen=True, slots=True)
class Crawl:
    """One ``[[crawl]]`` of a job."""

    name: str
    endpoint: Endpoint
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameter → values; more than one sweeps."""
    max_pages: int | None = None
    max_items: int | None = None
    priority: int = 1
    each: str | None = None
    """Name of the parent crawl, if it is a child."""
    top: int | None = None
    top_per_board: int | None = None
    expect_rows: int | None = None
    """The fewest rows over all its walks; ``None``: more than none, unless its last walks gave none either."""
    stop_when_known: float | None = None
    """Share of a page's ids, seen earlier in the walk or by earlier runs, at which the walk ends: 0 < x <= 1."""
    retry_empty: int = 0
    """Most repeats of an empty page that promises more; each attempt is paid."""
    delta: str | None = None
    """The parameter that requests new entries only: on most nights a page of them replaces the whole board."""
    by_delta: frozenset[str] = frozenset()
    """Ids of the boards that this run buys as a page of new entries."""

    @property
    def combinations(self) -> int:
        """The number of parameter sets in the sweep."""
        count = 1
        for values in self.params.values():
            count *= len(values)
        return count

    def sweep(self, parent: str | None = None) -> Iterator[Params]:
        """Yield every combination as canonical parameters; for a child, with the value of its parent."""
        given = {} if parent is None else {self._parent_parameter.name: parent}
        names = list(self.params)
        for values in itertools.product(*self.params.values()):
            yield canonical(self.endpoint, {**dict(zip(names, values, strict=True)), **given})

    def walk(self, params: Params, order: tuple[int, ...] = ()) -> Walk:
        """Return the walk of one combination, within the crawl's limits; by delta, the page of new entries."""
        walk = Walk(
            self.endpoint,
            params,
            self.page_limit,
            (self.name,),
            self.priority,
            order,
            stop_when_known=self.stop_when_known,
            retry_empty=self.retry_empty,
        )
        return self.delta_walk(walk) if walk.walk_id in self.by_delta else walk

    def delta_walk(self, walk: Walk) -> Walk:
        """Return the page of a board's new entries."""
        parameter = self.endpoint.with_role(Role.DELTA)
        if parameter is None:
            raise ValueError(f"{self.endpoint.full_name} has no page of only new entries")
        new = next(value for value in parameter.allowed if value != parameter.default)
        return replace(walk, params=canonical(self.endpoint, {**dict(walk.params), parameter.name: new}), max_pages=1)

    @property
    def _parent_parameter(self) -> Parameter:
        parameter = self.endpoint.parent_parameter
        if parameter is None:
            raise ValueError(f"{self.endpoint.full_name} takes no ids from a parent")
        return parameter

    @property
    def from_parent(self) -> str:
        """The field of the parents' records that fills the child's parameter."""
        return self._parent_parameter.from_parent or ""

    @property
    def page_limit(self) -> int | None:
        """The most pages of one walk by the job's own limits; `max_items` is rounded up to whole pages."""
        limits = []
        if self.max_pages is not None:
            limits.append(self.max_pages)
        if self.max_items is not None:
            limits.append(-(-self.max_items // self.endpoint.pagination.rows_per_page))
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class BudgetPercent:
    """A percentage of a run's budget."""

    percent: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job file with its endpoints and accounts resolved."""

    name: str
    budget: Credits
    """Credits that one run may spend. With `auto`: 0 until tonight's share is filled in."""
    crawls: tuple[Crawl, ...]
    accounts: Mapping[str, Account]
    """Vendor → account, for each vendor that a crawl uses."""
    max_age: timedelta | None = None
    retry_budget: Credits | BudgetPercent = BudgetPercent(15)
    """Credits for retries of attempts that were charged, or may have been, without a page."""
    max_wait: timedelta = timedelta(minutes=15)
    """If a vendor asks for a longer pause, the run stops and can be resumed."""
    every: Every | None = None
    """Its period: one run belongs to each night. ``None``: a one-off job."""
    confirm_above: Credits = 1_000
    """A run on a terminal that is likely to spend more asks for confirmation."""
    auto: bool = False
    """The budget is tonight's share of the accounts' months: `core.auto_budget`."""
    weight: int = 1
    """Its weight among the jobs that share an account."""
    sandbox_only: bool = False
    """True if its accounts are made up: it runs only against the sandbox."""
    order: OrderName = OrderName.VALUE
    """The order of boards if the budget does not reach all of them."""
    max_staleness: timedelta | None = None
    """A board whose last complete read is this old is bought before all others."""
    probe: bool = False
    """One request for each endpoint: it belongs to no night, and is started over instead of resumed."""

    def retry_credits(self, budget: Credits) -> Credits:
        """Return the retry budget of a run with this budget; a percentage covers at least one request."""
        match self.retry_budget:
            case BudgetPercent(percent):
                dearest = max(crawl.endpoint.cost for crawl in self.crawls)
                return max(budget * percent // 100, dearest if percent else 0)
            case credits:
                return credits

    @property
    def vendors(self) -> tuple[str, ...]:
        """The vendors, in the order of the crawls."""
        return tuple(dict.fromkeys(crawl.endpoint.vendor for crawl in self.crawls))


def crawl_faults(where: str, crawl: Crawl, catalogue: Catalogue, parents: Mapping[str, Crawl]) -> list[Fault]:
    """Return all faults of one crawl. `parents`: the crawls of the job, by name."""
    faults = []
    for name, values in crawl.params.items():
        faults += _parameter_faults(f"{where}.params.{name}", crawl, name, values)
    faults += _limit_faults(where, crawl)
    faults += _parent_faults(where, crawl, catalogue, parents)
    faults += _delta_faults(where, crawl, catalogue)
    return faults


def _parameter_faults(where: str, crawl: Crawl, name: str, values: tuple[str, ...]) -> list[Fault]:
    endpoint = crawl.endpoint
    parameter = endpoint.parameter(name)
    if parameter is None:
        known = [parameter.name for parameter in endpoint.parameters]
        allowed = f"{endpoint.full_name} takes {', '.join(known)}"
        return [Fault(where, f"no such parameter{nearest(name, known)}; {allowed}")]
    if not values:
        return [Fault(where, "an empty list has nothing to sweep: give a value or leave the parameter out")]
    if len(set(values)) < len(values):
        return [Fault(where, f"a value is listed twice in {_listed(values)}: the same walk is bought once")]
    match parameter.role:
        case Role.PAGE | Role.PAGE_SIZE | Role.CURSOR:
            return [Fault(where, endpoint.pagination.refusal(name, values, endpoint.full_name, endpoint.cost))]
        case _:
            pass
    if parameter.ignored:
        cost = crawl.combinations * endpoint.cost
        why = f"{endpoint.vendor} accepts {name} and ignores it, so every value buys the same answer"
        return [Fault(where, f"{why}; leave it out (this sweep would cost at least {cost} credits)")]
    return [Fault(where, message) for value in values if (message := _value_fault(parameter, value))]


def _value_fault(parameter: Parameter, value: str) -> str | None:
    if parameter.allowed and value not in parameter.allowed:
        return f"{value!r} is not one of {_listed(parameter.allowed)}{nearest(value, parameter.allowed)}"
    if parameter.type == "integer" and not value.isdecimal():
        return f"{value!r} is not a whole number"
    if parameter.role is Role.COUNTRY and value not in parameter.means_none and not re.fullmatch("[A-Z]{2}", value):
        nearest_code = f"; did you mean {value.upper()!r}?" if re.fullmatch("[A-Za-z]{2}", value) else ""
        return f"{value!r} is not a country code of two capital letters{nearest_code}"
    if parameter.role is Role.COUNTRY and value == "UK":
        return (
            "the vendors' code for the United Kingdom is 'GB', not 'UK': an unknown country returns an empty list, "
            "which is charged"
        )
    if value == "":
        return "an empty value filters nothing: leave the parameter out"
    return None


def _limit_faults(where: str, crawl: Crawl) -> list[Fault]:
    endpoint, pagination = crawl.endpoint, crawl.endpoint.pagination
    pages, faults = crawl.page_limit or 0, list[Fault]()
    fault = pagination.limit_fault(pages, endpoint.full_name, endpoint.cost)
    if fault is None and pages > MOST_PAGES:
        fault = f"a walk has at most {MOST_PAGES:,} pages; request fewer"
    if fault is not None:
        asked = (
            "max_pages" if (crawl.max_pages or 0) > min(pagination.max_page or MOST_PAGES, MOST_PAGES) else "max_items"
        )
        faults.append(Fault(f"{where}.{asked}", fault))
    if crawl.combinations > MOST_WALKS:
        asked_for = f"{crawl.combinations:,} walks"
        faults.append(Fault(f"{where}.params", f"the lists make {asked_for}, and a crawl has at most {MOST_WALKS:,}"))
    return faults


def _parent_faults(where: str, crawl: Crawl, catalogue: Catalogue, parents: Mapping[str, Crawl]) -> list[Fault]:
    parameter = crawl.endpoint.parent_parameter
    if crawl.each is None:
        faults = [
            Fault(f"{where}.{key}", "goes with each, which names the parent crawl")
            for key, value in (("top", crawl.top), ("top_per_board", crawl.top_per_board))
            if value is not None
        ]
        return faults + _missing_parameters(where, crawl)
    at = f"{where}.each"
    parent = parents.get(crawl.each)
    if parameter is None:
        able = [endpoint.full_name for endpoint in catalogue.endpoints if endpoint.parent_parameter]
        return [Fault(at, f"{crawl.endpoint.full_name} takes no ids from a parent; {_listed(able)} can")]
    if parent is None:
        return [Fault(at, f"no crawl of this job is named {crawl.each!r}{nearest(crawl.each, parents)}")]
    if parent.each is not None:
        return [Fault(at, f"{crawl.each!r} is itself a child: a parent crawl has no each")]
    faults = []
    carried, taken = parent.endpoint.records.carried, crawl.from_parent
    if taken not in carried:
        met = f"its records carry {_listed(carried)}, and {parameter.name} takes {taken}{nearest(taken, carried)}"
        faults.append(Fault(at, f"{parent.endpoint.full_name} can't feed {crawl.endpoint.full_name}: {met}"))
    if parameter.name in crawl.params:
        faults.append(Fault(f"{where}.params.{parameter.name}", "each fills this parameter: state one of the two"))
    if crawl.top is not None and crawl.top_per_board is not None:
        faults.append(Fault(f"{where}.top", "state top or top_per_board, not both"))
    return faults + _missing_parameters(where, crawl)


def _delta_faults(where: str, crawl: Crawl, catalogue: Catalogue) -> list[Fault]:
    if crawl.delta is None:
        return []
    at = f"{where}.delta"
    known = [p.name for p in crawl.endpoint.parameters if p.role is Role.DELTA]
    if crawl.delta not in known:
        able = [f"{e.full_name} ({p.name})" for e in catalogue.endpoints for p in e.parameters if p.role is Role.DELTA]
        met = f"{crawl.endpoint.full_name} has no parameter {crawl.delta!r} that requests only new entries"
        return [Fault(at, f"{met}{nearest(crawl.delta, known)}; {_listed(able) or 'no endpoint'} has one")]
    if crawl.each is not None:
        return [Fault(at, "goes with boards, not with the children of a parent crawl")]
    if crawl.delta in crawl.params:
        return [Fault(f"{where}.params.{crawl.delta}", "delta sets this parameter: state one of the two")]
    return []


def _missing_parameters(where: str, crawl: Crawl) -> list[Fault]:
    filled = None if crawl.each is None else crawl.endpoint.parent_parameter
    parameters = [parameter for parameter in crawl.endpoint.parameters if parameter != filled]
    missing = [parameter for parameter in parameters if parameter.required and parameter.name not in crawl.params]
    return [
        Fault(
            f"{where}.params",
            f"{crawl.endpoint.full_name} needs {parameter.name}"
            + (", or each = a crawl whose records carry " + parameter.from_parent if parameter.from_parent else ""),
        )
        for parameter in missing
    ]


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)
