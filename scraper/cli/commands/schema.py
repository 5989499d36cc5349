"""``scraper schema [KIND]``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import opened, output_option

KINDS = ("job", "accounts", "vendor", "project")


@click.command()
@click.argument("kind", type=click.Choice(KINDS), default="job", metavar="[job|accounts|vendor|project]")
@output_option
def schema(kind: str, output: Path | None) -> None:
    """Print the JSON Schema of a kind of settings file.

    Editors complete and check a TOML file whose first line names its schema, as `scraper init` writes it:

    \b
    #:schema ../.scraper/job.schema.json

    After an upgrade, write it again: scraper schema job -o .scraper/job.schema.json
    """
    import json

    from scraper.wiring.files import json_schema_of

    with opened(output) as stream:
        stream.write(json.dumps(json_schema_of(kind), indent=2) + "\n")
