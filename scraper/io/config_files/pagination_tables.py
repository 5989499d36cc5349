"""``[endpoints.<name>.pagination]`` of a vendor file: one model for each kind of pagination."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scraper.core.jobs import MOST_PAGES
from scraper.core.pagination import (
    CursorPagination,
    EndSign,
    OnePagePagination,
    PageCounting,
    PagePagination,
    Pagination,
    SinglePagination,
)
from scraper.io.config_files.validation import Count, FileModel, Positive


class PagePaginationTable(FileModel):
    kind: Literal["page"]
    page_param: str
    size_param: str | None = None
    max_size: Positive
    max_page: Annotated[int, Field(ge=1, le=MOST_PAGES)] | None = None
    page_field: str | None = None
    size_field: str | None = None
    total_field: str | None = None
    has_more_field: str | None = None
    past_max_page: Literal["repeats", "refuses"] = "repeats"
    counts: Literal["pages", "records"] = "pages"
    first: Count | None = None
    ends: Literal["short_page", "empty_page", "has_more", "total"] | None = None

    @model_validator(mode="after")
    def _describes_what_ends_the_list(self) -> PagePaginationTable:
        for sign in ("has_more", "total"):
            if self.ends == sign and getattr(self, f"{sign}_field") is None:
                raise ValueError(f'ends = "{sign}" needs {sign}_field')
        if self.past_max_page == "refuses" and self.max_page is None:
            raise ValueError('past_max_page = "refuses" needs max_page')
        return self

    def described(self, cursor_type: str | None) -> Pagination:  # noqa: ARG002
        counts = PageCounting(self.counts)
        first = self.first if self.first is not None else 1 if counts is PageCounting.PAGES else 0
        stated = self.model_dump(exclude={"kind", "max_size", "counts", "first", "ends", "past_max_page"})
        return PagePagination(
            **stated,
            rows_per_page=self.max_size,
            counts=counts,
            first=first,
            ends=_ends(self.ends),
            refuses_past=self.past_max_page == "refuses",
        )


class CursorPaginationTable(FileModel):
    kind: Literal["cursor"]
    cursor_param: str
    cursor_field: str
    has_more_field: str
    size_param: str | None = None
    rows_per_page: Positive
    ends: Literal["short_page", "empty_page", "has_more"] | None = None

    def described(self, cursor_type: str | None) -> Pagination:
        stated = self.model_dump(exclude={"kind", "ends"})
        return CursorPagination(**stated, numeric=cursor_type == "integer", ends=_ends(self.ends))


class OnePagePaginationTable(FileModel):
    kind: Literal["one_page"]
    max_rows: Positive
    total_field: str | None = None

    def described(self, cursor_type: str | None) -> Pagination:  # noqa: ARG002
        return OnePagePagination(rows_per_page=self.max_rows, total_field=self.total_field)


class SinglePaginationTable(FileModel):
    kind: Literal["single"]

    def described(self, cursor_type: str | None) -> Pagination:  # noqa: ARG002
        return SinglePagination()


def _ends(stated: str | None) -> EndSign | None:
    return None if stated is None else EndSign(stated)


PaginationTable = Annotated[
    PagePaginationTable | CursorPaginationTable | OnePagePaginationTable | SinglePaginationTable,
    Field(discriminator="kind"),
]
