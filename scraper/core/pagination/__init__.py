"""Kinds of pagination: requesting and reading pages, and the progress of a walk.

`Pagination` (``kind.py``) is the interface; ``pages.py``, ``cursors.py``, ``one_page.py`` and ``single.py`` are one
kind each.
"""

from scraper.core.pagination.cursors import CursorPagination
from scraper.core.pagination.facts import PageFacts, Record
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.one_page import OnePagePagination
from scraper.core.pagination.pages import PageCounting, PagePagination
from scraper.core.pagination.restored import FinishedWalk, RestoredWalk
from scraper.core.pagination.single import SinglePagination
from scraper.core.pagination.states import EndSign, Guard, WalkState, Why
from scraper.core.pagination.walk import MOST_EXPLAINED, WalkProgress

__all__ = [
    "MOST_EXPLAINED",
    "CursorPagination",
    "EndSign",
    "FinishedWalk",
    "Guard",
    "OnePagePagination",
    "PageCounting",
    "PageFacts",
    "PagePagination",
    "Pagination",
    "Record",
    "RestoredWalk",
    "SinglePagination",
    "WalkProgress",
    "WalkState",
    "Why",
]
