"""A page of ``scraper report``, read back."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A section as the page shows it."""

    title: str
    notes: list[str]
    query: str
    columns: list[str]
    rows: list[list[str]]
    drawings: list[ET.Element]


def sections(text: str) -> dict[str, Shown]:
    """The sections of a page, which holds nothing that XML cannot read."""
    body = ET.fromstring(text[text.index("<body>") : text.index("</body>") + len("</body>")])
    return {section.attrib["id"]: _shown(section) for section in body.iter("section")}


def _shown(section: ET.Element) -> Shown:
    def texts(path: str, within: ET.Element = section) -> list[str]:
        return ["".join(each.itertext()) for each in within.iterfind(path)]

    (query,) = texts(".//pre/code")
    figures = texts(".//dl/div/dd")
    return Shown(
        title=texts("h2")[0],
        notes=[text for text in texts("p") if text not in texts("p[@class='quiet']")],
        query=query,
        columns=texts(".//thead/tr/th") or texts(".//dl/div/dt"),
        rows=[figures] if figures else [texts("td", row) for row in section.iterfind(".//tbody/tr")],
        drawings=section.findall("figure/svg"),
    )


def as_shown(value: object) -> str:
    """A value of `scraper sql --format json`, as a cell has it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else re.sub("[\x07\u202e]", "\ufffd", str(value))
