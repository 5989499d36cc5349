"""Replays side by side, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from scraper.cli.formatting import count, counted
from scraper.cli.tables import new_table, print_notes
from scraper.core.changes.backtest import ENOUGH, Cheapest, Trial
from scraper.core.changes.replay import Replay
from scraper.core.changes.spells import Seen
from scraper.core.jobs import OrderName
from scraper.wiring.backtest import Backtest

_MOST_TERMS = 4
"""With this many columns of terms, not all figures fit into 80 columns."""
_SPARED = ("dated", "fresh", "exits unseen")
"""Figures that are left out in that case; the JSON has them."""
_FELL_BACK = "changes: boards change at similar rates, or too little is known; most nights bought the stalest first"


def print_replays(replays: Sequence[tuple[Replay, int]], console: Console) -> None:
    """Print one row for each order, and for each budget if there are several."""
    first = replays[0][0]
    _print_head(console, f"{counted(first.boards, 'board')} over {counted(first.nights, 'night')} after learning")
    several = len({budget for _, budget in replays}) > 1
    table = new_table()
    table.add_column("order")
    for title in (*(["budget"] if several else []), "credits", "entries seen", "dated", "exits seen", "dated", "fresh"):
        table.add_column(title, justify="right")
    for found, budget in replays:
        table.add_row(
            found.order,
            *([count(budget)] if several else []),
            count(found.credits),
            _share(found.entries.seen, found.entries),
            _share(found.entries.dated, found.entries),
            _share(found.exits.seen, found.exits),
            _share(found.exits.dated, found.exits),
            f"{found.freshness:.1%}",
        )
    console.print(table)
    if any(found.fell_back for found, _ in replays if found.order == OrderName.CHANGES):
        print_notes(console, "note", [_FELL_BACK])


def print_backtest(tested: Backtest, console: Console) -> None:
    """Print one row for each replay, the cheapest plan, and the limits of the data."""
    past, trials = tested.past, tested.trials
    counted_from, until = past.at(past.learn), past.at(past.nights - 1)
    nights = counted(past.nights - past.learn, "night")
    head = f"{tested.job.name}: {counted(len(past.boards), 'board')} over {nights}"
    learnt = f", after {past.learn} of learning" if past.learn else ""
    _print_head(console, f"{head}, {counted_from:%Y-%m-%d} to {until:%Y-%m-%d}{learnt}")
    same, columns = _split(trials)
    if same:
        console.print(Text(", ".join(f"{name} {value}" for name, value in same.items())))
    rows = [{**_terms(one), **_figures(one)} for one in trials]
    figures = [name for name in _figures(trials[0]) if len(columns) < _MOST_TERMS or name not in _SPARED]
    table = new_table()
    for name in (*columns, *figures):
        width = max(len(row[name]) for row in rows)
        table.add_column(name, justify="right" if name in figures else "left", min_width=width)
    for row in rows:
        table.add_row(*(row[name] for name in (*columns, *figures)))
    console.print(table)
    if tested.cheapest is not None:
        print_notes(console, "cheapest", [_cheapest(tested.cheapest, trials[0].replay.entries.all)])
    print_notes(console, "note", list(_notes(tested)))


def _figures(one: Trial) -> Mapping[str, str]:
    found = one.replay
    return {
        "credits": count(found.credits),
        "$ a month": _usd(one.usd),
        "seen": f"{one.share:.0%}",
        "by half": f"{one.by_half:.0%}",
        "dated": _share(found.entries.dated, found.entries, 0),
        "fresh": f"{found.freshness:.0%}",
        "exits unseen": count(found.exits.all - found.exits.seen),
    }


def _print_head(console: Console, words: str) -> None:
    console.print(Text(words, style="bold"))
    console.print()


def _terms(one: Trial) -> Mapping[str, str]:
    """Return the terms that may name a replay's row: plan, budget, cadence and order."""
    terms = one.terms
    plans = {("plan" if len(terms.plans) == 1 else vendor): plan for vendor, plan in terms.plans.items()}
    return {**plans, "budget": terms.budget_words, "every": terms.every_words, "order": terms.order.value}


def _split(trials: Sequence[Trial]) -> tuple[Mapping[str, str], Sequence[str]]:
    """Return the terms that all replays share, and the names of those that differ, at least the order."""
    first = _terms(trials[0])
    differ = [name for name in first if len({_terms(one)[name] for one in trials}) > 1] or ["order"]
    return {name: value for name, value in first.items() if name not in differ}, differ


def _cheapest(found: Cheapest, saw: int) -> str:
    tried = found.tried
    before = [one for one in tried if found.found is None or one.usd < found.found.usd]
    less = "".join(f"; {_plans(one)} would have seen {one.share:.0%}" for one in before[-1:])
    if found.found is None:
        return f"no plan sees {ENOUGH:.0%} of the {saw:,} known entries{less}"
    one = found.found
    sure = (
        "either half of the reads leads to the same plan"
        if found.sure
        else "one half of the reads leads to another plan"
    )
    return (
        f"{_plans(one)}, {_usd(one.usd)} a month, budget auto, order {one.terms.order.value}: sees {one.share:.0%} of "
        f"the {saw:,} known entries (target {ENOUGH:.0%}){less}; {sure}"
    )


def _plans(one: Trial) -> str:
    return " and ".join(f"{vendor} {plan}" for vendor, plan in one.terms.plans.items())


def _notes(tested: Backtest) -> Iterator[str]:
    past = tested.past
    if past.read_share < 0.995:
        yield (
            f"{past.read_share:.0%} of the board-nights were read; on the others a board is assumed not to have "
            "changed: entries that came and went between two reads are not counted"
        )
    yield (
        "seen: share of the known entries; by half: the same from half of the reads; where the two differ, more reads "
        "than these would move seen the other way"
    )
    if any(one.replay.fell_back for one in tested.trials if one.terms.order is OrderName.CHANGES):
        yield _FELL_BACK
    for vendor in _unpriced(tested.trials[0]):
        yield f"the monthly price of {vendor} is not known and not included"
    yield from tested.notes


def _unpriced(one: Trial) -> Iterator[str]:
    accounts = one.terms.job.accounts
    return (vendor for vendor in one.terms.plans if accounts[vendor].subscription.usd_per_month is None)


def _usd(dollars: Decimal) -> str:
    return f"${dollars:,.2f}".replace(".00", "")


def _share(part: int, seen: Seen, places: int = 1) -> str:
    return f"{part / seen.all:.{places}%}" if seen.all else "–"
