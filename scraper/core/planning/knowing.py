"""The effect of reading less: the entries that a job would have seen with fewer reads, or by a delta."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from scraper.core.catalogue import Role
from scraper.core.changes.cadence import LEAST_ENTRIES, LEAST_READS, Cadences, cadences, nightly
from scraper.core.changes.delta import FULL_EVERY, DeltaWorth, delta_worth
from scraper.core.changes.reads import WholeRead
from scraper.core.jobs import Crawl, Job
from scraper.core.planning.board_order import board_walks
from scraper.core.planning.history import History
from scraper.core.units import Credits

MOST_BOARDS: Final = 1_000
"""Jobs with more boards get no such figures: loading their reads would delay the plan."""


@dataclass(frozen=True, slots=True)
class Knowing:
    """The yield of other ways to read a job's boards."""

    cadences: Cadences | None
    deltas: Mapping[str, tuple[str, DeltaWorth]]
    """Crawl whose boards have a page of new entries → its parameter, and the yield of such pages."""

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each way to read less."""
        if self.cadences is not None:
            yield from _cadence_words(self.cadences)
        for crawl, (parameter, worth) in self.deltas.items():
            yield _delta_words(crawl, parameter, worth)

    def to_json(self) -> dict[str, Any]:
        found = self.cadences
        steps = [] if found is None else found.steps
        return {
            "cadences": [
                {"every": each.step, "seen": round(each.seen, 4), "credits_a_night": round(each.credits, 2)}
                for each in steps
            ],
            "nightly": None
            if found is None
            else {"nights": found.nights, "boards": found.boards, "entries": found.entries, "credits": found.credits},
            "deltas": {
                crawl: {
                    "parameter": parameter,
                    "nights": worth.nights,
                    "entries": worth.entries,
                    "seen": worth.seen,
                    "credits_a_week": worth.delta_credits,
                    "credits_a_week_whole": worth.whole_credits,
                }
                for crawl, (parameter, worth) in self.deltas.items()
            },
        }


def knowing(job: Job, history: History, now: datetime) -> Knowing | None:
    """Return the yield of other ways to read the boards that the job read nightly; ``None``: nothing to compare."""
    if job.every is None or sum(crawl.combinations for crawl in job.crawls if crawl.each is None) > MOST_BOARDS:
        return None
    walks = board_walks(job)
    read = history.reads(list(walks.values()))
    in_a_row = {walk_id: nightly(reads, now, job.every.period) for walk_id, reads in read.items()}
    boards: dict[str, list[tuple[Sequence[WholeRead], Credits]]] = {}
    for walk_id, reads in in_a_row.items():
        if len(reads) < LEAST_READS:
            continue
        walk = walks[walk_id]
        credits = max(1, reads[-1].pages) * walk.endpoint.cost
        boards.setdefault(walk.crawls[0], []).append((reads, credits))
    nightly_boards = [board for of_crawl in boards.values() for board in of_crawl]
    # The few that an order reads each night are those that change most: they say nothing about the others.
    found = cadences(nightly_boards) if 2 * len(nightly_boards) >= len(walks) else None
    deltas = {}
    for crawl in job.crawls:
        worth = _delta_worth(crawl, boards.get(crawl.name, ()))
        if worth is not None:
            deltas[crawl.name] = worth
    return Knowing(found, deltas) if found is not None or deltas else None


def _delta_worth(crawl: Crawl, boards: Sequence[tuple[Sequence[WholeRead], Credits]]) -> tuple[str, DeltaWorth] | None:
    parameter = crawl.endpoint.with_role(Role.DELTA)
    long_enough = [(reads, credits) for reads, credits in boards if len(reads) > FULL_EVERY]
    if parameter is None or crawl.delta is not None or parameter.name in crawl.params or not long_enough:
        return None
    worth = delta_worth(long_enough, crawl.endpoint.cost, crawl.endpoint.pagination.rows_per_page)
    is_cheaper = worth.delta_credits < worth.whole_credits
    return (parameter.name, worth) if worth.entries >= LEAST_ENTRIES and is_cheaper else None


def _cadence_words(found: Cadences) -> Iterator[str]:
    boards = f"{found.boards} board{'s' if found.boards != 1 else ''}"
    for each in found.steps:
        nth = {2: "second", 3: "third"}.get(each.step, f"{each.step}th")
        saved = found.credits - each.credits
        yield (
            f"every {nth} night would see {each.seen:.0%} of the entries and save {saved:.0f} of {found.credits} "
            f"credits a night (by {boards}, {found.nights} nights)"
        )


def _delta_words(crawl: str, parameter: str, worth: DeltaWorth) -> str:
    share = worth.seen / worth.entries
    return (
        f'{crawl}: delta = "{parameter}" would have shown {share:.0%} of the entries for {worth.delta_credits} instead '
        f"of {worth.whole_credits} credits in {FULL_EVERY} nights (by {worth.nights} nights)"
    )
