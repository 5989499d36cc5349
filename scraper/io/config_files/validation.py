"""pydantic's errors as faults: file and key, the value, the allowed values, the nearest known name."""

from __future__ import annotations

import copy
import itertools
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.nearest import nearest
from scraper.core.units import LARGEST_COUNT
from scraper.io.config_files.text import read_text


class FileModel(BaseModel):
    """A table of a file: unknown keys are refused, values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


M = TypeVar("M", bound=FileModel)

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Positive = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]

MOST_LEVELS = 16
"""Three times the nesting of a vendor file."""
MOST_FAULTS = 50
MOST_CHARACTERS = 200

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Names of jobs and of their parts."""
_NO_TEXT = re.compile(r"[0-9][0-9_]*(?:\.[0-9]+)?|true|false")
_DOLLARS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DEEP_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*{_KEY}(?:[ \t]*\.[ \t]*{_KEY}){{{MOST_LEVELS}}}", re.MULTILINE)


def dollars_of(text: str | None) -> Decimal | None:
    """Return an amount of dollars, written as text to stay exact; ``None`` if absent or not an amount."""
    return Decimal(text) if text and _DOLLARS.fullmatch(text) else None


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as plain objects; raise ConfigurationError if missing, invalid or out of bounds."""
    text = read_text(path)
    deep = Fault(str(path), f"holds tables or lists more than {MOST_LEVELS} levels deep")
    if _DEEP_KEY.search(text):  # before tomllib, whose memory grows with the square of a key's parts
        raise ConfigurationError([deep])
    try:
        content = tomllib.loads(text)
    except RecursionError as failure:
        raise ConfigurationError([deep]) from failure
    except ValueError as failure:  # TOMLDecodeError is one; so is an integer of more than 4300 digits
        raise ConfigurationError([Fault(str(path), f"is not valid TOML: {_mended(str(failure), text)}")]) from failure
    faults = list(itertools.islice(_out_of_bounds(content, str(path)), MOST_FAULTS))
    if faults:
        raise ConfigurationError(faults)
    return content


_MENDS: Mapping[str, str] = {
    "Cannot overwrite a value": "a key stands twice, keep one of them",
    "Cannot declare": "a table stands twice, keep one of them; a list of tables is written [[name]]",
    "Invalid value": "text is written in quotes",
    "Expected '=' after a key": "a setting is written key = value",
    "Expected newline": "one setting a line, and nothing behind its value but a # comment",
    "Invalid statement": "a setting is written key = value, a table [name]",
}
"""The beginning of tomllib's message → what to do."""


def _mended(message: str, text: str) -> str:
    mend = next((mend for begin, mend in _MENDS.items() if message.startswith(begin)), "")
    place = re.search(r"at line (\d+)", message)
    line = text.split("\n")[int(place[1]) - 1].strip() if place else ""
    if (listed := re.match(r"\[\[\s*([\w.\"-]+)", line)) and mend:
        mend = f"[{listed[1]}] stands above: write [[{listed[1]}]], with two brackets, each time"
    return shortened(message) + (f": {mend}" if mend else "")


def _out_of_bounds(value: object, where: str, level: int = 0) -> Iterator[Fault]:
    """Yield a fault for values nested deeper than MOST_LEVELS, and for integers of more than 64 bits."""
    match value:
        case dict() | list() if level >= MOST_LEVELS:
            yield Fault(where, f"is more than {MOST_LEVELS} levels deep")
        case dict():
            for key, inner in value.items():
                yield from _out_of_bounds(inner, f"{where}.{key}" if level else f"{where}: {key}", level + 1)
        case list():
            for place, inner in enumerate(value):
                yield from _out_of_bounds(inner, f"{where}[{place}]", level + 1)
        case int() if not -(2**63) <= value < 2**63:
            yield Fault(where, "is a number of more than 64 bits")


def shortened(text: str) -> str:
    """Return the text, truncated to a readable length."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def validate(model: type[M], content: dict[str, Any], where: str) -> M:
    """Return the content as a model; raise ConfigurationError with every fault."""
    valid, faults = validate_what_can_be(model, content, where)
    if valid is None or faults:
        raise ConfigurationError(faults)
    return valid


def validate_what_can_be(
    model: type[M], content: dict[str, Any], where: str, stand_ins: Mapping[str, Any] = types.MappingProxyType({})
) -> tuple[M | None, list[Fault]]:
    """Validate the content without its faulty keys, so that other faults are found too; return both.

    `stand_ins`: values for required top-level keys that are missing or faulty. The model is ``None`` if
    validation fails even so, as when a required key of a nested table is faulty.
    """
    try:
        return model.model_validate(content), []
    except ValidationError as failure:
        errors = failure.errors()
        faults = [_fault(model, error, where) for error in errors[:MOST_FAULTS]]
        if len(errors) > MOST_FAULTS:
            faults.append(Fault(where, f"has {len(errors) - MOST_FAULTS:,} more faults of this kind"))
        remaining = copy.deepcopy(content)
        for error in errors:
            _drop(remaining, error["loc"])
    try:
        return model.model_validate({**stand_ins, **remaining}), faults
    except ValidationError:
        return None, faults


def _drop(content: Any, loc: tuple[int | str, ...]) -> None:  # noqa: ANN401 - whatever TOML gave
    """Remove the key at pydantic's location, as far as it can be followed."""
    for depth, step in enumerate(loc):
        if not isinstance(content, dict) or not isinstance(step, str) or step not in content:
            if isinstance(content, list) and isinstance(step, int) and step < len(content):
                content = content[step]
                continue
            return
        if depth == len(loc) - 1 or not isinstance(content[step], (dict, list)):
            del content[step]
            return
        content = content[step]


def _fault(model: type[BaseModel], error: Any, where: str) -> Fault:  # noqa: ANN401 - pydantic's ErrorDetails
    path, owner = _locate(model, error["loc"])
    at = f"{where}: {shortened(path)}" if path else where
    return Fault(at, _words(error, path, _keys(owner) if owner else []))


def _words(error: Any, path: str, known: Sequence[str]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """Return the fault found, and what to write. `known`: the keys allowed there."""
    met = shortened(repr(error["input"]))
    match error["type"]:
        case "extra_forbidden":
            name = str(error["loc"][-1])
            words = f"no such key{nearest(name, known)}; known are {', '.join(known)}"
            if isinstance(error["input"], dict) and "accounts" in known:
                words += f"; the account of a vendor is [accounts.{name}]"
        case "missing":
            words = "is missing"
        case "list_type" if isinstance(error["input"], dict):
            words = f"is one table, and a list of them is expected: write [[{path}]], with two brackets"
        case "list_type":
            words = f"is a list, not {met}: write it in brackets"
        case "model_type" | "dict_type":
            mend = "" if "[" in path else f": write [{path}], and its keys below it"
            words = f"is a table, not {met}{mend}"
        case "string_too_short" if error["input"] == "":
            words = "is empty: state a value, or leave the key out"
        case "value_error":
            words = f"{error['ctx']['error']}{_in_quotes(error)}"
        case "string_pattern_mismatch" if error["ctx"]["pattern"] == NAME_PATTERN:
            words = f"should be at most 63 lower-case letters, digits, - and _, not {met}"
        case _:
            words = f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {met}{_in_quotes(error)}"
    return words


def _in_quotes(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """Return what to do about quotes that make a number a text, or that are missing around a text."""
    match error["type"], error["input"]:
        case "string_type", bool() | int() | float():
            return ": write it in quotes"
        case (("int_type" | "float_type" | "bool_type" | "value_error"), str(text)) if _NO_TEXT.fullmatch(text):
            return ": write it without quotes"
        case _:
            return ""


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel] | None]:
    """Return pydantic's location as a dotted path, and the model of the keys there."""
    path, here, owner = "", typing.cast(Any, model), model
    for step in loc:
        models = _models(here)
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        chosen = next((m for m in models if _is_tag(m, step)), None)
        if chosen is not None and len(models) > 1:
            here = chosen
            continue
        path += f".{step}" if path else str(step)
        if len(models) == 1 and typing.get_origin(here) is not dict:
            owner = models[0]
            field = next((f for n, f in owner.model_fields.items() if step in {n, f.alias}), None)
            here = field.annotation if field is not None else None
        elif typing.get_origin(here) is dict:
            here = typing.get_args(here)[1]
    return path, owner


def _models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in typing.get_args(annotation) for model in _models(argument)]


def _is_tag(model: type[BaseModel], step: str) -> bool:
    kind = model.model_fields.get("kind")
    return kind is not None and step in typing.get_args(kind.annotation)


# --- JSON Schema ------------------------------------------------------------------------------------------------------

_DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest draft that the TOML language servers of editors read whole."""


def json_schema(model: type[FileModel], title: str, *, required: bool = True) -> dict[str, object]:
    """Return the JSON Schema (draft 7) of a kind of TOML file. Without `required`, no key is."""
    schema = _draft_7(model.model_json_schema(by_alias=True, ref_template="#/definitions/{model}"), required)
    return {"$schema": _DRAFT, "title": title, **schema}


def _draft_7(value: Any, required: bool) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema of pydantic in draft 7, without what TOML cannot say (null), and without generated titles."""
    match value:
        case {"$ref": ref, **beside} if beside:  # draft 7 ignores what stands beside a reference
            return _draft_7(beside, required) | {"allOf": [{"$ref": ref}]}
        case {"anyOf": [*choices], **beside} if {"type": "null"} in choices:
            left = [choice for choice in choices if choice != {"type": "null"}]
            chosen = left[0] if len(left) == 1 else {"anyOf": left}
            return _draft_7({**chosen, **{key: each for key, each in beside.items() if key != "default"}}, required)
        case dict():
            kept = {key: each for key, each in value.items() if key not in _DROPPED and (required or key != "required")}
            return {_RENAMED.get(key, key): _draft_7_of(key, each, required) for key, each in kept.items()}
        case list():
            return [_draft_7(each, required) for each in value]
        case str():
            return value.replace("``", "")
        case _:
            return value


def _draft_7_of(key: str, value: Any, required: bool) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a key; below `properties` and `definitions` keys are names, not keywords."""
    if key in {"properties", "patternProperties", "$defs"}:
        return {name: _draft_7(each, required) for name, each in value.items()}
    return value if key in {"default", "const", "enum", "pattern"} else _draft_7(value, required)


_DROPPED = frozenset({"title", "discriminator"})
_RENAMED = {"$defs": "definitions"}
