"""Law 1: for every scope, charged + presumed + unknown + reserved ≤ limit. This module is where it is stated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from scraper.core.units import Credits


class ScopeKind(StrEnum):
    """What a limit is a limit of."""

    RUN = "run"
    SHARE = "share"
    """What a run with ``budget = "auto"`` may spend on one account."""
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits of one scope, by what is known of them."""

    charged: Credits = 0
    presumed: Credits = 0
    unknown: Credits = 0
    reserved: Credits = 0
    adjusted: Credits = 0
    """What the vendor's console says beyond what the ledger knows; below 0 where the ledger presumed too much."""

    @property
    def committed(self) -> Credits:
        """All that may turn out to be spent."""
        return self.charged + self.presumed + self.unknown + self.reserved + self.adjusted


@dataclass(frozen=True, slots=True)
class Scope:
    """A limit and what stands against it."""

    kind: ScopeKind
    limit: Credits | None
    balance: Balance

    @property
    def left(self) -> Credits | None:
        """Credits that may still be reserved; ``None``: no limit."""
        return None if self.limit is None else max(0, self.limit - self.balance.committed)

    def holds(self, cost: Credits) -> bool:
        """Whether a request at this worst price keeps the law."""
        return self.limit is None or self.balance.committed + cost <= self.limit


def first_refusing(scopes: Iterable[Scope], cost: Credits) -> Scope | None:
    """The tightest scope that refuses a request of this worst price; ``None``: it may be sent."""
    refusing = [scope for scope in scopes if not scope.holds(cost)]
    return min(refusing, key=lambda scope: scope.left or 0, default=None)
