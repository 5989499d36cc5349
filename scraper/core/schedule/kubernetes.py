"""A CronJob of Kubernetes, with the volume for its data."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from datetime import timedelta

from scraper.core.schedule.timing import ScheduledJob, ScheduleFile, comment

_VOLUME = """apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: scraper-data
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 10Gi
---
"""
SECURITY = """          restartPolicy: Never
          terminationGracePeriodSeconds: 180 # requests in flight land
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: 10001
            runAsGroup: 10001
            fsGroup: 10001
            seccompProfile:
              type: RuntimeDefault
"""
"""The user is that of the project's Containerfile."""
SURROUNDINGS = """              envFrom:
                - secretRef:
                    name: scraper-keys
              resources:
                requests:
                  cpu: 250m
                  memory: 512Mi
                limits:
                  memory: 2Gi
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities:
                  drop: [ALL]
              volumeMounts:
                - name: data
                  mountPath: /data
                - name: configs
                  mountPath: /project/configs
                  readOnly: true
                - name: tmp
                  mountPath: /tmp
          volumes:
            - name: data
              persistentVolumeClaim:
                claimName: scraper-data
            - name: configs
              configMap:
                name: scraper-configs
            - name: tmp
              emptyDir: {}
"""
_LONGEST_NAME = 52
"""Longest name of a CronJob: its pods' names are eleven characters longer, and have at most 63."""
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def kubernetes_files(scheduled: ScheduledJob) -> Sequence[ScheduleFile]:
    """Return the manifest of volume and CronJob."""
    keys = " ".join(f"--from-literal={name}=…" for name in scheduled.variables)
    advice = (
        f"kubectl create secret generic scraper-keys {keys} && kubectl create configmap scraper-configs "
        f"--from-file={shlex.quote(_configs(scheduled))} && kubectl apply -f {scheduled.name}.yaml"
    )
    return [ScheduleFile(f"{scheduled.name}.yaml", _manifest(scheduled), advice)]


def _configs(scheduled: ScheduledJob) -> str:
    return (
        f"{scheduled.base}/{scheduled.job}".rpartition("/")[0]
        if scheduled.job[0] != "/"
        else scheduled.job.rpartition("/")[0]
    )


def _manifest(scheduled: ScheduledJob) -> str:
    timing, shared = scheduled.timing, ", ".join(scheduled.shared_variables)
    extras = " and ".join(f"the extra {extra}" for extra in scheduled.extras)
    head = comment(
        f"{timing.words} UTC",
        *scheduled.inexact,
        f"The image: podman build -t scraper:{scheduled.version} -f configs/Containerfile . in scraper's repository"
        + (f", with {extras}." if extras else "."),
        f"The secret scraper-keys needs {shared} too." if shared else "",
        "The volume: a disk; SQLite's locks are unreliable on a network file system.",
    )
    late_s = int(min(timing.step / 2, timedelta(hours=12)).total_seconds())
    job = f"/project/configs/{scheduled.job.rpartition('/')[2]}"
    return f"""{head}{_VOLUME}apiVersion: batch/v1
kind: CronJob
metadata:
  name: {json.dumps(_name(scheduled.name))}
spec:
  schedule: {json.dumps(timing.cron())}
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: {late_s} # the latest time to catch up on a missed start
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 7
  jobTemplate:
    spec:
      backoffLimit: 0 # the next start resumes
      template:
        spec:
{SECURITY}          containers:
            - name: scraper
              image: {json.dumps(f"scraper:{scheduled.version}")}
              workingDir: /project
              command: [/bin/sh, -c]
              args:
                - |
{_script(job, scheduled.shared)}
{SURROUNDINGS}"""


def _script(job: str, shared: Sequence[str]) -> str:
    """Return the shell's lines: they pass SIGTERM on, and treat a spent budget (3) as a success."""
    lines = shell_lines(shlex.join(["scraper", "run", job, "--data", "/data", *shared]))
    return "\n".join(f"                  {line}" for line in lines)


def shell_lines(command: str) -> Sequence[str]:
    return (
        "trap 'kill -TERM \"$!\"' TERM INT",  # before there is something to stop: a signal may come at once
        f"{command} &",
        "run=$!",
        'wait "$run"; code=$?',
        'while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done',
        '[ "$code" -ne 3 ] || code=0 # the budget is spent: a normal end',
        'exit "$code"',
    )


def _name(name: str) -> str:
    """Return a name that Kubernetes accepts: small letters, digits and hyphens."""
    return f"scraper-{_NOT_IN_NAMES.sub('-', name.lower()).strip('-')}"[:_LONGEST_NAME].rstrip("-")
