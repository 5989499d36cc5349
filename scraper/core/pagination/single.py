"""One record, one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from scraper.core.bodies import Json
from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.kind import Expected, Priced
from scraper.core.pagination.states import WalkState, Why
from scraper.core.pagination.walk import R, W, WalkProgress


@dataclass(frozen=True, slots=True)
class SinglePagination:
    """The answer is one record: an object. An empty one, or null, is no record."""

    kind: ClassVar[str] = "single"
    rows_per_page: ClassVar[int] = 1
    max_page: ClassVar[int | None] = 1
    assumed: ClassVar[Sequence[str]] = ()
    open_ended: ClassVar[bool] = False
    fields: ClassVar[Mapping[str, str | None]] = MappingProxyType({})
    words: ClassVar[str] = "none: an answer is one record"
    limit_words: ClassVar[str] = "an answer is one record"
    shape: ClassVar[str] = "object"

    def elements(self, found: Json) -> list[Json] | None:
        if found is None:
            return []
        return None if not isinstance(found, dict) else [found] if found else []

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def told(self, document: Json) -> Mapping[str, Any]:  # noqa: ARG002
        return {}

    def expected(self, page: int, facts: PageFacts) -> Sequence[Expected]:  # noqa: ARG002
        return ()

    def refusal(self, parameter: str, values: Sequence[str], endpoint: Priced) -> str:  # noqa: ARG002
        return f"{endpoint.full_name} answers one record to one request: it has no pages"

    def limit_fault(self, pages: int, endpoint: Priced) -> str | None:
        return None if pages <= 1 else f"{endpoint.full_name} answers one record to one request; leave it out"

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        return SingleWalk(walk, ask)


class SingleWalk(WalkProgress[W, R]):
    """A walk of one request."""

    __slots__ = ()

    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:  # noqa: ARG002
        self._count(facts)
        self._end(Why.END)
        return []

    def outstanding(self) -> Sequence[R]:
        return [self.ask(self.walk, 1, None)] if self.state is WalkState.OPEN else []
