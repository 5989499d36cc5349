"""``budget = "auto"``: tonight's share of the rest of an account's month. Pure arithmetic over ledger balances.

If a vendor's daily cap is a quarter of its month, nights that spend all they may exhaust the account on the fourth. So
the month's remainder, less the reserve, is divided by the nights left; the result, at most what the daily cap leaves,
is tonight's pot. Jobs that ran with auto on the account within `WINDOW` share the pot by weight:

- The pot is computed as if tonight's auto runs had spent nothing, so that it is the same all night, whichever job runs
  first. All other spending, and what the vendor's console shows beyond the ledger, reduces it at once.
- The part of a job that has not run yet tonight is kept for it; what a finished job has left goes to later ones. On the
  last night the pot is all that is left.
- A job that has spent nothing tonight gets the price of one request, if the pot still has that, so that dividing a
  small pot by weight never leaves a night empty. If jobs that did not know of it have used up the pot, as on the first
  night of a new job, it gets its part of the same division of the rest of the month.

No share exceeds what day and month have left, less what open runs may still spend. Credits past the plan's month
(overage) are never divided: only a budget that is a number buys them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scraper.core.jobs import Account, Job
from scraper.core.subscriptions import day_ends_at, month_ends_at
from scraper.core.units import Credits, iso_utc

WINDOW = timedelta(days=7)
"""A job that has not run with auto for this long has no part of the pot."""


@dataclass(frozen=True, slots=True)
class OtherJob:
    """Another job that ran with auto on the account in the last `WINDOW`."""

    name: str
    weight: int
    spent: Credits = 0
    """Committed by its auto runs tonight."""
    outstanding: Credits = 0
    """Credits that its open run may still spend."""
    done: bool = False
    """True if it has begun and ended a run tonight."""

    @property
    def taken(self) -> Credits:
        return self.spent + self.outstanding


@dataclass(frozen=True, slots=True)
class Spending:
    """An account's spending in the ledger tonight, as one job sees it."""

    this_month: Credits = 0
    today: Credits = 0
    own: Credits = 0
    """Committed by the job's own auto runs tonight."""
    others: tuple[OtherJob, ...] = ()

    @property
    def auto_today(self) -> Credits:
        return self.own + sum(other.spent for other in self.others)

    @property
    def taken(self) -> Credits:
        """Credits that auto runs of all jobs have spent tonight, or may still spend."""
        return self.own + sum(other.taken for other in self.others)


@dataclass(frozen=True, slots=True)
class Share:
    """Credits that a job may spend tonight on one account, and how they were computed."""

    account: str
    credits: Credits
    price: Credits
    """The cost of the job's cheapest request on this account."""
    remainder: Credits
    """Credits of the month to divide: before tonight's auto runs, without the reserve."""
    reserve: Credits
    nights: int
    """UTC days until the month ends, today included."""
    pot: Credits
    """Tonight's credits for all jobs."""
    weight: int
    others: Mapping[str, int]
    """Name → weight of the other jobs that share the pot."""
    claimed: Credits
    """Credits of the pot taken by other jobs, or kept for those that have not run yet."""
    spent: Credits
    """Credits of the pot spent by earlier runs of this job tonight."""
    more_at: datetime
    """The next night with credits, if this share is spent."""

    @property
    def buys_nothing(self) -> bool:
        """True if it does not cover one request."""
        return self.credits < self.price

    def words(self) -> str:
        even = self.remainder // self.nights
        reserve = f" after the reserve of {self.reserve:,}" if self.reserve else ""
        nights = f"for {self.nights} nights: {even:,} a night" if self.nights > 1 else "and this is its last night"
        told = [f"{self.remainder:,} credits left this month{reserve}, {nights}"]
        if self.pot < even:
            told.append(f"the daily cap leaves {self.pot:,} of these")
        if self.others:
            weights = self.weight + sum(self.others.values())
            told.append(
                f"weight {self.weight} of {weights}: {self.claimed:,} used by or kept for {', '.join(self.others)}"
            )
        if self.spent:
            told.append(f"{self.spent:,} already spent tonight")
        if self.credits > max(0, self.pot - self.claimed - self.spent):
            one = self.credits == self.price
            told.append(
                "raised to one request" if one else "other jobs have used tonight's credits: an advance on later nights"
            )
        return f"{self.account}: {self.credits:,} credits tonight ({'; '.join(told)})"

    def to_json(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "credits": self.credits,
            "remainder": self.remainder,
            "reserve": self.reserve,
            "nights": self.nights,
            "pot": self.pot,
            "weight": self.weight,
            "others": dict(self.others),
            "claimed": self.claimed,
            "spent": self.spent,
            "more_at": iso_utc(self.more_at),
        }


@dataclass(frozen=True, slots=True)
class Allowance:
    """Tonight's shares of a job, one for each account that it uses."""

    shares: tuple[Share, ...]
    from_ledger: bool = True
    """False if there is no ledger yet: the month counts as unused."""

    @property
    def credits(self) -> Credits:
        """Credits that a run begun now may spend."""
        return sum(share.credits for share in self.shares)

    @property
    def buys_nothing(self) -> bool:
        return all(share.buys_nothing for share in self.shares)

    def of(self, account: str) -> Share:
        return next(share for share in self.shares if share.account == account)

    def by_vendor(self, job: Job) -> dict[str, Credits]:
        return {vendor: self.of(job.accounts[vendor].id).credits for vendor in job.vendors}

    def words(self) -> str:
        said = "; ".join(share.words() for share in self.shares)
        return said if self.from_ledger else f"{said}; there is no ledger yet, so the month counts as unused"

    def to_json(self) -> dict[str, Any]:
        return {
            "credits": self.credits,
            "from_ledger": self.from_ledger,
            "shares": [share.to_json() for share in self.shares],
        }


def allowance(job: Job, standings: Mapping[str, Spending] | None, now: datetime) -> Allowance:
    """Return tonight's shares of a job that has ``budget = "auto"``.

    `standings` by account id, without accounts that the ledger does not know; ``None`` if there is no ledger.
    The month of every account must be known: the reader of job files guarantees that.
    """
    known = standings or {}
    accounts = [job.accounts[vendor] for vendor in job.vendors]
    shares = tuple(_share(job, account, known.get(account.id, Spending()), now) for account in accounts)
    return Allowance(shares, from_ledger=standings is not None)


def _share(job: Job, account: Account, standing: Spending, now: datetime) -> Share:
    limits = account.subscription
    if limits.credits_per_month is None:
        raise ValueError(f'{account.id} has no known month to divide: the reader of job files refuses budget = "auto"')
    price = min(crawl.endpoint.cost for crawl in job.crawls if crawl.endpoint.vendor == account.vendor)
    month_ends = month_ends_at(now, limits.month_starts_on)
    nights = (month_ends - day_ends_at(now)).days + 1
    remainder = max(0, limits.credits_per_month - limits.reserve - standing.this_month + standing.auto_today)
    day = remainder if limits.credits_per_day is None else limits.credits_per_day - standing.today + standing.auto_today
    pot = max(0, min(remainder // nights, day))
    weights = job.weight + sum(other.weight for other in standing.others)
    claimed = sum(
        other.taken if other.done else max(other.taken, pot * other.weight // weights) for other in standing.others
    )
    month_left, day_left = max(0, remainder - standing.taken), max(0, day - standing.taken)
    wanted = pot - standing.own - claimed
    if not standing.own and wanted < price:
        anew = min(month_left // nights, day_left)
        if pot - standing.taken >= price:
            wanted = price
        elif pot * job.weight // weights >= price <= anew:
            wanted = max(price, anew * job.weight // weights)
    credits = max(0, wanted)
    nights_to_come = min((month_left - credits // price * price) // price, nights - 1)
    return Share(
        account=account.id,
        credits=credits,
        price=price,
        remainder=remainder,
        reserve=limits.reserve,
        nights=nights,
        pot=pot,
        weight=job.weight,
        others={other.name: other.weight for other in standing.others},
        claimed=claimed,
        spent=standing.own,
        more_at=month_ends - timedelta(days=nights_to_come),
    )
