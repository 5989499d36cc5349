"""The program as another user has it: ``python -m tests.systems.another_user ARGS… [--then ARGS…]``.

Who is root gives up the right to read what belongs to others, in this process and for good.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from tests.systems import carry_out, load_libraries

_VERSION_3 = 0x20080522
_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER = 0, 1, 2, 3
NOBODY = 65534


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def become_another_user() -> None:
    """Drops the capabilities (capabilities(7)) by which root passes every permission."""
    load_libraries()
    if os.geteuid() != 0:
        return
    library, header, sets = ctypes.CDLL(None, use_errno=True), _Header(_VERSION_3, 0), (_Sets * 2)()
    if library.capget(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for number in (_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER):
        sets[0].effective &= ~(1 << number)
        sets[0].permitted &= ~(1 << number)
    if library.capset(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def give_away(directory: Path) -> None:
    """Makes the directory one that `become_another_user` may not open."""
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, NOBODY)
        directory.chmod(0o700)
    else:
        directory.chmod(0)


def given_back(directory: Path) -> None:
    """Takes it back, so that it can be removed."""
    if os.geteuid() == 0:
        os.chown(directory, 0, 0)
    directory.chmod(0o700)


def main() -> None:
    become_another_user()
    carry_out(sys.argv[1:])


if __name__ == "__main__":
    main()
