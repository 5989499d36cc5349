"""``python -m tests.program``: the program as ``python -m scraper`` starts it, on the tests' clock."""

from __future__ import annotations

import sys

import scraper.__main__
from scraper.cli.main import main
from tests.clock import ShiftedClock

if __name__ == "__main__":
    sys.argv[0] = str(scraper.__main__.__file__)  # what it calls itself in the commands that it advises
    main(ShiftedClock())
