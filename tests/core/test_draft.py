"""Vendor files and SELECTs that are drafted from OpenAPI documents."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.draft import DraftedFiles, OpenApiDocument, draft_vendor
from scraper.core.draft.select import shape_of
from scraper.core.draft.toml_text import key_text, value_text
from scraper.core.errors import UsageError
from tests.examples import examples
from tests.openapi_documents import boards, library, odd, stations

TODAY = date(2026, 11, 29)


def drafted(document: Any, *only: str, name: str | None = None, cost: int | None = None) -> DraftedFiles:
    read = OpenApiDocument.of(document, "document.json")
    return draft_vendor(read, only=only, name=name, known=("crawlora", "keyapi"), today=TODAY, cost=cost)


def endpoints(made: DraftedFiles) -> Any:
    return tomllib.loads(made.toml)["endpoints"]


def test_a_resellers_board_is_read_from_its_example() -> None:
    made = drafted(boards())
    file = tomllib.loads(made.toml)
    assert (file["name"], file["base_url"], file["auth_format"]) == (
        "boards",
        "https://api.boards.example",
        "Bearer {key}",
    )
    assert (file["key_env"], file["message_fields"]) == ("BOARDS_API_KEY", ["message"])
    hashtags, videos = file["endpoints"]["hashtags"], file["endpoints"]["videos"]
    assert hashtags["records"] == {"path": "data.list", "id": "hashtag_id", "rank": "rank"}
    assert hashtags["pagination"] == {
        "kind": "page",
        "page_param": "page",
        "size_param": "limit",
        "max_size": 20,
        "page_field": "data.pagination.page",
        "size_field": "data.pagination.size",
        "total_field": "data.pagination.total",
        "has_more_field": "data.pagination.has_more",
    }
    assert videos["pagination"]["total_field"] == "data.pagination.total_count"
    assert videos["success"] == [{"field": "code", "is": 0}]
    assert videos["parameters"]["region"]["role"] == "country"
    assert (hashtags["cost"], made.unpriced) == ("?", ("hashtags", "videos"))
    rules = [(rule.get("status"), rule.get("when"), rule["outcome"]) for rule in file["errors"]]
    assert (401, None, "auth_rejected") in rules
    assert (None, [{"field": "code", "is": 402}], "quota_exhausted") in rules


def test_what_is_guessed_is_marked_assumed_and_what_is_stated_is_not() -> None:
    lines = drafted(boards()).toml.splitlines()
    marked = {line.partition(" = ")[0] for line in lines if "# assumed" in line}
    assert {"records", "success", "page_param", "total_field", "role"} <= marked
    assert not {"path", "base_url", "auth_header", "default", "type"} & marked


def test_swagger_2_with_references_and_without_an_example_is_read_from_its_schema() -> None:
    made = drafted(library())
    file = tomllib.loads(made.toml)
    assert (file["base_url"], file["auth_header"]) == ("https://town-library.org/api", "X-Card")
    books, one, shelves = (file["endpoints"][name] for name in ("books", "books_by_number", "shelves"))
    assert books["records"] == {"path": "items", "id": "id"}
    pagination = books["pagination"]
    assert (pagination["kind"], pagination["cursor_param"], pagination["cursor_field"]) == (
        "cursor",
        "after",
        "next_page_token",
    )
    assert (pagination["rows_per_page"], pagination["ends"]) == (50, "empty_page")
    assert books["parameters"]["shelf"]["allowed"] == ["new", "old"]
    assert books["parameters"]["lent"]["allowed"] == ["false", "true"]
    assert books["cost"] == 3, "the document's own words"
    assert set(books["parameters"]) == {"after", "page_size", "shelf", "lent"}
    assert "Left out: parameter 'filter[year]'" in made.toml
    assert (one["pagination"], one["records"]) == ({"kind": "single"}, {"path": "", "id": "id"})
    assert one["parameters"]["number"]["required"] is True
    assert (shelves["pagination"]["max_page"], shelves["note"]) == (1, "Deprecated in the document.")
    assert {rule["status"]: rule["outcome"] for rule in file["errors"]} == {404: "bad_request"}
    assert "record.title AS title, -- As it stands on the cover." in made.tables["town_library_books"]
    assert '"id": "VARCHAR",' in made.tables["town_library_books"], "an id is text, whatever the schema says"


def test_openapi_3_1_and_wrapped_records_are_read() -> None:
    made = drafted(stations())
    found = endpoints(made)["stations"]
    assert tomllib.loads(made.toml)["base_url"] == "https://eu.weather.example/v3"
    assert found["records"] == {"path": "features", "id": "properties.stationId"}
    pagination = found["pagination"]
    assert (pagination["counts"], pagination["max_size"], pagination["total_field"]) == ("records", 500, "numFound")
    assert found["parameters"]["country_code"]["allowed"] == ["NO", "SE"]
    assert 'record."properties"."stationId" AS station_id' in made.tables["weather_stations"]


def test_a_price_can_be_given_for_all() -> None:
    made = drafted(boards(), cost=2)
    assert ({each["cost"] for each in endpoints(made).values()}, made.unpriced) == ({2}, ())
    assert "TO FILL IN" not in made.toml


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (["/books"], ["books"]),
        (["/books*"], ["books", "books_by_number"]),
        (["/shelves", "/books"], ["books", "shelves"]),
    ],
)
def test_only_the_paths_that_are_named_are_drafted(only: list[str], names: list[str]) -> None:
    assert sorted(endpoints(drafted(library(), *only))) == names


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "is not an OpenAPI document: it is not a JSON object"),
        ({}, "and it has neither"),
        ({"openapi": "1.2"}, "it says openapi '1.2'"),
        ({"openapi": "3.0.0"}, "lists no paths"),
        ({"openapi": "3.0.0", "paths": {"/a": {"post": {}}}}, "has no path with a GET operation"),
        ({"openapi": "3.0.0", "paths": {"/a b": {"get": {"summary": "x"}}}}, "contains characters that a vendor file"),
        (
            {"openapi": "3.0.0", "paths": {"/{x}": {"get": {"summary": "x"}}}},
            "{x} of its path is not among the described parameters",
        ),
    ],
)
def test_a_document_that_gives_nothing_is_refused_in_a_sentence(document: Any, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        drafted(document)
    assert words in str(refused.value)
    assert "Nothing was written" in str(refused.value)


def test_a_name_that_is_taken_a_path_that_is_not_there_and_too_many_paths_are_refused() -> None:
    with pytest.raises(UsageError, match="vendor keyapi already exists"):
        drafted(boards(), name="keyapi")
    with pytest.raises(UsageError, match="--only /book: no path with a GET operation matches; did you mean '/books'"):
        drafted(library(), "/book")
    many = {f"/list{n}": {"get": {"summary": "x"}} for n in range(41)}
    with pytest.raises(UsageError, match="has 41 GET operations, and at most 40 are drafted at once"):
        drafted({"openapi": "3.0.0", "paths": many})


# --- hostile ----------------------------------------------------------------------------------------------------------


def tangled(number: int) -> dict[str, Any]:
    """Schemas that each refer to every other one."""
    names = [f"S{n}" for n in range(number)]
    properties = {name: {"$ref": f"#/components/schemas/{name}"} for name in names}
    return {
        "openapi": "3.0.0",
        "paths": {
            "/all": {"get": {"responses": {"200": {"content": {"application/json": {"schema": properties["S0"]}}}}}}
        },
        "components": {
            "schemas": {
                name: {"type": "object", "properties": {**properties, "id": {"type": "string"}}} for name in names
            }
        },
    }


def test_schemas_in_circles_are_followed_so_far_and_no_further() -> None:
    made = drafted(tangled(25))
    assert endpoints(made)["all"]["records"]["id"] == "id"
    (select,) = made.tables.values()
    assert len(select) < 100_000


def test_references_in_circles_and_into_nothing_are_said() -> None:
    schemas = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    answer = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}
    asked = [{"$ref": "other.yaml#/x"}, {"$ref": "#/no/where"}, 7]
    document = {"openapi": "3.0.0", "paths": {"/a": {"get": {"responses": answer, "parameters": asked}}}}
    made = drafted({**document, "components": {"schemas": schemas}})
    assert made.missing == ("#/no/where", "other.yaml#/x")
    assert "ASSUMED: the document shows no answer" in made.toml
    assert made.tables == {}


def test_an_example_that_holds_one_list_a_million_times_is_looked_at_so_far_and_no_further() -> None:
    inner: Any = {"id": 1, "names": ["x"] * 100}
    for _ in range(8):
        inner = {"id": 1, "again": [inner] * 100}
    answer = {"200": {"content": {"application/json": {"example": {"rows": [inner] * 100}}}}}
    made = drafted({"openapi": "3.0.0", "paths": {"/all": {"get": {"responses": answer}}}})
    (select,) = made.tables.values()
    assert '"again": [{"id": "BIGINT"' in select


def test_odd_names_break_neither_toml_nor_sql() -> None:
    made = drafted(odd())
    found = endpoints(made)["odd_names"]
    assert found["summary"].startswith('A "quoted" # summary')
    assert set(found["parameters"]) == {"id", "order", "select", "a.b", "ID", "page"}
    select = next(iter(made.tables.values()))
    assert 'record."order" AS record_order' in select
    assert 'record."1st" AS record_1st' in select


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$ref",
                    "type",
                    "properties",
                    "items",
                    "allOf",
                    "anyOf",
                    "example",
                    "enum",
                    "name",
                    "in",
                    "schema",
                    "id",
                    "200",
                    "responses",
                    "content",
                    "application/json",
                    "parameters",
                    "required",
                    "default",
                    "description",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@examples(40)
@given(
    operation=st.dictionaries(st.sampled_from(["responses", "parameters", "summary"]), JSON, min_size=1), around=JSON
)
def test_whatever_a_document_holds_is_drafted_or_refused_in_a_sentence(operation: Any, around: Any) -> None:
    document = {"openapi": "3.0.0", "paths": {"/things": {"get": operation}}, "components": around, "servers": around}
    try:
        made = drafted(document)
    except UsageError:
        return
    assert set(endpoints(made)) == {"things"}


# --- writing ----------------------------------------------------------------------------------------------------------


@examples(40)
@given(key=st.text(max_size=12), value=st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.booleans())
def test_toml_reads_back_as_it_was_written(key: str, value: Any) -> None:
    sound = key.encode("utf-8", "replace").decode()
    written = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
    assert tomllib.loads(f"{key_text(sound)} = {value_text([written])}") == {sound: [written]}


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ([1, 2.5], "DOUBLE"),
        ([1, "a"], "VARCHAR"),
        ([2**70], "VARCHAR"),
        ([None, True], "BOOLEAN"),
        ([[], [1]], ["BIGINT"]),
        ([{"a": 1}, {"b": [{"c": None, "d": "x"}]}], {"a": "BIGINT", "b": [{"d": "VARCHAR"}]}),
        ([{"a": 1, "A": "x"}], {"a": "BIGINT"}),
        ([{}, None], None),
        ([{"a": 1}, [1]], "VARCHAR"),
    ],
)
def test_a_type_holds_all_values(values: Any, shape: Any) -> None:
    assert shape_of(values) == shape
