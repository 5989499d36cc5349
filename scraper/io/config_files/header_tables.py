"""Tables of a vendor file that name HTTP headers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scraper.core.rate_headers import RateHeaders
from scraper.io.config_files.validation import FileModel

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]


class RateHeadersTable(FileModel):
    source: str
    remaining: HeaderName
    resets: HeaderName

    def build(self) -> RateHeaders:
        return RateHeaders(self.remaining.lower(), self.resets.lower())
