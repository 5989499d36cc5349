"""Units that keep a worker of a fleet running, as text: a systemd service, a Kubernetes Deployment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scraper.core.schedule.kubernetes import SECURITY, SURROUNDINGS
from scraper.core.schedule.systemd import specifiers, unit_file, word
from scraper.core.schedule.timing import BUCKET_VARIABLES, ScheduleFile, comment

_NAME: Final = "scraper-worker"
_NESTED: Final = 4
"""Columns by which a CronJob's pod is nested deeper than a Deployment's."""
_STATE: Final = "SCRAPER_STATE"


@dataclass(frozen=True, slots=True)
class ScheduledWorker:
    """A worker and its place on this machine. Paths are absolute."""

    base: str
    """The working directory: the project."""
    configs: str
    data: str | None
    """The data directory that was named; ``None``: the project's, with the state that the project states."""
    program: tuple[str, ...]
    """The command that starts this program here, without arguments."""
    version: str
    key_variables: tuple[str, ...]
    """Variables with the keys of all jobs."""
    shared_variables: tuple[str, ...] = ()
    """Variables of the archive's bucket, and `SCRAPER_ARCHIVE` if nothing else names the archive."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The keys, the state's URL, which may contain a password, and the archive's variables."""
        return (*self.key_variables, _STATE, *self.shared_variables)


def systemd_worker_files(worker: ScheduledWorker) -> Sequence[ScheduleFile]:
    """Return the service; the hosts that run it are a fleet."""
    command = [*worker.program, "worker", *([] if worker.data is None else ["--data", worker.data])]
    told = comment(
        f"Keys ({' and '.join(worker.key_variables) or 'no key'}): scraper reads them from .env in its working",
        "directory, or from this file, if it exists.",
        f"Only from this file: {', '.join((_STATE, *worker.shared_variables))}.",
    )
    orderly = comment(
        "Only the worker gets SIGTERM: its runs stop in order, requests in flight land, and their tasks return to the",
        "queue. Processes that are left after this time are killed.",
    )
    content = f"""[Unit]
Description=scraper worker of {specifiers(worker.base)}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
WorkingDirectory={specifiers(worker.base)}
{told}EnvironmentFile=-%E/scraper.env
ExecStart={" ".join(map(word, command))}
Restart=always
RestartSec=10
{orderly}KillMode=mixed
TimeoutStopSec=180
Nice=10
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
    return [unit_file(f"{_NAME}.service", content)]


def kubernetes_worker_files(worker: ScheduledWorker) -> Sequence[ScheduleFile]:
    """Return the Deployment: two workers that keep nothing of their own."""
    head = comment(
        f"The image: podman build -t scraper:{worker.version} -f configs/Containerfile . in scraper's repository, with",
        "the extra fleet, and the extra s3 for an archive in a bucket.",
        "State and archive are shared: SCRAPER_STATE is a PostgreSQL database, SCRAPER_ARCHIVE a bucket (s3://…), both",
        "in the secret. /data is scratch space of each pod.",
    )
    security = _out(SECURITY.replace("          restartPolicy: Never\n", ""))
    surroundings = _out(
        SURROUNDINGS.replace("persistentVolumeClaim:\n                claimName: scraper-data", "emptyDir: {}")
    )
    content = f"""{head}apiVersion: apps/v1
kind: Deployment
metadata:
  name: {_NAME}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {_NAME}
  template:
    metadata:
      labels:
        app: {_NAME}
    spec:
{security}      containers:
        - name: scraper
          image: {json.dumps(f"scraper:{worker.version}")}
          workingDir: /project
          command: [scraper, worker, --data, /data]
{surroundings}"""
    names = dict.fromkeys((*worker.variables, "SCRAPER_ARCHIVE", *BUCKET_VARIABLES))
    literals = " ".join(f"--from-literal={name}=…" for name in names)
    advice = (
        f"kubectl create secret generic scraper-keys {literals} && kubectl create configmap scraper-configs "
        f"--from-file={shlex.quote(worker.configs)} && kubectl apply -f {_NAME}.yaml"
    )
    return [ScheduleFile(f"{_NAME}.yaml", content, advice)]


def _out(block: str) -> str:
    """Return a part of a CronJob's pod, indented for a Deployment."""
    return "".join(line[_NESTED:] for line in block.splitlines(keepends=True))


WORKER_KINDS: Final[Mapping[str, Callable[[ScheduledWorker], Sequence[ScheduleFile]]]] = {
    "systemd": systemd_worker_files,
    "kubernetes": kubernetes_worker_files,
}
"""Kind of unit → the files that it needs."""
