"""The program as a user starts it: one sentence on stderr, the documented exit code, nothing half-written."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from scraper.cli.main import cli, run
from tests.cli.conftest import JOB
from tests.cli.sandbox_beside import sandbox_beside
from tests.clock import ShiftedClock


@contextlib.contextmanager
def standing_in(directory: Path, **environment: str) -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """This process in that directory, with these variables and no key but what they name: its stdout and stderr."""
    before, words = dict(os.environ), sys.argv
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    for name in [name for name in before if name.endswith("_API_KEY")]:
        del os.environ[name]
    os.environ.update(environment)
    try:
        with contextlib.chdir(directory), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield out, err
    finally:
        sys.argv = words
        os.environ.clear()
        os.environ.update(before)


def scraper(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in this directory, within this process: a start costs most of a second."""
    with standing_in(directory, **environment) as streams:
        sys.argv = ["scraper", *words]
        code = run(ShiftedClock())
        out, err = (written(stream) for stream in streams)
    return subprocess.CompletedProcess(words, code, out, err)


def process(directory: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in this directory, in a process that finds this checkout."""
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize(
    ("met", "instead", "said"),
    [
        ("crawlora.hashtags", "crawlora.hashtag", "no such endpoint; did you mean 'crawlora.hashtags'?"),
        ('country_code = "US"', 'period = 9', "'9' is not one of 7, 30, 120"),
        ('country_code = "US"', 'page = 11', "page 11 returns page 10 again, and 8 credits are charged"),
        ("budget = 40", "budget = 0", 'budget: should be credits, 1 or more, or "auto"'),
    ],
)  # fmt: skip
def test_a_fault_of_a_job_is_one_sentence_and_exit_code_2(place: Path, met: str, instead: str, said: str) -> None:
    (place / "configs" / "night.toml").write_text(JOB.replace(met, instead))
    ended = scraper(place, "run", "configs/night.toml", "--sandbox")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (place / "data").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "configs/none.toml"), 2, "configs/none.toml: cannot be read: No such file or directory"),
        (("run", "configs/night.toml"), 2, "CRAWLORA_API_KEY: this environment variable must contain the Crawlora key"),
        (("run", "configs/night.toml", "--sandbox", "--data", "configs/night.toml/x"), 5, "cannot be used"),
        (("run", "configs/night.toml", "--vendor-url", "crawlora=http://example.org"), 2, "unencrypted"),
        (("run", "configs/night.toml", "--resume", "--new"), 2, "give one of them"),
        (("run", "configs/night.toml", "--fault", "html"), 2, "--fault needs --sandbox"),
        (("run", "configs/night.toml", "--sandbox", "--fault", "htm"), 2, "--fault htm: there is no such kind"),
        (("sandbox", "--fault", "html:share=5"), 2, "--fault html:share=5: share is a number from 0 to 1, not '5'"),
        (("status",), 2, "there is no data in data"),
        (("sql", "SELECT 1"), 2, "there is no data in data"),
        (("vendors", "crawlor"), 2, "did you mean 'crawlora'?"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(place: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ended = scraper(place, *words)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (place / "data").exists()


def test_the_columns_of_a_table_are_told_before_any_run(place: Path) -> None:
    (place / "configs" / "tables").mkdir()
    select = "-- A thread.\nSELECT walk_id, 'x' AS title -- its title\nFROM pages\n"
    (place / "configs" / "tables" / "threads.sql").write_text(select)
    ended = scraper(place, "tables", "threads", "--format", "csv")
    assert "title,VARCHAR,its title" in ended.stdout.splitlines(), ended.stderr
    assert not (place / "data").exists()


def test_a_table_of_the_archives_own_is_no_name_for_a_table_file(place: Path) -> None:
    (place / "configs" / "tables").mkdir()
    (place / "configs" / "tables" / "pages.sql").write_text("SELECT 1 AS one FROM pages")
    ended = scraper(place, "run", "configs/night.toml", "--sandbox")
    assert ended.returncode == 2
    assert "pages is the name of a table of the archive's own" in ended.stderr


def test_a_wrong_key_is_refused_with_exit_code_4_and_stands_nowhere(place: Path) -> None:
    words = ("run", "configs/night.toml", "--format", "table")
    with sandbox_beside() as beside:
        ended = scraper(place, *words, *beside.vendor_urls, CRAWLORA_API_KEY="wrong-but-secret")
    assert ended.returncode == 4
    assert "crawlora refuses the key in CRAWLORA_API_KEY" in ended.stdout
    everything = ended.stdout.encode() + ended.stderr.encode()
    everything += b"".join(path.read_bytes() for path in (place / "data").rglob("*") if path.is_file())
    assert b"wrong-but-secret" not in everything


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'x'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "PRAGMA version",
        "SELECT * FROM read_text('/etc/passwd')",
    ],
)
def test_sql_only_reads_the_archive(place: Path, query: str) -> None:
    (place / "data").mkdir()
    ended = scraper(place, "sql", query)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    assert sorted(path.name for path in place.iterdir()) == ["configs", "data"]


def test_a_run_in_a_pipe_ends_with_one_object_and_a_closed_pipe_is_no_fault(place: Path) -> None:
    ended = scraper(place, "run", "configs/night.toml", "--sandbox")
    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    assert '"status":"complete"' in ended.stdout
    assert '"sandbox_charged":{"crawlora":8}' in ended.stdout
    query = f"{sys.executable} -m tests.program sql --sandbox 'SELECT * FROM range(100000)' --format ndjson | head -1"
    piped = process(place, "bash", "-c", f"set -o pipefail; {query}")
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, '{"range":0}\n', "")


def test_dates_are_of_the_programs_clock_and_the_sandboxs_records_of_its_day(place: Path) -> None:
    job, data = str(place / "configs" / "night.toml"), str(place / "data")
    moments = (datetime(2031, 7, 14, 12, tzinfo=UTC), datetime(2032, 2, 29, 12, tzinfo=UTC))
    for moment in moments:
        words = ["run", job, "--sandbox", "--day", "2026-11-21", "--new", "--data", data, "--log-format", "json"]
        ended = CliRunner().invoke(cli, words, standalone_mode=False, obj=ShiftedClock(moment))
        assert ended.return_value == 0, ended.stderr
        assert orjson.loads(ended.stdout)["run_id"].startswith(f"night-{moment:%Y%m%d}T")
        assert {orjson.loads(line)["at"][:10] for line in ended.stderr.splitlines()} == {f"{moment:%Y-%m-%d}"}
    rows = "SELECT date::VARCHAR AS date, list(hashtag_id ORDER BY rank) AS board FROM hashtags GROUP BY ALL ORDER BY 1"
    told = CliRunner().invoke(cli, ["sql", "--data", data, "--format", "json", rows])
    first, second = orjson.loads(told.stdout)
    assert [first["date"], second["date"]] == [f"{moment:%Y-%m-%d}" for moment in moments]
    assert first["board"] == second["board"]


@pytest.mark.parametrize(
    "query",
    ["SELECT count(*) FROM range(100_000_000_000) a, range(1_000_000) b", "SELECT * FROM range(1_000_000_000_000)"],
)
def test_ctrl_c_in_mid_query_is_no_bug(place: Path, query: str) -> None:
    (place / "data" / "archive" / "pages").mkdir(parents=True)
    assert scraper(place, "sql", "SELECT 1").returncode == 0  # has loaded what a query needs
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        # Whatever the signal meets, the query or what comes before it, is told in the same way.
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        ended = scraper(place, "sql", "--format", "ndjson", query)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (ended.returncode, ended.stderr.strip()) == (130, "interrupted: settled requests are safe")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "configs/night.toml", "--budget", "1" + "0" * 30),
        ("run", "configs/night.toml", "--budget", "9" * 5000),
        ("plan", "configs/night.toml", "--budget", "1e30"),
        ("run", "configs/night.toml", "--sandbox", "--seed", "1e30"),
        ("run", "configs/night.toml", "--sandbox", "--fault", "http_429:wait_s=" + "9" * 30),
        ("run", "configs/night.toml", "--sandbox", "--fault", "html:share=1e400"),
        ("status", "--limit", "1" + "0" * 30),
        ("reconcile", "configs/night.toml", "--used", "crawlora=1" + "0" * 30),
        ("sandbox", "--port", "1" + "0" * 30),
    ],
)
def test_a_figure_that_nobody_means_is_refused_before_anything_is_done(place: Path, words: tuple[str, ...]) -> None:
    ended = scraper(place, *words)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (place / "data").exists()


def test_a_command_ends_its_process_after_threads_and_exit_handlers_and_frees_nothing(place: Path) -> None:
    script = (
        "import atexit, sys, threading\n"
        "from scraper.cli.main import main\n"
        "from scraper.io.clock import SystemClock\n"
        "class Kept:\n"
        "    def __del__(self):\n"
        "        print('it was freed')\n"
        "class Clock(SystemClock):\n"
        "    def now(self):\n"
        "        atexit.register(print, 'an exit handler ran')\n"
        "        return super().now()\n"
        "def wait():\n"
        "    threading.main_thread().join()\n"
        "    print('a thread ended')\n"
        "kept = Kept()\n"
        "threading.Thread(target=wait).start()\n"
        "sys.argv[0] = 'scraper'\n"
        "main(Clock())\n"
    )
    ended = process(place, sys.executable, "-c", script, "plan", "configs/night.toml")
    plan, _, after = ended.stdout.partition("a thread ended\n")
    assert (ended.returncode, orjson.loads(plan)["job"], ended.stderr) == (0, "night", "")
    assert set(after.splitlines()) == {"an exit handler ran"}
