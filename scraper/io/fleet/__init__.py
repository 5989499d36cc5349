"""The queue of a fleet in PostgreSQL, through Procrastinate, and the processes that execute its tasks.

Procrastinate is an extra: only the modules that open the queue import it.
"""

from __future__ import annotations

from scraper.io.fleet.programs import ChildPrograms

__all__ = ["ChildPrograms"]
