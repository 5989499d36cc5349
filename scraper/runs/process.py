"""The state shared by dispatch, purchases and stops of one process of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from scraper.core.board_watch import BoardWatch
from scraper.core.breakers import Breakers
from scraper.core.catalogue import Vendor
from scraper.core.frontier import Frontier
from scraper.core.jobs import Job
from scraper.core.units import Credits
from scraper.runs.context import RunContext
from scraper.runs.results import Ends
from scraper.runs.resume import OpenedRun
from scraper.runs.retries import Retries
from scraper.runs.signals import RunSignals


@dataclass(slots=True, kw_only=True)
class RunProcess:
    """Shared by `runs.crawl` (dispatch), `runs.purchase` (buying) and `runs.stops` (closing)."""

    job: Job
    vendors: Mapping[str, Vendor]
    run: OpenedRun
    context: RunContext
    frontier: Frontier
    retries: Retries
    boards: BoardWatch
    breakers: Breakers = field(default_factory=Breakers)
    signals: RunSignals = field(default_factory=RunSignals)
    ends: Ends = field(default_factory=Ends)
    spent: Credits = 0
    """Credits counted against the run's budget, without requests in flight."""
    spent_at: Counter[str] = field(default_factory=Counter)
    """Vendor → the same, for this process only."""
    waiting: Counter[str] = field(default_factory=Counter)
    """Vendor → requests that wait for a retry."""
    proven: set[str] = field(default_factory=set)
    """Vendors of which a page has landed in this process."""
    starved: set[str] = field(default_factory=set)
    """Vendors whose next request waits for credits that requests in flight may release."""
    undrained_bytes: int = 0
    """Size of the bodies that landed since the last drain began."""
