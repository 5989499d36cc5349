"""The rows that were expected of a crawl, compared with those that came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from scraper.core.board_watch import BoardWatch, meets_board_guard
from scraper.core.jobs import Crawl
from scraper.core.requests import Progress


@dataclass(frozen=True, slots=True)
class RowsMissing:
    """A crawl with fewer rows than were expected, or none."""

    sentence: str
    is_failure: bool
    """False: none came, as in earlier runs."""
    is_final: bool
    """True if more purchases cannot change it; else it applies only to a run that bought all that it wanted."""


def rows_missing(
    crawls: Iterable[Crawl], walks: Iterable[Progress], reused: Set[str], boards: BoardWatch
) -> Iterator[RowsMissing]:
    """Yield each crawl of a run with too few rows. `reused`: ids of walks that cost nothing in this run.

    A crawl that states ``expect_rows`` needs that many. Any other needs a row, unless the last complete walks of its
    boards gave none, or all of them list only new entries; one whose boards were never read needs a row.
    """
    walks = list(walks)
    for crawl in crawls:
        own = [progress for progress in walks if crawl.name in progress.walk.crawls]
        rows = sum(progress.distinct for progress in own)  # a record without its id is in no table
        if crawl.expect_rows is not None:
            if rows < crawl.expect_rows:
                came = f"{rows} row{' came' if rows == 1 else 's came'}"
                sentence = f"{crawl.name}: {came}, and expect_rows is {crawl.expect_rows}"
                yield RowsMissing(sentence, is_failure=True, is_final=False)
        elif (
            rows == 0
            and not all(progress.walk.is_delta for progress in own)
            and any(progress.pages for progress in own)
            and not any(map(meets_board_guard, own))
        ):
            yield _without_rows(crawl, own, reused, boards)


def _without_rows(crawl: Crawl, own: list[Progress], reused: Set[str], boards: BoardWatch) -> RowsMissing:
    bought = [progress for progress in own if progress.pages]
    pages = sum(progress.pages for progress in bought if progress.walk.walk_id not in reused)
    walks = f"{len(bought)} walk{'' if len(bought) == 1 else 's'}"
    met = f"{crawl.name}: {walks} for {pages * crawl.endpoint.cost} credits returned no rows"
    before = [had for progress in bought if (had := boards.had_rows(progress.walk.walk_id)) is not None]
    if before and not any(before):
        return RowsMissing(f"{met}, as before", is_failure=False, is_final=True)
    told = "and earlier ones did" if before else "and there are no earlier ones to compare with"
    advice = "check its parameters, or set expect_rows = 0 if none are expected"
    return RowsMissing(f"{met}, {told}: {advice}", is_failure=True, is_final=True)
