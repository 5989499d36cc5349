"""The three stores of one database. None can be replaced alone: another database is another `Backend` (`io.state`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.ports.journal import Journal
    from scraper.ports.ledger import Ledger
    from scraper.ports.runs import Runs


@dataclass(frozen=True, slots=True)
class Stores:
    """All three, for a run; other use cases take the store that they need."""

    ledger: Ledger
    journal: Journal
    runs: Runs
