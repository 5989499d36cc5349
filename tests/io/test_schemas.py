"""The columns of a SELECT are asked for once, and again where something has changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from scraper.core.tables import table_select
from scraper.io.archive import table_faults
from scraper.io.archive.schemas import KnownSchemas, Refusals, ask

ONE = "SELECT 1::BIGINT AS one WHERE false"
OTHER = "SELECT 'x' AS one, [1.5::DOUBLE] AS list WHERE false"
OF_ONE = pa.schema([("one", pa.int64())])


class Processes:
    """Processes beside one cache, each of which asks once."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.asked: list[str] = []

    def ask(self, *selects: str) -> list[pa.Schema | duckdb.Error]:
        return list(KnownSchemas(self._asked).of(selects, self.cache).values())

    def _asked(self, selects: Sequence[str], known: dict[str, pa.Schema]) -> Refusals:
        self.asked += selects
        return ask(selects, known)


def test_a_new_process_finds_what_an_earlier_one_asked_for(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "cache")
    first = processes.ask(ONE, OTHER)
    assert first[0] == OF_ONE
    assert processes.ask(OTHER, ONE) == first[::-1]
    assert processes.asked == [ONE, OTHER]


def test_a_select_that_has_changed_is_asked_for(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "cache")
    processes.ask(ONE)
    assert processes.ask(OTHER) != [OF_ONE]
    assert processes.asked == [ONE, OTHER]


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "cache")
    processes.ask(ONE)
    [file] = processes.cache.iterdir()
    whole = file.read_bytes()
    for damage in (b"", whole[:-1], whole[:40] + b"?" + whole[41:]):
        file.write_bytes(damage)
        assert processes.ask(ONE) == [OF_ONE]
    assert file.read_bytes() != damage
    assert processes.asked == [ONE] * 4


def test_what_a_process_knows_is_kept_once_there_is_a_data_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    known = KnownSchemas(ask)
    known.of([ONE], data / "cache")
    assert not data.exists()
    data.mkdir()
    known.of([ONE], data / "cache")
    processes = Processes(data / "cache")
    assert processes.ask(ONE) == [OF_ONE]
    assert processes.asked == []


def test_a_refusal_and_a_time_in_the_machines_zone_are_not_kept(tmp_path: Path) -> None:
    zoned, refused = "SELECT NULL::TIMESTAMPTZ AS at WHERE false", "SELECT nothing"
    processes = Processes(tmp_path / "cache")
    for _ in range(2):
        assert isinstance(processes.ask(zoned, refused)[1], duckdb.Error)
    assert processes.asked == [zoned, refused] * 2
    assert not processes.cache.exists()


def test_a_fault_is_found_each_time_and_is_gone_with_its_cause(tmp_path: Path) -> None:
    taken = table_select("music", "SELECT endpoint, vendor, 1::BIGINT AS position FROM pages")
    for _ in range(2):
        [fault] = table_faults([taken], tmp_path)
        assert "is in the path" in fault.message
    sound = table_select("music", "SELECT endpoint, 1::BIGINT AS position FROM pages")
    assert list(table_faults([sound], tmp_path)) == []
