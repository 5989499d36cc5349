"""Boards that go blank, shrink, freeze or turn foreign, judged by the earlier reads of the same boards.

The first page of a walk is compared with the first pages of the board's earlier walks. A page out of character ends its
walk under a guard, so that it never replaces the last good board. It also counts against its endpoint: a sequential
test (`EndpointWatch`) closes an endpoint after three such boards in a row.

Error rates, on 14 real boards over 8,603 nights (songs, repositories, TikTok's discover page; 2020-2026): no board was
out of character. (With a memory of 400 nights, one true standstill of 17 nights was called frozen for 6 of them: its
board had not stood still for more than 4 in that time.) The sequential test assumes that at most one board in a hundred
of a healthy endpoint is out of character (`HEALTHY_RATE`), and nine in ten of a failing one (`FAILING_RATE`). At
`THRESHOLD` it closes a healthy endpoint less than once in 95,000 boards.

The history of a board is folded into one value of constant size as its reads come: a job of thousands of boards reads
one row each, however many nights it has run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from scraper.core.pagination import MOST_EXPLAINED, Guard

USUAL_READS: Final = 7
"""The last reads with rows, whose median is the usual number: a week of nights."""
SHRUNKEN: Final = 5
"""A board with fewer than a fifth of its usual rows is out of character; the real boards kept more than half."""
LEAST_READS: Final = 20
"""Reads before a standstill, below which the board's rate of changes is unknown."""
LEAST_STILL: Final = timedelta(days=7)
"""The shortest standstill that is called frozen. On 10 % of days a real board equals the day before."""
STILL_FACTOR: Final = 4
"""Frozen: still for more than four times as long as any board of the endpoint was before. Real boards stood still for
up to 17 nights where 5 were the most before, and for 76 where 25 were."""
CHANCE: Final = 1e-6
"""Frozen: at the board's own rate of changes, this many equal reads in a row are less likely than this."""

HEALTHY_RATE: Final = 0.01
FAILING_RATE: Final = 0.9
THRESHOLD: Final = (1 - 0.05) / 1e-5
"""Wald's bound, for one false stop in 100,000 and one missed failure in 20. By Lorden's inequality, a healthy endpoint
reaches it once in `THRESHOLD` boards at most."""


@dataclass(frozen=True, slots=True)
class BoardRead:
    """The first page of a walk that was complete or empty."""

    walk_id: str
    endpoint: str
    """Full name."""
    read_at: datetime
    """The beginning of the run that read it."""
    rows: int
    """Records with an id."""
    digest: str
    """Hash of the ids in order; empty if there are none."""


@dataclass(frozen=True, slots=True)
class BoardHistory:
    """The reads of one board so far."""

    read_at: datetime
    """The last read."""
    reads: int
    filled: int
    """Reads with rows since the last one without."""
    usual: tuple[int, ...]
    """Rows of the last reads with rows, at most `USUAL_READS`, oldest first."""
    digest: str
    """The last list; empty if it had no rows."""
    still_since: datetime
    """The first of the last reads with this list."""
    still_reads: int
    longest_still: timedelta
    """The longest standstill, without the one that may still last. A board without rows does not stand still."""
    changes: int
    """Reads that differed from the one before."""

    @property
    def usual_rows(self) -> float:
        """The median of the last reads with rows; 0 if there are none."""
        return median(self.usual or [0])

    @property
    def is_never_empty(self) -> bool:
        """True if the last reads all had rows: an empty page is out of character."""
        return self.filled >= min(self.reads, USUAL_READS)

    @property
    def had_rows(self) -> bool:
        """True if the last read had rows."""
        return self.filled > 0

    def after(self, read: BoardRead) -> BoardHistory:
        """Return the history with one more read; an older one than the last changes nothing."""
        if read.read_at <= self.read_at:
            return self
        same = read.digest == self.digest
        ended = timedelta(0) if same or not self.digest else self.read_at - self.still_since
        return BoardHistory(
            read_at=read.read_at,
            reads=self.reads + 1,
            filled=self.filled + 1 if read.rows else 0,
            usual=(*self.usual, read.rows)[-USUAL_READS:] if read.rows else self.usual,
            digest=read.digest,
            still_since=self.still_since if same else read.read_at,
            still_reads=self.still_reads + 1 if same else 1,
            longest_still=max(self.longest_still, ended),
            changes=self.changes + (not same),
        )

    def is_frozen(self, digest: str, now: datetime, longest_still: timedelta) -> bool:
        """Return whether a page with this digest means that the board is stuck.

        `longest_still`: of all boards of the endpoint.
        """
        if digest != self.digest or now <= self.read_at:  # else this very run has read it
            return False
        before = self.reads - self.still_reads
        if before < LEAST_READS or now - self.still_since < max(LEAST_STILL, STILL_FACTOR * longest_still):
            return False
        equal_rate = 1 - (self.changes + 1) / (before + 2)  # Laplace's rule of succession
        return bool(equal_rate**self.still_reads < CHANCE)


def history_of(read: BoardRead) -> BoardHistory:
    """Return the history of a board that was read once."""
    usual = (read.rows,) if read.rows else ()
    return BoardHistory(read.read_at, 1, len(usual), usual, read.digest, read.read_at, 1, timedelta(0), 0)


def out_of_character(
    read: BoardRead,
    foreign: int,
    history: BoardHistory | None,
    longest_still: timedelta,
    *,
    ranked: bool,
    may_be_empty: bool,
    end_unstated: bool = False,
) -> Guard | None:
    """Return the guard that applies to a first page, if any.

    `foreign`: its records that name another country than the one requested. `longest_still`: of any board of the
    endpoint. `ranked`: the walk is a ranked list. The length of a feed and its standing still say nothing: the last
    post of a hashtag may be a year old. `may_be_empty`: the job says that no rows are fine. `end_unstated`: the page
    lacks every field that marks the end of the list by the vendor file.
    """
    if foreign * 2 > read.rows:
        return Guard.BOARD_FOREIGN
    if history is None:
        return None
    if not read.rows:
        return Guard.BOARD_BLANK if history.is_never_empty and not may_be_empty else None
    if not ranked:
        return None
    if read.rows * SHRUNKEN < history.usual_rows and not may_be_empty:
        return Guard.BOARD_SHRUNKEN
    if end_unstated and read.rows < history.usual_rows * (1 - MOST_EXPLAINED) and not may_be_empty:
        return Guard.BOARD_SHORT
    return Guard.BOARD_FROZEN if history.is_frozen(read.digest, read.read_at, longest_still) else None


@dataclass(slots=True)
class EndpointWatch:
    """A sequential test of one endpoint: Page's cumulative sum of log-likelihood ratios, written as a product."""

    ratio: float = 1.0
    """The likelihood of the boards seen if the endpoint fails, over that if it is healthy; never below 1."""

    def observe(self, *, suspicious: bool) -> None:
        if suspicious:
            self.ratio *= FAILING_RATE / HEALTHY_RATE
        else:
            self.ratio = max(1.0, self.ratio * (1 - FAILING_RATE) / (1 - HEALTHY_RATE))

    @property
    def is_suspected(self) -> bool:
        """True if the last boards were out of character: one request at a time is enough until the next ones decide."""
        return self.ratio > 1.0

    @property
    def is_failing(self) -> bool:
        """True if nothing more is to be bought from the endpoint in this run."""
        return self.ratio >= THRESHOLD
