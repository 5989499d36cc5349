"""``scraper vendors [NAME]``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import FORMATS, configs_option, format_option, opened, output_option
from scraper.core.errors import UsageError


@click.command()
@click.argument("name", required=False)
@configs_option
@format_option(*FORMATS)
@output_option
def vendors(name: str | None, configs: Path, format_name: str | None, output: Path | None) -> None:
    """List endpoints, prices, plans and rules.

    With a NAME: every parameter, plan and error rule of that vendor, each with its source.
    """
    from scraper import wiring
    from scraper.cli.output import Format, console_on, default_format, rows_of_objects, write_object, write_rows
    from scraper.cli.vendor_sheets import print_vendor, print_vendors, vendor_json, vendors_json
    from scraper.core.jobs import nearest

    known = wiring.load_catalogue(configs)
    if name is not None and name not in known.vendors:
        raise UsageError(f"no vendor {name}{nearest(name, known.vendors)}; known are {', '.join(known.vendors)}")
    with opened(output) as stream:
        format = Format(format_name or default_format(stream))
        if format in {Format.CSV, Format.NDJSON}:  # a row for each endpoint
            of_name = [row for row in vendors_json(known) if name is None or row["endpoint"].startswith(f"{name}.")]
            write_rows(rows_of_objects(of_name), format, stream)
            return
        if format is Format.JSON:
            shown = [vendor_json(vendor) for vendor in known.vendors.values()]
            write_object(shown if name is None else vendor_json(known.vendors[name]), stream)
            return
        with console_on(stream) as console:
            if name is None:
                print_vendors(known, console)
            else:
                print_vendor(known.vendors[name], console)
