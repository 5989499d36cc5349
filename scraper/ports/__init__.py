"""The interfaces that use cases depend on; `io` implements them, `wiring` chooses.

Each is imported on first use, with its module: a worker of the archive needs few of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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
        ReadAgain,
        SpooledPage,
        Survey,
        Written,
        drain_order,
    )
    from scraper.ports.clock import Clock
    from scraper.ports.coverage import RunRow, RunRows, RunVersion
    from scraper.ports.journal import Audit, Drain, DriftRecord, Journal
    from scraper.ports.leases import ARCHIVE, HeldForGood, Holding, Lease
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
        Stored,
    )
    from scraper.ports.listener import Listener
    from scraper.ports.runs import PartialWalks, RunEnd, RunRecord, Runs, RunTotals, WalkRecord
    from scraper.ports.stores import Stores
    from scraper.ports.transport import BillingSource, Pacer, Start, Transport, at_once

__all__ = [
    "ARCHIVE",
    "AccountBalance",
    "AccountClosed",
    "AccountLift",
    "AccountState",
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
    "HeldForGood",
    "Holding",
    "InspectedArchive",
    "Journal",
    "Lease",
    "Ledger",
    "Listener",
    "LockKind",
    "NoCredits",
    "Pacer",
    "Part",
    "PartialWalks",
    "Partition",
    "ReadAgain",
    "Reserved",
    "RunEnd",
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
    "Start",
    "StateIdentity",
    "Stored",
    "Stores",
    "Survey",
    "Transport",
    "WalkRecord",
    "Written",
    "at_once",
    "drain_order",
]

_MODULES: Final = {
    "adopt": "AdoptedCount AdoptionEnd AdoptionEnded ArchivedAnswer ArchivedRun RunSpending SpendMark StateIdentity",
    "archive": "Archive ArchiveLedger Compaction Compactor DecidedAnswer FoundPart InspectedArchive Part Partition "
    "ReadAgain SpooledPage Survey Written drain_order",
    "clock": "Clock",
    "coverage": "RunRow RunRows RunVersion",
    "journal": "Audit Drain DriftRecord Journal",
    "leases": "ARCHIVE HeldForGood Holding Lease",
    "ledger": "AccountBalance AccountClosed AccountLift AccountState Ledger LockKind NoCredits Reserved Settlement "
    "Slot Stored",
    "listener": "Listener",
    "runs": "PartialWalks RunEnd RunRecord RunTotals Runs WalkRecord",
    "stores": "Stores",
    "transport": "BillingSource Pacer Start Transport at_once",
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
