"""The known name that a misspelt one is nearest to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean "hashtags"?`` where a known name is near, else nothing."""
    if len(name) > 100:  # comparing takes the square of it
        return ""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""
