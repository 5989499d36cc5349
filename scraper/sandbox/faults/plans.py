"""Selection of the requests that a fault hits: `KIND[:key=value,…]`, seeded, independent of the order of arrival.

A hit on the k-th request for the same thing depends only on the seed, the request and k: another client, or another
order of requests, gets the same faults. Only `after` counts arrivals.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.nearest import nearest
from scraper.sandbox.answers import Paging
from scraper.sandbox.faults.registry import KINDS_BY_NAME
from scraper.sandbox.faults.shapes import FaultKind
from scraper.sandbox.records.draws import draw

WHEN = ("share", "nth", "endpoint", "with", "after")
"""Keys that every kind accepts."""


@dataclass(frozen=True, slots=True)
class Injection:
    """A kind of fault, and conditions on the requests that it hits."""

    kind: FaultKind
    text: str
    """The text of `--fault`."""
    share: float | None = None
    """Share of the eligible requests, 0 to 1; None: all of them."""
    nth: frozenset[int] = frozenset()
    """Hits only the n-th request for the same thing, from 1; empty: every one."""
    endpoints: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Hits only requests with these parameters."""
    after: int = 0
    """Eligible requests that pass first: the one condition that depends on the order of arrival."""
    options: Mapping[str, str] = field(default_factory=dict)

    def may_hit(self, endpoint: str, parameters: Mapping[str, str]) -> bool:
        carries = all(parameters.get(name) == value for name, value in self.parameters.items())
        return endpoint in self.endpoints and carries


@dataclass(frozen=True, slots=True)
class Met:
    """A request that a fault hit."""

    kind: str
    endpoint: str
    params: Mapping[str, str]
    nth: int
    """The number of times that the same was requested, this one included."""


class FaultPlan:
    """Decides for each request; counts the requests for each thing."""

    def __init__(self, injections: Sequence[Injection], seed: int) -> None:
        self._injections, self._seed = injections, seed
        self._asked: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._let_through: Counter[int] = Counter()
        self.met: list[Met] = []
        """Hits in the order of arrival."""

    @property
    def texts(self) -> Sequence[str]:
        return [injection.text for injection in self._injections]

    def hit(self, endpoint: str, parameters: Mapping[str, str]) -> Injection | None:
        """Return the first injection that hits a request which has just arrived, if any."""
        if not self._injections:
            return None
        what = tuple(sorted(parameters.items()))
        self._asked[endpoint, what] += 1
        nth = self._asked[endpoint, what]
        drawn, passed = draw(self._seed, "fault", endpoint, what, nth).random(), 0.0
        for place, injection in enumerate(self._injections):
            if not injection.may_hit(endpoint, parameters) or (injection.nth and nth not in injection.nth):
                continue
            if self._let_through[place] < injection.after:
                self._let_through[place] += 1
                continue
            passed += 1.0 if injection.share is None else injection.share  # shares side by side: they add up
            if drawn < passed:
                self.met.append(Met(injection.kind.name, endpoint, parameters, nth))
                return injection
        return None


def read_injections(texts: Iterable[str], endpoints: Mapping[str, Paging]) -> tuple[Injection, ...]:
    """Return the injections of a plan; `endpoints`: endpoint → its kind of pagination.

    Raises ConfigurationError with every fault of every text.
    """
    reading = _Reading(endpoints)
    injections = [reading.injection(text) for text in texts]
    for endpoint in endpoints:
        reading.hold_shares(endpoint, [each for each in injections if each is not None])
    if reading.faults:
        raise ConfigurationError(reading.faults)
    return tuple(each for each in injections if each is not None)


class _Reading:
    """Reads one plan and collects its faults."""

    def __init__(self, endpoints: Mapping[str, Paging]) -> None:
        self._endpoints = endpoints
        self.faults: list[Fault] = []

    def injection(self, text: str) -> Injection | None:
        """Return the injection, or None if the text is faulty."""
        before = len(self.faults)
        name, _, rest = text.partition(":")
        kind = KINDS_BY_NAME.get(name)
        if kind is None:
            message = f"there is no such kind{nearest(name, KINDS_BY_NAME)}; `scraper sandbox --faults` lists them"
            self._fault(text, message)
            return None
        said = self._pairs(text, rest)
        found = Injection(
            kind,
            text,
            share=self._share(text, said.get("share")),
            nth=self._nth(text, said.get("nth")),
            endpoints=self._wanted(text, kind, said.get("endpoint")),
            parameters=self._parameters(text, said.get("with")),
            after=self._after(text, said.get("after")),
            options=self._options(text, kind, said),
        )
        return found if len(self.faults) == before else None

    def hold_shares(self, endpoint: str, injections: Sequence[Injection]) -> None:
        """Record a fault if shares for the same requests add up to more than 1."""
        sharing = [each for each in injections if endpoint in each.endpoints and each.share is not None]
        met = math.fsum(each.share or 0.0 for each in sharing)
        if met > 1 and not any(each.parameters or each.nth for each in sharing):
            self._fault(sharing[-1].text, f"the shares for {endpoint} add up to {met:g}, more than 1")

    def _fault(self, text: str, message: str) -> None:
        self.faults.append(Fault(f"--fault {text}", message))

    def _pairs(self, text: str, rest: str) -> Mapping[str, Sequence[str]]:
        """Split `nth=1,2,share=0.5`: a piece without = belongs to the key before it."""
        said: dict[str, list[str]] = {}
        key = ""
        for piece in rest.split(",") if rest else ():
            name, equals, value = piece.partition("=")
            if equals:
                key = name.strip()
                said.setdefault(key, []).append(value.strip())
            elif key:
                said[key].append(piece.strip())
            else:
                self._fault(text, f"{piece!r} is not of the form key=value")
        return said

    def _share(self, text: str, values: Sequence[str] | None) -> float | None:
        if values is None:
            return None
        try:
            share = float(values[-1])
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            self._fault(text, f"share is a number from 0 to 1, not {values[-1]!r}")
            return None
        return share

    def _nth(self, text: str, values: Sequence[str] | None) -> frozenset[int]:
        if values is None:
            return frozenset()
        wrong = [value for value in values if not _is_number(value) or int(value) < 1]
        if wrong:
            self._fault(text, f"nth is a number of 1 or more, not {', '.join(map(repr, wrong))}")
            return frozenset()
        return frozenset(map(int, values))

    def _after(self, text: str, values: Sequence[str] | None) -> int:
        if values is None:
            return 0
        if not _is_number(values[-1]):
            self._fault(text, f"after is a number of requests, not {values[-1]!r}")
            return 0
        return int(values[-1])

    def _wanted(self, text: str, kind: FaultKind, names: Sequence[str] | None) -> frozenset[str]:
        """Return the endpoints that it may hit; a vendor's name means all its endpoints."""
        possible = {name for name, paging in self._endpoints.items() if kind.paging in {None, paging}}
        wanted = set[str]()
        for name in names or ():
            known = {each for each in self._endpoints if name in {each, each.partition(".")[0]}}
            if not known:
                self._fault(text, f"the sandbox has no endpoint {name!r}{nearest(name, self._endpoints)}")
            elif not known & possible:
                self._fault(text, f"{name} is not paginated by {kind.paging}: this fault cannot happen there")
            wanted |= known & possible
        return frozenset(possible if names is None else wanted)

    def _parameters(self, text: str, values: Sequence[str] | None) -> Mapping[str, str]:
        pairs = [value.partition("=") for value in values or ()]
        if wrong := [name for name, equals, _ in pairs if not equals or not name]:
            self._fault(text, f"with is followed by PARAMETER=VALUE: with=country_code=JP, not {wrong[0]!r}")
        return {name: value for name, _, value in pairs}

    def _options(self, text: str, kind: FaultKind, said: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
        own = {option.name: option for option in kind.options}
        known: Collection[str] = [*own, *WHEN]
        for key in (key for key in said if key not in known):
            self._fault(text, f"{kind.name} has no {key!r}{nearest(key, known)}; it has {', '.join(known)}")
        values = {name: said[name][-1] if name in said else option.default for name, option in own.items()}
        for name, value in values.items():
            if (wrong := own[name].refuses(value)) is not None:
                self._fault(text, f"{name} {wrong}")
        return values


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
