"""TOML text with comments; the standard library only reads TOML."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

Value: TypeAlias = "str | int | bool | date | list[Value] | Mapping[str, Value] | Commented"

WIDTH = 118


@dataclass(frozen=True, slots=True)
class Commented:
    """A value with a trailing comment."""

    value: Value
    comment: str


def key_text(key: str) -> str:
    """Return a key, quoted if it has to be."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else value_text(key)


def value_text(value: Value) -> str:
    """Return a value on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:_}" if abs(value) >= 10_000 else str(value)
        case date():
            return value.isoformat()
        case str():  # JSON's escapes are TOML's, which also needs DEL escaped
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(value_text(each) for each in value)}]"
        case Commented():
            return value_text(value.value)
        case _:
            fields = ", ".join(f"{key_text(key)} = {value_text(each)}" for key, each in value.items())
            return f"{{ {fields} }}"


def comment_lines(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def table_lines(header: str, fields: Mapping[str, Value], above: Iterable[str] = ()) -> list[str]:
    """Return the lines of a table; comments follow their values, or precede them if the line is too long."""
    lines = [*(line for text in above for line in comment_lines(text)), *([header] if header else [])]
    for key, value in fields.items():
        line = f"{key_text(key)} = {value_text(value)}"
        if isinstance(value, Commented) and len(line) + len(value.comment) + 3 <= WIDTH + 2:
            lines.append(f"{line} # {value.comment}")
        elif isinstance(value, Commented):
            lines += [*comment_lines(value.comment), line]
        else:
            lines.append(line)
    return lines
