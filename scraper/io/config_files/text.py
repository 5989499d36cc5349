"""Read the text of a settings file, with a size limit: a wrong file is an error, not a long wait."""

from __future__ import annotations

from pathlib import Path

from scraper.core.errors import ConfigurationError, Fault

MOST_BYTES = 1_000_000
"""A hundred times the size of a long job file."""


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """Return the text without a byte order mark, which editors on Windows write.

    Raises ConfigurationError if the file is unreadable, not text or too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode(encoding)
    except OSError as failure:
        raise ConfigurationError([Fault(str(path), f"cannot be read: {failure.strerror}")]) from failure
    except UnicodeDecodeError as failure:
        raise ConfigurationError([Fault(str(path), "is not UTF-8 text: save it as UTF-8")]) from failure
    if len(content) > MOST_BYTES:
        raise ConfigurationError([Fault(str(path), f"is larger than {MOST_BYTES:,} bytes, the most that is read")])
    return text.replace("\r\n", "\n")


def files_in(directory: Path, ending: str) -> list[Path]:
    """Return the directory's files with this ending, sorted by name; none if it does not exist.

    Raises ConfigurationError if it cannot be listed: a glob would silently skip its files.
    """
    try:
        return sorted(path for path in directory.iterdir() if path.name.endswith(ending))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as failure:
        raise ConfigurationError([Fault(str(directory), f"cannot be read: {failure.strerror}")]) from failure
