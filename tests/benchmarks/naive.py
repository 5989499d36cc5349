"""The script that people write instead, and the floor: ``-m tests.benchmarks.naive json|orjson|floor URL WORK OUT``.

The script: aiohttp, 16 requests in flight, each body decoded, rows as dicts, and a Parquet file by pandas for each
board or feed when it is whole. No ledger, no durability, no resume. The floor: every body is read once over one
connection, and pyarrow's JSON reader makes one Parquet file of them. WORK is a file of JSON: `Work` of `crawl`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

IN_FLIGHT = 16


async def script(url: str, work: Mapping[str, Any], out: Path, loads: Callable[[bytes], Any]) -> None:
    import aiohttp  # noqa: PLC0415
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415

    gate = asyncio.Semaphore(IN_FLIGHT)

    async with aiohttp.ClientSession() as session:

        async def get(path: str, params: Mapping[str, str]) -> Any:
            async with gate, session.get(url + path, params=params) as answer:
                return loads(await answer.read())

        async def board(number: int, walk: Mapping[str, Any]) -> list[Any]:
            rows, page = list[Any](), 1
            while True:
                data = await get(walk["path"], {**walk["params"], "page": str(page)})
                for key in walk["within"]:
                    data = data[key]
                rows += data[walk["list"]]
                if page == walk["pages"] or not data["pagination"]["has_more"]:
                    break
                page += 1
            pd.DataFrame(rows).to_parquet(out / f"{number}.parquet")
            return rows

        async def feed(tag: str) -> None:
            rows, cursor = list[Any](), "0"
            while True:
                data = (await get(work["feeds"], {"id": tag, "cursor": cursor}))["data"]
                rows += data["itemList"]
                cursor = data["cursor"]
                if not data["hasMore"]:
                    break
            pd.DataFrame(rows).to_parquet(out / f"feed-{tag}.parquet")

        found = await asyncio.gather(*(board(number, walk) for number, walk in enumerate(work["boards"])))
        if work["feeds"]:
            await asyncio.gather(*(feed(row["hashtag_id"]) for row in found[0]))


def floor(url: str, work: Mapping[str, Any], out: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.json as pj  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    for number, targets in enumerate(work["targets"]):
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        bodies = []
        for target in targets:
            connection.request("GET", target)
            bodies.append(connection.getresponse().read())
        lines = pa.BufferReader(b"\n".join(bodies))
        bodies.clear()
        rows = pj.read_json(lines, read_options=pj.ReadOptions(block_size=1 << 23))
        pq.write_table(rows, out / f"{number}.parquet", compression="zstd")


def main() -> None:
    how, url, work_file, out = sys.argv[1:]
    work = json.loads(Path(work_file).read_text())
    if how == "floor":
        floor(url, work, Path(out))
        return
    if how == "orjson":
        import orjson  # noqa: PLC0415

        asyncio.run(script(url, work, Path(out), orjson.loads))
    else:
        asyncio.run(script(url, work, Path(out), json.loads))


if __name__ == "__main__":
    main()
