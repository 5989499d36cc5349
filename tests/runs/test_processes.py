"""Several real processes on one state database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.three_processes import PRICE, together

pytestmark = pytest.mark.own_instant

PAGES = 25
CAP = PAGES * PRICE + PRICE - 1
"""The day's cap: credits that buy no further page are left over."""


def test_three_processes_with_three_jobs_spend_a_days_cap_together_and_not_a_credit_more(tmp_path: Path) -> None:
    met = together(tmp_path, boards=30, cap=CAP, requests_per_minute=120)
    assert met.account["requests_by_status"] == {"200": PAGES}, "the vendor had nothing to refuse"
    assert met.account["credits_charged"] == met.charged == met.committed == PAGES * PRICE
    assert met.account["most_starts_in_a_minute"] <= 120
    assert [(result["status"], result["exit_code"]) for result in met.results] == [("quota", 7)] * 3
    assert all(result["next"] is not None and result["next"].endswith("T00:00:00Z") for result in met.results)
    assert all(result["credits"]["charged"] > 0 for result in met.results), "none keeps the others from their share"
