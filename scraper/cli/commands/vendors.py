"""``scraper vendors [NAME]``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.completion import complete_vendor
from scraper.cli.options import ROW_FORMATS, configs_option, format_option, opened, output_option
from scraper.core.errors import UsageError


@click.command()
@click.argument("name", required=False, shell_complete=complete_vendor)
@click.option("--errors", is_flag=True, help="Show outcomes of answers, their charges and retries.")
@configs_option
@format_option(*ROW_FORMATS)
@output_option
def vendors(name: str | None, errors: bool, configs: Path, format_name: str | None, output: Path | None) -> None:
    """List endpoints, prices, plans and rules.

    With a NAME: every parameter, plan and error rule of that vendor, each with its source. With --errors: every
    outcome of an answer, whether it is charged, how often it is retried and what it affects.
    """
    from scraper.cli.display.outcomes import outcome_rows, outcomes_json, print_outcomes
    from scraper.cli.display.vendors import print_vendor, print_vendors, vendor_json, vendors_json
    from scraper.cli.output import Format, console_on, default_format, write_object, write_rows
    from scraper.cli.rows import rows_of_objects
    from scraper.core.catalogue import Catalogue
    from scraper.core.nearest import nearest
    from scraper.wiring.files import load_catalogue

    known = load_catalogue(configs)
    if name is not None and name not in known.vendors:
        raise UsageError(f"no vendor {name}{nearest(name, known.vendors)}; known are {', '.join(known.vendors)}")
    shown = known if name is None else Catalogue({name: known.vendors[name]})
    with opened(output) as stream:
        format = Format(format_name or default_format(stream))
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
