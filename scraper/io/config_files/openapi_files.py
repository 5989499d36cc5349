"""Read an OpenAPI document: JSON, YAML, or the block of a documentation page that holds one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from scraper.core.bodies import Decoded, Json, decode
from scraper.core.errors import ConfigurationError, Fault

MOST_BYTES: Final = 64_000_000
"""Five times the largest public document found."""
MOST_YAML_BYTES: Final = 12_000_000
"""PyYAML, in C, takes about a second for each megabyte."""
_FENCED: Final = re.compile(r"^(`{3,})ya?ml[^\n]*\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)


def read_openapi(path: Path) -> Json:
    """Return the document as plain values; ConfigurationError if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as failure:
        raise _fault(path, f"cannot be read: {failure.strerror}") from failure
    if len(content) > MOST_BYTES:
        raise _fault(path, f"is larger than {MOST_BYTES:,} bytes, the most that is read")
    begins = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begins in {b"{", b"["}:
        decoded = decode(content)
        if isinstance(decoded, Decoded):
            return decoded.value
        if begins == b"[" or path.suffix == ".json":
            raise _fault(path, f"is not valid JSON: {decoded.reason[:200]}")
    return _read_yaml(path, content)


def _fault(path: Path, sentence: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(path), sentence)])


def _read_yaml(path: Path, content: bytes) -> Json:
    if len(content) > MOST_YAML_BYTES:
        raise _fault(path, f"is larger than {MOST_YAML_BYTES:,} bytes, the most that is read of YAML: give it as JSON")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as failure:
        raise _fault(path, "is not UTF-8 text: save it as UTF-8") from failure
    blocks = (met[2] for met in _FENCED.finditer(text))
    text = next((block for block in blocks if re.search(r"^(?:openapi|swagger)\s*:", block, re.MULTILINE)), text)
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as failure:
        raise _fault(path, "is YAML, and PyYAML is not installed: pip install 'metered-scraper[openapi]'") from failure
    try:
        return _walked(yaml.load(text, Loader=_loader(yaml)), {})  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as failure:
        problem = " ".join(str(getattr(failure, "problem", None) or failure).split())[:200]
        line = getattr(getattr(failure, "problem_mark", None), "line", None)
        where = "" if line is None else f" (line {line + 1})"
        raise _fault(path, f"is neither JSON nor YAML: {problem}{where}") from failure
    except (RecursionError, ValueError, TypeError) as failure:
        raise _fault(path, f"is not valid YAML: {str(failure)[:200] or type(failure).__name__}") from failure


def _loader(yaml: Any) -> Any:  # noqa: ANN401 - a module of no types
    """Return a safe loader with the types of YAML 1.2's JSON schema: NO is a country, and 1:30 no number."""
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("JsonTypes", (safe,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in (
        ("bool", r"true|false|True|False|TRUE|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("int", r"[-+]?[0-9]{1,300}", "-+0123456789"),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ):
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))
    loader.add_constructor("tag:yaml.org,2002:int", lambda reader, node: int(reader.construct_scalar(node)))
    return loader


def _walked(value: Any, known: dict[int, Json], levels: int = 0) -> Json:  # noqa: ANN401 - whatever YAML gave
    """Return values of JSON's types. An alias is the same object again: it is not copied, and may not hold itself."""
    if levels > 200:
        raise ValueError("it is more than 200 levels deep, or holds itself")
    if isinstance(value, (dict, list)):
        if id(value) in known:
            return known[id(value)]
        if isinstance(value, list):
            made: Json = [_walked(each, known, levels + 1) for each in value]
        else:
            made = {str(key): _walked(each, known, levels + 1) for key, each in value.items()}
        known[id(value)] = made
        return made
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
