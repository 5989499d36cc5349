"""SQL over the archive.

Its parts are imported when they are used: `scraper tables` loads neither DuckDB nor pyarrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scraper.io.query.read_only import answered, query
    from scraper.io.query.relations import Described, open_archive

__all__ = ["Described", "answered", "open_archive", "query"]

_MODULES = {"Described": "relations", "answered": "read_only", "open_archive": "relations", "query": "read_only"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
