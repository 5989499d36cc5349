"""The boards of one process of a run, compared with their history, and the endpoints that are judged by them.

Two ways in: `judge` is a function of history and page, and is called for every first page, also for one that an earlier
process of the run has bought; `observe` counts a page that has just been bought. A resumed run therefore ends a walk as
its first process did, and gives a closed endpoint another trial.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scraper.core.board_history import BoardHistory, BoardRead, EndpointWatch, out_of_character
from scraper.core.pagination import Guard, PageFacts
from scraper.core.requests import Progress, Walk

BOARD_GUARDS = frozenset(
    {Guard.BOARD_BLANK, Guard.BOARD_SHRUNKEN, Guard.BOARD_FROZEN, Guard.BOARD_SHORT, Guard.BOARD_FOREIGN}
)
MOST_NAMED = 5

_IN_WORDS: Mapping[Guard, str] = {
    Guard.BOARD_BLANK: "came back empty, and had rows before",
    Guard.BOARD_SHRUNKEN: "came back with less than a fifth of their usual rows",
    Guard.BOARD_FROZEN: "have not changed for longer than any did before",
    Guard.BOARD_SHORT: "came back with fewer rows than usual and without the fields that mark the end",
    Guard.BOARD_FOREIGN: "list records of another country than the one requested",
}


@dataclass(slots=True)
class BoardWatch:
    """The history of the boards of a run, and the state of their endpoints."""

    now: datetime
    """The beginning of the run: its boards are compared as of then, in every process."""
    may_be_empty: frozenset[str] = frozenset()
    """Names of the crawls with ``expect_rows = 0``."""
    _histories: dict[str, BoardHistory] = field(default_factory=dict)
    _longest_still: dict[str, timedelta] = field(default_factory=dict)
    """Endpoint → the longest standstill of its boards."""
    _reads: dict[str, tuple[BoardRead, Guard | None]] = field(default_factory=dict)
    """Walk → its first page, and the guard that applies to it."""
    _awaited: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Endpoint → walks with a history whose first page has not come."""
    _proven: set[str] = field(default_factory=set)
    """Endpoints with a board that has a history and was in character, in this process."""
    _tests: defaultdict[str, EndpointWatch] = field(default_factory=lambda: defaultdict(EndpointWatch))
    _suspects: defaultdict[str, list[tuple[Walk, Guard]]] = field(default_factory=lambda: defaultdict(list))
    """Endpoint → boards out of character since it was last beyond suspicion."""

    def knows(self, endpoint: str) -> bool:
        """Return whether `remember` has received the longest standstill of an endpoint."""
        return endpoint in self._longest_still

    def remember(self, walks: Iterable[Walk], histories: Mapping[str, BoardHistory]) -> None:
        """Take the histories of new walks; a walk without one has never been read."""
        for walk in walks:
            if (history := histories.get(walk.walk_id)) is not None:
                self._histories[walk.walk_id] = history
                if history.is_never_empty and not walk.is_delta:
                    self._awaited[walk.endpoint.full_name].add(walk.walk_id)

    def remember_still(self, endpoint: str, longest_still: timedelta) -> None:
        self._longest_still[endpoint] = longest_still

    def judge(self, walk: Walk, facts: PageFacts) -> Guard | None:
        """Return the guard that applies to the first page of a walk, if any."""
        endpoint = walk.endpoint
        self.forget(walk)
        read = BoardRead(walk.walk_id, endpoint.full_name, self.now, len(facts.ids), facts.digest)
        guard = out_of_character(
            read,
            facts.foreign_to(walk.country),
            self._histories.get(walk.walk_id),
            self._longest_still.get(endpoint.full_name, timedelta(0)),
            ranked=not endpoint.pagination.open_ended and not walk.is_delta,
            may_be_empty=walk.is_delta or (bool(walk.crawls) and self.may_be_empty.issuperset(walk.crawls)),
            end_unstated=endpoint.pagination.tells_end and facts.total is None and facts.has_more is None,
        )
        self._reads[walk.walk_id] = read, guard
        return guard

    def forget(self, walk: Walk) -> None:
        """Wait no longer for the first page of a walk: it has come, or will not come."""
        self._awaited[walk.endpoint.full_name].discard(walk.walk_id)

    def observe(self, walk: Walk) -> None:
        """Count a first page that has just been bought in the test of its endpoint.

        A board that was never read, or that is empty at times, proves nothing as long as it is in character; neither
        does one that shows its last list again where others of its endpoint are frozen.
        """
        name, (read, guard) = walk.endpoint.full_name, self._reads[walk.walk_id]
        history, test = self._histories.get(walk.walk_id), self._tests[name]
        if guard is None and (history is None or not history.is_never_empty):
            return
        frozen = {one for _, one in self._suspects[name]} == {Guard.BOARD_FROZEN}
        if guard is None and frozen and history is not None and read.digest == history.digest:
            return
        test.observe(suspicious=guard is not None)
        if guard is not None:
            self._suspects[name].append((walk, guard))
        elif not test.is_suspected:
            self._suspects[name].clear()
            self._proven.add(name)

    def reads(self, walk_ids: Iterable[str]) -> Sequence[BoardRead]:
        """Return the first pages of these walks to which no guard applies."""
        found = (self._reads[walk_id] for walk_id in walk_ids if walk_id in self._reads)
        return [read for read, guard in found if guard is None]

    def had_rows(self, walk_id: str) -> bool | None:
        """Return whether the last read before this run had rows; ``None`` if there was none."""
        history = self._histories.get(walk_id)
        return None if history is None or history.read_at >= self.now else history.had_rows

    def is_on_trial(self, endpoint: str) -> bool:
        """Return whether only one request at a time may be sent to an endpoint.

        It is suspected, or has boards with a history of which none has come yet.
        """
        if self._tests[endpoint].is_suspected:
            return True
        return endpoint not in self._proven and bool(self._awaited[endpoint])

    def is_failing(self, endpoint: str) -> bool:
        return self._tests[endpoint].is_failing

    def sentence(self, endpoint: str, unbought: int) -> str:
        """Return the reason why an endpoint is closed, in a sentence.

        `unbought`: its walks of which no page was bought.
        """
        suspects = self._suspects[endpoint]
        guards = {guard for _, guard in suspects}
        met = _IN_WORDS[guards.pop()] if len(guards) == 1 else "are blank, shrunken, frozen or foreign"
        named = ", ".join(_name(walk, [one for one, _ in suspects]) for walk, _ in suspects[:MOST_NAMED])
        more = ", …" if len(suspects) > MOST_NAMED else ""
        left = f"{unbought} walk{' was' if unbought == 1 else 's were'} not bought"
        return f"{endpoint}: {len(suspects)} boards in a row {met} ({named}{more}); {left}"


def _name(walk: Walk, among: Sequence[Walk]) -> str:
    """Return the country if it distinguishes the board from the others, else all parameters."""
    countries = [one.country for one in among]
    if walk.country is not None and countries.count(walk.country) == 1:
        return walk.country
    return " ".join(f"{name}={value}" for name, value in walk.params) or "all"


def meets_board_guard(progress: Progress) -> bool:
    """Return whether a walk ended because its first page was out of character."""
    return not BOARD_GUARDS.isdisjoint(progress.notes)
