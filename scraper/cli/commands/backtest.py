"""``scraper backtest [JOB] [--world FILE]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from scraper.cli.completion import complete_job
from scraper.cli.job_argument import job_file
from scraper.cli.options import (
    CREDITS,
    calendar_day,
    data_option,
    format_option,
    output_option,
    settings_of,
)
from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from scraper.wiring.backtest import BacktestOptions
    from scraper.wiring.settings import Settings


class _Budget(click.ParamType["int | Literal['auto']"]):
    """The value of --budget: credits a night, or auto."""

    name = "integer|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Literal["auto"]:  # noqa: ANN401
        return "auto" if value == "auto" else CREDITS.convert(value, param, ctx)


def _plans(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Mapping[str, Sequence[str]]:
    plans: dict[str, list[str]] = {}
    for value in values:
        vendor, equals, plan = value.partition("=")
        if not equals or not vendor or not plan:
            raise click.BadParameter(f"{value!r} is not of the form VENDOR=PLAN")
        plans.setdefault(vendor, []).append(plan)
    return plans


def _world(context: click.Context, option: click.Parameter, value: str | None) -> Path | None:
    from scraper.wiring.backtest import PLAYED

    if value is None or value == str(PLAYED):
        return None if value is None else PLAYED
    click.Path(dir_okay=False, exists=True).convert(value, option, context)
    return Path(value)


def _job(_context: click.Context, _argument: click.Parameter, words: str | None) -> Path | None:
    return None if words is None else job_file(words)


@click.command()
@click.argument("job", required=False, callback=_job, shell_complete=complete_job)
@click.option(
    "--world",
    callback=_world,
    metavar="FILE",
    help="Boards to replay instead of the archive's: JSON {board: [[day, [id, …]], …]}, gzipped or not; or the word "
    "sandbox, for the simulated boards.",
)
@click.option("--from", "first_day", callback=calendar_day, metavar="DAY", help="First night.  [default: the earliest]")
@click.option("--to", "last_day", callback=calendar_day, metavar="DAY", help="Last night.  [default: the latest]")
@click.option("--nights", type=click.IntRange(min=1), help="Nights to replay.  [default: those that all boards have]")
@click.option(
    "--learn",
    type=click.IntRange(min=0),
    help="Nights at the start that do not count.  [default: 50, at most half of them]",
)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    type=_Budget(),
    help="Credits per night, or auto.  [default: the job's; without a job every board each night]",
)
@click.option(
    "--plan", "plans", multiple=True, metavar="VENDOR=PLAN", callback=_plans, help="Vendor plan.  [default: the job's]"
)
@click.option(
    "--every", "everys", multiple=True, help="Period between purchases of a board: day, 2d, week.  [default: the job's]"
)
@click.option(
    "--order",
    "orders",
    multiple=True,
    type=click.Choice(["value", "stalest", "changes"]),
    help="Order in which boards are bought.  [default: the job's; without a job all three]",
)
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the sandbox's boards; a replay itself has no randomness."
)
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@format_option("table", "json")
@output_option
def backtest(  # noqa: PLR0913 - one for each option
    job: Path | None,
    *,
    world: Path | None,
    first_day: date | None,
    last_day: date | None,
    nights: int | None,
    learn: int | None,
    budgets: tuple[int | Literal["auto"], ...],
    plans: Mapping[str, Sequence[str]],
    everys: tuple[str, ...],
    orders: tuple[str, ...],
    seed: int,
    sandbox: bool,
    data: Path | None,
    format_name: str | None,
    output: Path | None,
) -> None:
    """Replay a job's past nights under different terms; spends nothing.

    Buys the boards in JOB's archive, or those of a world file, night by night under another budget, plan,
    cadence or order, and counts the entries and exits that would have been seen, and those dated to the night.
    Repeat --budget, --plan, --every or --order to compare values. Without JOB, each board of the file costs one
    credit. JSON is one object for one replay, otherwise an array.
    """
    from scraper.core.jobs import OrderName
    from scraper.wiring.backtest import PLAYED, BacktestOptions

    chosen = [OrderName(name) for name in orders]
    asked = BacktestOptions(budgets, plans, everys, chosen, nights, learn, first_day, last_day)
    if job is not None:
        settings = replace(settings_of(data, job=job, sandbox=sandbox), seed=seed)  # of --world sandbox too
        _of_job(job, world, asked, settings, format_name, output)
        return
    if world is None or world == PLAYED:
        raise UsageError("name a job to replay its boards, or a world file with --world.")
    if plans or first_day or last_day or len(everys) > 1:
        raise UsageError("--plan, --from, --to and several values of --every need a job.")
    _of_world(world, asked, format_name, output)


def _of_world(world: Path, asked: BacktestOptions, format_name: str | None, output: Path | None) -> None:
    from scraper.cli.output import Format, console_on, write_object, written
    from scraper.wiring.backtest import replay_world

    replays = replay_world(world, asked)
    with written(output, format_name) as (stream, format):
        if format is Format.JSON:
            found = [replay.to_json() for replay, _ in replays]
            write_object(found[0] if len(asked.orders) == 1 and len(found) == 1 else found, stream)
            return
        from scraper.cli.display.backtest import print_replays

        with console_on(stream) as console:
            print_replays(replays, console)


def _of_job(
    job: Path,
    world: Path | None,
    asked: BacktestOptions,
    settings: Settings,
    format_name: str | None,
    output: Path | None,
) -> None:
    from scraper.cli.output import Format, console_on, write_object, written
    from scraper.wiring.backtest import backtest_job
    from scraper.wiring.files import load_job

    found, catalogue = load_job(job, None, settings.project)
    tested = backtest_job(found, catalogue, settings, world, asked)
    with written(output, format_name) as (stream, format):
        if format is Format.JSON:
            best = None if tested.cheapest is None else tested.cheapest.to_json()
            objects = [{**trial.to_json(), "cheapest": best} for trial in tested.trials]
            write_object(objects[0] if len(objects) == 1 else objects, stream)
            return
        from scraper.cli.display.backtest import print_backtest

        with console_on(stream) as console:
            print_backtest(tested, console)
