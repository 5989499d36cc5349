"""Draft a vendor's files from an OpenAPI document."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from scraper.core.catalogue import NO_PRICE
from scraper.core.draft import DraftedFiles, OpenApiDocument, draft_vendor
from scraper.core.errors import ConfigurationError, Fault, UsageError
from scraper.core.tables import table_select
from scraper.ports import Clock
from scraper.wiring.files import vendor_names


def drafted_files(
    document: Path, configs: Path, clock: Clock, *, only: Sequence[str], name: str | None, cost: int | None
) -> DraftedFiles:
    """Return the drafted files, which the program itself reads without a fault once their prices are filled in.

    Raises ConfigurationError for a document that cannot be read, UsageError for one that cannot be drafted.
    """
    from scraper.io.config_files.openapi_files import read_openapi

    title = "".join(c if c.isprintable() else "\ufffd" for c in document.name)
    read = OpenApiDocument.of(read_openapi(document), title)
    known = vendor_names(configs)
    drafted = draft_vendor(read, only=only, name=name, known=known, today=clock.now().date(), cost=cost)
    if faults := _faults(drafted):
        told = "; ".join(f"{fault.where}: {fault.message}" for fault in faults[:3])
        raise UsageError(
            f"{title} cannot be drafted ({told}): leave that endpoint out with --only. Nothing was written."
        )
    return drafted


def _faults(drafted: DraftedFiles) -> list[Fault]:
    """Return the faults of the files, apart from missing prices."""
    from scraper.io.archive import table_faults
    from scraper.io.config_files.vendor_files import vendor_of

    try:
        content = tomllib.loads(drafted.toml)
    except ValueError as failure:
        return [Fault(f"{drafted.vendor}.toml", str(failure))]
    for endpoint in content["endpoints"].values():
        endpoint["cost"] = 1 if endpoint["cost"] == NO_PRICE else endpoint["cost"]
    try:
        vendor_of(content, f"{drafted.vendor}.toml", drafted.vendor)
    except ConfigurationError as failure:
        return list(failure.faults)
    return list(table_faults([table_select(name, text) for name, text in drafted.tables.items()]))


def write_draft(drafted: DraftedFiles, configs: Path) -> tuple[Path, ...]:
    """Write the files; UsageError, before anything is written, if one of them exists."""
    files = {configs / "vendors" / f"{drafted.vendor}.toml": drafted.toml}
    files |= {configs / "tables" / f"{table}.sql": text for table, text in drafted.tables.items()}
    if there := [path for path in files if path.exists()]:
        raise UsageError(
            f"{there[0]} already exists: remove it, or choose another name with --name. Nothing was written."
        )
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as failure:
            raise UsageError(f"{path} cannot be written: {failure.strerror}.") from failure
    return tuple(files)
