"""The Containerfile, built and tried without a network: ``python -m tests.systems.container --python IMAGE``.

IMAGE is a local image with Python; where a machine can pull none, debootstrap and ``podman import`` make one. The
wheels that it needs are fetched by the pip of this environment and mounted. With buildah, ``--isolation chroot`` works
on machines on which containers cannot be nested.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
TAG = "localhost/scraper-test"
SCRIPT = """
set -eu
[ "$(id -u)" = 10001 ]
[ -w /data ] && [ ! -w /opt/scraper ]
[ ! -e /data/state.db ] || scraper status --format json >/dev/null
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


def build_command(builder: str, python: str, wheels: Path) -> list[str]:
    isolation = ["--isolation", "chroot"] if builder == "buildah" else []
    arguments = {"PYTHON": python, "PIP_OPTIONS": "--no-index --find-links=/wheels"}
    words = [builder, "bud" if builder == "buildah" else "build", "--pull=never", *isolation]
    words += ["--volume", f"{wheels}:/wheels:ro"]
    for name, value in arguments.items():
        words += ["--build-arg", f"{name}={value}"]
    return [*words, "-f", str(ROOT / "configs" / "Containerfile"), "-t", TAG, str(ROOT)]


def try_command(builder: str, container: str) -> list[str]:
    """Return the command that runs `SCRIPT`, in a container that buildah made of the image or in a new one."""
    if builder == "buildah":
        return ["buildah", "run", "--isolation", "chroot", container, "--", "sh", "-c", SCRIPT]
    return ["podman", "run", "--rm", "--network", "none", "--entrypoint", "sh", TAG, "-c", SCRIPT]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="localhost/python")
    options = parser.parse_args(arguments)
    builder, container = usable_builder(), ""
    if builder is None:
        sys.stdout.write("nothing was tried: neither buildah nor podman is there and works\n")
        return 0
    with TemporaryDirectory() as wheels:
        wheel = [sys.executable, "-m", "pip", "wheel", "-c", "constraints.txt", "-w", wheels, ".", "hatchling"]
        subprocess.run(wheel, cwd=ROOT, check=True)
        subprocess.run(build_command(builder, options.python, Path(wheels)), check=True)
    if builder == "buildah":
        made = subprocess.run(["buildah", "from", "--pull=never", TAG], check=True, capture_output=True, text=True)
        container = made.stdout.strip()
    subprocess.run(try_command(builder, container), check=True)
    sys.stdout.write("the image is built, runs without root and writes to its volume alone\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
