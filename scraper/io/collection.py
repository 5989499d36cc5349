"""Less frequent cyclic garbage collection while many answers are decoded.

A decoded answer is a tree of ten thousand objects without a cycle, and by default each 700 new objects begin a search
of the youngest: a tenth of a run's time (measured). What dies without a cycle is freed at once either way.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OBJECTS: Final = 200_000
"""New objects between two searches: as many as some hundred KB of JSON have, and as much of cyclic garbage can wait."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect less often inside the block."""
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def leave_all_to_the_exit() -> None:
    """Let the interpreter search no objects for cycles as it ends: a sixth of a second of a run (measured).

    For a process that ends now: what has to be closed in order is closed by then. DuckDB's binding complains of objects
    that it finds left, so that where it is loaded they are searched for.
    """
    if "duckdb" not in sys.modules:
        gc.freeze()
