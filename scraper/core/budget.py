"""Law 1: for every scope, charged + presumed + unknown + reserved ≤ limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from scraper.core.units import Credits


class ScopeKind(StrEnum):
    """The kinds of limits."""

    RUN = "run"
    SHARE = "share"
    """A run's share of one account, with ``budget = "auto"``."""
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits of one scope, by charge."""

    charged: Credits = 0
    presumed: Credits = 0
    unknown: Credits = 0
    reserved: Credits = 0
    adjusted: Credits = 0
    """Credits by the vendor's console or billing records beyond the ledger's; negative if it presumed too much."""

    @property
    def committed(self) -> Credits:
        """Credits that are, or may turn out to be, spent."""
        return self.charged + self.presumed + self.unknown + self.reserved + self.adjusted


@dataclass(frozen=True, slots=True)
class Scope:
    """A limit and the balance that counts against it."""

    kind: ScopeKind
    limit: Credits | None
    balance: Balance

    @property
    def left(self) -> Credits | None:
        """Credits that may still be reserved; ``None`` without a limit."""
        return None if self.limit is None else max(0, self.limit - self.balance.committed)

    def allows(self, cost: Credits) -> bool:
        """Return True if a request at this highest price stays within the limit."""
        return self.limit is None or self.balance.committed + cost <= self.limit


def first_refusing(scopes: Iterable[Scope], cost: Credits) -> Scope | None:
    """Return the tightest scope that refuses a request at this highest price; ``None`` if it may be sent."""
    refusing = [scope for scope in scopes if not scope.allows(cost)]
    return min(refusing, key=lambda scope: scope.left or 0, default=None)
