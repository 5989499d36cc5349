"""An example answer of an operation: the place of its records, and the values around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scraper.core.bodies import Json, at
from scraper.core.draft import guesses
from scraper.core.draft.guesses import Spot
from scraper.core.draft.openapi import OpenApiDocument, Operation, mapping, sequence, text
from scraper.core.draft.select import (
    columns_of,
    integers_read_as_text,
    meanings_of,
    select_of,
    shape_of,
    with_id_as_text,
)


@dataclass(frozen=True, slots=True)
class ExampleAnswer:
    """An example answer with its findings."""

    example: Json
    schema: Mapping[str, Json]
    is_made_up: bool
    """True if it was made from the schema, since the document gives no example."""
    words: tuple[str, ...]
    """Words of the endpoint's path that may name its records."""
    listed: Spot | None
    """The list of records; ``None`` if the answer seems to be one record."""

    @property
    def path(self) -> str:
        listed = self.listed
        return listed.path if listed is not None else guesses.record_in(self.example)

    @property
    def records(self) -> list[Mapping[str, Json]]:
        stands = at(self.example, self.path) if self.path else self.example
        found = [stands] if self.listed is None else sequence(stands)
        return [mapping(each) for each in found if isinstance(each, dict) and each]

    @property
    def around(self) -> list[Spot]:
        """Values outside of the records; none for a single record."""
        if self.listed is None:
            return []
        below = f"{self.path}."
        return [each for each in guesses.inside(self.example) if not each.path.startswith(below)]

    @property
    def id(self) -> str | None:
        """The field that seems to be the records' id."""
        fields = {key: value for record in reversed(self.records) for key, value in record.items()}
        return guesses.id_of(fields, (*self.words, self.path.rpartition(".")[2]))


def answer_of(document: OpenApiDocument, operation: Operation, words: Sequence[str]) -> ExampleAnswer:
    """Return the example answer of an operation: the document's, else one made from its schema."""
    stated, schema = document.answer(operation)
    example = document.made_up(schema) if stated is None else stated
    stands = at(example, path) if (path := guesses.record_in(example)) else example
    # The path ends with an id: the answer is one record, unless it has no id of its own.
    asks_one = operation.path.endswith("}") and isinstance(stands, dict)
    is_one = asks_one and guesses.id_of(mapping(stands), words, named=False) is not None
    listed = None if is_one else guesses.records_in(example, words)
    return ExampleAnswer(example, schema, stated is None, tuple(words), listed)


def table_file(document: OpenApiDocument, answer: ExampleAnswer, title: str) -> str | None:
    """Return the SELECT over an answer's records; ``None`` if nothing shows a record with an id.

    Fields that the schema has and the example lacks are read as well.
    """
    id_key = answer.id
    if id_key is None:
        return None
    documented = () if answer.is_made_up else tuple(_documented(document, answer))
    shape = shape_of((*answer.records, *documented))
    shape = with_id_as_text(shape, id_key) if isinstance(shape, dict) else None
    if shape is None:
        return None
    keys = [key for key in answer.path.split(".") if key]
    described = ((key, text(document.described(answer.schema, [*keys, key]).get("description"))) for key in shape)
    columns = columns_of(shape, id_key, meanings_of(described))
    integers = integers_read_as_text(columns, answer.records)
    return select_of(title, shape, columns, integers, max(0, len(shape) - len(columns)))


def _documented(document: OpenApiDocument, answer: ExampleAnswer) -> Iterator[Mapping[str, Json]]:
    made = document.made_up(answer.schema)
    stands = at(made, answer.path) if answer.path else made
    for each in [stands] if answer.listed is None else sequence(stands):
        if isinstance(each, dict):
            yield mapping(each)
