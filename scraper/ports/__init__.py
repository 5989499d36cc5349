"""The interfaces that use cases depend on; `io` implements them, `wiring` chooses."""

from scraper.ports.archive import (
    Archive,
    Compaction,
    Compactor,
    DecidedAnswer,
    FoundPart,
    InspectedArchive,
    Part,
    Partition,
    ReadAgain,
    SpooledPage,
    Survey,
    Written,
    drain_order,
)
from scraper.ports.clock import Clock
from scraper.ports.coverage import RunRow, RunRows, RunVersion
from scraper.ports.journal import Audit, Drain, DriftRecord, Journal
from scraper.ports.ledger import (
    AccountBalance,
    AccountClosed,
    AccountLift,
    AccountState,
    Ledger,
    LockKind,
    NoCredits,
    Reserved,
    Settlement,
    Slot,
)
from scraper.ports.listener import Listener
from scraper.ports.runs import RunRecord, Runs, RunTotals, WalkRecord
from scraper.ports.stores import Stores
from scraper.ports.transport import BillingSource, Pacer, Transport

__all__ = [
    "AccountBalance",
    "AccountClosed",
    "AccountLift",
    "AccountState",
    "Archive",
    "Audit",
    "BillingSource",
    "Clock",
    "Compaction",
    "Compactor",
    "DecidedAnswer",
    "Drain",
    "DriftRecord",
    "FoundPart",
    "InspectedArchive",
    "Journal",
    "Ledger",
    "Listener",
    "LockKind",
    "NoCredits",
    "Pacer",
    "Part",
    "Partition",
    "ReadAgain",
    "Reserved",
    "RunRecord",
    "RunRow",
    "RunRows",
    "RunTotals",
    "RunVersion",
    "Runs",
    "Settlement",
    "Slot",
    "SpooledPage",
    "Stores",
    "Survey",
    "Transport",
    "WalkRecord",
    "Written",
    "drain_order",
]
