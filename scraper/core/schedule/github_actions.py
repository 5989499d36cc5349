"""A workflow of GitHub Actions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from scraper.core.schedule.timing import ScheduledJob, ScheduleFile, comment


def github_actions_files(scheduled: ScheduledJob) -> Sequence[ScheduleFile]:
    """Return the workflow. Its data lives in the cache, one entry a run: caches are never changed."""
    file = f".github/workflows/{scheduled.name}.yml"
    secrets = ", ".join(scheduled.variables)
    advice = f"commit it as {file}" + (f"; add {secrets} to the repository's secrets" if secrets else "")
    return [ScheduleFile(f"{scheduled.name}.yml", _workflow(scheduled), advice)]


def _workflow(scheduled: ScheduledJob) -> str:
    head = comment(
        f"{scheduled.timing.words} UTC; GitHub starts late when it is busy, and stops the timers of a repository",
        "without commits for 60 days.",
        *scheduled.inexact,
        "The data, the ledger included, lives in the cache: GitHub deletes entries that nothing has read for 7 days,",
        "and the oldest ones past 10 GB. Without its ledger a run cannot know what the day and the month have spent.",
    )
    keys = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in scheduled.variables)
    run = f"scraper {shlex.join([*scheduled.arguments, '--data', 'data', *scheduled.shared])} || [ $? -eq 3 ]"
    return f"""{head}name: {json.dumps(scheduled.name)}
on:
  schedule:
    - cron: {json.dumps(scheduled.timing.cron())}
  workflow_dispatch:
permissions:
  contents: read
concurrency: # jobs that share the data run one after another
  group: scraper-data
  cancel-in-progress: false
jobs:
  run:
    runs-on: ubuntu-latest
    timeout-minutes: 350
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - run: pip install "{scheduled.requirement}"
      - uses: actions/cache/restore@v4
        with:
          path: data
          key: scraper-data-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
          restore-keys: scraper-data-
      - name: Run the job # 3, its budget is spent, is a normal end
        run: {json.dumps(run)}
{f"        env:{chr(10)}{keys}" if keys else ""}\
      - uses: actions/cache/save@v4
        if: always()
        with:
          path: data
          key: scraper-data-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
"""
