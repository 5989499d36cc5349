"""A month of nights with ``budget = "auto"``."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.events import RunStatus
from tests.runs.month import NIGHTS, PRICE, STARTER, a_month

pytestmark = pytest.mark.own_instant

PART, FIRST = 10, 16
"""A tenth of the credits, and the second half of the month: the script has all of both."""

REPORT = """\
17 Nov   one  136 of  142   two   88 of   88   left  1,776
18 Nov   two   88 of   91   one   48 of   48   left  1,640
19 Nov   one   40 of   46   two   96 of   96   left  1,504
20 Nov   two   88 of   91   one   48 of   48   left  1,368
21 Nov   one   40 of   46   two   96 of   96   left  1,232
22 Nov   two   88 of   91   one   48 of   48   left  1,096
23 Nov   one   40 of   46   two   96 of   97   left    960
24 Nov   two   88 of   92   one   48 of   49   left    824
25 Nov   one   40 of   46   two   96 of   97   left    688
26 Nov   two   88 of   92   one   48 of   49   left    552
27 Nov   one   40 of   46   two   96 of   98   left    416
28 Nov   two   88 of   92   one   48 of   50   left    280
29 Nov   one   40 of   47   two   96 of  100   left    144
30 Nov   two   96 of   96   one   48 of   48   left      0
"""


def test_two_jobs_use_a_month_of_nights_and_none_of_them_goes_empty(tmp_path: Path) -> None:
    month = a_month(tmp_path, PART, FIRST)
    credits = (STARTER.credits_per_month or 0) // PART
    assert month.report() + "\n" == REPORT
    assert month.answers == {"200": month.used // PRICE}, "by the vendor's own word no cap was hit"
    assert credits * 0.97 <= month.used <= credits
    assert month.nights[-1].left == credits - month.used
    for night in month.nights:
        assert {run.status for run in night.runs} == {RunStatus.BUDGET}
        assert all(run.charged >= PRICE for run in night.runs), f"{night.day}: a job went empty"
        assert night.used_today == sum(run.charged for run in night.runs)
    assert len(month.nights) == NIGHTS - FIRST
