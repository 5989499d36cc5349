"""Kinds of pagination: how pages are asked for and read, and how far a walk over them has come.

`Pagination` (``kind.py``) says what a kind is; ``pages.py``, ``cursors.py`` and ``single.py`` hold one kind each.
"""

from scraper.core.pagination.cursors import CursorPagination
from scraper.core.pagination.facts import PageFacts, Record
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.pages import PageCounting, PagePagination
from scraper.core.pagination.single import SinglePagination
from scraper.core.pagination.states import EndSign, Guard, WalkState, Why
from scraper.core.pagination.walk import WalkProgress

__all__ = [
    "CursorPagination",
    "EndSign",
    "Guard",
    "PageCounting",
    "PageFacts",
    "PagePagination",
    "Pagination",
    "Record",
    "SinglePagination",
    "WalkProgress",
    "WalkState",
    "Why",
]
