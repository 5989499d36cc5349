"""Replays of known boards, or of a job's own archive, under different terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from scraper.core.changes.backtest import Cheapest, Past, Terms, Trial, cheapest, past_of, trial, with_plan
from scraper.core.changes.order import RankedBoard, order_of
from scraper.core.changes.purse import FixedPurse
from scraper.core.changes.replay import Replay, WorldBoard, replay
from scraper.core.errors import Fault, UsageError
from scraper.core.jobs import Job, OrderName
from scraper.core.nearest import nearest
from scraper.core.nights import DAY
from scraper.core.units import Credits
from scraper.io.worlds import nights_of, read_world

if TYPE_CHECKING:
    from scraper.core.catalogue import Catalogue
    from scraper.wiring.job_boards import JobBoards
    from scraper.wiring.settings import Settings

PLAYED: Final = Path("sandbox")
"""Value of --world for the sandbox's boards."""
PLAYED_NIGHTS: Final = 90
LEARN: Final = 50
"""Nights of learning by default; half of the nights if there are fewer than twice as many."""

Budget: TypeAlias = Credits | Literal["auto"]


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """The options of a backtest; of each group that a replay may change, several values to compare."""

    budgets: Sequence[Budget] = ()
    plans: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Vendor → plans."""
    everys: Sequence[str] = ()
    orders: Sequence[OrderName] = ()
    nights: int | None = None
    """The number of nights, from the first; ``None``: all."""
    learn: int | None = None
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """A job's past under one or more terms."""

    job: Job
    past: Past
    trials: Sequence[Trial]
    cheapest: Cheapest | None
    """``None``: no plan of its vendors has a price."""
    notes: Sequence[str]
    """Notes on crawls that are not replayed."""


def replay_world(path: Path, asked: BacktestOptions) -> list[tuple[Replay, Credits]]:
    """Return a replay for each order and budget over a world file, whose boards cost a credit a read, with the budget.

    Raises UsageError for more nights than there are, and the errors of `read_world`.
    """
    world = nights_of(read_world(path))
    shared = min(map(len, world.values()))
    if asked.nights is not None and asked.nights > shared:
        shortest = min(world, key=lambda name: len(world[name]))
        raise UsageError(
            f"{path} has {shared} nights of all its boards (the shortest is {shortest}), not {asked.nights}."
        )
    nights = asked.nights or shared
    learn = _learn(asked, nights)
    stride = _stride(asked.everys[0] if asked.everys else "day", DAY)
    boards = [
        WorldBoard(RankedBoard(name, (name.partition("/")[0],)), entries[:nights]) for name, entries in world.items()
    ]
    ranked = [board.board for board in boards]
    budgets = [len(boards) if budget == "auto" else budget for budget in asked.budgets or ["auto"]]
    return [
        (replay(order, boards, order_of(order, ranked), FixedPurse([budget] * nights, stride), learn), budget)
        for budget in budgets
        for order in asked.orders or list(OrderName)
    ]


def backtest_job(
    job: Job, catalogue: Catalogue, settings: Settings, world: Path | None, asked: BacktestOptions
) -> Backtest:
    """Replay a job's nights, from its archive or from a world file, under each of the terms.

    Raises UsageError for impossible terms, or an archive without a complete read of the job's boards.
    """
    period = DAY if job.every is None else job.every.period
    terms = _terms(job, catalogue, period, asked)
    found = _boards(job, settings, world, period, asked)
    past = _past(found, period, asked)
    trials = [trial(past, one) for one in terms]
    return Backtest(job, past, trials, _cheapest(past, trials, catalogue), found.notes)


def _boards(job: Job, settings: Settings, world: Path | None, period: timedelta, asked: BacktestOptions) -> JobBoards:
    from scraper.wiring.job_boards import archive_boards, played_boards, world_boards

    if world is None:
        return archive_boards(job, settings, period)
    if world != PLAYED:
        return world_boards(job, world)
    if job.every is not None and period != DAY:
        raise UsageError(f"the sandbox's boards change once a day, but job {job.name} runs every {job.every.words}.")
    return played_boards(job, settings.seed, asked.nights or PLAYED_NIGHTS)


def _terms(job: Job, catalogue: Catalogue, period: timedelta, asked: BacktestOptions) -> list[Terms]:
    """Return the terms of each replay: every combination of the values."""
    known = "day" if job.every is None else job.every.words
    everys = asked.everys or [known]
    strides = {every: _stride(every, period, known) for every in everys}
    budgets: Sequence[Budget] = asked.budgets or ["auto" if job.auto else job.budget]
    jobs = [
        replace(planned, auto=True) if budget == "auto" else replace(planned, auto=False, budget=budget)
        for planned in _planned(job, catalogue, asked)
        for budget in budgets
    ]
    return [
        Terms(one, order, strides[every], every)
        for one, every, order in product(jobs, everys, asked.orders or [job.order])
    ]


def _planned(job: Job, catalogue: Catalogue, asked: BacktestOptions) -> Iterator[Job]:
    vendors = dict(asked.plans)
    for vendor, names in vendors.items():
        if vendor not in job.vendors:
            raise UsageError(f"--plan: job {job.name} uses {', '.join(job.vendors)}, not {vendor!r}.")
        known = [plan.name for plan in catalogue.vendors[vendor].plans]
        for name in names:
            if name not in known:
                raise UsageError(f"{vendor} has no plan {name!r}{nearest(name, known)}; it has {', '.join(known)}.")
    for chosen in product(*vendors.values()):
        planned = job
        for vendor, name in zip(vendors, chosen, strict=True):
            plan = next(plan for plan in catalogue.vendors[vendor].plans if plan.name == name)
            planned = with_plan(planned, vendor, plan)
        yield planned


def _stride(every: str, period: timedelta, known: str = "day") -> int:
    """Return the nights from one purchase to the next; UsageError unless it is a whole number of them."""
    from scraper.io.config_files.periods import period_of

    faults: list[Fault] = []
    wanted = period_of(every, "--every", faults)
    if wanted is None:
        raise UsageError(f"{faults[0]}.")
    if wanted < period or wanted % period:
        raise UsageError(
            f"--every {every}: the boards are known once per {known}, and this is not a multiple of it; the result of "
            "other reads cannot be known."
        )
    return wanted // period


def _past(found: JobBoards, period: timedelta, asked: BacktestOptions) -> Past:
    boards, first_at = found.boards, found.first_at
    first, end = min(board.reads[0][0] for board in boards), max(board.reads[-1][0] for board in boards) + 1
    if asked.first_day is not None:
        first = max(first, -((first_at.date() - asked.first_day) // period))
    if asked.last_day is not None:
        end = min(end, (asked.last_day - first_at.date()) // period + 1)
    if asked.nights is not None:
        end = min(end, first + asked.nights)
    if end - first < 2:
        met = "the archive has one night" if end - first == 1 else "the archive has no night"
        chosen = " between --from and --to" if asked.first_day or asked.last_day else ""
        raise UsageError(
            f"{met}{chosen}, and a replay needs two: run the job on more nights, or replay --world sandbox."
        )
    return past_of(boards, first_at, period, first, end, _learn(asked, end - first))


def _learn(asked: BacktestOptions, nights: int) -> int:
    learn = min(LEARN, nights // 2) if asked.learn is None else asked.learn
    if learn >= nights:
        raise UsageError(f"--learn {learn} leaves none of the {nights} nights to count.")
    return learn


def _cheapest(past: Past, trials: Sequence[Trial], catalogue: Catalogue) -> Cheapest | None:
    terms = trials[0].terms
    plans = {
        vendor: priced
        for vendor in terms.job.vendors
        if (
            priced := [
                plan
                for plan in catalogue.vendors[vendor].plans
                if plan.usd_per_month is not None and plan.credits_per_month is not None
            ]
        )
    }
    return cheapest(past, terms, plans, trials) if plans else None
