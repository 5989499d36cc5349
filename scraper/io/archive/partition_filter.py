"""``--where``: the partitions that a condition selects."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import pyarrow as pa

from scraper.core.errors import UsageError


def partitions_where(condition: str, partitions: Collection[str]) -> frozenset[str]:
    """Return the partitions ``vendor=…/date=…`` for which an SQL condition over vendor and date holds.

    UsageError where it names anything else or is no condition: parts are rebuilt as a whole.
    """
    named = [path.removeprefix("vendor=").partition("/date=") for path in sorted(partitions)]
    known = pa.table({"vendor": [vendor for vendor, _, _ in named], "day": [day for _, _, day in named]})
    with duckdb.connect(config={"python_enable_replacements": "false"}) as connection:
        connection.execute("SET enable_external_access = false")
        connection.register("known", known.cast(pa.schema({"vendor": pa.string(), "day": pa.string()})))
        connection.execute("CREATE TABLE partitions AS SELECT vendor, day::DATE AS date FROM known")
        connection.unregister("known")
        try:
            chosen = connection.execute(f"SELECT vendor, date FROM partitions WHERE ({condition}\n)").fetchall()  # noqa: S608 - the user's own words, over a table of our own with nothing else in reach
        except duckdb.Error as fault:
            met = " ".join(str(fault).split("\n\nLINE")[0].split())
            raise UsageError(
                f"--where can name vendor and date, the columns of the path, as in \"date >= DATE '2026-11-01' AND "
                f"vendor = 'crawlora'\": {met}"
            ) from fault
    return frozenset(f"vendor={vendor}/date={day}" for vendor, day in chosen)
