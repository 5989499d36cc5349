"""What the state tells the archive of a run, so that a copy of the archive explains itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

RunRow: TypeAlias = Mapping[str, Any]
"""Column → value, of `core.coverage.RUN_TABLES`; instants are aware, in UTC."""

RunRows: TypeAlias = Mapping[str, Iterable[RunRow]]
"""Table (`coverage`, `requests`) → rows in the order of their ``endpoint``, which names their vendor; read once."""


@dataclass(frozen=True, slots=True)
class RunVersion:
    """A run whose coverage and ledger the archive is to be told."""

    run_id: str
    started_at: datetime
    """Aware, UTC; its day is the partition's date."""
    version: str
    """Of its rows: it differs where any of them has changed."""
