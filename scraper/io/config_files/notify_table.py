"""The table ``[notify]`` of scraper.toml."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.notify import NoticeLevel, NotifySettings
from scraper.io.config_files.validation import FileModel, read_toml, validate

_Levels = Annotated[str, Field(pattern=f"^({'|'.join(NoticeLevel)})$")]


_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.")


class NotifyTable(FileModel):
    """Who is notified, and of which runs."""

    urls: list[str] = Field(
        default=[], max_length=20, description="Apprise URLs, or $NAME of a variable that holds one"
    )
    ping: str | None = Field(
        default=None,
        description="address of a check that expects every run, as of healthchecks.io; also used with /start and /fail",
    )
    on: list[_Levels] = Field(
        default=["failure", "warning"], description='runs that urls are notified of: "failure", "warning", "success"'
    )

    @field_validator("urls")
    @classmethod
    def _have_a_scheme(cls, values: list[str]) -> list[str]:
        if not all(_VARIABLE.fullmatch(value) or _SCHEME.match(value) for value in values):
            raise ValueError(
                "has an entry that is neither a URL like mailto:// or slack:// nor a variable like $NOTIFY_URL"
            )
        return values

    @field_validator("ping")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not (_VARIABLE.fullmatch(value) or _is_http(value)):
            raise ValueError("is neither an http:// or https:// address nor a variable like $PING_URL")
        return value


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def read_notify(path: Path, environment: Mapping[str, str]) -> NotifySettings:
    """Return ``[notify]`` of a scraper.toml; ConfigurationError with every fault of the table."""
    content = read_toml(path).get("notify", {})
    if not isinstance(content, dict):
        raise ConfigurationError([Fault(f"{path}: notify", "is not a table: write [notify] and its keys below it")])
    return settings_of_table(validate(NotifyTable, content, f"{path}: notify"), environment, str(path))


def settings_of_table(table: NotifyTable, environment: Mapping[str, str], where: str) -> NotifySettings:
    """Return the settings of a valid table, with its variables read; ConfigurationError with every fault."""
    faults = list[Fault]()

    def read(key: str, value: str, fits: Callable[[str], object]) -> str:
        if not value.startswith("$"):
            return value
        found = environment.get(value[1:], "").strip()
        if not fits(found):  # a variable that holds a key may be neither sent nor shown
            met = "is not set" if not found else "contains no such URL"
            faults.append(Fault(f"{where}: notify.{key}", f"the variable {value[1:]} {met}"))
        return found

    urls = tuple(read("urls", url, _SCHEME.match) for url in table.urls)
    ping = None if table.ping is None else read("ping", table.ping, _is_http)
    if faults:
        raise ConfigurationError(faults)
    return NotifySettings(urls, ping, tuple(NoticeLevel(level) for level in table.on))
