"""pydantic's findings, said as we say faults: file and key, what was met, what is allowed, the nearest known name."""

from __future__ import annotations

import copy
import tomllib
import types
import typing
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.jobs import nearest


class FileModel(BaseModel):
    """A table of a file: unknown keys are refused, values are what TOML says that they are."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


M = TypeVar("M", bound=FileModel)


def dollars_of(text: str | None) -> Decimal | None:
    """An amount of dollars, written as text so that it stays exact; ``None`` where there is none, or it is none."""
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain objects; ConfigurationError where it is not there or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise ConfigurationError([Fault(str(path), f"cannot be read: {failure.strerror}")]) from failure
    except UnicodeDecodeError as failure:
        raise ConfigurationError([Fault(str(path), "is not UTF-8 text")]) from failure
    except tomllib.TOMLDecodeError as failure:
        raise ConfigurationError([Fault(str(path), f"is no TOML: {failure}")]) from failure


def files_in(directory: Path, ending: str) -> list[Path]:
    """The directory's files with this ending, by name; none where there is no such directory.

    ConfigurationError where it cannot be listed: a glob would pass by what stands there.
    """
    try:
        return sorted(path for path in directory.iterdir() if path.name.endswith(ending))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as failure:
        raise ConfigurationError([Fault(str(directory), f"cannot be read: {failure.strerror}")]) from failure


def validate(model: type[M], content: dict[str, Any], where: str) -> M:
    """The content as a model; ConfigurationError with every fault."""
    valid, faults = validate_what_can_be(model, content, where)
    if valid is None or faults:
        raise ConfigurationError(faults)
    return valid


def validate_what_can_be(
    model: type[M], content: dict[str, Any], where: str, stand_ins: Mapping[str, Any] = types.MappingProxyType({})
) -> tuple[M | None, list[Fault]]:
    """The content without its faulty keys, so that what is wrong in the rest is found in the same go; and the faults.

    `stand_ins`: values for required keys of the top that are missing or faulty. ``None`` where nothing can be made of
    it all the same, as when a required key further down is the faulty one.
    """
    try:
        return model.model_validate(content), []
    except ValidationError as failure:
        faults = [_fault(model, error, where) for error in failure.errors()]
        remaining = copy.deepcopy(content)
        for error in failure.errors():
            _drop(remaining, error["loc"])
    try:
        return model.model_validate({**stand_ins, **remaining}), faults
    except ValidationError:
        return None, faults


def _drop(content: Any, loc: tuple[int | str, ...]) -> None:  # noqa: ANN401 - whatever TOML gave
    """Removes the key at pydantic's location, as far as the location can be followed."""
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
    at = f"{where}: {path}" if path else where
    known = _keys(owner) if owner else []
    match error["type"]:
        case "extra_forbidden":
            name = str(error["loc"][-1])
            return Fault(at, f"no such key{nearest(name, known)}; known are {', '.join(known)}")
        case "missing":
            return Fault(at, "is missing")
        case "value_error":
            return Fault(at, str(error["ctx"]["error"]))
        case _:
            message = error["msg"][:1].lower() + error["msg"][1:]
            return Fault(at, f"{message}, and {error['input']!r} was met")


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel] | None]:
    """pydantic's location as a person writes it, and the model whose keys stand there."""
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
