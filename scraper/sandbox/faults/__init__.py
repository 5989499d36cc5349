"""Injected faults: the bad answers of vendors by name, seeded, and the same for every client.

A plan is a list of injections (`plans`), each of a kind (`registry`). A kind either replaces the vendor's answer inside
the metering, so that the vendor's own rule decides on its cost, or acts between the vendor and the client, where an
answer that was charged can still be lost.
"""

from scraper.sandbox.faults.plans import FaultPlan, Injection, Met, read_injections
from scraper.sandbox.faults.registry import KINDS, KINDS_BY_NAME
from scraper.sandbox.faults.shapes import Charged, FaultKind, Sent, Target

__all__ = [
    "KINDS",
    "KINDS_BY_NAME",
    "Charged",
    "FaultKind",
    "FaultPlan",
    "Injection",
    "Met",
    "Sent",
    "Target",
    "read_injections",
]
