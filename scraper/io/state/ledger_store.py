"""The Ledger on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from scraper.core.auto_budget import Allowance, Spending
from scraper.core.errors import StateError, UsageError
from scraper.core.jobs import Account, Job
from scraper.core.reconcile import BookedCharge
from scraper.core.requests import Request
from scraper.core.units import Credits
from scraper.io.state import account_locks, accounts, auto_budget, failures, ledger, reconcile, reserve
from scraper.io.state.database import Store, in_transaction
from scraper.io.state.slots import ON_THE_WAY
from scraper.ports import Ledger, Reserved, Settlement


class LedgerStore(Store, Ledger):
    paused_until = in_transaction(ledger.paused_until)
    failures = in_transaction(failures.failures)
    unknown_attempts = in_transaction(reconcile.unknown_attempts)
    lines_between = in_transaction(reconcile.lines_between)
    month_to_hold = in_transaction(reconcile.month_to_hold)
    account_balances = in_transaction(accounts.account_balances)
    account_states = in_transaction(account_locks.account_states)
    lift = in_transaction(account_locks.lift)

    def headroom(self, job: str) -> AbstractContextManager[None]:
        return self._database.headroom(job)

    async def reserve(self, run_id: str, account: Account, request: Request, attempt: int) -> Reserved:
        database = self._database
        if database.full:
            raise StateError(
                f"the disk of {database.backend.place} is full. Answers in flight were written to the space reserved "
                "for them; free some space."
            )
        ask = reserve.Ask(run_id, account, request, attempt, database.process, database.now(), database.job)
        return await self._join(reserve.reserve, ask)

    async def renew_slot(self, account: Account, attempt_id: int) -> Reserved:
        return await self._do(reserve.renew_slot, account, attempt_id, self._database.now(), self._database.job)

    async def settle(self, settlement: Settlement) -> None:
        if (doubt := self._database.doubt) and settlement.sent_at is not None:
            arrived_at = settlement.arrived_at or min(settlement.settled_at, settlement.sent_at + ON_THE_WAY)
            settlement = replace(settlement, arrived_at=arrived_at + doubt)
        # Shielded: a paid body waiting for its commit outlives the cancellation of its run.
        await asyncio.shield(self._join(ledger.settle, (settlement, self._database.job)))

    async def expire_dead(self) -> int:
        expired, leases = 0, self._database.backend.leases
        for job, run_id in await self._do(ledger.reserving_runs):
            if leases is not None:
                expired += await self._do(ledger.expire_lapsed, leases.now, job, run_id, self._database.now())
                continue
            with (
                suppress(UsageError),
                self._database.hold(job),
            ):  # if held, its process lives and settles them itself
                expired += await self._do(ledger.expire, run_id, self._database.now())
        return expired

    async def reconcile(self, settled: Mapping[int, BookedCharge], how: str, *, correct: bool = False) -> None:
        await self._do(reconcile.reconcile, settled, how, self._database.now(), correct=correct)

    async def note_spent_elsewhere(self, account: Account, month: str, spent: Credits, *, whole: bool) -> Credits:
        note, now = reconcile.note_spent_elsewhere, self._database.now()
        return await self._do(note, account, month, spent, now, whole=whole)

    async def note_statement(self, account: Account, month: str, message: str) -> None:
        await self._do(reconcile.note_statement, account, month, message, self._database.now())

    async def note_used(self, account: Account, used: Credits) -> Credits:
        return await self._do(reconcile.note_used, account, used, self._database.now())

    async def note_accounts(self, known: Sequence[Account]) -> None:
        await self._do(accounts.note_accounts, known, self._database.now())

    async def standings(self, job: str, accounts: Sequence[Account]) -> Mapping[str, Spending]:
        return await self._do(auto_budget.standings, job, accounts, self._database.now())

    async def grant(self, run_id: str, job: Job) -> Allowance:
        return await self._do(auto_budget.grant, run_id, job, self._database.now())
