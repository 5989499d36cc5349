"""Charts as SVG: the only module that uses vl-convert, which draws Vega-Lite without a browser.

The result is a tree of shapes and text only: no script, link, image, style or address, whatever the specification or
the rows contain.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.util import find_spec
from typing import Any, Final

VEGA_LITE: Final = "6.4"
INSTALL: Final = "pip install vl-convert-python"
ROWS: Final = "rows"
"""The name by which a specification reads its rows: ``"data": {"name": "rows"}``."""

NARROWEST_PX: Final = 80
"""The least width of a plot, however much room its labels take."""

_ELEMENTS: Final = re.compile(
    "svg|g|path|rect|circle|ellipse|line|polyline|polygon|text|tspan|defs|clipPath|linearGradient|radialGradient|stop"
)
_ATTRIBUTES: Final = re.compile(
    "id|d|x|y|[xy][12]|dx|dy|cx|cy|r|rx|ry|fx|fy|width|height|viewBox|points|transform|offset|gradientUnits|display|"
    "gradientTransform|spreadMethod|clip-path|text-anchor|dominant-baseline|font-(?:size|weight|style)|opacity|"
    "fill(?:-opacity)?|stop-(?:color|opacity)|stroke(?:-width|-opacity|-dash(?:array|offset)|-line(?:cap|join)|-miterlimit)?"
)
_DEFAULTS: Final = {"opacity": "1", "stroke-width": "1", "transform": "translate(0,0)", "fill-opacity": "1"}
"""Attribute → its value where there is none, which Vega writes nevertheless."""

_UNSOUND: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML may hold, or that turn the direction of what follows.

Of the former, one in any text ends the whole process: vl-convert 1.9 measures text as SVG and panics on it.
"""

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")
"""Characters of two UTF-16 units, such as emoji: where Vega cuts a label between the two, it draws nothing."""

_REFERENCE: Final = re.compile(r"url\(#([\w-]+)\)")
_DIGITS: Final = re.compile(r"(-?\d+\.\d\d)\d+")


class UndrawnError(Exception):
    """A specification that cannot be drawn; the text says why."""


def can_draw() -> bool:
    """Return True if vl-convert is installed."""
    return find_spec("vl_convert") is not None


def drawn(
    spec: Mapping[str, Any], records: Sequence[Mapping[str, Any]], widths_px: Sequence[int], prefix: str
) -> tuple[ET.Element, ...]:
    """Return the chart as an ``<svg>`` for each of these widths, labels and legends included.

    The plot has the room that they leave, if the specification says ``"width": "container"``. `prefix`: begins the ids
    in it, so that one page may have several charts. Raises UndrawnError.
    """
    whole = _without(_UNSOUND, {**spec, "datasets": {**spec.get("datasets", {}), ROWS: records}})
    try:
        return _drawn(whole, widths_px, prefix)
    except UndrawnError:
        plainer = _without(_ASTRAL, whole)
        if plainer == whole:
            raise
        return _drawn(plainer, widths_px, prefix)


def _drawn(whole: Mapping[str, Any], widths_px: Sequence[int], prefix: str) -> tuple[ET.Element, ...]:
    try:
        beside_px = _width_px(_svg(whole, widths_px[0])) - widths_px[0]
        return tuple(
            shapes_of(_svg(whole, max(NARROWEST_PX, width_px - beside_px)), f"{prefix}-{width_px}-")
            for width_px in widths_px
        )
    except (ValueError, TypeError, ET.ParseError) as fault:
        raise UndrawnError(_shortened(str(fault))) from fault


def _svg(whole: Mapping[str, Any], width_px: int) -> ET.Element:
    import vl_convert  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - of an extra

    text = vl_convert.vegalite_to_svg(
        json.dumps(_sized(whole, width_px)),
        vl_version=VEGA_LITE,
        config=_theme(),
        show_warnings=False,
        allowed_base_urls=[],
    )
    return ET.fromstring(text)  # noqa: S314 - what Vega has just written


def _width_px(svg: ET.Element) -> int:
    return round(float(svg.get("width", "0")))


def _sized(spec: Any, width_px: int) -> Any:  # noqa: ANN401 - any JSON
    match spec:
        case dict():
            return {
                key: width_px if key == "width" and value == "container" else _sized(value, width_px)
                for key, value in spec.items()
            }
        case list():
            return [_sized(each, width_px) for each in spec]
        case _:
            return spec


def _without(unwanted: re.Pattern[str], value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with a sign in place of these characters, in keys and values."""
    match value:
        case str():
            return unwanted.sub("\ufffd", value)
        case dict():
            return {_without(unwanted, str(key)): _without(unwanted, each) for key, each in value.items()}
        case list() | tuple():
            return [_without(unwanted, each) for each in value]
        case _:
            return value


def _theme() -> Any:  # noqa: ANN401 - any JSON
    return json.loads((resources.files("scraper") / "reports" / "theme.json").read_text(encoding="utf-8"))


def shapes_of(element: ET.Element, prefix: str) -> ET.Element:
    """Return the element with what is allowed of it, without namespaces; groups that change nothing are left out."""
    kept = ET.Element(_local(element.tag))
    kept.text = element.text if kept.tag in {"text", "tspan"} else None
    for name, value in element.attrib.items():
        if _ATTRIBUTES.fullmatch(name) and _DEFAULTS.get(name) != value:
            safe = _safe(name, value, prefix)
            if safe is not None:
                kept.set(name, safe)
    for child in element:
        if not _ELEMENTS.fullmatch(_local(child.tag)):
            continue
        shown = shapes_of(child, prefix)
        if shown.tag == "g" and not shown.attrib:
            kept.extend(shown)
        elif not _is_nothing(shown):
            kept.append(shown)
    return kept


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _safe(name: str, value: str, prefix: str) -> str | None:
    if name == "id":
        return f"{prefix}{value}"
    if "url(" in value.lower():
        reference = _REFERENCE.fullmatch(value)
        return f"url(#{prefix}{reference[1]})" if reference else None
    return _DIGITS.sub(r"\1", value) if name in {"d", "transform"} else value


def _is_nothing(element: ET.Element) -> bool:
    if element.get("display") == "none" or element.get("opacity") == "0":
        return True
    if element.tag == "g":
        return not len(element)
    return element.tag == "path" and (not element.get("d") or not (element.get("fill") or element.get("stroke")))


def _shortened(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("at ")]
    said = " ".join(lines).removeprefix("Vega-Lite to SVG conversion failed:").strip()
    return said if len(said) <= 300 else f"{said[:300]}…"
