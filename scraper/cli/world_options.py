"""--world and --turnover: the boards of the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_WORLD: Final = "scraper.world"


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:  # noqa: ANN401 - a path or pairs
    """Store the sandbox's boards for `settings_of`, so that commands need no parameter for them."""
    if option.name is not None:
        context.meta.setdefault(_WORLD, {})[option.name] = value


def world_options(function: F) -> F:
    """Add --turnover and --world, which `settings_of` takes from the context."""
    function = click.option(
        "--turnover",
        multiple=True,
        metavar="TABLE=1D,7D,30D",
        expose_value=False,
        callback=lambda context, option, values: _keep(context, option, pairs(values, "TABLE=1D,7D,30D")),
        help="New entries of the sandbox's boards after 1, 7 and 30 days, in percent: hashtags=15,55,85.",
    )(function)
    return click.option(
        "--world",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_keep,
        help="Lists for the sandbox to replay: a world file, or a data directory.",
    )(function)


def played_world() -> Mapping[str, Any]:
    """Return the options of the sandbox's boards that were given, by name."""
    return {name: value for name, value in click.get_current_context().meta.get(_WORLD, {}).items() if value}


def pairs(values: Sequence[str], form: str) -> Mapping[str, str]:
    """Return the values of an option, each NAME=VALUE."""
    found = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name or not rest:
            raise click.BadParameter(f"{value!r} is not of the form {form}")
        found[name] = rest
    return found
