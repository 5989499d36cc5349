"""``[billing_events]`` and ``[statements]`` of a vendor file: a vendor's pages about its charges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from scraper.core.catalogue import BillingEvents, BillingPage, Source, Statements
from scraper.io.config_files.validation import FileModel, Positive

RoutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/.{}-]*$")]


class BillingEventsTable(FileModel):
    source: str
    note: str = ""
    path: RoutePath
    from_param: str
    to_param: str
    records: str
    request_id: str
    endpoint: str
    status: str
    charged: list[str]
    free: list[str]
    at: str
    credits: str | None = None
    limit_param: str | None = None
    max_size: Positive | None = None

    @model_validator(mode="after")
    def _says_how_many_come(self) -> BillingEventsTable:
        if (self.limit_param is None) is not (self.max_size is None):
            raise ValueError("limit_param and max_size belong together")
        return self

    def build(self, sources: Mapping[str, Source]) -> BillingEvents:
        fields = self.model_dump(exclude={"source", "charged", "free"})
        charged, free = tuple(self.charged), tuple(self.free)
        return BillingEvents(**fields, charged=charged, free=free, source=sources[self.source])


class BillingPageTable(FileModel):
    path: RoutePath
    used: str
    period: str
    starts: str
    ends: str


class PeriodsTable(BillingPageTable):
    records: str
    limit_param: str
    max_size: Positive


class StatementTable(FileModel):
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/.-]*\{period\}[A-Za-z0-9_/.-]*$")]
    params: dict[str, str] = {}
    limit_param: str
    max_size: Positive
    records: str
    used: str


class DaysTable(FileModel):
    path: RoutePath
    params: dict[str, str] = {}
    from_param: str
    to_param: str
    records: str
    starts: str
    used: str


class StatementsTable(FileModel):
    source: str
    note: str = ""
    account: BillingPageTable
    periods: PeriodsTable
    statement: StatementTable
    days: DaysTable | None = None

    def build(self, sources: Mapping[str, Source]) -> Statements:
        return Statements(
            account=_page(self.account),
            periods=_page(self.periods),
            statement=_page(self.statement),
            days=None if self.days is None else _page(self.days),
            source=sources[self.source],
            note=self.note,
        )


def _page(table: FileModel) -> BillingPage:
    fields = table.model_dump()
    return BillingPage(**{**fields, "params": tuple(sorted(fields.get("params", {}).items()))})
