"""Charts: what is drawn is shapes and text, and nothing that leads outside."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from scraper.io.charts import UndrawnError, can_draw, drawn, shapes_of

needs_vega = pytest.mark.skipif(not can_draw(), reason="vl-convert-python is not installed: pip install '.[test]'")

HOSTILE = """
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" onload="alert(1)">
  <style>@import url(http://a.test)</style><script>alert(1)</script><foreignObject><b>x</b></foreignObject>
  <defs><clipPath id="c"><rect width="1"/></clipPath></defs>
  <a xlink:href="http://a.test"><text>linked</text></a><image xlink:href="http://a.test/x.png"/>
  <g><g clip-path="url(#c)"><text fill="url(http://a.test)" style="fill:red" opacity="1">kept &lt;b&gt;</text></g></g>
  <g><path d="M0.12345,1" fill="#123456" onclick="alert(1)"/><path d="" fill="#123456"/><text opacity="0">no</text></g>
</svg>
"""


def test_only_shapes_and_text_are_kept_and_ids_are_of_their_own_chart() -> None:
    kept = shapes_of(ET.fromstring(HOSTILE), "one-")
    assert ET.tostring(kept, encoding="unicode") == (
        '<svg width="10"><defs><clipPath id="one-c"><rect width="1" /></clipPath></defs>'
        '<g clip-path="url(#one-c)"><text>kept &lt;b&gt;</text></g>'
        '<path d="M0.12,1" fill="#123456" /></svg>'
    )


def bars(**more: Any) -> dict[str, Any]:
    encoding = {"y": {"field": "name", "title": None}, "x": {"field": "number", "type": "quantitative"}}
    return {"data": {"name": "rows"}, "width": "container", "mark": "bar", "encoding": encoding, **more}


@needs_vega
def test_a_chart_is_as_wide_as_asked_and_holds_what_vendors_send_as_text() -> None:
    names = ["<script>alert(1)</script>", "bell\x07 \u202eturned", "日本"]
    records = [{"name": name, "number": number} for number, name in enumerate(names, start=1)]
    narrow, wide = drawn(bars(), records, (320, 620), "bars")
    assert [abs(float(svg.get("width", "0")) - width) < 2 for svg, width in ((narrow, 320), (wide, 620))] == [True] * 2
    texts = [text.text for text in wide.iter("text")]
    assert {"<script>alert(1)</script>", "bell\ufffd \ufffdturned", "日本"} <= set(texts)


@needs_vega
def test_a_long_name_of_emoji_is_cut_and_does_not_cost_the_chart() -> None:
    y = {"field": "name", "title": None, "axis": {"labelLimit": 61}}
    for name in ("\U0001f600" * 40, "a" + "\U0001f600" * 40):
        (svg,) = drawn(bars(encoding={"y": y}), [{"name": name}], (320,), "bars")
        assert [text.text for text in svg.iter("text") if (text.text or "").endswith("…")]


@needs_vega
def test_a_chart_that_wants_something_from_outside_or_is_no_chart_is_not_drawn() -> None:
    with pytest.raises(UndrawnError, match=r"External data url not allowed: http://a\.test/x\.csv"):
        drawn(bars(data={"url": "http://a.test/x.csv"}), [], (320,), "x")
    with pytest.raises(UndrawnError) as raised:
        drawn({"mark": "nothing"}, [], (320,), "x")
    assert len(str(raised.value)) < 320
    assert "\n" not in str(raised.value)
