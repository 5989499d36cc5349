"""A file for node-exporter's textfile collector, replaced as a whole: it may be read at any moment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_metrics(path: Path, text: str) -> str | None:
    """Replace the file, readable by everybody; return why it could not be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")  # the collector reads *.prom alone
    try:
        beside.write_text(text, encoding="utf-8")
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as failure:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        return failure.strerror or str(failure)
    return None
