"""Settings of the C library's heap, for processes whose large blocks are short-lived."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Final

ARENAS: Final = 2
"""Memory that one thread frees stays in its arena, where another thread cannot use it."""
MMAP_THRESHOLD_BYTES: Final = 2**20
"""Larger blocks are returned to the system at once: 40 MB less at the peak."""
TRIM_THRESHOLD_BYTES: Final = 4 * 2**20
"""Free memory that is kept at the end of the heap: with a fixed mmap threshold, glibc no longer raises this one, and
its default of 128 KB would be returned and requested again with every answer."""

ARROW_POOL: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""pyarrow's own pools keep freed memory; the system's pool is glibc."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "MALLOC_ARENA_MAX": str(ARENAS),
    "MALLOC_MMAP_THRESHOLD_": str(MMAP_THRESHOLD_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(TRIM_THRESHOLD_BYTES),
    **ARROW_POOL,
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads, which nothing here uses, hold memory
}
"""The settings for a child process."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_small() -> None:
    """Apply the settings to this process, before pyarrow is imported; glibc only."""
    os.environ.update(ARROW_POOL)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library, or none that can be opened
        return
    mallopt(_M_ARENA_MAX, ARENAS)
    mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
