"""One vendor, one job, one run: what the summaries are shown with. All names and figures are our own."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from rich.console import Console

from scraper.core.budget import Balance
from scraper.core.catalogue import (
    Catalogue,
    Charge,
    ChargeRule,
    Condition,
    Endpoint,
    ErrorRule,
    OutcomeKind,
    Parameter,
    QuotaScope,
    Records,
    Role,
    Source,
    Vendor,
)
from scraper.core.events import Ending, RequestSettled, RunResult, RunStarted, RunStatus
from scraper.core.jobs import Account, Crawl, Job
from scraper.core.pagination import CursorPagination, PagePagination, WalkState
from scraper.core.subscriptions import Subscription
from scraper.ports import AccountBalance, RunRecord, RunTotals

NOW = datetime(2026, 11, 21, 2, 15, tzinfo=UTC)
RUN_ID = "week-20261121T021500Z-1f3a"
BOARDS_PAGE = Source("Acme page 'Boards'", date(2026, 11, 20))
ERRORS_PAGE = Source("Acme error page", date(2026, 11, 19))

STARTER = Subscription(
    "starter",
    credits_per_month=20_000,
    credits_per_day=5_000,
    requests_per_minute=15,
    usd_per_month=Decimal(9),
    overage_usd_per_1000=Decimal("0.75"),
)
UNPUBLISHED = Subscription("unpublished", requests_per_second=1, assumed=("requests_per_second", "credits_per_month"))

BOARDS = Endpoint(
    vendor="acme",
    name="boards",
    path="/boards",
    summary="Trending things of a country.",
    cost=8,
    parameters=(
        Parameter("page", "integer", "Page number.", role=Role.PAGE),
        Parameter("country", "string", "Two letters.", default="all", means_none=("all",), role=Role.COUNTRY),
        Parameter("audience", "integer", "Kept for old clients.", allowed=("1", "2"), ignored=True),
    ),
    pagination=PagePagination("page", "limit", 100, 10, "page", "size", "total", "more"),
    records=Records("data.list", "thing_id"),
    table="hashtags",
    success=(),
    status="documented",
    status_since=date(2026, 11, 20),
    source=BOARDS_PAGE,
    typical_total=100,
    note="It may go soon.",
)
POSTS = Endpoint(
    vendor="acme",
    name="posts",
    path="/posts",
    summary="Posts of a thing.",
    cost=8,
    parameters=(Parameter("id", "string", "The thing.", required=True, from_parent="thing_id"),),
    pagination=CursorPagination("cursor", "data.cursor", "data.more", 30),
    records=Records("data.items", "id"),
    table="posts",
    success=(),
    status="gone",
    status_since=date(2026, 11, 1),
    source=BOARDS_PAGE,
)
ACME = Vendor(
    name="acme",
    title="Acme",
    base_url="https://acme.example",
    auth_header="x-api-key",
    auth_format="{key}",
    key_env="ACME_API_KEY",
    plans=(STARTER, UNPUBLISHED),
    charge=ChargeRule(Charge.CHARGED, Charge.CHARGED, Charge.PRESUMED, Charge.FREE, BOARDS_PAGE),
    error_rules=(
        ErrorRule(
            OutcomeKind.QUOTA_EXHAUSTED,
            (402, 403),
            (Condition("reason", ("no_credits", "7")), Condition("text", contains="[/b] spent")),
            QuotaScope.DAY,
            "Recorded.",
            ERRORS_PAGE,
        ),
        ErrorRule(OutcomeKind.RATE_LIMITED, (429,), source=BOARDS_PAGE),
    ),
    endpoints=(BOARDS, POSTS),
    source=BOARDS_PAGE,
)
CATALOGUE = Catalogue({"acme": ACME})

JOB = Job(
    name="week",
    budget=800,
    crawls=(
        Crawl("acme.boards", BOARDS, {"country": ("US", "GB", "JP")}, max_pages=10, priority=2),
        Crawl("posts", POSTS, max_items=90, each="acme.boards", top=20),
    ),
    accounts={"acme": Account("acme", STARTER, "ACME_API_KEY")},
)

RESULT = RunResult(
    run_id=RUN_ID,
    job="week",
    status=RunStatus.BUDGET,
    budget=800,
    charged=780,
    presumed=8,
    unknown=8,
    requests={Ending.OK: 64, Ending.RETRIED: 2, Ending.LOST: 1, Ending.NOT_SENT: 3},
    reused=12,
    walks={"complete": 26, "truncated": 1, "empty": 0, "failed": 0, "not_attempted": 3},
    rows={"hashtags": 600, "posts": 1750},
    elapsed_s=262.1,
    message="budget reached: 796 of 800 credits spent, the next page costs 8. 64 pages are kept. "
    "Go on: scraper run configs/week.toml --resume --budget 1200",
    warnings=("acme.boards: 2 walks end at the vendor's documented clamp [bold]",),
)

STARTED = RunStarted(RUN_ID, "week", 800, resumed=True, spent=120)


def settled(  # one request; what a test does not speak of is as usual
    ending: Ending = Ending.OK,
    outcome: OutcomeKind = OutcomeKind.OK,
    charge: Charge = Charge.CHARGED,
    credits: int = 8,
    rows: int = 100,
    detail: str = "",
) -> RequestSettled:
    size_bytes = 4096 if rows else 0
    label = "acme.boards country=US page 3"
    return RequestSettled(
        label, "acme", "acme.boards", 3, 1, outcome, ending, charge, credits, rows, size_bytes, 0.2512, detail
    )


OPEN_RUN = RunRecord(
    RUN_ID, "week", RunStatus.QUOTA, 800, NOW, None, 262.1, datetime(2026, 11, 22, tzinfo=UTC), "the day is spent",
    exit_code=7,
)  # fmt: skip
CLOSED_RUN = RunRecord(
    "week-20261120T021500Z-9d00", "week", RunStatus.COMPLETE, 800, NOW, NOW, 12.0, None, "", exit_code=0
)
OPEN_TOTALS = RunTotals(
    Balance(512, 8, 0, 16), {Ending.OK: 64, Ending.RETRIED: 2}, {WalkState.COMPLETE: 26}, 0, {"hashtags": 2350}
)
CLOSED_TOTALS = RunTotals(Balance(512), {Ending.OK: 64}, {WalkState.COMPLETE: 26}, 3, {"hashtags": 600, "posts": 5})
ACCOUNT = AccountBalance(
    "acme/default",
    STARTER,
    "2026-11-21",
    Balance(512, 0, 8),
    "2026-11-14",
    Balance(8120, 0, 16),
    datetime(2026, 11, 22, tzinfo=UTC),
)
ENDLESS_ACCOUNT = AccountBalance("acme/other", UNPUBLISHED, "2026-11-21", Balance(2), "2026-11-01", Balance(9), None)


def rendered(show: Callable[[Console], None], width: int = 80) -> str:
    """What a console of this width prints, without the blanks at the ends of lines."""
    page = io.StringIO()
    show(Console(file=page, width=width))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


def dedent_page(page: str) -> str:
    """A page as a test writes it: it begins on the line after the quotes, four blanks in."""
    return "".join(line.removeprefix("    ") for line in page.removeprefix("\n").splitlines(keepends=True))


UNSAFE = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F)) if code != 10]
"""Characters that no terminal may get from us; the newline is ours."""
