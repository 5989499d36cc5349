"""Where things are found: the same job has the same ledger from everywhere, and nobody is misled about which."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError, UsageError
from scraper.wiring.files import load_job
from scraper.wiring.project import Project, find_root, job_path, packaged_quickstart, project_of
from scraper.wiring.settings import Settings, data_is_there
from scraper.wiring.state import refuse_other_kind

ROOT = Path(__file__).parents[2]
JOB = 'name = "j"\nbudget = 8\n[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = { country_code = "US" }\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a job, and a directory in it and one beside it."""
    for directory in ("project/configs", "project/house", "elsewhere"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "project/configs/j.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


@pytest.mark.parametrize("here", ["project", "project/house", "project/configs", "elsewhere", "."])
def test_a_job_has_the_same_data_from_every_directory(place: Path, monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    monkeypatch.chdir(place / here)
    found = project_of(place / "project/configs/j.toml", {})
    assert found.data.absolute() == place / "project/data"
    assert [found.root and found.root.absolute(), found.configs.absolute()] == [
        place / "project",
        place / "project/configs",
    ]


def test_paths_are_short_inside_the_working_directory_and_whole_outside(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project_of(place / "project/configs/j.toml", {}).data == place / "project/data"
    monkeypatch.chdir(place / "project")
    assert project_of(Path("configs/j.toml"), {}).data == Path("data")
    assert project_of(Path("../project/configs/j.toml"), {}).configs == Path("configs")
    monkeypatch.chdir("/")
    assert project_of(place / "project/configs/j.toml", {}).data == place / "project/data"


def test_the_nearest_marker_wins(place: Path) -> None:
    (place / "project/house/inner/configs").mkdir(parents=True)
    (place / "project/house/scraper.toml").touch()
    assert find_root(place / "project/house/inner") == place / "project/house/inner"
    assert find_root(place / "project/house") == place / "project/house"
    assert find_root(place / "elsewhere") is None


def test_a_job_outside_any_project_is_a_project_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place / "elsewhere/j.toml"
    job.write_text(JOB)
    monkeypatch.chdir(place / "project")
    assert project_of(job, {}) == Project(
        base=place / "elsewhere",
        configs=place / "elsewhere",
        data=place / "elsewhere/data",
        places=(place / "elsewhere",),
    )


def test_a_link_to_a_job_leads_to_its_project(place: Path) -> None:
    link = place / "elsewhere/nightly.toml"
    link.symlink_to(place / "project/configs/j.toml")
    assert project_of(link, {}).data == place / "project/data"


def test_a_directory_that_everybody_may_write_to_is_no_project_of_what_is_below(place: Path) -> None:
    shared = place / "project"
    shared.chmod(0o1777)
    assert find_root(shared / "home") is None
    assert find_root(shared) == shared
    assert find_root(shared / "configs") == shared


def test_a_projects_file_names_the_data_directory_and_variables_override_it(place: Path) -> None:
    job, file = place / "project/configs/j.toml", place / "project/scraper.toml"
    file.write_text('data = "../bought"\n')
    assert project_of(job, {}).data == place / "project/../bought"
    file.write_text(f'data = "{place}/bought"\n')
    assert project_of(job, {}).data == place / "bought"
    stated = project_of(job, {"SCRAPER_DATA": "here", "SCRAPER_CONFIGS": "there"})
    assert (stated.data, stated.configs) == (Path("here"), Path("there"))
    assert project_of(job, {"SCRAPER_DATA": "", "SCRAPER_CONFIGS": ""}).configs == place / "project/configs"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('daat = "x"', "scraper.toml: daat: no such key; did you mean 'data'?"),
        ("data = 7", "should be a valid string"),
        ('data = ""', "is empty: state a value, or leave the key out"),
        ('data = "s3://bucket/x"', "the path of a directory on this machine"),
        ("data = ", "is not valid TOML"),
    ],
)
def test_a_fault_of_the_projects_file_is_told(place: Path, text: str, told: str) -> None:
    (place / "project/scraper.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=told.replace("?", r"\?")):
        project_of(place / "project/configs/j.toml", {})


def test_accounts_may_stand_in_configs_or_at_the_root_and_not_in_both(place: Path) -> None:
    job, root = place / "project/configs/j.toml", place / "project/accounts.toml"
    root.write_text("[accounts.crawlora]\ncredits_per_day = 24\n")
    assert load_job(job)[0].accounts["crawlora"].subscription.credits_per_day == 24
    (place / "project/configs/accounts.toml").write_text("[accounts.crawlora]\ncredits_per_day = 16\n")
    with pytest.raises(ConfigurationError, match="both state the accounts of this job: keep one"):
        load_job(job)


@pytest.mark.parametrize("here", ["project", "project/configs", "elsewhere"])
def test_a_directory_that_is_named_in_two_ways_holds_one_file(
    place: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    (place / "project/configs/accounts.toml").write_text("[accounts.crawlora]\ncredits_per_day = 16\n")
    job = place / "project/configs/j.toml"
    monkeypatch.chdir(place / here)
    for environment in ({}, {"SCRAPER_CONFIGS": str(place / "project/configs")}):
        assert project_of(job, environment).in_use()["accounts"] == str(place / "project/configs/accounts.toml")


# --- jobs by name -----------------------------------------------------------------------------------------------------


def test_a_bare_name_is_a_job_of_the_project(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place / "project/house")
    assert job_path("j", {}) == job_path("j.toml", {}) == place / "project/configs/j.toml"
    assert job_path("./j", {}) == Path("./j")
    with pytest.raises(UsageError, match=r"no job jj in .*configs; did you mean 'j'\?; the jobs are j, quickstart"):
        job_path("jj", {})


def test_the_packages_quickstart_is_found_everywhere_and_gives_way_to_the_projects(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert job_path("quickstart", {}) == packaged_quickstart()
    assert project_of(packaged_quickstart(), {}) == Project(places=(Path("configs"), Path()))
    monkeypatch.chdir(place / "project")
    (place / "project/configs/quickstart.toml").write_text(JOB)
    assert job_path("quickstart", {}) == Path("configs/quickstart.toml")


def test_the_repositorys_quickstart_is_the_packages() -> None:
    assert (ROOT / "configs/quickstart.toml").read_bytes() == packaged_quickstart().read_bytes()
    assert load_job(packaged_quickstart())[0].sandbox_only


# --- data -------------------------------------------------------------------------------------------------------------


def test_the_sandbox_never_takes_the_directory_of_real_data_unless_it_is_named(place: Path) -> None:
    project = project_of(None, {"SCRAPER_DATA": str(place / "bought")})
    assert Settings(project=project).data_directory == place / "bought"
    assert Settings(project=project, sandbox=True).data_directory == place / "bought/sandbox"
    assert Settings(data=place / "x", project=project, sandbox=True).data_directory == place / "x"


@pytest.mark.parametrize(
    ("there", "data", "sandbox", "told"),
    [
        (None, None, False, "there is no data in data; name another directory with --data, or run a job first."),
        ("data/sandbox", None, False, "there is no data in data. Sandbox data is in data/sandbox: add --sandbox."),
        ("data", None, True, "there is no data in data/sandbox. Real data is in data: leave out --sandbox."),
        ("data", "old", False, "there is no data in old. There is data in data: --data data"),
        ("old one/sandbox", "old one", False, "is data in old one/sandbox: --data 'old one/sandbox'"),
    ],
)
def test_a_directory_without_data_is_an_error_that_says_where_there_is_some(
    place: Path, there: str | None, data: str | None, sandbox: bool, told: str
) -> None:
    if there is not None:
        (place / "elsewhere" / there / "archive").mkdir(parents=True)
    settings = Settings(data=None if data is None else Path(data), project=project_of(None, {}), sandbox=sandbox)
    with pytest.raises(UsageError) as failure:
        data_is_there(settings)
    assert str(failure.value).endswith(told)


@pytest.mark.parametrize("place", ["gs://bucket/prefix", "https://key:secret@store/bucket"])
def test_an_archive_is_in_a_directory_or_a_bucket_and_no_address_is_taken_for_a_directory(place: str) -> None:
    with pytest.raises(UsageError, match="an archive is in a directory or at s3://") as met:
        _ = Settings(archive=place).archive_place
    assert "secret" not in str(met.value)


def test_an_archive_of_the_other_kind_elsewhere_is_refused_by_its_own_name(tmp_path: Path) -> None:
    notes = tmp_path / "elsewhere/_ledger"
    notes.mkdir(parents=True)
    (notes / "archive.json").write_text('{"archive": "a", "kind": "sandbox", "epoch": 1, "lineage": "0123abcd"}')
    settings = Settings(data=tmp_path / "data", archive=str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match=r"elsewhere contains sandbox data, .* name another place with --archive"):
        refuse_other_kind(settings, "real")


def test_the_projects_state_and_archive_go_with_its_data_however_it_is_named(place: Path) -> None:
    url = "postgresql+psycopg://db/trends"
    (place / "project/scraper.toml").write_text(f'state = "{url}"\narchive = "shared"\n')
    project = project_of(place / "project/configs/j.toml", {})
    for data in (None, place / "project/data", place / "project/configs/../data"):
        settings = Settings(data=data, project=project, environment={})
        assert settings.state_url == url
        assert settings.archive_place == str(place / "project/shared")
    elsewhere = Settings(data=place / "elsewhere/data", project=project, environment={})
    assert elsewhere.state_url.endswith("elsewhere/data/state.db")
    assert elsewhere.archive_place == str(place / "elsewhere/data/archive")
    assert Settings(project=project, sandbox=True, environment={}).state_url.endswith("project/data/sandbox/state.db")
