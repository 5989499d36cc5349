"""Accounts: their balances, their locks, and lifting these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest
from scraper.ports import AccountLift, AccountState
from scraper.wiring.settings import Settings
from scraper.wiring.state import known_stores


async def accounts_of(
    settings: Settings, name: str | None, *, lift_by: str | None = None
) -> tuple[Sequence[AccountState], Mapping[str, Sequence[AccountLift]]]:
    """Return the accounts of this name, and account → what was lifted from it; needs no network and no key.

    `name`: a vendor, an account (``crawlora/default``) or its second half; ``None``: all. `lift_by`: lift their locks
    in this person's name. UsageError for a name that no account of the ledger has.
    """
    with known_stores(settings) as stores:
        ledger, now = stores.ledger, settings.clock.now()
        known = [each.balance.account for each in await ledger.account_states(now)]
        named = [account for account in known if name is None or name in {account, *account.split("/", 1)}]
        if not named and name is not None:
            allowed = ", ".join(known) or "none yet: an account enters the ledger with its first run"
            raise UsageError(f"the ledger has no account {name}{nearest(name, known)}; it has {allowed}.")
        lifted: Mapping[str, Sequence[AccountLift]] = {}
        if lift_by is not None:
            await ledger.expire_dead()  # reservations of dead processes wait for slots that no longer count
            lifted = await ledger.lift(named, lift_by, now)
        return [each for each in await ledger.account_states(now) if each.balance.account in named], lifted
