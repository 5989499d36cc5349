"""Compression of bodies in the spool: zstd, each by itself."""

from __future__ import annotations

import threading
from typing import Final

import zstandard

_LEVEL: Final = 1
"""The spool is written once and read once, and the write lock is held meanwhile."""
_of_thread = threading.local()


class DamagedError(Exception):
    """Bytes that are not a packed body."""


def packed(body: bytes) -> bytes:
    """Pack a body; a compressor serves one thread."""
    if not hasattr(_of_thread, "compressor"):
        _of_thread.compressor = zstandard.ZstdCompressor(_LEVEL)
    found: bytes = _of_thread.compressor.compress(body)
    return found


def unpacked(body: bytes) -> bytes:
    """Return the unpacked body; DamagedError if the bytes are damaged."""
    if not hasattr(_of_thread, "decompressor"):
        _of_thread.decompressor = zstandard.ZstdDecompressor()
    try:
        found: bytes = _of_thread.decompressor.decompress(body)
    except zstandard.ZstdError as failure:
        raise DamagedError(str(failure)) from failure
    return found
