"""An OpenAPI document (Swagger 2.0, OpenAPI 3.0 and 3.1): its GET operations, their parameters and example answers.

No part of a document is trusted to be well formed: a value of another type than the specification's counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from scraper.core.bodies import Json
from scraper.core.errors import UsageError
from scraper.core.nearest import nearest

MOST_STEPS: Final = 300_000
"""References followed and schemas visited for one draft: a hundred times those of a large document."""
DEPTHS: Final = (9, 6, 4, 3, 2)
"""Most levels of an answer made from its schema; fewer if the schema is too wide."""
MOST_MADE_UP: Final = 4_000
"""Most values of an answer made from its schema."""
_EMPTY: Final[Mapping[str, Json]] = {}


@dataclass(frozen=True, slots=True)
class AskedParameter:
    """A parameter of an operation."""

    name: str
    place: str
    """``query``, ``path``, ``header`` …"""
    type: str
    """JSON Schema's: string, integer, number, boolean, array, object."""
    description: str = ""
    required: bool = False
    allowed: tuple[str | int, ...] = ()
    default: str | int | None = None
    example: Json = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A GET operation."""

    path: str
    summary: str
    description: str
    parameters: tuple[AskedParameter, ...]
    statuses: tuple[int, ...]
    """Documented failures."""
    deprecated: bool
    content: Mapping[str, Json]


@dataclass(slots=True)
class OpenApiDocument:
    """A document, and its dangling references."""

    root: Mapping[str, Json]
    name: str
    """Its file, for messages."""
    missing: set[str] = field(default_factory=set)
    """References that lead nowhere in it."""
    _steps: int = 0

    @classmethod
    def of(cls, content: Json, name: str) -> OpenApiDocument:
        """Return the document; UsageError if it is not an OpenAPI document."""
        if not isinstance(content, dict):
            raise UsageError(f"{name} is not an OpenAPI document: it is not a JSON object. Nothing was written.")
        version = content.get("openapi", content.get("swagger"))
        if not str(version).startswith(("2.", "3.")):
            found = f"says {'openapi' if 'openapi' in content else 'swagger'} {version!r}" if version else "has neither"
            raise UsageError(
                f"{name} is not an OpenAPI document of version 2.0 or 3: openapi = 3.x or swagger = 2.0 is expected "
                f"at its root, and it {found}. Nothing was written."
            )
        if not mapping(content.get("paths")):
            raise UsageError(f"{name} lists no paths: there is nothing to draft. Nothing was written.")
        return cls(content, name)

    @property
    def title(self) -> str:
        return text(mapping(self.root.get("info")).get("title"))

    @property
    def version(self) -> str:
        return text(mapping(self.root.get("info")).get("version"))

    @property
    def is_swagger(self) -> bool:
        return "openapi" not in self.root

    def resolved(self, value: Json | Mapping[str, Json]) -> Mapping[str, Json]:
        """Return an object with its reference followed; an empty one if there is none."""
        for _ in range(40):  # a chain of references, or a circle
            self._step()
            found = mapping(value)
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            target = self._target(reference)
            if target is None:
                self.missing.add(reference)
                return _EMPTY
            value = target
        return _EMPTY

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise UsageError(
                f"{self.name} has too many references to be drafted at once: select endpoints with --only. "
                "Nothing was written."
            )

    def _target(self, reference: str) -> Json:
        if not reference.startswith("#/"):
            return None
        here: Json = dict(self.root)
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            if not isinstance(here, dict) or key not in here:
                return None
            here = here[key]
        return here

    def operations(self, only: Sequence[str]) -> list[Operation]:
        """Return the GET operations, all or those whose path is named; a name may contain ``*``."""
        paths = mapping(self.root.get("paths"))
        listed = [path for path, item in paths.items() if mapping(self.resolved(item).get("get"))]
        if not listed:
            raise UsageError(
                f"{self.name} has no path with a GET operation: only these are drafted. Nothing was written."
            )
        for name in only:
            if not any(_named(path, name) for path in listed):
                raise UsageError(
                    f"--only {name}: no path with a GET operation matches{nearest(name, listed)}; "
                    f"{len(listed):,} exist, such as {', '.join(listed[:5])}. Nothing was written."
                )
        wanted = [path for path in listed if not only or any(_named(path, name) for name in only)]
        return [self._operation(path, self.resolved(paths[path])) for path in wanted]

    def _operation(self, path: str, item: Mapping[str, Json]) -> Operation:
        content = mapping(item.get("get"))
        found: dict[tuple[str, str], AskedParameter] = {}
        for stated in (*sequence(item.get("parameters")), *sequence(content.get("parameters"))):
            parameter = self._parameter(self.resolved(stated))
            if parameter is not None:
                found[parameter.place, parameter.name] = parameter
        statuses = {int(status) for status in mapping(content.get("responses")) if status.isdecimal()}
        return Operation(
            path=path,
            summary=text(content.get("summary")) or text(item.get("summary")),
            description=text(content.get("description")) or text(item.get("description")),
            parameters=tuple(found.values()),
            statuses=tuple(sorted(status for status in statuses if 400 <= status <= 599)),
            deprecated=content.get("deprecated") is True,
            content=content,
        )

    def _parameter(self, stated: Mapping[str, Json]) -> AskedParameter | None:
        name, place = stated.get("name"), stated.get("in")
        if not isinstance(name, str) or not isinstance(place, str):
            return None
        schema = stated if self.is_swagger else self.resolved(stated.get("schema"))
        if not schema and (media := next(iter(mapping(stated.get("content")).values()), None)):
            schema = self.resolved(mapping(media).get("schema"))
        schema = self._plain(schema)
        examples = next(iter(mapping(stated.get("examples")).values()), None)
        example = stated.get("example", self.resolved(examples).get("value", schema.get("example")))
        default, maximum = schema.get("default"), schema.get("maximum")
        return AskedParameter(
            name=name,
            place=place,
            type=type_of(schema),
            description=text(stated.get("description")) or text(schema.get("description")),
            required=stated.get("required") is True or place == "path",
            allowed=tuple(scalar for each in sequence(schema.get("enum")) if (scalar := scalar_of(each)) is not None),
            default=scalar_of(default),
            example=example if scalar_of(example) is not None else None,
            maximum=int(maximum) if isinstance(maximum, (int, float)) and 0 < maximum < 10**9 else None,
        )

    def _plain(self, schema: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return a schema with those that it is composed of laid over each other; of alternatives, the first."""
        merged: dict[str, Json] = {}
        for each in self._parts(schema, 4):
            properties = {**mapping(merged.get("properties")), **mapping(each.get("properties"))}
            merged |= {key: value for key, value in each.items() if key not in {"allOf", "anyOf", "oneOf"}}
            if properties:
                merged["properties"] = properties
        return merged

    def _parts(self, schema: Mapping[str, Json], levels: int) -> Iterator[Mapping[str, Json]]:
        yield schema
        if levels:
            for each in sequence(schema.get("allOf")):
                yield from self._parts(self.resolved(each), levels - 1)
            for key in ("anyOf", "oneOf"):
                options = [self.resolved(each) for each in sequence(schema.get(key))]
                chosen = next((option for option in options if type_of(option) != "null"), None)
                if chosen is not None:
                    yield from self._parts(chosen, levels - 1)

    def answer(self, operation: Operation, status: int | None = None) -> tuple[Json, Mapping[str, Json]]:
        """Return an operation's example answer, ``None`` without one, and its schema; by default those of success."""
        responses = mapping(operation.content.get("responses"))
        names = [str(status)] if status else [*sorted(name for name in responses if name.startswith("2")), "default"]
        for name in names:
            response = self.resolved(responses.get(name))
            if self.is_swagger:
                example = next(iter(mapping(response.get("examples")).values()), None)
                media: Mapping[str, Json] = {"schema": response.get("schema"), "example": example}
            else:
                media = _json_media(mapping(response.get("content")))
            schema = self.resolved(media.get("schema"))
            found = self._example(media, schema)
            if found is not None or schema:
                return found, schema
        return None, _EMPTY

    def _example(self, media: Mapping[str, Json], schema: Mapping[str, Json]) -> Json:
        named = [self.resolved(each).get("value") for each in mapping(media.get("examples")).values()]
        stated = (media.get("example"), *named, schema.get("example"), *sequence(schema.get("examples"))[:1])
        return next((each for each in stated if isinstance(each, (dict, list)) and each), None)

    def made_up(self, schema: Mapping[str, Json]) -> Json:
        """Return an answer as a schema describes it, each documented field once, as deep as it stays of a size."""
        for levels in DEPTHS:
            try:
                return self._made_up(schema, levels, (), [MOST_MADE_UP])
            except _TooWideError:
                continue
        return None

    def _made_up(self, schema: Mapping[str, Json], levels: int, above: tuple[Json, ...], left: list[int]) -> Json:
        """`above`: the references that led here; `left`: values that may still be made up, else _TooWideError."""
        reference = schema.get("$ref")
        if levels <= 0 or (reference is not None and reference in above):
            return None
        left[0] -= 1
        if left[0] < 0:
            raise _TooWideError
        plain = self._plain(self.resolved(schema))
        if not plain:
            return None
        stated = next((plain[key] for key in ("example", "const", "default") if plain.get(key) is not None), None)
        if stated is None and (enum := sequence(plain.get("enum"))):
            stated = enum[0]
        kind, above = type_of(plain), (*above, reference) if reference else above
        if stated is not None and (kind not in {"object", "array"} or isinstance(stated, (dict, list))):
            return stated
        if kind == "array":
            return [self._made_up(mapping(plain.get("items")), levels - 1, above, left)]
        if kind == "object":
            fields = mapping(plain.get("properties")).items()
            return {key: self._made_up(mapping(each), levels - 1, above, left) for key, each in fields}
        return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(kind, "text")

    def described(self, schema: Mapping[str, Json], keys: Sequence[str]) -> Mapping[str, Json]:
        """Return the schema of a value inside, by the keys that lead to it; lists are looked into."""
        here = self._plain(self.resolved(schema))
        for key in keys:
            while type_of(here) == "array":
                here = self._plain(self.resolved(here.get("items")))
            here = self._plain(self.resolved(mapping(here.get("properties")).get(key)))
        while type_of(here) == "array" and here.get("items"):
            here = self._plain(self.resolved(here.get("items")))
        return here


class _TooWideError(Exception):
    """A schema has more values at a depth than are made up."""


def _named(path: str, name: str) -> bool:
    return path == name or ("*" in name and fnmatchcase(path, name))


def _json_media(content: Mapping[str, Json]) -> Mapping[str, Json]:
    return next((mapping(media) for kind, media in content.items() if "json" in kind or kind == "*/*"), _EMPTY)


def mapping(value: Json | Mapping[str, Json]) -> Mapping[str, Json]:
    """Return an object, an empty one in place of anything else; keys that are not text are left out."""
    if not isinstance(value, Mapping):
        return _EMPTY
    return {str(key): each for key, each in value.items()}  # YAML has keys that are numbers


def sequence(value: Json) -> list[Json]:
    """Return a list, an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """Return text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split()) if isinstance(value, str) else ""


def scalar_of(value: Json) -> str | int | None:
    """Return a value as a vendor file states it; ``None`` if it cannot."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return value if abs(value) < 2**62 else str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
        case str():
            return value if value.isprintable() and len(value) <= 200 else None
        case _:
            return None


def type_of(schema: Mapping[str, Json]) -> str:
    """Return a schema's type: of several, the first that is not null; if none is stated, the likely one."""
    stated = schema.get("type")
    kinds = [each for each in (stated if isinstance(stated, list) else [stated]) if isinstance(each, str)]
    if kinds:
        return next((kind for kind in kinds if kind != "null"), "null")
    return "object" if "properties" in schema else "array" if "items" in schema else "string"
