"""``python -m scraper``.

The guard comes before every import that older Pythons cannot parse; this module itself parses under all of Python 3.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - pip checks it, and nothing does in a clone or with PYTHONPATH
    sys.exit(
        "error: scraper needs Python 3.11 or newer, and this is Python {}.{} ({}): start it with a newer one, "
        "or install it with: uv tool install --python 3.11 metered-scraper".format(
            *sys.version_info[:2], sys.executable
        )
    )

from scraper.cli.main import main

if __name__ == "__main__":
    main()
