"""The picture of a plan that stands in the manual: what a terminal of 80 columns shows of a job that does not fit."""

from __future__ import annotations

import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from scraper.cli.display.plan import print_plan
from scraper.core.jobs import Account
from scraper.core.planning import Known, plan
from tests.core.builders import C_HASHTAGS, C_POSTS, CATALOGUE, NOON, crawl, job
from tests.docs.markdown import ROOT

PICTURE = ROOT / "scraper" / "docs" / "plan.svg"
WITHOUT_FONTS = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""A picture fetches nothing: the reader's own monospaced font will do."""


def picture() -> str:
    """The plan as SVG."""
    made = job(
        crawl(C_HASHTAGS, params={"country_code": ["US", "GB", "JP"], "period": ["7", "30"]}, max_pages=1),
        crawl(C_POSTS, "posts", each=C_HASHTAGS, top=60, max_items=90),
        budget=1_200,
        accounts=[Account("crawlora", CATALOGUE.vendors["crawlora"].plans[0], "CRAWLORA_API_KEY")],
    )
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    print_plan(plan(made, Known(NOON)), made, console, explain=True)
    return console.export_svg(title="scraper plan --explain", code_format=WITHOUT_FONTS, unique_id="plan")
