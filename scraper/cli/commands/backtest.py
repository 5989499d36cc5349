"""``scraper backtest --world FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import CREDITS, format_option, opened, output_option


@click.command()
@click.option(
    "--world",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Boards to replay: JSON {board: [[day, [id, …]], …]}, gzipped or not; each read costs a credit.",
)
@click.option("--nights", type=click.IntRange(min=1), help="Nights to replay.  [default: all that every board has]")
@click.option(
    "--learn",
    type=click.IntRange(min=0),
    help="Nights at the start that do not count.  [default: 50, at most half of them]",
)
@click.option("--budget", type=CREDITS, help="Credits a night.  [default: every board each night]")
@click.option(
    "--order",
    "orders",
    multiple=True,
    type=click.Choice(["value", "stalest", "changes"]),
    help="Order in which boards are bought; may be repeated.  [default: all three]",
)
@format_option("table", "json")
@output_option
def backtest(
    world: Path,
    *,
    nights: int | None,
    learn: int | None,
    budget: int | None,
    orders: tuple[str, ...],
    format_name: str | None,
    output: Path | None,
) -> None:
    """Replay known boards under another budget or order; spends nothing.

    Counts the entries and exits that each order would have seen, and those that it would have dated to the night.
    JSON is one object for one --order, else an array.
    """
    from scraper.cli.output import Format, console_on, default_format, write_object
    from scraper.core.changes.order import OrderName
    from scraper.wiring.backtest import replay_world

    replays = replay_world(world, [OrderName(name) for name in orders] or list(OrderName), budget, nights, learn)
    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            found = [replay.to_json() for replay in replays]
            write_object(found[0] if len(orders) == 1 else found, stream)
            return
        from scraper.cli.display.backtest import print_replays

        with console_on(stream) as console:
            print_replays(replays, console)
