"""The queue of a fleet in PostgreSQL, through Procrastinate, and the processes that carry its tasks out.

Procrastinate is an extra: only what opens the queue imports it.
"""

from __future__ import annotations

from scraper.io.fleet.programs import ChildPrograms

__all__ = ["ChildPrograms"]
