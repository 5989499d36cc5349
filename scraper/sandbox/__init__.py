"""Both vendors, played on a local port: a second reading of their pages (read 2026-11-21), with seeded data.

Written only from the vendors' documents, without the project's vendor files and parsers: otherwise a test that compares
the two would agree with every misreading. Plans and prices are passed in as `Subscription` values.
"""

from scraper.sandbox.answers import FailedRequests
from scraper.sandbox.billing_events import Event
from scraper.sandbox.faults import KINDS, Charged, FaultKind, read_injections
from scraper.sandbox.played import endpoints_played
from scraper.sandbox.played_lists import PlayedLists
from scraper.sandbox.records.aging import KINDS as BOARD_KINDS
from scraper.sandbox.records.aging import Aging
from scraper.sandbox.records.given import GivenLists
from scraper.sandbox.records.turnover import Turnover, UnreachableTurnoverError
from scraper.sandbox.server import Sandbox, ServedRecords, serve

__all__ = [
    "BOARD_KINDS",
    "KINDS",
    "Aging",
    "Charged",
    "Event",
    "FailedRequests",
    "FaultKind",
    "GivenLists",
    "PlayedLists",
    "Sandbox",
    "ServedRecords",
    "Turnover",
    "UnreachableTurnoverError",
    "endpoints_played",
    "read_injections",
    "serve",
]
