"""Settles unknown attempts on request: from the vendor's billing events, or on the user's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scraper.core.bodies import Decoded, decode
from scraper.core.catalogue import Charge, Vendor
from scraper.core.jobs import Account
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.reconcile import SLACK, UnknownAttempt, read_events, settle_unknown
from scraper.core.units import Credits
from scraper.ports import BillingSource, Ledger


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The result for one account."""

    account: str
    charged: Credits = 0
    free: Credits = 0
    still_unknown: Credits = 0
    adjusted: Credits | None = None
    """Difference between the ledger's month and the console's figure, if the user gave it."""
    message: str = ""
    """Why attempts are still unknown, and what to do."""

    def to_json(self) -> dict[str, Any]:
        """Return a plain object."""
        return {
            "account": self.account,
            "charged": self.charged,
            "free": self.free,
            "still_unknown": self.still_unknown,
            "adjusted": self.adjusted,
            "message": self.message,
        }


async def reconcile(
    account: Account, vendor: Vendor, ledger: Ledger, books: BillingSource | None, assume: Charge | None, now: datetime
) -> Reconciled:
    """Settle an account's unknown attempts: all as `assume` says, else by the vendor's billing events.

    Without either, or if the events cannot be read, nothing changes and the message says why.
    """
    await ledger.expire_dead()
    unknown = await ledger.unknown_attempts(account)
    if not unknown:
        return Reconciled(account.id)
    if assume is not None:
        charges, message = {attempt.attempt_id: assume for attempt in unknown}, ""
        how = f"assumed {assume.value} by the user"
    else:
        charges, message = await _from_books(account, vendor, ledger, books, unknown, now)
        how = "billing events"
    await ledger.reconcile(charges, how)

    def sum_of(charge: Charge | None) -> Credits:
        return sum(attempt.credits for attempt in unknown if charges.get(attempt.attempt_id) is charge)

    left = sum_of(None)
    if left and not message:
        message = "the vendor may not have booked the latest attempts yet: try again in ten minutes"
    return Reconciled(account.id, sum_of(Charge.CHARGED), sum_of(Charge.FREE), left, message=message)


async def note_used(account: Account, used: Credits, ledger: Ledger) -> Reconciled:
    """Set the ledger's month to the use that the vendor's console shows."""
    adjusted = await ledger.note_used(account, used)
    left = sum(attempt.credits for attempt in await ledger.unknown_attempts(account))
    return Reconciled(account.id, still_unknown=left, adjusted=adjusted)


async def _from_books(
    account: Account,
    vendor: Vendor,
    ledger: Ledger,
    books: BillingSource | None,
    unknown: Sequence[UnknownAttempt],
    now: datetime,
) -> tuple[dict[int, Charge], str]:
    by_hand = "settle them with --assume charged or --assume free, or state the console's figure with --used"
    described = vendor.billing_events
    if books is None:
        return {}, f"the billing events of a sandbox end with its process: {by_hand}"
    if described is None:
        return {}, f"{vendor.name} describes no billing events: {by_hand}"
    since = min(attempt.sent_at for attempt in unknown) - SLACK
    until = max(attempt.deadline for attempt in unknown) + SLACK
    reply = await books.billing_events(vendor, since, until)
    document = _document(reply)
    events = None if document is None else read_events(described, document.value)
    if events is None:
        return {}, f"the billing events of {vendor.name} could not be read ({_met(reply)}): {by_hand}"
    answered = await ledger.answered_ids(account, since - SLACK)
    paths = {endpoint.full_name: endpoint.path for endpoint in vendor.endpoints}
    settled = settle_unknown(unknown, events, answered=answered, paths=paths, now=now)
    unseen = sum(attempt.credits for attempt in unknown if attempt.endpoint not in paths)
    lost = f"{unseen:,} credits that a lost ledger may have spent match no billing event: {by_hand}" if unseen else ""
    return settled, lost


def _document(reply: Reply) -> Decoded | None:
    if isinstance(reply, NoAnswer) or not 200 <= reply.status < 300 or reply.cut_short is not None:
        return None
    decoded = decode(reply.body)
    return decoded if isinstance(decoded, Decoded) else None


def _met(reply: Reply) -> str:
    return f"HTTP {reply.status}" if isinstance(reply, Answer) else reply.reason
