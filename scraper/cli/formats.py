"""Output formats by name: from --format, else from a file's ending, else from $SCRAPER_FORMAT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest

VARIABLE: Final = "SCRAPER_FORMAT"


class Format(StrEnum):
    """The values of ``--format`` for a text stream."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"


PARQUET: Final = "parquet"
DELTA: Final = "delta"
"""A directory; all other formats are files."""

ENDINGS: Final[Mapping[str, str]] = {
    ".txt": Format.TABLE,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".md": Format.MARKDOWN,
    ".parquet": PARQUET,
    ".delta": DELTA,
}
_KNOWN: Final = (*(format.value for format in Format), PARQUET, DELTA)


def format_of(offered: Sequence[str], file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return the format of a command without --format that offers these; ``None``: a table or JSON, depending on
    stdout.

    UsageError for a file whose ending is not a format of the command, and for an unknown $SCRAPER_FORMAT.
    """
    usual = _of_environment(offered, environment)
    if file is None or (file.exists() and not file.is_file() and not file.is_dir()):  # the name of a pipe says nothing
        return None if usual is PARQUET else usual
    named = ENDINGS.get(file.suffix.lower())
    if named in offered:
        return named
    if named is None and usual is not None:
        return usual
    endings = ", ".join(f"{ending} ({format})" for ending, format in ENDINGS.items() if format in offered)
    raise UsageError(
        f"the name {file} does not end in a format of this command: end it in {endings}, or give --format."
    )


def mismatch(chosen: str, file: Path | None) -> str | None:
    """Return a warning if --format and the ending of the file's name disagree: --format wins."""
    named = None if file is None else ENDINGS.get(file.suffix.lower())
    return None if named in {None, chosen} else f"{file} is named as {named} and contains {chosen}, as --format states"


def _of_environment(offered: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return $SCRAPER_FORMAT if the command offers it."""
    stated = environment.get(VARIABLE, "")
    if stated and stated not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise UsageError(f"${VARIABLE} is {stated!r}, which is not a format{nearest(stated, _KNOWN)}: set {known}.")
    return stated if stated in offered else None
