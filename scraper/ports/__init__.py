"""What the use cases need of the world. `io` implements these; `wiring` chooses."""

from scraper.ports.archive import (
    Archive,
    Compaction,
    Compactor,
    FoundPart,
    InspectedArchive,
    Part,
    Partition,
    SpooledPage,
    Survey,
    Written,
    drain_order,
)
from scraper.ports.clock import Clock
from scraper.ports.coverage import AccountRow, AccountRows, RunAccount
from scraper.ports.listener import Listener
from scraper.ports.state import (
    AccountBalance,
    AccountClosed,
    Audit,
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
from scraper.ports.transport import BillingSource, Pacer, Transport

__all__ = [
    "AccountBalance",
    "AccountClosed",
    "AccountRow",
    "AccountRows",
    "Archive",
    "Audit",
    "BillingSource",
    "Clock",
    "Compaction",
    "Compactor",
    "Drain",
    "DriftRecord",
    "FoundPart",
    "InspectedArchive",
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
    "Survey",
    "Transport",
    "WalkRecord",
    "Written",
    "drain_order",
]
