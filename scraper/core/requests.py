"""Walks and requests, with their permanent ids and keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

import orjson

from scraper.core.catalogue import Endpoint, Role
from scraper.core.pagination import WalkProgress

Params: TypeAlias = tuple[tuple[str, str], ...]
"""Canonical parameters: sorted by name, values as they travel, case kept, documented defaults filled in."""


def canonical(endpoint: Endpoint, stated: Mapping[str, str]) -> Params:
    """Return a walk's parameters: those of the job and the documented defaults, without page, size and cursor."""
    return tuple(sorted({**documented_defaults(endpoint), **stated}.items()))


def documented_defaults(endpoint: Endpoint) -> dict[str, str]:
    """Return the documented defaults of an endpoint's parameters, without page, size and cursor."""
    of_pagination = {Role.PAGE, Role.PAGE_SIZE, Role.CURSOR}
    return {
        parameter.name: parameter.default
        for parameter in endpoint.parameters
        if parameter.default is not None and parameter.role not in of_pagination
    }


def _digest(length: int, *parts: object) -> str:
    return hashlib.blake2b(orjson.dumps(parts), digest_size=length).hexdigest()


@dataclass(frozen=True, slots=True)
class Walk:
    """The pages of one endpoint with one set of parameters, in order.

    A walk has the same id in every run; crawls of a run that request it share it.
    """

    endpoint: Endpoint
    params: Params
    max_pages: int | None = None
    """The job's limit; ``None``: to the end of the list."""
    crawls: tuple[str, ...] = ()
    """Names of the crawls that want the walk."""
    priority: int = 1
    order: tuple[int, ...] = ()
    """Crawl, parent's rank and views, combination: a tie-break, the smaller first."""
    leftover: int | None = None
    """Its place among the walks that an earlier run left over, stalest first; ``None``: not left over."""
    stop_when_known: float | None = None
    """Share of a page's ids, seen before, at which the walk ends; ``None``: never."""
    retry_empty: int = 0
    """Most repeats of an empty page that promises more."""
    walk_id: str = field(init=False)
    """Hash of vendor, endpoint and parameters: 16 hex digits."""

    def __post_init__(self) -> None:
        digest = _digest(8, self.endpoint.vendor, self.endpoint.name, self.params)
        object.__setattr__(self, "walk_id", digest)

    @property
    def country(self) -> str | None:
        """The country, upper case; ``None`` if the walk has none or requests all."""
        value = self._value(Role.COUNTRY)
        return value.upper() if value is not None else None

    @property
    def period_days(self) -> int | None:
        value = self._value(Role.PERIOD_DAYS)
        return int(value) if value is not None and value.isdecimal() else None

    @property
    def is_delta(self) -> bool:
        """True if it lists only new entries: a page without rows is then normal."""
        parameter = self.endpoint.with_role(Role.DELTA)
        return parameter is not None and dict(self.params).get(parameter.name) not in {None, parameter.default}

    def _value(self, role: Role) -> str | None:
        parameter = self.endpoint.with_role(role)
        if parameter is None:
            return None
        value = dict(self.params).get(parameter.name)
        return None if value in parameter.means_none else value

    def request(self, page: int, cursor: str | None = None) -> Request:
        """Return the request for one page; a cursor walk passes the cursor from the previous page."""
        return Request(self, page, cursor)


@dataclass(frozen=True, slots=True)
class Request:
    """One billable call."""

    walk: Walk
    page: int
    """1-based place in its walk."""
    cursor: str | None = None
    params: Params = field(init=False, repr=False)
    """All query parameters, as they travel."""
    key: str = field(init=False)
    """Hash of vendor, endpoint and all parameters: 32 hex digits, the same in every run."""

    def __post_init__(self) -> None:
        paging = self.endpoint.pagination.params(self.page, self.cursor)
        object.__setattr__(self, "params", tuple(sorted({**dict(self.walk.params), **paging}.items())))
        object.__setattr__(self, "key", _digest(16, self.endpoint.vendor, self.endpoint.name, self.params))

    @property
    def endpoint(self) -> Endpoint:
        return self.walk.endpoint

    @property
    def path(self) -> str:
        """The route, with its parameters filled in and quoted."""
        path = self.endpoint.path
        for name, value in self.params if "{" in path else ():
            quoted = quote(value, safe="")
            # "." and ".." would resolve to another route.
            path = path.replace(f"{{{name}}}", quoted if quoted.strip(".") else quoted.replace(".", "%2E"))
        return path

    @property
    def query(self) -> Params:
        """The parameters that are not part of the route."""
        return tuple((name, value) for name, value in self.params if f"{{{name}}}" not in self.endpoint.path)

    @property
    def label(self) -> str:
        """The request for people: ``crawlora.hashtags country_code=US period=7 page 1``."""
        stated = " ".join(f"{name}={value}" for name, value in self.walk.params)
        return f"{self.endpoint.full_name} {stated} page {self.page}".replace("  ", " ")


Progress: TypeAlias = WalkProgress[Walk, Request]
"""The progress of a walk of requests."""


def start(walk: Walk) -> tuple[Progress, Request]:
    return walk.endpoint.pagination.walk(walk, Request), walk.request(1)
