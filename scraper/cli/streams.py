"""stdout and stderr for any encoding, a full device and a reader that has gone.

A character that the encoding lacks is replaced, one for one; JSON is escaped before it gets here. A failure to write is
caught here, because further up an ``OSError`` could be about any file.
"""

from __future__ import annotations

import codecs
import io
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final, TextIO, cast

from scraper.core.errors import OutputError

_PLAIN: Final = str.maketrans("─━│…·•–—−→×“”‘’█▓▒░\u00a0", "--|~|*---" + ">x\"\"''#+x. ")
"""The program's own characters in ASCII."""


class ReaderGone(Exception):  # noqa: N818 - not a fault
    """The reader of stdout has closed its end (``| head``): nothing more needs to be written."""


class Stream:
    """A text stream that accepts every character. It has no ``buffer``, since click would write UTF-8 to that."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name
        self.replaced = False
        """True once a character was replaced."""
        if isinstance(stream, io.TextIOWrapper):
            codecs.register_error(f"scraper.{name}", self._plain)
            stream.reconfigure(errors=f"scraper.{name}", newline="")

    @property
    def encoding(self) -> str:
        return self._stream.encoding or "utf-8"

    @property
    def errors(self) -> str | None:
        return self._stream.errors

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str | bytes) -> int:
        if isinstance(text, bytes):  # click's shell completion
            text = text.decode()
        if text == "":  # click tries streams with it, and swallows what they raise
            return 0
        try:
            return self._stream.write(text)
        except OSError as failure:
            return self._failed(failure)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as failure:
            self._failed(failure)

    def copy_from(self, file: BinaryIO) -> None:
        self.flush()
        try:
            shutil.copyfileobj(file, self._stream.buffer)
            self._stream.flush()
        except OSError as failure:
            self._failed(failure)

    def _failed(self, failure: OSError) -> int:
        """Raise ReaderGone or OutputError; the descriptor becomes the null device, or the exit would fail again."""
        with suppress(OSError, ValueError):  # a stream without a descriptor has nothing to turn
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if isinstance(failure, BrokenPipeError):
            raise ReaderGone from failure
        raise OutputError(self._name, failure.strerror or str(failure)) from failure

    def _plain(self, fault: UnicodeError) -> tuple[str, int]:
        if not isinstance(fault, UnicodeEncodeError):
            raise fault
        self.replaced = True
        met = fault.object[fault.start : fault.end]
        return "".join(map(_plain_character, met)), fault.end


class _Stderr(Stream):
    """Messages for people: if they cannot be written, the work continues without them."""

    def _failed(self, failure: OSError) -> int:
        with suppress(ReaderGone, OutputError):
            super()._failed(failure)
        return 0


def _plain_character(character: str) -> str:
    plain = character.translate(_PLAIN)
    if plain.isascii():
        return plain
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:  # drawn over its neighbour, or not at all
        return ""
    return "??" if unicodedata.east_asian_width(character) in {"W", "F"} else "?"


@contextmanager
def program_streams() -> Iterator[None]:
    """Make sys.stdout and sys.stderr `Stream`s while the program runs. A closed stream (``>&-``) becomes null."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as null:  # noqa: PTH123 - a device
        out, err = Stream(before[0] or null, "stdout"), _Stderr(before[1] or null, "stderr")
        sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
        try:
            yield
        finally:
            with suppress(ReaderGone, OutputError):
                out.flush()
            err.flush()
            sys.stdout, sys.stderr = before


def is_utf8(stream: TextIO) -> bool:
    """Return whether every character can be written to the stream; one without an encoding keeps text."""
    return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name.startswith("utf-8")


def copy_bytes(file: BinaryIO, stream: TextIO) -> None:
    if isinstance(stream, Stream):
        stream.copy_from(file)
    else:
        shutil.copyfileobj(file, stream.buffer)
