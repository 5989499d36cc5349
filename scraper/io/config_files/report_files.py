"""Read ``reports/*.sql`` and ``reports/*.vl.json``, the charts of a report.

Both are part of the package; files of ``configs/reports/`` add to them or replace them by name. A ``.sql`` file without
a statement leaves its chart out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from scraper.core.errors import ConfigurationError, Fault
from scraper.core.report import Chart, chart_of
from scraper.io.config_files.text import files_in, read_text

DIRECTORY: Final = "reports"
SELECT_ENDING: Final = ".sql"
SPEC_ENDING: Final = ".vl.json"

_NAME: Final = re.compile("[a-z0-9][a-z0-9_-]{0,62}")


def read_charts(configs: Path | None = None) -> tuple[Chart, ...]:
    """Return the packaged charts, extended or replaced by those of ``<configs>/reports/``, in the order of their names.

    A chart of the user's without a specification keeps that of the packaged one of its name. Raises ConfigurationError
    with all faults.
    """
    selects: dict[str, tuple[str, str]] = {}
    specs: dict[str, tuple[Mapping[str, Any], str]] = {}
    faults: list[Fault] = []
    with resources.as_file(resources.files("scraper") / DIRECTORY) as packaged:
        for directory in [packaged] if configs is None else [packaged, configs / DIRECTORY]:
            for ending in (SELECT_ENDING, SPEC_ENDING):
                for path in files_in(directory, ending):
                    name = path.name.removesuffix(ending)
                    if not _NAME.fullmatch(name):
                        faults.append(Fault(str(path), f"{name!r} is not a name for a chart: a-z, 0-9, _ and - only"))
                        continue
                    try:
                        if ending == SELECT_ENDING:
                            selects[name] = (read_text(path), str(path))
                        else:
                            specs[name] = (_spec(path), str(path))
                    except ConfigurationError as failure:
                        faults += failure.faults
    for name in sorted(specs.keys() - selects.keys()):
        faults.append(Fault(specs[name][1], f"has no SELECT beside it: {name}{SELECT_ENDING} states its rows"))
    if faults:
        raise ConfigurationError(faults)
    charts = (
        chart_of(name, text, source, *specs.get(name, (None, ""))) for name, (text, source) in sorted(selects.items())
    )
    return tuple(chart for chart in charts if chart.sql)


def _spec(path: Path) -> Mapping[str, Any]:
    try:
        spec = json.loads(read_text(path))
    except (ValueError, RecursionError) as fault:
        raise ConfigurationError([Fault(str(path), f"is not valid JSON: {fault}")]) from fault
    if not isinstance(spec, dict):
        raise ConfigurationError([Fault(str(path), "is not a Vega-Lite specification: a JSON object is expected")])
    return spec
