"""What the state tells the archive of a run, so that a copy of the archive explains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

AccountRow: TypeAlias = Mapping[str, Any]
"""Column → value, of `core.accounting.ACCOUNT_COLUMNS`; instants are aware, in UTC."""


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Every walk and every settled attempt of a run, as the state has them now."""

    run_id: str
    started_at: datetime
    """Aware, UTC; its day is the partition's date."""
    rows: Mapping[str, Sequence[AccountRow]]
    """Table (`coverage`, `requests`) → its rows, each with an ``endpoint`` that names its vendor."""
