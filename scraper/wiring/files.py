"""Job, vendor and table files, read into the core's values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.core.catalogue import Catalogue
    from scraper.core.jobs import Job
    from scraper.core.report import Chart
    from scraper.core.tables import TableSelect
    from scraper.core.units import Credits
    from scraper.core.views import View
    from scraper.wiring.project import Project


def load_catalogue(configs: Path | None) -> Catalogue:
    """Read the vendors; ConfigurationError with every fault."""
    from scraper.io.config_files.vendor_files import read_catalogue

    return read_catalogue(configs)


def vendor_names(configs: Path | None) -> list[str]:
    """Return the names of the vendors, by the names of their files, which are not read."""
    from importlib import resources

    packaged = [Path(entry.name) for entry in (resources.files("scraper") / "vendors").iterdir()]
    own = [] if configs is None else list((configs / "vendors").glob("*.toml"))
    return sorted({path.stem for path in (*packaged, *own) if path.suffix == ".toml"})


def load_job(path: Path, budget: Credits | None = None, project: Project | None = None) -> tuple[Job, Catalogue]:
    """Read a job and the vendors that it is checked against; ConfigurationError with every fault.

    `project`: by default the job file's.
    """
    from scraper.io.config_files.job_files import read_job
    from scraper.wiring.project import project_of

    project = project or project_of(path)
    catalogue = load_catalogue(project.configs)
    return read_job(path, catalogue, budget, project.accounts_file), catalogue


def json_schema_of(kind: str) -> Mapping[str, object]:
    from scraper.io.config_files.project_files import schema_of

    return schema_of(kind)


def load_tables(configs: Path | None) -> tuple[TableSelect, ...]:
    from scraper.io.config_files.table_files import read_tables

    return read_tables(configs)


def load_views(configs: Path | None) -> tuple[View, ...]:
    from scraper.io.config_files.table_files import read_view_files

    return read_view_files(configs)


def load_charts(configs: Path | None) -> tuple[Chart, ...]:
    from scraper.io.config_files.report_files import read_charts

    return read_charts(configs)
