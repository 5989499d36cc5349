"""Mistakes that users make: each is answered in one sentence that names the mend, and nothing is done."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from tests.docs.place import said
from tests.io.archive_fixtures import hashtag
from tests.io.history import History, night

pytestmark = pytest.mark.own_instant

JOB = """\
name = "night"
budget = 40
[accounts.crawlora]
plan = "starter"
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US" }
max_pages = 1
"""
QUOTA = 'plan = "starter"'
IN_JOBS: dict[str, tuple[str, str, str]] = {
    "budget in quotes": ("= 40", '= "40"', "not '40': write it without quotes"),
    "budget in dollars": ("= 40", '= "$40"', "should be credits, 1 or more"),
    "budget below zero": ("= 40", "= -5", "should be credits, 1 or more"),
    "budget of nothing": ("= 40", "= 0", "should be credits, 1 or more"),
    "budget by halves": ("= 40", "= 4.5", "should be credits, 1 or more"),
    "budget without end": ("= 40", f"= {'9' * 30}", "is a number of more than 64 bits"),
    "budget auto without nights": ("= 40", '= "auto"', 'state every = "day"'),
    "text without quotes": ("= 40", "= auto", "Invalid value (at line 2, column 10): text is written in quotes"),
    "a key twice": ("= 40", "= 40\nbudget = 50", "a key stands twice, keep one of them"),
    "a table twice": ("[[crawl]]", "[accounts.crawlora]\n[[crawl]]", "a table stands twice, keep one of them"),
    "single brackets": ("[[crawl]]", "[crawl]", "write [[crawl]], with two brackets"),
    "no equals sign": ("budget = 40", "budget: 40", "a setting is written key = value"),
    "a key misspelt": ("budget = 40", "bugdet = 40", "bugdet: no such key; did you mean 'budget'?"),
    "a key of a crawl misspelt": ("max_pages", "max_page", "max_page: no such key; did you mean 'max_pages'?"),
    "a table misspelt": ("[[crawl]]", "[[crawls]]", "crawls: no such key; did you mean 'crawl'?"),
    "accounts misspelt": ("[accounts.", "[account.", "account: no such key; did you mean 'accounts'?"),
    "no name": ('name = "night"\n', "", "name: is missing"),
    "a name with blanks": ('"night"', '"My night"', "should be at most 63 lower-case letters, digits, - and _"),
    "an endpoint misspelt": (".hashtags", ".hashtag", "no such endpoint; did you mean 'crawlora.hashtags'?"),
    "an endpoint without vendor": ("crawlora.hashtags", "hashtags", "no such endpoint; did you mean"),
    "a vendor misspelt": ("accounts.crawlora", "accounts.crawlra", "no such vendor; did you mean 'crawlora'?"),
    "a parameter misspelt": ("country_code", "country", "no such parameter; did you mean 'country_code'?"),
    "a country in small letters": ('"US"', '"us"', "did you mean 'US'?"),
    "a country of three letters": ('"US"', '"USA"', "'USA' is not a country code of two capital letters"),
    "a value twice": ('"US"', '["US", "US"]', "a value is listed twice"),
    "no value": ('"US"', "[]", "an empty list has nothing to sweep: give a value or leave the parameter out"),
    "a plan misspelt": ('"starter"', '"startr"', "crawlora has no plan 'startr'; did you mean 'starter'?"),
    "a plan in capitals": ('"starter"', '"Starter"', "did you mean 'starter'?"),
    "a key in the file": (QUOTA, f'{QUOTA}\nkey = "sk"', "key: no such key; did you mean 'key_env'?"),
    "a number in quotes": (QUOTA, f'{QUOTA}\ncredits_per_day = "9"', "'9': write it without quotes"),
    "pages below zero": ("max_pages = 1", "max_pages = -1", "greater than or equal to 1, not -1"),
    "pages in words": ("max_pages = 1", 'max_pages = "all"', "should be a valid integer, not 'all'"),
    "a period in words": ("= 40", '= 40\nevery = "daily"', "'daily' is not a period like"),
    "a time past midnight": (
        "= 40",
        '= 40\nevery = "day"\nstarts_at = "25:00"',
        'is not a time of day (UTC) like "02:00"',
    ),
    "a time as a number": ("= 40", '= 40\nevery = "day"\nstarts_at = 2', "2: write it in quotes"),
    "an age in words": ("= 40", '= 40\nmax_age = "1 week"', "is not a duration like"),
    "one crawl in single brackets": (
        "[[crawl]]",
        '[crawl]\nendpoint = "keyapi.videos"\n[[crawl]]',
        "[crawl] stands above: write [[crawl]], with two brackets, each time",
    ),
    "two settings on a line": ("= 40", "= 40 max_age = 1", "one setting a line, and nothing behind its value"),
    "a vendor without accounts": ("[accounts.crawlora]", "[crawlora]", "of a vendor is [accounts.crawlora]"),
    "an account that is no table": (
        f"[accounts.crawlora]\n{QUOTA}",
        '[accounts]\ncrawlora = "free"',
        "is a table, not 'free': write [accounts.crawlora], and its keys below it",
    ),
    "no crawl": (JOB[JOB.index("[[crawl]]") :], "", "crawl: is missing"),
}
"""Mistake → what stands in the job, what is written instead, a part of the answer."""

FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "budget: is missing"),
    "binary": (bytes(range(256)), "is not UTF-8 text: save it as UTF-8"),
    "utf-16": (JOB.encode("utf-16"), "is not UTF-8 text: save it as UTF-8"),
    "json": (b'{"name": "night"}', "a setting is written key = value, a table [name]"),
    "yaml": (b"name: night", "a setting is written key = value"),
}

COMMANDS: dict[str, str] = {
    "plna": "No such command 'plna'. Did you mean 'plan'?",
    "plan nigth": "there is no job nigth in configs; did you mean 'night'?",
    "plan nigth.toml": "there is no job nigth.toml in configs; did you mean 'night'?",
    "plan": "Missing argument 'JOB'. The jobs are night, quickstart.",
    "run --sandbox": "Missing argument 'JOB...'. The jobs are night, quickstart.",
    "plan ./nigth": "nigth: cannot be read: No such file or directory; did you mean 'night'?; the jobs are",
    "plan scraper.toml": "there is no job scraper.toml in configs",
    "plan configs/accounts.toml": "configs/accounts.toml: states no job; the jobs are night, quickstart.",
    "--sandbox run night": "Options of a command follow it: scraper run --sandbox",
    "--versoin": "No option --versoin goes before a command. Did you mean --version?",
    "run night --sandbox --budget 1,000": "write credits in digits alone, such as 1000",
    "run night --day 2026-11-21": "--day needs --sandbox.",
    "plan night --seed 3": "--seed needs --sandbox.",
    "run night --sandbox --log-file none/run.log": "none does not exist: make this directory, or name one",
    "run night --sandbox --fault http_500:endpoint=crawlora.hashtag": "did you mean 'crawlora.hashtags'?",
    "init configs/night.toml": "Directory 'configs/night.toml' is a file",
    "sql": "Write a SELECT in quotes, such as: scraper sql",
    "sql FROM --param country": "'country' is not of the form NAME=VALUE, as country=US for $country",
    "duckdb -o x.csv": "A table goes into a file with scraper export TABLE -o x.csv",
    "report --since 21.11.2026": "'21.11.2026' is not a day of the calendar, written as 2026-11-21",
    "report --month November": "'November' is not a month: --month has the form 2026-11",
    "status --since yesterday": "'yesterday' is neither an age (24h, 7d, 2w) nor a day (2026-11-21)",
    "schedule night --every 5": "write hour, day, week, 6h or 2d",
    "plan configs/": "File 'configs/' is a directory",
    "plan configs/none.toml": "configs/none.toml: cannot be read: No such file",
    "plan night extra": "unexpected extra argument (extra)",
    "plan night --formt json": "Did you mean '--format'?",
    "plan night --format xml": "'xml' is not one of 'table', 'json'",
    "plan night --budget abc": "'abc' is not a valid integer",
    "plan night --budget -3": "-3 is not in the range",
    "plan night --budget 9999999999999999": "is not in the range",
    "plan night --sandbox --day 21.11.2026": "'21.11.2026' is not a day of the calendar, written as 2026-11-21",
    "plan night --sandbox --day 2026-02-30": "'2026-02-30' is not a day of the calendar",
    "run night": "CRAWLORA_API_KEY: this environment variable must contain the Crawlora key",
    "run night --vendor-url http://x.test": "is not of the form VENDOR=URL",
    "run night --vendor-url crawlora=x.test": "'x.test' is not an address of the form https://host/path",
    "run night --vendor-url crawlora=http://x.test": "would send the key unencrypted: use https",
    "run night --vendor-url crawlra=https://x.test": "no such vendor: crawlra; did you mean 'crawlora'?",
    "run night --fault http_500": "--fault needs --sandbox",
    "run night --sandbox --fault http_50": "there is no such kind; did you mean 'http_504'?",
    "run night --sandbox --fault http_500:share=2": "share is a number from 0 to 1, not '2'",
    "run night --sandbox --resume --new": "exclude each other: give one of them",
    "run night --sandbox --data configs/night.toml": "Directory 'configs/night.toml' is a file",
    "run night --sandbox --log-format xml": "'xml' is not one of 'text', 'json'",
    "run night --sandbox -o none/x.json": "none does not exist: make this directory, or name one that is there",
    "run night --sandbox -o configs": "File 'configs' is a directory",
    "run night --sandbox -o x.csv": "end it in .txt (table), .json (json), or give --format",
    "run night --allow-host https://x/y": "is not of the form HOST, HOST:PORT or HOST=VARIABLE",
    "status --data nowhere": "there is no data in nowhere. There is data in data: --data data",
    "tables --sandbox": "Real data is in data: leave out --sandbox",
    "vendors crawlra": "no vendor crawlra; did you mean 'crawlora'?",
    "vendors --configs nowhere": "there is no directory nowhere",
    "tables hashtag": "no table hashtag; did you mean 'hashtags'?",
    "docs vendor": "no topic 'vendor'; did you mean 'vendors'?",
    "schema jobs": "'jobs' is not one of 'job', 'accounts', 'vendor', 'project'",
    "completion powershell": "is not one of 'bash', 'zsh', 'fish'",
    "export hashtags": "Missing option '-o'",
    "export hashtag -o x.csv": "no table hashtag; did you mean 'hashtags'?",
    "export hashtags -o x.xlsx": "the name x.xlsx does not end in a format of this command",
    "export hashtags -o configs": "File 'configs' is a directory",
    "export hashtags -o none/x.csv": "none does not exist: make this directory",
    "duckdb -o none/x.duckdb": "none does not exist: make this directory",
    "rebuild hashtag": "there is no ledger in data beside its archive: the next run, or scraper check --repair",
    "check --quick --deep": "exclude each other: give one of them",
    "sandbox --plan crawlora=none": "crawlora has no plan 'none'; it has free",
    "sandbox --plan starter": "is not of the form VENDOR=PLAN",
    "report --month 2026-13": "'2026-13' is not a month: --month has the form 2026-11",
}

QUERIES: dict[str, str] = {
    "SELECT * FROM hashtag": 'Did you mean "hashtags"?',
    "SELECT hashtagname FROM hashtags": 'Candidate bindings: "hashtag_name"',
    "SELECT cuont(*) FROM hashtags": 'Did you mean "count"?',
    "SELECT rank FROM hashtags WHERE country = US": "text in single ones: 'US'",
    'SELECT rank FROM hashtags WHERE country = "US"': "text in single ones: 'US'",
    "SELEC 1": 'syntax error at or near "SELEC"',
    "SELECT country, count(*) FROM hashtags": "must appear in the GROUP BY clause",
    "SELECT 'x'::INT": "Could not convert string 'x'",
    "FROM 'x.csv'": "a query reads the archive alone: scraper duckdb",
    "DELETE FROM hashtags": "only one SELECT is allowed: the archive is read-only here, and this is DELETE",
    "SELECT 1; SELECT 2": "this text holds 2 statements",
    "FROM hashtags_as_of()": "Candidate macros: hashtags_as_of(ts)",
    "FROM hashtags_as_of": "hashtags_as_of is a macro: write hashtags_as_of(ts) with its arguments",
    "FROM mine": "mine cannot be created over this archive",
    "hashtags": '"FROM hashtags" shows a table',
    "": "the query is empty: write a SELECT",
    "none.sql": "none.sql cannot be read: there is no such file",
    "configs/tables/../../dir.sql": "Is a directory",
    "binary.sql": "the query of 'binary.sql' is not UTF-8 text",
    "empty.sql": "the query is empty",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a job, a table that is no SELECT, files that are no queries, and an archive."""
    place = tmp_path_factory.mktemp("place")
    (place / "configs" / "tables").mkdir(parents=True)
    (place / "dir.sql").mkdir()
    (place / "configs" / "night.toml").write_text(JOB)
    (place / "configs" / "tables" / "mine.sql").write_text("SELEC 1")
    (place / "binary.sql").write_bytes(b"\xff\xfe\x00")
    (place / "empty.sql").touch()
    history = History()
    history.walk("night-1", night(1), [[hashtag(1)]])
    history.write(place / "data")
    return place


@pytest.fixture(autouse=True)
def _here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    for name in ("SCRAPER_DATA", "SCRAPER_CONFIGS", "SCRAPER_FORMAT", "CRAWLORA_API_KEY", "KEYAPI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def answer(*words: str) -> str:
    """What the program says of a mistake. Whatever is no sentence of ours or click's fails the test."""
    try:
        told = said(words)
    except click.ClickException as fault:
        return fault.format_message()
    assert (told.exit_code, told.stdout) == (2, "")
    return told.stderr


@pytest.mark.parametrize("mistake", IN_JOBS)
def test_a_mistake_in_a_job_is_told_with_its_mend(mistake: str, tmp_path: Path) -> None:
    right, wrong, sentence = IN_JOBS[mistake]
    assert JOB.count(right) >= 1
    (tmp_path / "job.toml").write_text(JOB.replace(right, wrong, 1))
    told = answer("plan", str(tmp_path / "job.toml"), "--sandbox")
    assert sentence in told
    assert str(tmp_path / "job.toml") in told


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_job_is_told_as_such(kind: str, tmp_path: Path) -> None:
    content, sentence = FILES[kind]
    (tmp_path / "job.toml").write_bytes(content)
    assert sentence in answer("plan", str(tmp_path / "job.toml"), "--sandbox")


def test_a_job_of_an_editor_on_windows_is_a_job(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_bytes(b"\xef\xbb\xbf" + JOB.replace("\n", "\r\n").encode())
    assert said(["plan", str(tmp_path / "job.toml"), "--sandbox"]).exit_code == 0


@pytest.mark.parametrize("line", COMMANDS)
def test_a_mistake_on_the_command_line_is_told_with_its_mend(line: str) -> None:
    assert COMMANDS[line] in answer(*line.split())


@pytest.mark.parametrize("query", QUERIES)
def test_a_mistake_in_a_query_is_told_with_its_mend(query: str) -> None:
    assert QUERIES[query] in answer("sql", query)


SETTINGS: dict[str, str] = {
    "data = data": "text is written in quotes",
    'dta = "x"': "no such key; did you mean 'data'?",
    'data = ""': "is empty: state a value, or leave the key out",
    "notify = 3": "is a table, not 3: write [notify], and its keys below it",
    '[notify]\nurls = "slack://x"': "is a list, not 'slack://x': write it in brackets",
    '[notify]\nurl = ["x"]': "no such key; did you mean 'urls'?",
    '[report]\ndays = "30"': "not '30': write it without quotes",
}


@pytest.mark.parametrize("content", SETTINGS)
def test_a_mistake_in_the_settings_of_a_project_is_told_with_its_mend(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scraper.toml").write_text(content)
    monkeypatch.chdir(tmp_path)
    assert SETTINGS[content] in answer("status")


def test_a_condition_of_blanks_is_told_so() -> None:
    assert "the condition of --where is empty" in answer("export", "hashtags", "-o", "x.csv", "--where", " ")


def test_a_job_outside_of_any_project_is_told_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "scraper init makes a project" in answer("plan", "trends")


def test_a_query_without_quotes_is_told_so() -> None:
    assert "The query is one argument: write it in quotes" in answer("sql", "SELECT", "*", "FROM", "hashtags")


def test_no_mistake_has_left_anything(made: Path) -> None:
    names = {"configs", "dir.sql", "binary.sql", "empty.sql", "data"}
    assert {path.name for path in made.iterdir()} == names
    assert not (made / "data" / "sandbox").exists()


def test_a_full_disk_is_told_of_the_file_that_is_written() -> None:
    """Not as a file of the archive that was compacted away."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    told = said(["export", "hashtags", "-o", "/dev/full", "--format", "csv", "--force"])
    assert told.exit_code == 5
    assert told.stderr.startswith("error: /dev/full cannot be written")


@pytest.mark.parametrize("command", [["run", "quickstart", "--sandbox"], ["status"], ["check"]])
def test_an_empty_name_of_the_data_is_not_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(click.BadParameter, match="the name is empty: name a directory"):
        said([*command, "--data", ""])
    assert not list(tmp_path.iterdir())
