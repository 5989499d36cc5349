"""Job, vendor and table files, read into the core's values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.core.catalogue import Catalogue
    from scraper.core.jobs import Job
    from scraper.core.tables import TableSelect
    from scraper.core.units import Credits
    from scraper.core.views import View


def load_catalogue(configs: Path | None) -> Catalogue:
    """Read the vendors; ConfigurationError with every fault."""
    from scraper.io.config_files.vendor_files import read_catalogue

    return read_catalogue(configs)


def load_job(path: Path, budget: Credits | None = None) -> tuple[Job, Catalogue]:
    """Read a job and the vendors that it is checked against; ConfigurationError with every fault."""
    from scraper.io.config_files.job_files import read_job

    catalogue = load_catalogue(path.parent)
    return read_job(path, catalogue, budget), catalogue


def load_tables(configs: Path | None) -> tuple[TableSelect, ...]:
    from scraper.io.config_files.table_files import read_tables

    return read_tables(configs)


def load_views(configs: Path | None) -> tuple[View, ...]:
    from scraper.io.config_files.table_files import read_view_files

    return read_view_files(configs)
