"""Accounts, as tables for people and plain objects for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from scraper.cli.display.status import account_json
from scraper.cli.formatting import count, dollars, harmless, instant
from scraper.cli.tables import fits, new_table, print_fields
from scraper.core.budget import Balance
from scraper.core.pace import FULL_PERCENT
from scraper.core.units import Credits, iso_utc
from scraper.ports import AccountLift, AccountState, LockKind

_NOT_KNOWN: Final = "not known"
KINDS: Final = ("charged", "presumed", "unknown", "reserved")
LOCK_WORDS: Final = {
    LockKind.PAUSE: "the pause",
    LockKind.CLOSURE: "the closure",
    LockKind.CLOCK: "the clock's lock",
}


def print_accounts(
    accounts: Sequence[AccountState],
    console: Console,
    lift: Callable[[str], str] = "scraper account {} --lift".format,
) -> None:
    """Print each account's day and month, then its locks and those that were lifted.

    `lift`: the command that lifts them.
    """
    if not accounts:
        console.print(Text("no accounts yet: an account enters the ledger with its first run"))
    for place, account in enumerate(accounts):
        if place:
            console.print()
        _print_account(account, console, lift)


def _print_account(account: AccountState, console: Console, lift: Callable[[str], str]) -> None:
    balance, subscription = account.balance, account.balance.subscription
    head = Text(harmless(balance.account), style="bold")
    console.print(head.append(f"  plan {harmless(subscription.name)}", style="not bold"))
    scopes = (
        ("day", balance.day_balance, subscription.credits_per_day, account.day_resets_at),
        ("month", balance.month_balance, subscription.month_limit, account.month_resets_at),
    )
    table = new_table()
    table.add_column("", no_wrap=True)
    columns = _columns(balance.day_balance, balance.month_balance)
    widest = max(len(_limit_words(held, limit)[0]) for _, held, limit, _ in scopes)
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True, min_width=widest)
    table.add_column("left", justify="right", no_wrap=True)
    table.add_column("resets", no_wrap=True, min_width=len(instant(account.day_resets_at)))
    narrow = list[tuple[str, str]]()
    for name, held, limit, resets_at in scopes:
        figures = [count(getattr(held, column)) for column in columns]
        words = _limit_words(held, limit)
        table.add_row(name, *figures, *words, instant(resets_at))
        told = [f"{figure} {column}" for figure, column in zip(figures, columns, strict=True)]
        told += [f"limit {words[0]}", *([f"{words[1]} left"] if words[1] else []), f"resets {instant(resets_at)}"]
        narrow.append((name, " · ".join(told)))
    if fits(table, console):
        console.print(table)
    else:
        print_fields(console, narrow)
    print_fields(console, _fields(account))
    locked = account.paused_until or account.balance.closed_until or account.clock
    if locked:
        console.print(Text(f"End that: {harmless(lift(balance.account))}"), soft_wrap=True)


def _columns(*balances: Balance) -> list[str]:
    """Return the kinds of credits to show: charged, and the others if there are any."""
    wanted = (*KINDS, "adjusted")
    return [kind for kind in wanted if kind == "charged" or any(getattr(held, kind) for held in balances)]


def _limit_words(held: Balance, limit: Credits | None) -> tuple[str, str]:
    return (_NOT_KNOWN, "") if limit is None else (count(limit), count(max(0, limit - held.committed)))


def _fields(account: AccountState) -> Iterator[tuple[str, str]]:
    balance, subscription = account.balance, account.balance.subscription
    if over := subscription.overage_credits(balance.month_balance.committed):
        yield "overage", f"{count(over)} credits, {dollars(subscription.overage_usd(balance.month_balance.committed))}"
    slowed = balance.pace_percent < FULL_PERCENT
    yield "pace", f"{balance.pace_percent} % of its rate" + (", after a recent 429" if slowed else "")
    if account.paused_until is not None:
        yield "paused", f"until {instant(account.paused_until)}, after a 429"
    if balance.closed_until is not None:
        because = f" ({harmless(account.closed_because)})" if account.closed_because else ""
        yield "closed", f"by the vendor until {instant(balance.closed_until)}{because}"
    if account.clock is not None:
        yield "clock", harmless(account.clock.words)
    if subscription.assumed:
        yield "assumed", ", ".join(map(harmless, subscription.assumed))
    for place, lifted in enumerate(account.lifts):
        what = f"{lifted.kind.value}, {harmless(lifted.detail)}"
        yield "" if place else "lifted", f"{instant(lifted.lifted_at)} by {harmless(lifted.lifted_by)}: {what}"


def lifted_sentence(account: str, lifts: Iterable[AccountLift]) -> str:
    """Return the locks that were lifted from an account, in words, and for a clock's lock its lasting effects."""
    kinds = [lifted.kind for lifted in lifts]
    if not kinds:
        return f"{harmless(account)}: nothing locks it; nothing was changed"
    sentence = f"{harmless(account)}: {' and '.join(LOCK_WORDS[kind] for kind in kinds)} ended; the ledger records it"
    if LockKind.CLOCK in kinds:
        sentence += ". Rows that are in the archive already keep their dates, and nothing is reused from them"
    return sentence


def accounts_json(accounts: Sequence[AccountState]) -> list[dict[str, Any]]:
    """Return the accounts with the keys of ``scraper status --format json``, and their locks."""
    return [_account_json(account) for account in accounts]


def _account_json(account: AccountState) -> dict[str, Any]:
    told = account_json(account.balance)
    told["day"]["resets_at"] = iso_utc(account.day_resets_at)
    told["month"]["resets_at"] = iso_utc(account.month_resets_at)
    return {
        **told,
        "paused_until": None if account.paused_until is None else iso_utc(account.paused_until),
        "closed_because": account.closed_because,
        "clock": None if account.clock is None else account.clock.words,
        "lifts": [
            {"at": iso_utc(each.lifted_at), "by": each.lifted_by, "kind": each.kind.value, "detail": each.detail}
            for each in account.lifts
        ],
    }


def account_rows(accounts: Sequence[AccountState]) -> list[dict[str, Any]]:
    """Return a flat row for each account's day and month."""
    rows = []
    for told in accounts_json(accounts):
        locks = {key: told[key] for key in _LOCK_KEYS}
        for scope in ("day", "month"):
            rows.append({"account": told["account"], "plan": told["plan"], "scope": scope, **told[scope], **locks})
    return rows


_LOCK_KEYS: Final = ("pace_percent", "paused_until", "closed_until", "closed_because", "clock")
