"""The files of `scraper schedule` under the programs that read them: each is skipped where its program is not there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from scraper.core.schedule import KINDS, WORKER_KINDS, ScheduledJob, ScheduledWorker, Timing
from scraper.core.schedule.kubernetes import shell_lines
from tests.core.test_schedule import scheduled, scheduled_worker

PERIODS = [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7)]


def odd(place: Path) -> ScheduledJob:
    """A job in a directory whose name every format has to quote."""
    base = place / "50% of $HOME, it's"
    (base / "configs").mkdir(parents=True)
    (base / "configs" / "j.toml").touch()
    return scheduled(base=str(base), job="configs/j.toml", data=str(base / "data"), program=(sys.executable,))


def installed(place: Path, kind: str, job: ScheduledJob) -> list[Path]:
    paths = []
    for file in KINDS[kind](job):
        paths.append(place / file.name)
        paths[-1].write_text(file.content)
    return paths


def accepted(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def test_systemd_accepts_service_and_timer(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    units = installed(tmp_path, "systemd", odd(tmp_path))
    done = subprocess.run(
        [analyze, "verify", "--user", "--recursive-errors=one", *map(str, units)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    ours = [line for line in done.stderr.splitlines() if "scraper-" in line]
    assert (done.returncode, ours) == (0, []), done.stderr
    for period in PERIODS:
        accepted(analyze, "calendar", Timing(period).on_calendar())


def odd_worker(place: Path) -> ScheduledWorker:
    base = str(place / "50% of $HOME, it's")
    return scheduled_worker(base=base, configs=f"{base}/configs", data=f"{base}/data", program=(sys.executable,))


def test_systemd_accepts_a_workers_service(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    worker = odd_worker(tmp_path)
    Path(worker.base).mkdir()
    (file,) = WORKER_KINDS["systemd"](worker)
    (unit := tmp_path / file.name).write_text(file.content)
    done = subprocess.run(
        [analyze, "verify", "--user", "--recursive-errors=one", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "scraper-" in line]) == (0, []), done.stderr


def test_a_workers_deployment_is_yaml_of_two_pods_that_keep_nothing(tmp_path: Path) -> None:
    (file,) = WORKER_KINDS["kubernetes"](odd_worker(tmp_path))
    deployment = yaml.safe_load(file.content)
    pod = deployment["spec"]["template"]["spec"]
    assert (deployment["kind"], deployment["spec"]["replicas"]) == ("Deployment", 2)
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert pod["containers"][0]["command"] == ["scraper", "worker", "--data", "/data"]
    assert {volume["name"]: next(iter({*volume} - {"name"})) for volume in pod["volumes"]} == {
        "data": "emptyDir",
        "configs": "configMap",
        "tmp": "emptyDir",
    }


def test_kubernetes_accepts_a_workers_deployment(tmp_path: Path) -> None:
    (file,) = WORKER_KINDS["kubernetes"](odd_worker(tmp_path))
    (path := tmp_path / file.name).write_text(file.content)
    accepted(program("kubernetes-validate"), "--strict", str(path))


def test_github_accepts_the_workflow(tmp_path: Path) -> None:
    (path,) = installed(tmp_path, "github-actions", scheduled())
    accepted(program("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path))


def test_kubernetes_accepts_volume_and_cron_job(tmp_path: Path) -> None:
    (path,) = installed(tmp_path, "kubernetes", odd(tmp_path))
    accepted(program("kubernetes-validate"), "--strict", str(path))


@pytest.mark.parametrize(("code", "mailed"), [(0, False), (3, False), (7, True)])
def test_crons_line_mails_the_log_of_a_night_that_went_wrong(tmp_path: Path, code: int, mailed: bool) -> None:
    if shutil.which("flock") is None:
        pytest.skip("flock is not installed")
    fake = tmp_path / "scraper"
    fake.write_text(f'#!/bin/sh\necho "$@"; pwd; exit {code}\n')
    fake.chmod(0o755)
    job = replace(odd(tmp_path), program=(str(fake),))
    (path,) = installed(tmp_path, "cron", job)
    line = path.read_text().splitlines()[-1].split(" ", 5)[-1]
    done = subprocess.run(
        ["/bin/sh", "-c", line.replace(r"\%", "%")], capture_output=True, text=True, check=False, env={}
    )
    told = f"run configs/j.toml --data {job.data}\n{job.base}\n"
    assert (done.stdout, done.stderr) == (told if mailed else "", "")
    assert (Path(job.base) / "us-trends.log").read_text() == told


@pytest.mark.parametrize(("code", "shown"), [(0, 0), (3, 0), (6, 6)])
def test_a_pods_shell_takes_a_spent_budget_for_a_success(code: int, shown: int) -> None:
    assert subprocess.run(
        ["/bin/sh", "-c", "\n".join(shell_lines(f"sh -c 'exit {code}'"))], check=False
    ).returncode == (shown)


def test_a_pods_shell_hands_sigterm_on_and_waits_for_the_end(tmp_path: Path) -> None:
    landed = tmp_path / "landed"
    ours = f"""import pathlib, signal, sys
print("up", flush=True)
signal.sigwait({{signal.SIGTERM}})
pathlib.Path({str(landed)!r}).touch()
sys.exit(130)"""
    script = tmp_path / "run.py"
    script.write_text("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n" + ours)
    lines = "\n".join(shell_lines(f"{sys.executable} {script}"))
    with subprocess.Popen(["/bin/sh", "-c", lines], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "up\n"
        shell.send_signal(signal.SIGTERM)
        assert shell.wait(timeout=20) == 130
    assert landed.exists()
