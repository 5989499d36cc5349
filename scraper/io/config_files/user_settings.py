"""The user's own settings, outside every project: ``$XDG_CONFIG_HOME/scraper/settings.toml``.

The rule is the same on Linux and macOS: `XDG_CONFIG_HOME` if it is set to an absolute path, else ``~/.config``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from scraper.io.config_files.addresses import entry_fault
from scraper.io.config_files.validation import FileModel, read_toml, validate


class UserSettings(FileModel):
    """``settings.toml``."""

    allow_hosts: list[str] = Field(
        default=[], description="hosts that files of a project may send keys to: HOST, or HOST=VARIABLE"
    )

    @field_validator("allow_hosts")
    @classmethod
    def _are_hosts(cls, values: list[str]) -> list[str]:
        if faults := [fault for value in values if (fault := entry_fault(value))]:
            raise ValueError("; ".join(faults))
        return values


def settings_path(environment: Mapping[str, str]) -> Path:
    """Return the path of this user's settings file, which need not exist."""
    stated = environment.get("XDG_CONFIG_HOME", "")
    base = Path(stated) if stated.startswith("/") else Path(environment.get("HOME") or "~") / ".config"
    return base / "scraper" / "settings.toml"


def read_user_settings(environment: Mapping[str, str]) -> UserSettings:
    """Return the user's settings; ConfigurationError with all faults of the file."""
    path = settings_path(environment)
    return validate(UserSettings, read_toml(path), str(path)) if path.exists() else UserSettings()
