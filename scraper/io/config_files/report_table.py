"""The table ``[report]`` of scraper.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.report import DEFAULT_DAYS, HTML_ENDINGS, ReportSettings
from scraper.io.config_files.validation import FileModel, read_toml, validate

MOST_DAYS = 36_500


class ReportTable(FileModel):
    """Defaults of `scraper report`."""

    days: int = Field(
        default=DEFAULT_DAYS, ge=1, le=MOST_DAYS, description="days of a report, up to today; --since overrides it"
    )
    file: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="file of the report, relative to this file; -o overrides it. Default: report.html in the data "
        "directory",
    )

    @field_validator("file")
    @classmethod
    def _is_html(cls, value: str | None) -> str | None:
        if value is not None and Path(value).suffix.lower() not in HTML_ENDINGS:
            raise ValueError(f"should end in .html, not {value!r}: a report is an HTML page")
        return value


def read_report(path: Path) -> ReportSettings:
    """Return ``[report]`` of a scraper.toml; ConfigurationError with every fault of the table."""
    content = read_toml(path).get("report", {})
    if not isinstance(content, dict):
        raise ConfigurationError([Fault(f"{path}: report", "is not a table: write [report] and its keys below it")])
    table = validate(ReportTable, content, f"{path}: report")
    return ReportSettings(table.days, None if table.file is None else str(path.parent / Path(table.file).expanduser()))
