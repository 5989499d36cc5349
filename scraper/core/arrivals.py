"""The time at which a vendor can have counted a request.

We know when a request left and when its answer came. It arrived in between: within `ON_THE_WAY_S`, and before its
answer. If answers of an endpoint take nearly the same time, one that came as soon as the fastest ones shows that its
request was not delayed: time lost on the way cannot be made up.
"""

from __future__ import annotations

import math
from collections import deque

ON_THE_WAY_S = 0.25
"""A vendor counts arrivals, we count starts; a quarter of a second covers the way of a request (measured)."""

REMEMBERED = 100
"""Answers of an endpoint: two minutes of an account that may send one a second."""
ENOUGH = 20
"""Fewer answers do not show how fast an answer can be."""
GUARD = 1.8
"""The fastest possible answer is faster than the fastest of n observed ones, by about their spread over the root of n
if two parts of its time vary. The spread is multiplied by this: of a thousand answers, two still show too little."""


class Arrivals:
    """The answers of one account's endpoints, as this process saw them."""

    def __init__(self) -> None:
        self._latencies_s: dict[str, deque[float]] = {}
        self._fastest_s: dict[str, float] = {}
        """The fastest of all answers: an hour under load must not make slow answers look usual."""

    def latest_s(self, endpoint: str, latency_s: float) -> float:
        """Note an answer; return how long after its start, at the latest, its request arrived."""
        seen = self._latencies_s.setdefault(endpoint, deque(maxlen=REMEMBERED))
        seen.append(latency_s)
        fastest_s = self._fastest_s[endpoint] = min(latency_s, self._fastest_s.get(endpoint, latency_s))
        if len(seen) < ENOUGH:
            return before_answer_s(latency_s)
        guard_s = GUARD * (max(seen) - fastest_s) / math.sqrt(len(seen))
        return min(before_answer_s(latency_s), latency_s - fastest_s + guard_s)


def before_answer_s(latency_s: float) -> float:
    """Return the same from the answer only."""
    return min(max(latency_s, 0.0), ON_THE_WAY_S)
