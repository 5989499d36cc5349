"""Read ``scraper.toml``, and write the files of a new project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from scraper.io.config_files.job_files import AccountsFile, JobFile
from scraper.io.config_files.notify_table import NotifyTable
from scraper.io.config_files.report_table import ReportTable
from scraper.io.config_files.validation import FileModel, json_schema, read_toml, shortened, validate
from scraper.io.config_files.vendor_files import VendorFile


class ProjectFile(FileModel):
    """``scraper.toml``: the settings of a project, for all its jobs."""

    data: Annotated[str, Field(min_length=1)] = Field(
        default="data", description="data directory, relative to this file; SCRAPER_DATA and --data override it"
    )

    state: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        repr=False,
        description="URL of the state's database, postgresql+psycopg://…, for several machines; "
        "SCRAPER_STATE and --state override it; by default a file in the data directory",
    )
    archive: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="the archive: a directory, relative to this file, or s3://bucket/prefix; "
        "SCRAPER_ARCHIVE and --archive override it; by default in the data directory",
    )
    notify: NotifyTable = Field(default=NotifyTable(), description="who is told of runs, and of which")
    report: ReportTable = Field(default=ReportTable(), description="defaults of scraper report")

    @field_validator("archive")
    @classmethod
    def _is_a_place(cls, value: str | None) -> str | None:
        if value is not None and "://" in value and not value.startswith("s3://"):
            raise ValueError(f"is a directory or s3://bucket/prefix, not {shortened(repr(value))}")
        return value

    @field_validator("data")
    @classmethod
    def _is_a_directory(cls, value: str) -> str:
        if "://" in value:
            raise ValueError(f"is the path of a directory on this machine, not {shortened(repr(value))}")
        return value


def read_project_file(path: Path) -> ProjectFile:
    """Return the settings; ConfigurationError with every fault."""
    return validate(ProjectFile, read_toml(path), str(path))


SCHEMAS: Mapping[str, type[FileModel]] = {
    "job": JobFile,
    "accounts": AccountsFile,
    "vendor": VendorFile,
    "project": ProjectFile,
}
"""Kind of a file → the model that reads it."""


def schema_of(kind: str) -> Mapping[str, object]:
    """Return the JSON Schema of a kind of file.

    In a vendor's no key is required: a file in ``configs/vendors/`` may state a single figure of a packaged vendor.
    """
    return json_schema(SCHEMAS[kind], f"scraper: {kind}", required=kind != "vendor")
