"""``python -m tests.fleet.program``: the program on the clock that a fleet of the tests shares."""

from __future__ import annotations

import sys

import scraper.__main__
from scraper.cli.main import main
from tests.fleet.moved import MovedByFile

if __name__ == "__main__":
    sys.argv[0] = str(scraper.__main__.__file__)
    main(MovedByFile.of_environment())
