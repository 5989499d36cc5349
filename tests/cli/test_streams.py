"""stdout and stderr of every kind: encodings without a character, full devices, readers that have gone."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from scraper.cli.log import LogListener
from scraper.cli.main import run
from scraper.cli.options import beside, opened
from scraper.cli.output import Format, write_object, write_rows
from scraper.cli.rows import Rows
from scraper.cli.streams import ReaderGone, Stream, program_streams
from scraper.core.errors import OutputError
from scraper.core.events import Stopped
from tests.cli.test_program import process, scraper, standing_in, written
from tests.clock import ShiftedClock
from tests.examples import spread

pytestmark = pytest.mark.own_instant

ENCODINGS = ("ascii", "cp1252", "latin-1", "cp437", "utf-8")
ROOT = Path(__file__).parents[2]
TAG = "日本🎉é"


def stream_of(encoding: str) -> tuple[TextIO, io.BytesIO]:
    """A stream as the program has it, and the bytes that arrive."""
    arrived = io.BytesIO()
    wrapped = io.TextIOWrapper(arrived, encoding=encoding, write_through=True)
    return cast("TextIO", Stream(wrapped, "stdout")), arrived


@given(st.text(), st.sampled_from(ENCODINGS))
def test_every_text_can_be_written_in_every_encoding(text: str, encoding: str) -> None:
    stream, arrived = stream_of(encoding)
    stream.write(text)
    assert len(arrived.getvalue().decode(encoding)) >= len(text.encode("ascii", "ignore"))


def test_signs_of_the_program_become_plain_ones_column_for_column() -> None:
    page = f"name  {TAG}…\n───────────────\n·–×→ “a” █▓▒░ 日\n"
    stream, arrived = stream_of("ascii")
    stream.write(page)
    plain = arrived.getvalue().decode("ascii")
    assert plain == 'name  ???????~\n---------------\n|-x> "a" #+x. ??\n'
    assert [cell_len(line) for line in plain.split("\n")] == [cell_len(line) for line in page.split("\n")]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("format", [Format.JSON, Format.NDJSON])
def test_json_reads_back_whole_from_every_encoding(format: Format, encoding: str) -> None:
    stream, arrived = stream_of(encoding)
    write_rows(Rows((TAG,), [[TAG]]), format, stream)
    read = json.loads(arrived.getvalue())
    assert (read if format is Format.NDJSON else read[0]) == {TAG: TAG}
    stream, arrived = stream_of(encoding)
    write_object({TAG: [TAG]}, stream)
    assert json.loads(arrived.getvalue()) == {TAG: [TAG]}


def test_a_log_in_json_is_ascii_where_stderr_is_not_utf_8() -> None:
    stream, arrived = stream_of("latin-1")
    LogListener(stream, lambda: datetime(2026, 11, 21, tzinfo=UTC), "json").hear(Stopped("acme", TAG))
    assert json.loads(arrived.getvalue().decode("ascii"))["reason"] == TAG


def test_csv_has_replaced_characters_and_a_warning_where_its_encoding_lacks_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream, arrived = stream_of("cp1252")
    write_rows(Rows(("tag",), [["é"]]), Format.CSV, stream)
    assert capsys.readouterr().err == ""
    write_rows(Rows(("tag",), [[TAG]]), Format.CSV, stream)
    assert list(csv.reader(io.StringIO(arrived.getvalue().decode("cp1252")))) == [["tag"], ["é"], ["tag"], ["??????é"]]
    assert "cp1252 lacks characters of these rows" in capsys.readouterr().err


def test_a_stream_that_fails_once_is_null_from_then_on() -> None:
    with full_device() as device:
        stream = Stream(device, "stdout")
        with pytest.raises(OutputError, match="stdout cannot be written: No space left on device"):
            stream.write("x" * 100_000)
        stream.write("x" * 100_000)
        stream.flush()


def test_a_reader_that_goes_ends_the_writing_and_nothing_else() -> None:
    with closed_pipe() as pipe:
        with pytest.raises(ReaderGone):
            Stream(pipe, "stdout").write("x" * 1_000_000)
        before, sys.stdout = sys.stdout, pipe
        try:
            with program_streams(), opened(None) as stream:
                stream.write("x" * 1_000_000)
        finally:
            sys.stdout = before


def test_a_device_is_written_to_and_not_replaced() -> None:
    with beside(Path(os.devnull)) as path:
        assert path == Path(os.devnull)
    assert Path(os.devnull).is_char_device()
    with pytest.raises(OutputError, match="/dev/full cannot be written"), opened(Path("/dev/full")) as stream:
        stream.write("x" * 100_000)


def ended(place: Path, words: str, redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program behind a redirection of a real shell."""
    return process(
        place, "bash", "-c", f"set -o pipefail; {sys.executable} -m scraper {words} {redirection}", **environment
    )


FULL = (
    "> /dev/full",
    5,
    "error: stdout cannot be written: No space left on device. What the command did is kept.\n",
)
CLOSED = ("| true", 0, "")
PRINTING = (
    *("--help", "vendors --format table", "vendors --format csv", "plan configs/night.toml", "sandbox --faults"),
    *("plan configs/night.toml --format json",),
)


def within(place: Path, words: str, stdout: TextIO) -> tuple[int, str]:
    """Exit code and stderr of the program in this process, with this as its stdout."""
    with stdout, standing_in(place) as (_, stderr), contextlib.redirect_stdout(stdout):
        return exit_code(words), written(stderr)


def exit_code(words: str) -> int:
    sys.argv = ["scraper", *words.split()]
    return run(ShiftedClock())


def full_device() -> TextIO:
    return open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123 - a device


def closed_pipe() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return open(writing, "w", encoding="utf-8")  # noqa: PTH123 - a descriptor


@pytest.mark.parametrize("words", PRINTING)
def test_a_full_device_is_one_sentence_and_exit_code_5_and_a_closed_pipe_is_neither(place: Path, words: str) -> None:
    assert within(place, words, full_device()) == FULL[1:]
    assert within(place, words, closed_pipe()) == CLOSED[1:]


@pytest.mark.combined
@pytest.mark.parametrize(
    ("words", "stdout"), spread([(words, stdout) for words in PRINTING for stdout in (FULL, CLOSED)], 2)
)
def test_the_end_of_the_process_adds_nothing_to_that(place: Path, words: str, stdout: tuple[str, int, str]) -> None:
    redirection, exit_code, told = stdout
    met = ended(place, words, redirection)
    assert (met.returncode, met.stderr) == (exit_code, told)


def test_a_run_whose_result_cannot_be_written_says_that_it_has_ended_and_what_is_kept(place: Path) -> None:
    code, told = within(place, "run configs/night.toml --sandbox", full_device())
    assert code == 5
    assert re.search(r"Run night-\S+ has ended \(complete\), and what it bought is kept: scraper status night-", told)
    page = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    with (
        full_device() as device,
        standing_in(place),
        contextlib.redirect_stdout(page),
        contextlib.redirect_stderr(device),
    ):
        assert exit_code("status --sandbox --format table") == 0
    shown = written(page)
    assert (shown.isascii(), "complete" in shown) == (True, True)


def test_a_file_that_cannot_be_made_is_refused_before_anything_is_bought(place: Path) -> None:
    run = scraper(place, "run", "configs/night.toml", "--sandbox", "-o", "nowhere/result.json")
    assert (run.returncode, run.stderr) == (
        2,
        "error: nowhere/result.json cannot be written: nowhere does not exist: make this directory, or name one that "
        "is there.\n",
    )
    assert not (place / "data").exists()
