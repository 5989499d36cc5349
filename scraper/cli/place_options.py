"""--state and --archive: places of the state and the archive outside the data directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_PLACES: Final = "scraper.places"


def _keep(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Store the place for `settings_of`, so that commands need no parameter for it."""
    if value == "":
        raise click.BadParameter("the name is empty.")
    if value is not None:
        context.meta.setdefault(_PLACES, {})[str(option.name)] = value


def place_options(function: F) -> F:
    """Add --state and --archive, which `settings_of` takes from the context."""
    function = click.option(
        "--archive",
        metavar="DIRECTORY|URL",
        expose_value=False,
        callback=_keep,
        help="Archive: a directory, or s3://bucket/prefix.  [default: in the data directory; env: SCRAPER_ARCHIVE]",
    )(function)
    return click.option(
        "--state",
        metavar="URL",
        expose_value=False,
        callback=_keep,
        help="State that machines share: postgresql+psycopg://HOST/DATABASE.  "
        "[default: in the data directory; env: SCRAPER_STATE]",
    )(function)


def named_places() -> Mapping[str, str]:
    """Return the places that were given: option → place."""
    places: Mapping[str, str] = click.get_current_context().meta.get(_PLACES, {})
    return places
