"""``configs/example.toml``: every key of a job, with its default and its meaning, from the models that read it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from scraper.io.config_files.account_tables import AccountTable
from scraper.io.config_files.job_files import CrawlTable, JobFile
from scraper.io.config_files.validation import FileModel
from tests.docs.blocks import NOTHING, default_words, keys

_WIDTH = 110
_COMMENTED = re.compile(r"^#(\w+ = )", re.MULTILINE)

HEAD = """\
# Every key of a job, with its meaning and its default. Generated from the program: `python -m tests.docs.generate`.
# Keys that stand without # make a job that runs:  scraper run configs/example.toml --sandbox
# A key behind # is optional; what it is set to here is an example.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file."""

    head: str
    model: type[FileModel]
    given: Mapping[str, str]
    """Keys that the job needs, as TOML."""
    optional: Mapping[str, str] = field(default_factory=dict)
    """Keys that stand commented, as TOML."""


SECTIONS = (
    Section(
        "",
        JobFile,
        {"name": '"example"', "budget": "300"},
        {
            "weight": "2",
            "every": '"day"',
            "starts_at": '"02:00"',
            "max_age": '"20h"',
            "order": '"changes"',
            "max_staleness": '"14d"',
            "retry_budget": '"15%"',
            "max_wait": '"15m"',
            "confirm_above": "1_000",
            "sandbox_only": "true",
        },
    ),
    Section(
        "# One for each vendor that the job uses; or once for all jobs, in configs/accounts.toml.\n[accounts.crawlora]",
        AccountTable,
        {"name": '"example"'},
        {
            "plan": '"starter"',
            "credits_per_month": "20_000",
            "credits_per_day": "5_000",
            "requests_per_minute": "15",
            "requests_per_second": "2",
            "month_starts_on": "14",
            "reserve": "1_000",
            "key_env": '"CRAWLORA_API_KEY"',
            "allow_http": "true",
            "proxy": '"http://proxy.corp:3128"',
            "proxy_auth_env": '"CORP_PROXY_AUTH"',
            "overage": "true",
            "max_overage_usd": '"5.00"',
            "failed_requests": '"free"',
        },
    ),
    Section(
        "# Boards: every combination of the parameters is one walk.\n[[crawl]]",
        CrawlTable,
        {
            "endpoint": '"crawlora.hashtags"',
            "name": '"boards"',
            "params": '{ country_code = ["US", "GB"], period = 7 }',
            "max_pages": "1",
        },
        {"max_items": "100", "priority": "2", "expect_rows": "1"},
    ),
    Section(
        "# Children: a walk for each hashtag that the boards hold.\n[[crawl]]",
        CrawlTable,
        {"endpoint": '"crawlora.hashtag_posts"', "name": '"posts"', "each": '"boards"', "top": "5", "max_items": "30"},
        {"top_per_board": "2", "stop_when_known": "0.9", "retry_empty": "1"},
    ),
    Section(
        "# Boards by a page of their new entries.\n[[crawl]]",
        CrawlTable,
        {"endpoint": '"keyapi.hashtags"', "name": '"new"', "params": '{ region = ["US", "GB"] }', "max_pages": "1"},
        {"delta": '"new_to_top_100"'},
    ),
)


def example_job() -> str:
    """The text of the file."""
    told: set[tuple[type[FileModel], str]] = set()
    parts = [HEAD]
    for section in SECTIONS:
        lines = [section.head] if section.head else []
        meanings = dict(keys(section.model))
        for key in [key for key in meanings if key in section.given or key in section.optional]:
            if (section.model, key) not in told:
                lines += _comment(section.model, key, meanings[key])
            told.add((section.model, key))
            hash_ = "" if key in section.given else "#"
            lines.append(f"{hash_}{key} = {section.given.get(key) or section.optional[key]}")
        parts.append("\n".join(lines) + "\n")
    models = {section.model for section in SECTIONS}
    if missing := {(model, key) for model in models for key, _ in keys(model)} - told:
        raise ValueError(f"tests/docs/example_job.py has no example of {sorted(key for _, key in missing)}")
    return "\n".join(parts)


def _comment(model: type[FileModel], key: str, meaning: str) -> list[str]:
    words = meaning if meaning.startswith("true:") else meaning[:1].upper() + meaning[1:]
    match default_words(model, key):
        case "required":
            words += ". Required."
        case default if default == NOTHING:
            words += "." if "default" in meaning else ". Optional."
        case default:
            words += f". Default: {default.strip('`')}."
    return textwrap.wrap(words, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def uncommented(text: str, *, without: str) -> str:
    """The job with all its keys set, but for the one that another excludes."""
    kept = [line for line in text.splitlines(keepends=True) if not re.match(rf"#?{without} = ", line)]
    return _COMMENTED.sub(r"\1", "".join(kept))
