"""A plan for people: cost, duration, what the budget drops, and the basis of each figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scraper.cli.display.vendors import limit_words
from scraper.cli.formatting import count, counted, dollars, duration, harmless, instant, size, span
from scraper.cli.tables import fits, new_table, print_fields, print_notes
from scraper.core.changes.tonight import Choice, Tonight
from scraper.core.destinations import Destination
from scraper.core.jobs import Account, Job
from scraper.core.planning import CrawlPlan, Day, Plan, Range
from scraper.core.planning.ranges import total

MOST_BOARDS = 10
"""Boards shown of each kind, bought and left; JSON has all."""
MOST_NIGHTS = 8
"""Figures of nights on one line."""


def print_plan(plan: Plan, job: Job, console: Console, *, explain: bool = False, sandbox: bool = False) -> None:
    """Print the crawls with low–high below the likely figure, then the plan's totals within the budget.

    `sandbox`: the run will be there, and faster than at a vendor.
    """
    console.print(Text(f"Plan of {harmless(plan.job)}", style="bold"))
    console.print()
    _print_crawls(plan, console)
    console.print()
    print_fields(console, _plan_fields(plan, job, sandbox=sandbox))
    if plan.tonight is not None and plan.tonight.choices:
        console.print()
        print_boards(plan.tonight, console)
        console.print()
    if explain:
        console.print()
        print_fields(console, _explanations(plan), indent=13)
        console.print()
    if plan.knowing is not None:
        print_notes(console, "to read less", list(plan.knowing.sentences()))
    print_notes(console, "dropped", plan.dropped)
    print_notes(console, "note", plan.warnings)


def print_boards(tonight: Tonight, console: Console) -> None:
    """Print the boards of a night in order, bought or left, each with the reason."""
    console.print(Text(f"Boards: {tonight.words}", style="bold"))
    table = new_table()
    table.add_column("board")
    for title in ("last read", "new", "credits"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("tonight", no_wrap=True)
    table.add_column("why")
    for place, (choices, verb) in enumerate(((tonight.bought, "bought"), (tonight.left, "left"))):
        if place and choices:
            table.add_section()
        for choice in choices[:MOST_BOARDS]:
            table.add_row(*_board_cells(choice, verb))
        if len(choices) > MOST_BOARDS:
            rest = choices[MOST_BOARDS:]
            credits = sum(choice.credits for choice in rest)
            table.add_row(f"… {len(rest)} more", "", _new_of(rest), count(credits), verb, "--format json has all")
    console.print(table)


def _board_cells(choice: Choice, verb: str) -> tuple[str, ...]:
    """Return a board's cells: nights since its last read, new entries expected of a read, credits, the reason."""
    read = "never" if choice.nights is None else f"{counted(choice.nights, 'night')} ago"
    return harmless(choice.name), read, _new_of([choice]), count(choice.credits), verb, choice.words


def _new_of(choices: Sequence[Choice]) -> str:
    """Return the new entries expected of these boards; *all* of those that were never read."""
    known = [choice.expected for choice in choices if choice.expected is not None]
    if not known:
        return "all"
    return f"{sum(known):.1f}" if len(known) == len(choices) else f"over {sum(known):.1f}"


def print_access(destinations: Sequence[Destination], questions: Sequence[str], console: Console) -> None:
    """Print the variable of each key, the host that gets it, and the permissions that a run needs first."""
    told = [harmless(each.words) for each in destinations]
    print_fields(console, (("" if place else "keys", words) for place, words in enumerate(told)))
    print_notes(console, "to allow", questions)


def _print_crawls(plan: Plan, console: Console) -> None:
    """Print a table if it fits, with names whole or broken after the vendor; else figure by figure."""
    for broken in (False, True):
        table = _crawl_table(plan, broken)
        if fits(table, console):
            console.print(table)
            return
    print_fields(console, _crawl_fields(plan))


def _crawl_table(plan: Plan, broken: bool) -> Table:
    table = new_table()
    table.add_column("crawl", no_wrap=True)
    for title in ("walks", "requests", "credits", "rows"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("basis", min_width=len("bounded by"))
    for crawl in plan.crawls:
        figures = [_figure(range_) for range_ in (crawl.walks, crawl.requests, crawl.credits, crawl.rows)]
        table.add_row(_crawl_name(crawl, broken), *figures, Text(_basis(crawl)))
    if len(plan.crawls) > 1:
        table.add_section()
        # Sums of the crawls: the plan's own figures end at the budget, and are printed below.
        columns = (
            [crawl.walks for crawl in plan.crawls],
            [crawl.requests for crawl in plan.crawls],
            [crawl.credits for crawl in plan.crawls],
            [crawl.rows for crawl in plan.crawls],
        )
        table.add_row("total", *(_figure(total(column)) for column in columns), "")
    return table


def _crawl_fields(plan: Plan) -> Iterable[tuple[str, str]]:
    """Yield the table's figures as labelled lines, for a narrow terminal."""
    for crawl in plan.crawls:
        yield "crawl", harmless(crawl.name)
        if crawl.name != crawl.endpoint:
            yield "", harmless(crawl.endpoint)
        for name, figures in (("walks", crawl.walks), ("requests", crawl.requests), ("credits", crawl.credits)):
            yield "", f"{name} {_about(figures)}"
        yield "", f"rows {_about(crawl.rows)}, {_basis(crawl)}"


def _basis(crawl: CrawlPlan) -> str:
    return "bounded by budget" if crawl.bounded_by_budget else crawl.basis.value


def _crawl_name(crawl: CrawlPlan, broken: bool) -> Text:
    names = [harmless(crawl.name), harmless(crawl.endpoint)]
    first, second = (name.replace(".", ".\n", 1) for name in names) if broken else names
    name = Text(first)
    return name if crawl.name == crawl.endpoint else name.append(f"\n{second}", style="dim")


def _figure(range_: Range) -> Text:
    """Return the likely figure, with its range below if it is not exact."""
    figure = Text(count(range_.likely))
    return figure if range_.exact else figure.append(f"\n{span(range_)}", style="dim")


def _plan_fields(plan: Plan, job: Job, *, sandbox: bool) -> Iterable[tuple[str, str]]:
    likely = sum(crawl.credits.likely for crawl in plan.crawls)
    if plan.fits:
        fit = f"{count(plan.budget)} credits: fits, likely {count(plan.budget - likely)} left"
    else:
        fit = f"{count(plan.budget)} credits: does not fit, likely {count(likely - plan.budget)} short"
    yield "budget", fit
    requests = counted(plan.requests.likely, "request")
    most = f"at most {count(plan.credits.high)} with each page bought once"
    yield "credits", f"likely {count(plan.credits.likely)} in {requests}, {most}"
    seen = plan.forecast
    if seen is not None:
        yield "", f"{_about(seen.credits)} {seen.words}"
    for place, (table, rows) in enumerate((plan.rows if seen is None else seen.rows).items()):
        told = _about(rows) if seen is None else f"{_about(rows)} {seen.words}; at most {count(plan.rows[table].high)}"
        yield "" if place else "rows", f"{harmless(table)} {told}"
    yield "time", _time(plan)
    if sandbox:
        yield "", "the sandbox is faster: it keeps the plan's rate only with --rate"
    if plan.done_at is None:
        yield "nights", "no end: the account's limits never cover all of it"
    elif len(plan.calendar) > 1:
        yield "nights", f"{_calendar(plan.calendar)}; done {instant(plan.done_at)}, if begun now"
    yield "disk", f"about {size(plan.size_bytes.likely)}"
    if plan.overage_usd:
        yield "overage", f"{dollars(plan.overage_usd)} past the month's credits"
    for place, vendor in enumerate(job.vendors):
        yield "" if place else "account", _account_words(job.accounts[vendor])


def _calendar(days: Sequence[Day]) -> str:
    """``3 nights: 496 + 496 + 208 credits``; equal nights in a row are summed up."""
    told, place = [], 0
    while place < len(days):
        run = place
        while run < len(days) and days[run].credits == days[place].credits:
            run += 1
        times = f"{run - place} × " if run - place > 3 else ""
        told += [times + count(days[place].credits)] if times else [count(day.credits) for day in days[place:run]]
        place = run
    shown = " + ".join(told if len(told) <= MOST_NIGHTS else [*told[: MOST_NIGHTS - 1], "…", told[-1]])
    return f"{len(days)} nights: {shown} credits"


def _explanations(plan: Plan) -> Iterable[tuple[str, str]]:
    for crawl in plan.crawls:
        for place, sentence in enumerate(crawl.explanation):
            yield "" if place else harmless(crawl.name), harmless(sentence)


def _about(rows: Range) -> str:
    return count(rows.likely) if rows.exact else f"about {count(rows.likely)} ({span(rows)})"


def _time(plan: Plan) -> str:
    seconds = plan.duration_s
    if seconds.exact:
        return f"{duration(seconds.likely)} at the plan's rate"
    between = f"{duration(seconds.low)} – {duration(seconds.high)}"
    return f"about {duration(seconds.likely)} at the plan's rate ({between})"


def _account_words(account: Account) -> str:
    """``crawlora/default, plan starter: 15 requests a minute, 5,000 credits a day, 20,000 credits a month``."""
    limits = ", ".join(limit_words(account.subscription)) or "no limits known"
    return f"{harmless(account.id)}, plan {harmless(account.subscription.name)}: {limits}"
