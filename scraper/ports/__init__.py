"""The interfaces that use cases depend on; `io` implements them, `wiring` chooses."""

from scraper.ports.adopt import (
    AdoptedCount,
    AdoptionEnd,
    AdoptionEnded,
    ArchivedAnswer,
    ArchivedRun,
    RunSpending,
    SpendMark,
    StateIdentity,
)
from scraper.ports.archive import (
    Archive,
    ArchiveLedger,
    Compaction,
    Compactor,
    DecidedAnswer,
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
from scraper.ports.coverage import RunRow, RunRows, RunVersion
from scraper.ports.journal import Audit, Drain, DriftRecord, Journal
from scraper.ports.ledger import AccountBalance, AccountClosed, Ledger, NoCredits, Reserved, Settlement, Slot
from scraper.ports.listener import Listener
from scraper.ports.runs import RunRecord, Runs, RunTotals, WalkRecord
from scraper.ports.stores import Stores
from scraper.ports.transport import BillingSource, Pacer, Transport

__all__ = [
    "AccountBalance",
    "AccountClosed",
    "AdoptedCount",
    "AdoptionEnd",
    "AdoptionEnded",
    "Archive",
    "ArchiveLedger",
    "ArchivedAnswer",
    "ArchivedRun",
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
    "NoCredits",
    "Pacer",
    "Part",
    "Partition",
    "Reserved",
    "RunRecord",
    "RunRow",
    "RunRows",
    "RunSpending",
    "RunTotals",
    "RunVersion",
    "Runs",
    "Settlement",
    "Slot",
    "SpendMark",
    "SpooledPage",
    "StateIdentity",
    "Stores",
    "Survey",
    "Transport",
    "WalkRecord",
    "Written",
    "drain_order",
]
