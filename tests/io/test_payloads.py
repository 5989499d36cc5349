"""Saved answers and the rows that they become: ``tests/payloads/<endpoint>/<case>/{answer.json,meta.toml,rows.json}``.

``python -m tests.io.test_payloads`` writes every rows.json anew from the present SELECTs, to be read before it is kept.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest

from scraper.io.archive import ParquetArchive
from scraper.ports import Written
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, page
from tests.plain_duckdb import plain_duckdb

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "payloads").glob("*/*/meta.toml"))


def archived(case: Path, data: Path) -> tuple[list[Any], Written]:
    """The rows of a case as JSON values, read by a plain glob, and what was written."""
    meta = tomllib.loads((case / "meta.toml").read_text("utf-8"))
    endpoint = ENDPOINTS[meta["endpoint"]]
    bought = page(
        meta["endpoint"],
        (case / "answer.json").read_bytes(),
        country=meta.get("country"),
        parameters=orjson.dumps(meta["parameters"]).decode(),
    )
    fed = [table for table in TABLES if table.name == endpoint.table]
    written = ParquetArchive(data, fed, catalogue_of(ENDPOINTS)).write(1, [bought])
    glob = f"{data}/archive/{endpoint.table}/**/*.parquet"
    rows = plain_duckdb().sql(f"SELECT * FROM read_parquet('{glob}', hive_partitioning = true)").to_arrow_table()
    return orjson.loads(orjson.dumps(rows.to_pylist())), written


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_saved_answer_becomes_the_saved_rows(case: Path, tmp_path: Path) -> None:
    rows, written = archived(case, tmp_path)
    meta = tomllib.loads((case / "meta.toml").read_text("utf-8"))
    assert rows == orjson.loads((case / "rows.json").read_bytes())
    assert sum(written.rows_without_key.values()) == meta.get("rows_without_key", 0)
    drift = {
        f"{found.finding.kind} {found.finding.path}".strip() for looked in written.looked for found in looked.found
    }
    assert drift == set(meta.get("drift", ()))


def main() -> None:
    for case in CASES:
        with tempfile.TemporaryDirectory() as place:
            rows, _ = archived(case, Path(place))
        (case / "rows.json").write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.write(f"{case.parent.name}/{case.name}: {len(rows)} rows\n")


if __name__ == "__main__":
    main()
