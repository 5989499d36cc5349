"""A job's plan before a credit is spent: cost as a range, days under the caps, pages that the budget drops."""

from scraper.core.planning.calendar import Day, at_rate_s
from scraper.core.planning.history import AccountStanding, History, Known, NothingSeen, WalkSeen, Yield
from scraper.core.planning.moving import gone_words, leaving_endpoints
from scraper.core.planning.notes import unknown_values
from scraper.core.planning.plans import CrawlPlan, Plan, may_outrun, plan
from scraper.core.planning.ranges import Range

__all__ = [
    "AccountStanding",
    "CrawlPlan",
    "Day",
    "History",
    "Known",
    "NothingSeen",
    "Plan",
    "Range",
    "WalkSeen",
    "Yield",
    "at_rate_s",
    "gone_words",
    "leaving_endpoints",
    "may_outrun",
    "plan",
    "unknown_values",
]
