"""The Containerfile under hadolint, and against the timers that name its user and places."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from scraper.core.schedule import KINDS
from tests.core.test_schedule import scheduled
from tests.systems.container import ROOT

CONTAINERFILE = ROOT / "configs" / "Containerfile"
TEXT = CONTAINERFILE.read_text()


def test_hadolint_has_nothing_to_say() -> None:
    if (hadolint := shutil.which("hadolint")) is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(CONTAINERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_the_user_and_keeps_its_data_where_the_cron_job_says() -> None:
    (manifest,) = KINDS["kubernetes"](scheduled())
    for line in ("USER 10001:10001", "VOLUME /data", "WORKDIR /project"):
        assert f"\n{line}\n" in TEXT
    for said in ("runAsUser: 10001", "mountPath: /data", "workingDir: /project"):
        assert said in manifest.content


def test_it_copies_nothing_that_the_package_is_not_made_of() -> None:
    allowed = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for line in TEXT.splitlines() if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert {word for word in copied if not word.startswith(("-", "/"))} == allowed
