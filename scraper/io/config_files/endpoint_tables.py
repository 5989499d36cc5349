"""``[endpoints.<name>]`` of a vendor file, and the conditions on an answer's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scraper.core.catalogue import Condition, Endpoint, KnownValue, Parameter, Records, Role, Source
from scraper.core.errors import Fault
from scraper.core.jobs import MOST_PAGES
from scraper.core.nearest import nearest
from scraper.io.config_files.pagination_tables import PaginationTable
from scraper.io.config_files.validation import FileModel, Positive

Scalar = bool | str | int
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")]
RoutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/.{}-]*$")]


class ConditionTable(FileModel):
    field: str
    is_: Scalar | list[Scalar] | None = Field(default=None, alias="is")
    contains: str | None = None

    @model_validator(mode="after")
    def _says_what_satisfies(self) -> ConditionTable:
        if self.is_ is None and self.contains is None:
            raise ValueError("needs is or contains: a condition without them never holds")
        return self


class RecordsTable(FileModel):
    path: str
    id: str
    nested_in: str | None = None
    rank: str | None = None
    views: str | None = None
    fields: list[str] = []
    country: str | None = None


class ParameterTable(FileModel):
    type: Literal["integer", "string"]
    description: str
    allowed: list[Scalar] = []
    default: Scalar | None = None
    means_none: list[str] = []
    required: bool = False
    ignored: bool = False
    role: Literal["country", "period_days", "page", "page_size", "cursor", "delta"] | None = None
    from_parent: str | None = None
    known: list[Scalar] | dict[str, str] = []
    known_source: str | None = None

    @model_validator(mode="after")
    def _names_the_source_of_known_values(self) -> ParameterTable:
        if self.known and self.known_source is None:
            raise ValueError("known needs known_source, the document that lists the values")
        if self.role == "delta" and (self.default is None or len(self.allowed) != 2):
            raise ValueError(
                'role = "delta" needs a default and two allowed values: the other one asks for what is new'
            )
        return self


class EndpointTable(FileModel):
    source: str
    path: RoutePath
    summary: str
    cost: Positive
    table: Name
    status: Literal["documented", "deprecated", "gone"]
    status_since: date
    successor: Name | None = None
    moving: str = ""
    assumed: list[Literal["cost", "records", "pagination", "parameters"]] = []
    note: str = ""
    typical_total: Annotated[int, Field(ge=1, le=MOST_PAGES)] | None = None
    success: list[ConditionTable]
    records: RecordsTable
    pagination: PaginationTable
    parameters: dict[ParameterName, ParameterTable]

    @model_validator(mode="after")
    def _moves_only_from_what_ends(self) -> EndpointTable:
        if self.successor is not None and self.status == "documented":
            raise ValueError('successor needs status = "deprecated" or "gone"')
        if self.moving and self.successor is None:
            raise ValueError("moving says what a move to the successor changes, and no successor is named")
        return self


def _listed(value: Scalar | list[Scalar] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def condition_of(table: ConditionTable) -> Condition:
    return Condition(table.field, _listed(table.is_), table.contains)


def _known(values: list[Scalar] | dict[str, str]) -> tuple[KnownValue, ...]:
    if isinstance(values, dict):
        return tuple(KnownValue(value, name) for value, name in values.items())
    return tuple(KnownValue(value) for value in _listed(values))


def _parameter(name: str, table: ParameterTable, sources: Mapping[str, Source]) -> Parameter:
    return Parameter(
        name=name,
        type=table.type,
        description=table.description,
        allowed=_listed(list(table.allowed)),
        default=None if table.default is None else str(table.default),
        means_none=tuple(table.means_none),
        required=table.required,
        ignored=table.ignored,
        role=None if table.role is None else Role(table.role),
        from_parent=table.from_parent,
        known=_known(table.known),
        known_source=None if table.known_source is None else sources[table.known_source],
    )


def successor_faults(tables: Mapping[str, EndpointTable], where: str) -> list[Fault]:
    """Return the faults of the endpoints' successors."""
    faults = []
    for name, endpoint in tables.items():
        successor = endpoint.successor
        if successor is not None and successor not in tables:
            others = [other for other in tables if other != name]
            message = f"there is no endpoint {successor!r}{nearest(successor, others)}"
            faults.append(Fault(f"{where}: endpoints.{name}.successor", message))
        elif successor is not None and tables[successor].successor is not None:
            message = f"{successor} has a successor itself; name the last one"
            faults.append(Fault(f"{where}: endpoints.{name}.successor", message))
    return faults


def endpoints_of(
    vendor: str, tables: Mapping[str, EndpointTable], sources: Mapping[str, Source]
) -> tuple[Endpoint, ...]:
    """Return the endpoints in the order of the file, each with its successor."""
    made = {name: _endpoint(vendor, name, table, sources) for name, table in tables.items()}
    successors = {name: table.successor for name, table in tables.items()}
    return tuple(
        endpoint if (named := successors[name]) is None else replace(endpoint, successor=made[named])
        for name, endpoint in made.items()
    )


def _endpoint(vendor: str, name: str, table: EndpointTable, sources: Mapping[str, Source]) -> Endpoint:
    cursor_type = next((each.type for each in table.parameters.values() if each.role == "cursor"), None)
    return Endpoint(
        vendor=vendor,
        name=name,
        path=table.path,
        summary=table.summary,
        cost=table.cost,
        parameters=tuple(_parameter(key, parameter, sources) for key, parameter in table.parameters.items()),
        pagination=table.pagination.described(cursor_type),
        records=Records(**{**table.records.model_dump(), "fields": tuple(table.records.fields)}),
        table=table.table,
        success=tuple(condition_of(condition) for condition in table.success),
        status=table.status,
        status_since=table.status_since,
        source=sources[table.source],
        typical_total=table.typical_total,
        note=table.note,
        assumed=tuple(table.assumed),
        moving=table.moving,
    )
