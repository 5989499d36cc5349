"""Names of the archive's parts.

::

    part-<drain>-<n>-<token>.parquet         the n-th partition of a drain
    part-c<compaction>-<n>-<token>.parquet   the n-th part that a compaction has merged
    run-<run>.parquet                        a run's part of a run table
    runs-c<compaction>-<n>-<token>.parquet   the parts of several runs, merged
    runs-c0-<drain>-<token>.parquet          a run table's part without rows, made by a drain that found no part of it

The token is that of the state's last epoch (`core.adopt`) when the work was begun: two copies of a project, each used
without the other, count on from the same numbers, and no file of one may replace a file of the other. Parts of versions
before 2026-11-29 have none.
"""

from __future__ import annotations

import re
from typing import Final

ENDING: Final = ".parquet"
_RUN: Final = re.compile(r"run-(?P<run>.+)\.parquet")
_PART: Final = re.compile(
    r"(?:part|runs)-(?P<merged>c?)(?P<number>\d+)-(?P<place>\d+)(?:-(?P<token>[0-9a-f]+))?\.parquet"
)


def drained_name(drain_id: int, place: int, token: str = "") -> str:
    return _name(f"part-{drain_id}", place, token)


def merged_name(compaction_id: int, place: int, token: str = "") -> str:
    return _name(f"part-c{compaction_id}", place, token)


def merged_runs_name(compaction_id: int, token: str = "") -> str:
    """Return the name of the part of a run table in which a compaction gathers runs."""
    return _name(f"runs-c{compaction_id}", 0, token)


def empty_runs_name(drain_id: int, token: str = "") -> str:
    """Return the name of a run table's part without rows, like a compaction's: no compaction has the number 0."""
    return _name("runs-c0", drain_id, token)


def run_name(run_id: str) -> str:
    """Return the name of a run's part of a run table. It has another prefix, since a job's name may be a number."""
    return f"run-{run_id}{ENDING}"


def run_of(name: str) -> str | None:
    """Return the run of a run table's part; ``None`` if it contains several runs."""
    met = _RUN.fullmatch(name)
    return None if met is None else met["run"]


def is_of_runs(name: str) -> bool:
    """Return True for the part of a run table in which a compaction has gathered runs."""
    return name.startswith("runs-") and name.endswith(ENDING)


def drained_by(name: str, token: str | None = None) -> int:
    """Return the number of the drain that made a part; 0: none did, or one with another token than this."""
    met = _PART.fullmatch(name)
    if met is None or met["merged"] or (token is not None and (met["token"] or "") != token):
        return 0
    return int(met["number"])


def compacted_by(name: str) -> int:
    """Return the id of the compaction that made a part; 0: none did."""
    met = _PART.fullmatch(name)
    return int(met["number"]) if met is not None and met["merged"] else 0


def age(name: str) -> tuple[bool, int, int, str]:
    """Return a sort key of a partition's parts: compacted ones first, then drains by number."""
    met = _PART.fullmatch(name)
    if met is None:
        return True, 0, 0, name
    return not met["merged"], int(met["number"]), int(met["place"]), name


def _name(number: str, place: int, token: str) -> str:
    return f"{number}-{place}{f'-{token}' if token else ''}{ENDING}"
