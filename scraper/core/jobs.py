"""A job: what to crawl, how deep, within which budget. And everything that can be wrong with one, all at once."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from scraper.core.catalogue import Catalogue, Charge, Counts, Endpoint, PagePagination, Parameter, Role
from scraper.core.errors import Fault
from scraper.core.requests import Params, canonical
from scraper.core.subscriptions import Subscription
from scraper.core.units import Credits

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Of jobs and accounts: it stands in run ids and file names, so it can leave no directory."""


@dataclass(frozen=True, slots=True)
class Account:
    """Vendor + name, with its limits. A key may be rotated, the account and its ledger stay."""

    vendor: str
    subscription: Subscription
    key_env: str
    name: str = "default"
    allow_http: bool = False
    """Its owner lets the key travel unencrypted."""
    failed_requests: Charge | None = None
    """CHARGED or FREE: what the owner knows of failed requests where the vendor documents nothing."""

    @property
    def id(self) -> str:
        return f"{self.vendor}/{self.name}"


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
    """Name of the parent crawl."""
    top: int | None = None
    top_per_board: int | None = None

    @property
    def combinations(self) -> int:
        """How many sets of parameters the sweep makes."""
        count = 1
        for values in self.params.values():
            count *= len(values)
        return count

    def sweep(self, parent_id: str | None = None) -> Iterator[Params]:
        """Every combination, as canonical parameters; for a child, with its parent's id filled in."""
        given = {} if parent_id is None else {self._parent_parameter.name: parent_id}
        names = list(self.params)
        for values in itertools.product(*self.params.values()):
            yield canonical(self.endpoint, {**dict(zip(names, values, strict=True)), **given})

    @property
    def _parent_parameter(self) -> Parameter:
        parameter = self.endpoint.parent_parameter
        if parameter is None:
            raise ValueError(f"{self.endpoint.full_name} takes no ids from a parent")
        return parameter

    @property
    def page_limit(self) -> int | None:
        """Pages of one walk by the job's own limits: `max_items` is rounded up to whole pages."""
        limits = []
        if self.max_pages is not None:
            limits.append(self.max_pages)
        if self.max_items is not None:
            limits.append(-(-self.max_items // self.endpoint.pagination.rows_per_page))
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class BudgetPercent:
    """A part of a run's budget."""

    percent: int


@dataclass(frozen=True, slots=True)
class Job:
    """What a job file says, with its endpoints and accounts looked up."""

    name: str
    budget: Credits
    """What one run may spend. With `auto` 0, until tonight's share is known and filled in."""
    crawls: tuple[Crawl, ...]
    accounts: Mapping[str, Account]
    """By vendor: one for each vendor that a crawl uses."""
    max_age: timedelta | None = None
    retry_budget: Credits | BudgetPercent = BudgetPercent(15)
    """For buying again what was charged, or may have been, and gave nothing."""
    max_wait: timedelta = timedelta(minutes=15)
    """A vendor that asks for a longer pause ends the run for now: it can be gone on with."""
    resume_within: timedelta = timedelta(hours=24)
    confirm_above: Credits = 1_000
    """On a terminal, a run that is likely to spend more asks first."""
    auto: bool = False
    """Its budget is tonight's share of the accounts' months: `core.auto_budget`."""
    weight: int = 1
    """Its part where several jobs share a night."""

    def retry_credits(self, budget: Credits) -> Credits:
        """Credits of a run with this budget that may go into retries; a share holds one request at the least."""
        match self.retry_budget:
            case BudgetPercent(percent):
                dearest = max(crawl.endpoint.cost for crawl in self.crawls)
                return max(budget * percent // 100, dearest if percent else 0)
            case credits:
                return credits

    @property
    def vendors(self) -> tuple[str, ...]:
        """In the order in which the crawls name them."""
        return tuple(dict.fromkeys(crawl.endpoint.vendor for crawl in self.crawls))


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean "hashtags"?`` where a known name is near, else nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def crawl_faults(where: str, crawl: Crawl, catalogue: Catalogue, parents: Mapping[str, Crawl]) -> list[Fault]:
    """All that is wrong with one crawl. `parents` are the crawls of the job, by name."""
    faults = []
    for name, values in crawl.params.items():
        faults += _parameter_faults(f"{where}.params.{name}", crawl, name, values)
    faults += _limit_faults(where, crawl)
    faults += _parent_faults(where, crawl, catalogue, parents)
    if crawl.endpoint.status == "gone":
        since = crawl.endpoint.status_since.isoformat()
        faults.append(Fault(f"{where}.endpoint", f"{crawl.endpoint.full_name} is gone at the vendor since {since}"))
    return faults


def _parameter_faults(where: str, crawl: Crawl, name: str, values: tuple[str, ...]) -> list[Fault]:
    endpoint = crawl.endpoint
    parameter = endpoint.parameter(name)
    if parameter is None:
        known = [parameter.name for parameter in endpoint.parameters]
        allowed = f"{endpoint.full_name} takes {', '.join(known)}"
        return [Fault(where, f"no such parameter{nearest(name, known)}; {allowed}")]
    if not values:
        return [Fault(where, "an empty list sweeps nothing: give a value or leave the parameter out")]
    if len(set(values)) < len(values):
        return [Fault(where, f"a value stands twice in {_listed(values)}: the same walk is bought once")]
    match parameter.role:
        case Role.PAGE | Role.PAGE_SIZE | Role.CURSOR:
            return [Fault(where, _paging_refusal(crawl, parameter, values))]
        case _:
            pass
    if parameter.ignored:
        cost = crawl.combinations * endpoint.cost
        why = f"{endpoint.vendor} accepts {name} and ignores it, so every value buys the same answer"
        return [Fault(where, f"{why}; leave it out (this sweep would cost at least {cost} credits)")]
    return [Fault(where, message) for value in values if (message := _value_fault(parameter, value))]


def _paging_refusal(crawl: Crawl, parameter: Parameter, values: tuple[str, ...]) -> str:
    endpoint = crawl.endpoint
    match endpoint.pagination, parameter.role:
        case PagePagination() as pages, Role.PAGE_SIZE:
            met = f"pages always come at the largest size that {endpoint.full_name} serves, {pages.max_size}"
            too_large = [value for value in values if value.isdecimal() and int(value) > pages.max_size]
            if too_large:
                met = f"{endpoint.vendor} treats {too_large[0]} as {pages.max_size}, silently; {met}"
            return f"{met}; use max_pages or max_items"
        case PagePagination(max_page=int(last), counts=Counts.PAGES), Role.PAGE:
            past = [value for value in values if value.isdecimal() and int(value) > last]
            if past:
                repeated = (
                    f"page {past[0]} answers page {last} again, and {len(past) * endpoint.cost} credits are charged"
                )
                return f"{endpoint.vendor} clamps {parameter.name} to 1-{last}: {repeated}; use max_pages"
            return "the walk asks for its pages itself; use max_pages"
        case _:
            return "the walk asks for its pages itself; use max_pages or max_items"


def _value_fault(parameter: Parameter, value: str) -> str | None:
    if parameter.allowed and value not in parameter.allowed:
        return f"{value!r} is not one of {_listed(parameter.allowed)}{nearest(value, parameter.allowed)}"
    if parameter.type == "integer" and not value.isdecimal():
        return f"{value!r} is no whole number"
    if parameter.role is Role.COUNTRY and value not in parameter.means_none and not re.fullmatch("[A-Z]{2}", value):
        nearest_code = f"; did you mean {value.upper()!r}?" if re.fullmatch("[A-Za-z]{2}", value) else ""
        return f"{value!r} is no country code of two capital letters{nearest_code}"
    if parameter.role is Role.COUNTRY and value == "UK":
        return (
            "the vendors' code for the United Kingdom is 'GB', not 'UK': an unknown country answers empty, and is paid"
        )
    if value == "":
        return "an empty value filters nothing: leave the parameter out"
    return None


def _limit_faults(where: str, crawl: Crawl) -> list[Fault]:
    faults = []
    match crawl.endpoint.pagination:
        case PagePagination(max_page=int(last), max_size=size) if (crawl.page_limit or 0) > last:
            cost = ((crawl.page_limit or 0) - last) * crawl.endpoint.cost
            asked = "max_pages" if (crawl.max_pages or 0) > last else "max_items"
            clamp = f"{crawl.endpoint.vendor} serves {last} pages of {size} at the most and answers the last one again"
            faults.append(
                Fault(f"{where}.{asked}", f"{clamp}: {cost} credits a walk for nothing; ask for {last} pages")
            )
        case _:
            pass
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
        return [Fault(at, f"{crawl.each!r} is a child itself: a parent crawl has no each")]
    faults = []
    if parent.endpoint.records.id != parameter.parent_id:
        met = f"its records carry {parent.endpoint.records.id}, and {parameter.name} takes {parameter.parent_id}"
        faults.append(Fault(at, f"{parent.endpoint.full_name} can't feed {crawl.endpoint.full_name}: {met}"))
    if parameter.name in crawl.params:
        faults.append(Fault(f"{where}.params.{parameter.name}", "each fills this parameter: state one of the two"))
    if crawl.top is not None and crawl.top_per_board is not None:
        faults.append(Fault(f"{where}.top", "state top or top_per_board, not both"))
    return faults + _missing_parameters(where, crawl)


def _missing_parameters(where: str, crawl: Crawl) -> list[Fault]:
    filled = None if crawl.each is None else crawl.endpoint.parent_parameter
    parameters = [parameter for parameter in crawl.endpoint.parameters if parameter != filled]
    missing = [parameter for parameter in parameters if parameter.required and parameter.name not in crawl.params]
    return [
        Fault(
            f"{where}.params",
            f"{crawl.endpoint.full_name} needs {parameter.name}"
            + (", or each = a crawl whose records carry " + parameter.parent_id if parameter.parent_id else ""),
        )
        for parameter in missing
    ]


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)
