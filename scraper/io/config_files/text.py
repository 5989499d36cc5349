"""The text of a settings file: bounded, so that a wrong file is a sentence and not a long wait."""

from __future__ import annotations

from pathlib import Path

from scraper.core.errors import ConfigurationError, Fault

MOST_BYTES = 1_000_000
"""A hundred times a long job file."""


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The whole text; ConfigurationError where the file cannot be read, is no text, or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode(encoding)
    except OSError as failure:
        raise ConfigurationError([Fault(str(path), f"cannot be read: {failure.strerror}")]) from failure
    except UnicodeDecodeError as failure:
        raise ConfigurationError([Fault(str(path), "is not UTF-8 text")]) from failure
    if len(content) > MOST_BYTES:
        raise ConfigurationError([Fault(str(path), f"is larger than {MOST_BYTES:,} bytes, the most that is read")])
    return text.replace("\r\n", "\n")


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
