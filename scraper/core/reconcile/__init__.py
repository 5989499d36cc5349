"""Comparison of the ledger with the vendor's billing records: settles unknown attempts, and checks a month by line."""

from scraper.core.reconcile.books import BookedCharge, Books, Entry, EntryKind, hold
from scraper.core.reconcile.lines import (
    ANY_ENDPOINT,
    LONGEST_ANSWER,
    SLACK,
    BillingEvent,
    BillingPeriod,
    LedgerLine,
    Route,
    read_events,
    read_periods,
)
from scraper.core.reconcile.verdict import MonthHeld, month_held

__all__ = [
    "ANY_ENDPOINT",
    "LONGEST_ANSWER",
    "SLACK",
    "BillingEvent",
    "BillingPeriod",
    "BookedCharge",
    "Books",
    "Entry",
    "EntryKind",
    "LedgerLine",
    "MonthHeld",
    "Route",
    "hold",
    "month_held",
    "read_events",
    "read_periods",
]
