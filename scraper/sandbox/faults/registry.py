"""Every kind of fault, by name."""

from __future__ import annotations

from collections.abc import Mapping

from scraper.sandbox.faults.contents import CONTENTS
from scraper.sandbox.faults.pages import PAGES
from scraper.sandbox.faults.passages import PASSAGES
from scraper.sandbox.faults.refusals import REFUSALS
from scraper.sandbox.faults.shapes import FaultKind

KINDS: tuple[FaultKind, ...] = (*REFUSALS, *PASSAGES, *PAGES, *CONTENTS)
KINDS_BY_NAME: Mapping[str, FaultKind] = {kind.name: kind for kind in KINDS}
