"""Records for the played vendors to sell: made from a seed, in the shapes of the vendors' payloads.

Shapes and rates: the vendors' pages and counted payloads, read 2026-11-21. Every value is our own.
All of it is a function of seed, request and UTC day; only signed URLs also depend on the hour.
"""

from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]
"""One JSON object of an answer's list."""
