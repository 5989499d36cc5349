"""The three parts of one database."""

from __future__ import annotations

from dataclasses import dataclass

from scraper.ports.journal import Journal
from scraper.ports.ledger import Ledger
from scraper.ports.runs import Runs


@dataclass(frozen=True, slots=True)
class Stores:
    """A whole run needs all of them; any other use case takes the part that it needs."""

    ledger: Ledger
    journal: Journal
    runs: Runs
