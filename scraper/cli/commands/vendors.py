"""``scraper vendors [NAME]`` and ``scraper vendors draft FILE``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.completion import complete_vendor
from scraper.cli.formatting import counted, harmless
from scraper.cli.options import (
    ROW_FORMATS,
    allow_host_option,
    configs_option,
    data_option,
    format_option,
    output_option,
    settings_of,
    vendor_url_option,
)
from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from scraper.core.draft import DraftedFiles

DRAFT = "draft"


class _NameArgument(click.Argument):
    """The vendor's name, which the usage of subcommands leaves out."""

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return []


class Vendors(click.Group):
    """A command with an optional name and subcommands: the first word decides between them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == [DRAFT]:
            return super().parse_args(ctx, ["", *args])
        ctx.allow_interspersed_args = True  # options may follow the name
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[:1] != [DRAFT]:
            raise click.UsageError(f"Got unexpected extra argument ({args[0]})", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Vendors, invoke_without_command=True, subcommand_metavar="[NAME | draft FILE]")
@click.argument("name", required=False, cls=_NameArgument, shell_complete=complete_vendor)
@click.option("--errors", is_flag=True, help="Show outcomes of answers, their charges and retries.")
@configs_option
@format_option(*ROW_FORMATS)
@output_option
@click.pass_context
def vendors(
    context: click.Context,
    *,
    name: str | None,
    errors: bool,
    configs: Path,
    format_name: str | None,
    output: Path | None,
) -> None:
    """List endpoints, prices, plans and rules.

    With a NAME: every parameter, plan and error rule of that vendor, each with its source. With --errors: every
    outcome of an answer, whether it is charged, how often it is retried and what it affects. `scraper vendors draft`
    writes a vendor's files from its OpenAPI document.
    """
    if context.invoked_subcommand is not None:
        return
    if name == DRAFT:
        raise UsageError("draft comes first, and its options after it: scraper vendors draft FILE.")
    from scraper.cli.display.outcomes import outcome_rows, outcomes_json, print_outcomes
    from scraper.cli.display.vendors import print_vendor, print_vendors, vendor_json, vendors_json
    from scraper.cli.output import Format, console_on, write_object, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.core.catalogue import Catalogue
    from scraper.core.nearest import nearest
    from scraper.wiring.files import load_catalogue

    known = load_catalogue(configs)
    if name is not None and name not in known.vendors:
        meant = nearest(name, [*known.vendors, DRAFT])
        raise UsageError(f"no vendor {name}{meant}; known are {', '.join(known.vendors)}")
    shown = known if name is None else Catalogue({name: known.vendors[name]})
    with written(output, format_name) as (stream, format):
        if format in {Format.CSV, Format.NDJSON, Format.MARKDOWN}:  # a row for each endpoint, or for each outcome
            of_outcomes = [row for vendor in shown.vendors.values() for row in outcome_rows(vendor)]
            write_rows(rows_of_objects(of_outcomes if errors else vendors_json(shown)), format, stream)
            return
        if format is Format.JSON:
            as_json = outcomes_json if errors else vendor_json
            told = [as_json(vendor) for vendor in shown.vendors.values()]
            write_object(told if name is None else told[0], stream)
            return
        with console_on(stream) as console:
            if name is None and not errors:
                print_vendors(known, console)
            for vendor in shown.vendors.values() if errors or name is not None else ():
                (print_outcomes if errors else print_vendor)(vendor, console)


@vendors.command(DRAFT)
@click.argument("document", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--only", multiple=True, metavar="PATH", help="Draft this path; * matches any text. Repeatable.")
@click.option("--name", metavar="NAME", help="Name of the vendor.  [default: from its address]")
@click.option(
    "--cost", type=click.IntRange(1, 1_000_000), metavar="CREDITS", help="Price of a request to each drafted endpoint."
)
@click.option("--print", "prints", is_flag=True, help="Print the files instead of writing them.")
@click.option("--probe", is_flag=True, help="Then send one request for each endpoint; needs --cost and a key.")
@click.option("-y", "--yes", is_flag=True, help="With --probe: send the requests without asking.")
@configs_option
@data_option
@vendor_url_option
@allow_host_option
@click.pass_context
def draft(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    document: Path,
    only: Sequence[str],
    name: str | None,
    cost: int | None,
    prints: bool,
    probe: bool,
    yes: bool,
    configs: Path,
    data: Path | None,
    vendor_urls: Mapping[str, str],
    allow_hosts: Sequence[str],
) -> int:
    """Draft a vendor's files from its OpenAPI document.

    FILE is JSON or YAML: Swagger 2.0, OpenAPI 3.0 or 3.1. Writes vendors/NAME.toml and, for each endpoint, a first
    SELECT in tables/; nothing is overwritten. What the document does not state is guessed from names and examples, and
    marked as assumed. Prices are left to fill in: no document states them, and no command uses the file before they are
    filled in. --probe then does what `scraper probe NAME` does.
    """
    from scraper.wiring.draft import drafted_files, write_draft

    _check(name, cost, probe=probe, prints=prints)
    settings = settings_of(data, vendor_urls=vendor_urls, allow_hosts=allow_hosts, rate=False)
    if probe and configs != settings.project.configs:
        raise UsageError("--probe uses the project's configs: run it there, or leave --configs out.")
    made = drafted_files(document, configs, settings.clock, only=only, name=name, cost=cost)
    if prints:
        click.echo(made.toml)
        for table, text in made.tables.items():
            click.echo(f"-- tables/{table}.sql\n{text}")
    else:
        for path in write_draft(made, configs):
            click.echo(harmless(str(path)))
    _tell(made)
    if not probe:
        return 0
    from scraper.cli.commands.probe import probe as probing

    places = {"data": data, "vendor_urls": vendor_urls, "allow_hosts": allow_hosts}
    code: int = context.invoke(probing, vendor=made.vendor, yes=yes, **places)
    return code


def _check(name: str | None, cost: int | None, *, probe: bool, prints: bool) -> None:
    import re

    if name is not None and (not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or name == DRAFT):
        raise UsageError(f"--name {name!r}: a vendor's name is made of a-z, 0-9 and _, a letter first, and not draft.")
    if probe and prints:
        raise UsageError("--probe needs the files: leave --print out.")
    if probe and cost is None:
        raise UsageError("--probe spends credits: --cost says how many one request costs. Nothing was sent.")


def _tell(made: DraftedFiles) -> None:
    """Report on stderr what was drafted, what is missing and what to do next."""
    assumed = sum(len(endpoint.assumed) for endpoint in made.endpoints)
    endpoints = counted(len(made.endpoints), "endpoint")
    sentences = [f"vendor {made.vendor}: {endpoints} drafted, {counted(assumed, 'assumption')} marked"]
    sentences += [f"left out: {each.path[:100]}: {each.why}" for each in made.left_out]
    if made.missing:
        some = ", ".join(each[:80] for each in made.missing[:3])
        sentences.append(
            f"{counted(len(made.missing), 'reference')} in the document cannot be resolved, such as {some}"
        )
    bare = [endpoint.name for endpoint in made.endpoints if endpoint.select is None]
    if bare:
        sentences.append(
            f"no example shows the records of {', '.join(bare)}: write their tables once you have an answer"
        )
    if made.unpriced:
        sentences.append(
            f'fill in the price (cost = "?") of {", ".join(made.unpriced)}; until then every command of this project '
            "refuses the file. --cost sets one price for all"
        )
    else:
        sentences.append(f"next: scraper probe {made.vendor} compares one answer of each endpoint with it")
    for sentence in sentences:
        click.echo(harmless(sentence), err=True)
