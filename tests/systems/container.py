"""The Containerfile, built and tried without pulling an image: ``python -m tests.systems.container --python IMAGE``.

IMAGE is a local image with the Python of this environment: pip fetches the wheels that it needs, and they are mounted.
Where a machine can pull none, ``--bootstrap bookworm`` makes one from Debian's packages (debootstrap, ``podman
import``). With buildah, ``--isolation chroot`` works on machines on which containers cannot be nested.

Inside, where there is no repository, it looks at what the image promises (no root, a volume, a health check) and takes
a newcomer's first steps (`tests.systems.first_steps`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.systems.first_steps import LONGEST_S, follow, on_terminal, tell

ROOT = Path(__file__).parents[2]
TAG = "localhost/scraper-test"
PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"
SCRIPT = """
set -eu
[ "$(id -u)" = 10001 ]
[ -w /data ] && [ ! -w /opt/scraper ] && [ ! -e /source ]
scraper --version
scraper vendors --format json >/dev/null
"""


def usable_builder() -> str | None:
    """Return buildah or podman, the first that is there and works."""
    for name in ("buildah", "podman"):
        path = shutil.which(name)
        if path is not None and subprocess.run([path, "info"], capture_output=True, check=False).returncode == 0:
            return name
    return None


def bootstrap(suite: str, image: str) -> None:
    """Make an image with Python from Debian's packages."""
    with TemporaryDirectory() as place:
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, f"{place}/root"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tar", "-C", f"{place}/root", "-cf", f"{place}/root.tar", "."], check=True)
        subprocess.run(["podman", "import", f"{place}/root.tar", image], check=True)


def build_command(builder: str, python: str, wheels: Path) -> list[str]:
    isolation = ["--isolation", "chroot"] if builder == "buildah" else []
    arguments = {"PYTHON": python, "PIP_OPTIONS": "--no-index --find-links=/wheels"}
    words = [builder, "bud" if builder == "buildah" else "build", "--pull=never", "--format=docker", *isolation]
    words += ["--volume", f"{wheels}:/wheels:ro"]
    for name, value in arguments.items():
        words += ["--build-arg", f"{name}={value}"]
    return [*words, "-f", str(ROOT / "configs" / "Containerfile"), "-t", TAG, str(ROOT)]


@contextmanager
def container_of(builder: str) -> Iterator[list[str]]:
    """Yield the words before a command that run it in a container of the image, without a network."""
    if builder == "buildah":
        made = subprocess.run(["buildah", "from", "--pull=never", TAG], check=True, capture_output=True, text=True)
        before, after = ["buildah", "run", "--isolation", "chroot"], ["buildah", "rm"]
    else:
        words = ["podman", "run", "--detach", "--network", "none", "--entrypoint", "sleep", TAG, "infinity"]
        made = subprocess.run(words, check=True, capture_output=True, text=True)
        before, after = ["podman", "exec"], ["podman", "rm", "--force", "--time", "0"]
    container = made.stdout.strip()
    try:
        yield [*before, container] + (["--"] if builder == "buildah" else [])
    finally:
        subprocess.run([*after, container], check=True, stdout=subprocess.DEVNULL)


def promised(builder: str) -> dict[str, Any]:
    """Return what the image says of itself."""
    words = ["buildah", "inspect", "--type", "image"] if builder == "buildah" else ["podman", "image", "inspect"]
    told = json.loads(subprocess.run([*words, TAG], check=True, capture_output=True, text=True).stdout)
    config: dict[str, Any] = told["Docker"]["config"] if builder == "buildah" else told[0]["Config"]
    return config if builder == "buildah" else {**config, "Healthcheck": told[0]["Healthcheck"]}


def try_image(builder: str) -> float:
    """Hold the image against what it promises, and take the first steps in it; return how long these took."""
    config = promised(builder)
    health = config["Healthcheck"]["Test"][1:]
    if (config["User"], list(config["Volumes"]), config["WorkingDir"]) != ("10001:10001", ["/data"], "/project"):
        raise AssertionError(f"the image is not what the Containerfile says: {config}")
    with container_of(builder) as before:
        for words in (["sh", "-c", SCRIPT], health):
            subprocess.run([*before, *words], check=True)
        began = time.monotonic()
        taken = follow(on_terminal(before, "/project"))
        took_s = time.monotonic() - began
        tell(taken, took_s)
        subprocess.run([*before, "sh", "-c", "[ -e /data/sandbox/state.db ]"], check=True)
        subprocess.run([*before, *health], check=True)
    return took_s


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="localhost/python")
    parser.add_argument("--bootstrap", metavar="SUITE", help="make that image of this suite of Debian first")
    options = parser.parse_args(arguments)
    if (builder := usable_builder()) is None:
        sys.stdout.write("nothing was tried: neither buildah nor podman is there and works\n")
        return 0
    if options.bootstrap:
        bootstrap(options.bootstrap, options.python)
    with TemporaryDirectory() as wheels:
        wheel = [sys.executable, "-m", "pip", "wheel", "-q", "-c", "constraints.txt", "-w", wheels, ".", "hatchling"]
        subprocess.run(wheel, cwd=ROOT, check=True)
        subprocess.run(build_command(builder, options.python, Path(wheels)), check=True)
    took_s = try_image(builder)
    sys.stdout.write("the image is built, runs without root and writes to its volume and its project alone\n")
    return 0 if took_s < LONGEST_S else 1


if __name__ == "__main__":
    sys.exit(main())
