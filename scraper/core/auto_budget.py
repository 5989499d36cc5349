"""``budget = "auto"``: tonight's share of what an account's month still has. Pure arithmetic over ledger balances.

Where a vendor's day cap is a quarter of its month, nights that spend what they may leave an account dry on the fourth.
So the month's remainder, less the reserve, is divided by the nights left; that is tonight's pot, never above what the
day cap leaves. Jobs that ran with auto on the account in the last `WINDOW` share the pot by weight:

- What auto runs have spent tonight counts as still there when the pot is made: the pot stays the same all night long,
  whoever comes first. Everything else that was spent, or that the vendor's console told, makes it smaller at once.
- The part of a job that has not come yet tonight is kept for it; what a job has left over that is done for tonight goes
  to those who come later. On the last night the pot is all that is left.
- A job that has had nothing tonight gets the price of one request, if the pot still holds that: weights that divide a
  small pot below one price send no night empty. Where jobs that did not know of it have taken the whole pot, as on the
  first night of a new job, it gets its part of what the same division makes of the rest of the month.

None of this passes what day and month hold less what runs under way may still spend. Credits past the plan's month
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
"""A job that has not run with auto for so long has no part of a night any more."""


@dataclass(frozen=True, slots=True)
class OtherJob:
    """Another job that ran with auto on the account in the last `WINDOW`."""

    name: str
    weight: int
    spent: Credits = 0
    """Of tonight, by its auto runs: charged, presumed, unknown or reserved."""
    outstanding: Credits = 0
    """What a run of it that is under way may still spend."""
    done: bool = False
    """It has begun and ended a run tonight."""

    @property
    def taken(self) -> Credits:
        return self.spent + self.outstanding


@dataclass(frozen=True, slots=True)
class Spending:
    """What the ledger holds of an account tonight, as one job sees it. Credits are those that count as spent."""

    this_month: Credits = 0
    today: Credits = 0
    own: Credits = 0
    """Of tonight, by auto runs of the job itself."""
    others: tuple[OtherJob, ...] = ()

    @property
    def auto_today(self) -> Credits:
        return self.own + sum(other.spent for other in self.others)

    @property
    def taken(self) -> Credits:
        """Of tonight, by auto runs of all jobs: spent, or still theirs to spend."""
        return self.own + sum(other.taken for other in self.others)


@dataclass(frozen=True, slots=True)
class Share:
    """What one job may spend tonight on one account, and how that came about."""

    account: str
    credits: Credits
    price: Credits
    """Of the cheapest request that the job has for this account."""
    remainder: Credits
    """Credits of the month that are divided: before tonight's auto runs, without the reserve."""
    reserve: Credits
    nights: int
    """UTC days until the month ends, today included."""
    pot: Credits
    """Tonight's, for all jobs."""
    weight: int
    others: Mapping[str, int]
    """Weights of the jobs that share the pot, by name."""
    claimed: Credits
    """Of the pot: what the others have taken, and what is kept for those that have not come yet."""
    spent: Credits
    """Of the pot: by earlier runs of this job tonight."""
    more_at: datetime
    """The night on which there is more, if all of this is spent."""

    @property
    def buys_nothing(self) -> bool:
        """It does not reach for one request."""
        return self.credits < self.price

    def words(self) -> str:
        """For people: the share, and each figure that it comes from."""
        even = self.remainder // self.nights
        reserve = f" beside the reserve of {self.reserve:,}" if self.reserve else ""
        nights = f"for {self.nights} nights: {even:,} a night" if self.nights > 1 else "and this is its last night"
        told = [f"{self.remainder:,} credits left this month{reserve}, {nights}"]
        if self.pot < even:
            told.append(f"the day's cap leaves {self.pot:,} of them")
        if self.others:
            weights = self.weight + sum(self.others.values())
            told.append(
                f"weight {self.weight} of {weights}: {self.claimed:,} used by or kept for {', '.join(self.others)}"
            )
        if self.spent:
            told.append(f"{self.spent:,} spent tonight already")
        if self.credits > max(0, self.pot - self.claimed - self.spent):
            one = self.credits == self.price
            told.append("raised to one request" if one else "tonight is used by others: a part of the nights to come")
        return f"{self.account}: {self.credits:,} credits tonight ({'; '.join(told)})"

    def to_json(self) -> dict[str, Any]:
        """Whole numbers, weights by job, UTC."""
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
    """False: there is no ledger yet, so nothing of the month is known to be used."""

    @property
    def credits(self) -> Credits:
        """What a run that begins now may spend."""
        return sum(share.credits for share in self.shares)

    @property
    def buys_nothing(self) -> bool:
        """No share reaches for one request."""
        return all(share.buys_nothing for share in self.shares)

    def of(self, account: str) -> Share:
        """The share of one account."""
        return next(share for share in self.shares if share.account == account)

    def by_vendor(self, job: Job) -> dict[str, Credits]:
        """Vendor → credits of its share."""
        return {vendor: self.of(job.accounts[vendor].id).credits for vendor in job.vendors}

    def words(self) -> str:
        """The shares in words; and that the month was taken as unused, where nothing is known of it."""
        said = "; ".join(share.words() for share in self.shares)
        return said if self.from_ledger else f"{said}; no ledger is there yet, so the month is taken as unused"

    def to_json(self) -> dict[str, Any]:
        """``{"credits": …, "from_ledger": …, "shares": […]}``."""
        return {
            "credits": self.credits,
            "from_ledger": self.from_ledger,
            "shares": [share.to_json() for share in self.shares],
        }


def allowance(job: Job, standings: Mapping[str, Spending] | None, now: datetime) -> Allowance:
    """Tonight's shares of a job that has ``budget = "auto"``.

    `standings`: by account id; an account that has none is one that the ledger has never met. ``None``: no ledger.
    The month of every account must be known: reading the job sees to that.
    """
    known = standings or {}
    accounts = [job.accounts[vendor] for vendor in job.vendors]
    shares = tuple(_share(job, account, known.get(account.id, Spending()), now) for account in accounts)
    return Allowance(shares, from_ledger=standings is not None)


def _share(job: Job, account: Account, standing: Spending, now: datetime) -> Share:
    limits = account.subscription
    if limits.credits_per_month is None:
        raise ValueError(f'{account.id} has no known month to divide: budget = "auto" is refused where a job is read')
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
