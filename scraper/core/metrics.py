"""A run's figures in the text format of Prometheus, which OpenMetrics' parsers read too.

All are gauges: they describe one run, and the next run's replace them. node-exporter's textfile collector takes
no timestamps on samples, so instants are samples of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from scraper.core.budget import Balance
from scraper.core.events import Ending, RunResult, RunStatus
from scraper.core.units import Credits

Sample = tuple[Mapping[str, str], float]


def metrics_of(
    result: RunResult, ended_at: datetime, months: Mapping[str, tuple[Balance, Credits | None]], version: str
) -> str:
    """Return the text of a run that has ended. `months`: account id → its month's balance and limit."""
    lines = [line for family in _families(result, ended_at, months, version) for line in family]
    return "\n".join([*lines, "# EOF", ""])


def _families(
    result: RunResult, ended_at: datetime, months: Mapping[str, tuple[Balance, Credits | None]], version: str
) -> Iterator[Iterator[str]]:
    job = {"job": result.job}

    def of_job(name: str, values: Mapping[str, float]) -> list[Sample]:
        return [({**job, name: key}, value) for key, value in values.items()]

    statuses = {status.value: float(status is result.status) for status in RunStatus}
    endings = {ending.value: result.requests.get(ending, 0) for ending in Ending if ending is not Ending.NOT_SENT}
    credits = {"charged": result.charged, "presumed": result.presumed, "unknown": result.unknown}
    yield _family("run_info", "The job's last run.", [({**job, "run_id": result.run_id, "version": version}, 1)])
    yield _family("run_status", "1 for the status of the job's last run.", of_job("status", statuses))
    yield _family("run_exit_code", "Exit code of the job's last run.", [(job, result.status.exit_code)])
    yield _family("run_end_timestamp_seconds", "When it ended.", [(job, round(ended_at.timestamp(), 3))])
    yield _family("run_duration_seconds", "Over all processes of the run.", [(job, round(result.elapsed_s, 3))])
    yield _family("run_credits", "Credits of the run, by charge.", of_job("kind", credits))
    yield _family("run_credits_budget", "The run's budget in credits.", [(job, result.budget)])
    yield _family("run_requests", "Requests that were sent, by their ending.", of_job("ending", endings))
    yield _family("run_walks", "Walks of the run, by state.", of_job("state", result.walks))
    yield _family("run_rows", "Rows in the archive, by table.", of_job("table", result.rows))
    yield _family("run_warnings", "Warnings of the run.", [(job, len(result.warnings))])
    if result.next_at is not None:
        yield _family("run_next_timestamp_seconds", "Time at which it can resume.", [(job, result.next_at.timestamp())])
    used = [({**job, "account": account}, balance.committed) for account, (balance, _) in months.items()]
    limits = [({**job, "account": name}, limit) for name, (_, limit) in months.items() if limit is not None]
    yield _family("account_month_credits", "Credits of the account's month that are used.", used)
    yield _family("account_month_credits_limit", "Credits of the account's month.", limits)


def _family(name: str, help: str, samples: Sequence[Sample]) -> Iterator[str]:
    if samples:
        yield f"# HELP scraper_{name} {help}"
        yield f"# TYPE scraper_{name} gauge"
    for labels, value in samples:
        listed = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"scraper_{name}{{{listed}}} {value:.15g}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
