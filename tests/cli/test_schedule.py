"""``scraper schedule`` as a person uses it: to look, to install, and with a slip."""

from __future__ import annotations

import re
import shutil
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scraper.cli.main import cli
from scraper.core.errors import ConfigurationError, UsageError
from scraper.core.nights import Every
from scraper.wiring.files import load_job
from scraper.wiring.schedule import scheduled_job
from scraper.wiring.settings import Settings

pytestmark = pytest.mark.own_instant


def schedule(*words: str) -> Result:
    return CliRunner().invoke(cli, ["schedule", *words])


@pytest.fixture
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


@pytest.mark.usefixtures("_here")
def test_a_timer_names_working_directory_program_data_and_time(place: Path) -> None:
    told = schedule("configs/night.toml", "--for", "systemd", "--at", "03:05")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert f"WorkingDirectory={place}" in lines
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start.startswith("ExecStart=/")
    assert start.endswith(f" run configs/night.toml --data {place / 'data'}")
    assert "OnCalendar=*-*-* 03:05:00 UTC" in lines
    assert "systemctl --user enable --now scraper-night.timer" in told.stderr


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("kind", ["cron", "systemd", "github-actions", "kubernetes"])
@pytest.mark.parametrize("named_in", ["variables", "project", "options"])
def test_a_timer_keeps_to_the_shared_ledger_and_holds_no_password(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: str, named_in: str
) -> None:
    state, archive = "postgresql+psycopg://me:hunter2@db.example/ledger", "s3://bucket/trends"
    words = ["--state", state, "--archive", archive] if named_in == "options" else []
    if named_in == "variables":
        monkeypatch.setenv("SCRAPER_STATE", state)
        monkeypatch.setenv("SCRAPER_ARCHIVE", archive)
    if named_in == "project":
        (place / "scraper.toml").write_text(f'state = "{state}"\narchive = "{archive}"\n')
    told = schedule("configs/night.toml", "--for", kind, *words)
    assert told.exit_code == 0
    assert f" --state postgresql+psycopg://me@db.example/ledger --archive {archive}" in told.stdout
    assert "PGPASSWORD" in told.stdout
    assert "hunter2" not in told.output


@pytest.mark.usefixtures("_here")
def test_files_are_written_into_a_directory_each_under_its_name(place: Path) -> None:
    told = schedule("configs/night.toml", "--for", "systemd", "-o", "units")
    assert (told.exit_code, told.stdout) == (0, "")
    assert sorted(path.name for path in (place / "units").iterdir()) == [
        "scraper-night.service",
        "scraper-night.timer",
    ]


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("words", "met"),
    [
        (("--every", "5m"), "'5m' is not a period of at least 10 minutes: write hour, day, week, 6h or 2d."),
        (("--every", "often"), "'often' is not a period of at least 10 minutes: write hour, day, week, 6h or 2d."),
        (("--at", "24:00"), "'24:00' is not a time of day (UTC) like 02:15."),
        (("--for", "launchd"), "'launchd' is not one of 'cron', 'systemd', 'github-actions', 'kubernetes'."),
    ],
)
def test_a_slip_is_answered_with_what_to_write(words: tuple[str, ...], met: str) -> None:
    told = schedule("configs/night.toml", *words)
    assert told.exit_code == 2
    assert met in told.stderr


@pytest.mark.usefixtures("_here")
def test_a_job_with_a_fault_gets_no_timer(place: Path) -> None:
    (place / "configs" / "night.toml").write_text('name = "night"\n')
    assert isinstance(schedule("configs/night.toml").exception, ConfigurationError)


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("kind", ["cron", "systemd", "github-actions", "kubernetes"])
def test_a_path_that_no_line_can_hold_gets_no_timer(place: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    broken = place / "my\nproject"
    shutil.copytree(place / "configs", broken / "configs", dirs_exist_ok=True)
    monkeypatch.chdir(broken)
    told = schedule("configs/night.toml", "--for", kind)
    assert told.stdout == ""
    assert "contains a line break or another control character" in str(told.exception)


@pytest.mark.usefixtures("_here")
def test_a_job_that_a_timer_cannot_repeat_is_named(place: Path) -> None:
    path = place / "configs" / "night.toml"
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("every"))
    for line, told in (
        ('every = "day"', ""),
        ("", "warning: job night is one-off: once it is complete, each start exits 2;"),
        ("sandbox_only = true", "warning: job night runs against the sandbox alone: each start by a timer is refused"),
    ):
        path.write_text(f"{line}\n{text}")
        ended = schedule("configs/night.toml", "--for", "cron")
        assert ended.exit_code == 0
        assert told in ended.stderr
        assert bool(told) == ("warning" in ended.stderr)


@pytest.mark.parametrize(("given", "cron"), [(None, "0 4,10,16,22 * * *"), (timedelta(hours=3), "0 3,9,15,21 * * *")])
def test_options_come_before_the_jobs_own_times(place: Path, given: timedelta | None, cron: str) -> None:
    path = place / "configs" / "night.toml"
    job = replace(load_job(path)[0], every=Every(timedelta(hours=6), "6h", timedelta(hours=4)))
    found = scheduled_job(job, path, Settings(), ("scraper",), None, given)
    assert found.timing.cron() == cron


@pytest.mark.usefixtures("_here")
def test_a_worker_is_for_all_jobs_of_the_project_and_not_a_timer(place: Path) -> None:
    told = schedule("--worker", "--for", "systemd")
    assert told.exit_code == 0
    assert f"WorkingDirectory={place}" in told.stdout.splitlines()
    assert "CRAWLORA_API_KEY" in told.stdout
    for words in (("configs/night.toml", "--worker"), ("--worker", "--for", "cron"), ("--worker", "--at", "02:00")):
        assert isinstance(schedule(*words).exception, UsageError)
    missing = schedule()
    assert missing.exit_code == 2
    assert "Missing argument 'JOB'. The jobs are night, quickstart." in missing.stderr


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("kind", ["cron", "systemd", "github-actions", "kubernetes"])
def test_a_timer_keeps_to_the_projects_state_and_archive_without_a_password(place: Path, kind: str) -> None:
    state, archive = "postgresql+psycopg://me:geheim@db.example/trends?sslpassword=heimlich", "s3://bucket/trends"
    (place / "scraper.toml").write_text(f'state = "{state}"\narchive = "{archive}"\n')
    told = schedule("configs/night.toml", "--for", kind)
    assert told.exit_code == 0
    assert f"--state postgresql+psycopg://me@db.example/trends --archive {archive}" in told.stdout
    assert "PGPASSWORD" in told.stdout + told.stderr
    assert "AWS_SECRET_ACCESS_KEY" in told.stdout + told.stderr
    assert not {"geheim", "heimlich"} & set(re.findall(r"\w+", told.output))


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("kind", ["systemd", "kubernetes"])
def test_a_workers_unit_names_what_its_bucket_needs(place: Path, kind: str) -> None:
    (place / "scraper.toml").write_text('archive = "s3://bucket/trends"\n')
    told = schedule("--worker", "--for", kind)
    for name in ("SCRAPER_STATE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert name in told.stdout + told.stderr


def test_a_timer_installs_the_distribution_that_this_project_is_built_as(place: Path) -> None:
    path = place / "configs" / "night.toml"
    found = scheduled_job(load_job(path)[0], path, Settings(), ("scraper",), None, None)
    built_as = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["name"]
    assert found.distribution == built_as
