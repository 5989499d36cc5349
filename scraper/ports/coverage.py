"""A run's coverage and ledger on their way into the archive, so that a copy of the archive explains itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

RunRow: TypeAlias = Mapping[str, Any]
"""Column → value, of `core.coverage.RUN_TABLES`; instants are aware, in UTC."""

RunRows: TypeAlias = Mapping[str, Iterable[RunRow]]
"""Table (`coverage`, `requests`) → rows sorted by ``endpoint``, whose first part is the vendor; can be read once."""


@dataclass(frozen=True, slots=True)
class RunVersion:
    """A run and the version of its coverage and ledger."""

    run_id: str
    started_at: datetime
    """Aware, UTC; its day is the partition's date."""
    version: str
    """Differs if any of its rows has changed."""
