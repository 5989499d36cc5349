"""Figures, times and untrusted text, formatted for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.core.planning import Range

_UNSOUND = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters (C0, DEL, C1), line separators, bidirectional marks, and surrogates, which no stream can write."""

_BLANKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")


def harmless(text: str) -> str:
    """Return untrusted text on one line: separators become spaces, other control characters become �."""
    return _UNSOUND.sub(lambda met: " " if met[0] in _BLANKS else "\ufffd", text)


def count(number: int) -> str:
    """``1,234``."""
    return f"{number:,}"


def counted(number: int, one: str) -> str:
    """``1 page``, ``1,234 pages``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def span(figures: Range) -> str:
    """``8`` if the figure is exact, else ``8–1,600``."""
    return count(figures.low) if figures.exact else f"{figures.low:,}–{figures.high:,}"


def percent(part: int, whole: int) -> str:
    """``64 %``; 100 % only if nothing is left, 0 % only for nothing."""
    if whole <= 0:
        return "0 %" if part <= 0 else "100 %"
    share = round(100 * part / whole)
    if 0 < part < whole:
        share = min(99, max(1, share))
    return f"{share} %"


def duration(seconds: float) -> str:
    """``22 s``, ``4 min 22 s``, ``3 h 5 min``, ``2 days 4 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"
    hours, rest_min = divmod(round(whole / 60), 60)
    if hours < 48:
        return f"{hours} h {rest_min} min" if rest_min else f"{hours} h"
    days, rest_h = divmod(round(whole / 3600), 24)
    return f"{days} days {rest_h} h" if rest_h else f"{days} days"


def instant(moment: datetime) -> str:
    """``2026-11-21 02:15 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def size(size_bytes: int) -> str:
    """``812 B``, ``1.2 MB``, ``3.4 GB``: powers of ten, as disks are sold."""
    figure, units = float(size_bytes), ["B", "kB", "MB", "GB"]
    while figure >= 999.5 and len(units) > 1:
        figure, units = figure / 1000, units[1:]
    return f"{figure:.0f} {units[0]}" if figure >= 10 or units[0] == "B" else f"{figure:.1f} {units[0]}"


def dollars(amount: Decimal) -> str:
    """``$9``, ``$0.75``, ``$1,234.50``."""
    return f"${amount:,.0f}" if amount == amount.to_integral_value() else f"${amount:,.2f}"
