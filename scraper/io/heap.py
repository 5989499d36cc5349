"""The C library's heap, for processes whose large blocks live for a moment."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Final

ARENAS: Final = 2
"""glibc's arenas hold what one thread frees and another would need."""
MMAP_THRESHOLD_BYTES: Final = 2**20
"""Larger blocks go back to the system at once: 40 MB less at the peak."""
TRIM_THRESHOLD_BYTES: Final = 4 * 2**20
"""Free memory at the heap's end that is kept: a threshold that is set keeps glibc from raising this one, and its 128 KB
are given back and asked for again with every answer."""

ARROW_POOL: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""pyarrow's own pools keep what they have freed; the system's is glibc's."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "MALLOC_ARENA_MAX": str(ARENAS),
    "MALLOC_MMAP_THRESHOLD_": str(MMAP_THRESHOLD_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(TRIM_THRESHOLD_BYTES),
    **ARROW_POOL,
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads, which nothing here uses, hold memory
}
"""For a process that is started."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_small() -> None:
    """Set the same for this process, which is the program's own, before pyarrow is imported; glibc only."""
    os.environ.update(ARROW_POOL)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library, or none that can be opened
        return
    mallopt(_M_ARENA_MAX, ARENAS)
    mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
