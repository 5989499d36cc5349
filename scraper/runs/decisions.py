"""Stored answers decided again by today's vendor files, for 0 credits.

Tables get the rows and the state gets outcome, facts and coverage. The ledger, the run's status and its message stay as
they were when the run ended, and a file of pages is never rewritten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from scraper.core.decisions import Decision
from scraper.core.errors import ArchiveError
from scraper.ports import Archive, Clock, DecidedAnswer, Journal, ReadAgain
from scraper.runs.threads import in_a_thread

ANSWERS_AT_A_TIME = 256


async def differences(
    source: str, journal: Journal, archive: Archive, table: str | None = None
) -> AsyncIterator[Sequence[tuple[DecidedAnswer, Decision]]]:
    """Yield the answers of a pages part that today's vendor files read differently, each with its recorded decision."""
    answers = archive.decided(source, table)
    while some := await in_a_thread(lambda: list(islice(answers, ANSWERS_AT_A_TIME))):
        noted = zip(some, await journal.noted_decisions(some), strict=True)
        if differing := [(now, then) for now, then in noted if then is not None and not now.decision.agrees_with(then)]:
            yield differing


async def differ(answers: Sequence[ReadAgain], journal: Journal) -> bool:
    """Return whether one of these answers is read differently than recorded."""
    for start in range(0, len(answers), ANSWERS_AT_A_TIME):
        some = answers[start : start + ANSWERS_AT_A_TIME]
        noted = zip(some, await journal.noted_decisions(some), strict=True)
        if any(then is not None and then.digest != now.digest for now, then in noted):
            return True
    return False


async def decide_again(table: str, sources: Sequence[str], journal: Journal, archive: Archive, clock: Clock) -> int:
    """Record the changed decisions on the answers that feed a table; return their number."""
    changed = 0
    for source in sources:
        async for differing in differences(source, journal, archive, table):
            await journal.decide_again([now for now, _ in differing], clock.now())
            changed += len(differing)
    return changed


@dataclass(slots=True)
class MisreadPages:
    """The answers of an endpoint that today's vendor files read differently than recorded."""

    endpoint: str
    table: str
    sources: set[str] = field(default_factory=set)
    """Their parts of the raw table."""
    answers: int = 0
    noted: set[str] = field(default_factory=set)
    """Their recorded outcomes."""
    records_before: int = 0
    records_now: int = 0

    def add(self, source: str, now: Decision, noted: Decision) -> None:
        self.sources.add(source)
        self.answers += 1
        self.noted.add(noted.outcome.value.replace("_", " "))
        self.records_before += noted.records
        self.records_now += now.records

    @property
    def text(self) -> str:
        pages, were, have = ("page", "was", "has") if self.answers == 1 else ("pages", "were", "have")
        met = f"{self.answers} {pages} of {self.endpoint} {were} booked as {' or '.join(sorted(self.noted))}"
        now = f"{have} {self.records_now} records, not {self.records_before}, by today's vendor file"
        if self.records_now == self.records_before:
            now = f"{have} the same {self.records_now} records with another outcome or end by today's vendor file"
        return f"{met} and {now}: scraper rebuild {self.table}"


async def misread(sources: Sequence[str], journal: Journal, archive: Archive) -> list[MisreadPages]:
    """Read every stored 2xx body of these pages parts by today's vendor files."""
    found: dict[str, MisreadPages] = {}
    for source in sources:
        try:
            async for differing in differences(source, journal, archive):
                for now, noted in differing:
                    endpoint = now.endpoint
                    known = found.setdefault(endpoint.full_name, MisreadPages(endpoint.full_name, endpoint.table))
                    known.add(source, now.decision, noted)
        except ArchiveError:  # a damaged part is a finding of its own
            continue
    return [found[endpoint] for endpoint in sorted(found)]
