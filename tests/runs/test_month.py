"""A month of nights with ``budget = "auto"``."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.core.events import RunStatus
from tests.runs.month import NIGHTS, PRICE, STARTER, a_month

pytestmark = pytest.mark.own_instant

PART = 5

REPORT = """\
01 Nov   one  128 of  133   two   80 of   86   left  3,792
02 Nov   two   80 of   87   one   48 of   50   left  3,664
03 Nov   one   40 of   44   two   88 of   90   left  3,536
04 Nov   two   80 of   87   one   48 of   50   left  3,408
05 Nov   one   40 of   44   two   88 of   91   left  3,280
06 Nov   two   88 of   88   one   40 of   43   left  3,152
07 Nov   one   40 of   44   two   88 of   91   left  3,024
08 Nov   two   88 of   88   one   40 of   43   left  2,896
09 Nov   one   40 of   44   two   88 of   91   left  2,768
10 Nov   two   88 of   88   one   40 of   43   left  2,640
11 Nov   one   40 of   44   two   88 of   92   left  2,512
12 Nov   two   88 of   88   one   40 of   44   left  2,384
13 Nov   one   40 of   44   two   88 of   92   left  2,256
14 Nov   two   88 of   88   one   40 of   44   left  2,128
15 Nov   one   40 of   45   two   88 of   93   left  2,000
16 Nov   two   88 of   89   one   40 of   45   left  1,872
17 Nov   one   40 of   45   two   88 of   93   left  1,744
18 Nov   two   88 of   90   one   40 of   46   left  1,616
19 Nov   one   40 of   45   two   88 of   94   left  1,488
20 Nov   two   88 of   90   one   40 of   47   left  1,360
21 Nov   one   40 of   46   two   96 of   96   left  1,224
22 Nov   two   88 of   91   one   48 of   48   left  1,088
23 Nov   one   40 of   46   two   96 of   96   left    952
24 Nov   two   88 of   91   one   48 of   48   left    816
25 Nov   one   40 of   46   two   96 of   96   left    680
26 Nov   two   88 of   91   one   48 of   48   left    544
27 Nov   one   40 of   46   two   96 of   96   left    408
28 Nov   two   88 of   91   one   48 of   48   left    272
29 Nov   one   40 of   46   two   96 of   96   left    136
30 Nov   two   88 of   91   one   48 of   48   left      0
"""


def test_two_jobs_use_a_month_of_nights_and_none_of_them_goes_empty(tmp_path: Path) -> None:
    month = a_month(tmp_path, PART)
    credits = (STARTER.credits_per_month or 0) // PART
    assert month.report() + "\n" == REPORT
    assert month.answers == {"200": month.used // PRICE}, "by the vendor's own word no cap was hit"
    assert credits * 0.97 <= month.used <= credits
    assert month.nights[-1].left == credits - month.used
    for night in month.nights:
        assert {run.status for run in night.runs} == {RunStatus.BUDGET}
        assert all(run.charged >= PRICE for run in night.runs), f"{night.day}: a job went empty"
        assert night.used_today == sum(run.charged for run in night.runs)
    assert len(month.nights) == NIGHTS
