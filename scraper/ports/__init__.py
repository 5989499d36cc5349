"""What the use cases need of the world. `io` implements these; `wiring` chooses."""

from scraper.ports.accounts import AccountRow, AccountRows, RunAccount
from scraper.ports.archive import Archive, Compaction, Compactor, Part, Partition, SpooledPage, Written, drain_order
from scraper.ports.state import (
    AccountBalance,
    AccountClosed,
    Drain,
    DriftRecord,
    NoCredits,
    Reserved,
    RunRecord,
    RunTotals,
    Settlement,
    Slot,
    State,
    WalkRecord,
)
from scraper.ports.world import Books, Clock, Listener, Pacer, Transport

__all__ = [
    "AccountBalance",
    "AccountClosed",
    "AccountRow",
    "AccountRows",
    "Archive",
    "Books",
    "Clock",
    "Compaction",
    "Compactor",
    "Drain",
    "DriftRecord",
    "Listener",
    "NoCredits",
    "Pacer",
    "Part",
    "Partition",
    "Reserved",
    "RunAccount",
    "RunRecord",
    "RunTotals",
    "Settlement",
    "Slot",
    "SpooledPage",
    "State",
    "Transport",
    "WalkRecord",
    "Written",
    "drain_order",
]
