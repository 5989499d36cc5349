"""Successful pages whose records, texts or bytes are not as documented."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from scraper.sandbox.answers import Asked
from scraper.sandbox.faults.shapes import Charged, FaultKind, OpenedPage, Option, Replaced, Sent, Target
from scraper.sandbox.records import Record

MARK = "a-value-that-stands-for-bytes"
"""Placeholder for bytes that no JSON writer would produce."""


def _records(change: Callable[[Record], None]) -> Replaced:
    """Return the vendor's page with each record changed."""

    def sent(target: Target, asked: Asked) -> Sent:
        page = target.successful(asked)
        for record in page.records:
            change(record)
        return page.sent()

    return sent


def _raw(value: bytes) -> Replaced:
    """Give each record a field `odd` with these bytes as its JSON value."""

    def sent(target: Target, asked: Asked) -> Sent:
        page = target.successful(asked)
        for record in page.records:
            record["odd"] = MARK
        return page.sent(orjson.dumps(page.document).replace(f'"{MARK}"'.encode(), value))

    return sent


def _in_texts(added: bytes) -> Replaced:
    """End each record's texts, except ids and addresses, with these bytes."""

    def sent(target: Target, asked: Asked) -> Sent:
        page = target.successful(asked)
        for record in page.records:
            for name, value in record.items():
                if name in TEXTS and isinstance(value, str):
                    record[name] = value + MARK
        return page.sent(orjson.dumps(page.document).replace(MARK.encode(), added))

    return sent


TEXTS = frozenset({"hashtag_name", "nick_name", "title", "desc"})
"""Fields with texts by people."""


def _drifted(record: Record) -> None:
    """Send counts as text, add undocumented fields, and leave out an optional one."""
    for name, value in list(record.items()):
        if isinstance(value, int) and not isinstance(value, bool):
            record[name] = str(value)
    record["new_field"] = {"since": "today", "values": [1, 2.5, None]}
    record.pop("industry_info", None)


def _byte_order_mark(target: Target, asked: Asked) -> Sent:
    page = target.successful(asked)
    return page.sent(b"\xef\xbb\xbf" + orjson.dumps(page.document))


def _nested(target: Target, asked: Asked) -> Sent:
    levels = int(target.options["levels"])
    return _raw(b"[" * levels + b"]" * levels)(target, asked)


def _large(target: Target, asked: Asked) -> Sent:
    page = target.successful(asked)
    for record in page.records[:1]:
        record["odd"] = "x" * (int(target.options["kib"]) * 1024)
    return page.sent()


def _echoed(target: Target, asked: Asked) -> Sent:
    """Echo the key in an error, in a header or in a record."""
    where = target.options["as"]
    if where == "error":
        body = {"code": 500, "msg": f"upstream refused {target.key}", "message": f"upstream refused {target.key}"}
        return Sent(500, orjson.dumps(body))
    page: OpenedPage = target.successful(asked)
    if where == "header":
        return page.sent(None, **{"x-request-id": target.key, "x-debug": target.key})
    for record in page.records:
        record["debug"] = {"key": target.key}
        for name in TEXTS & record.keys():
            record[name] = f"{record[name]} {target.key}"
    return page.sent()


CONTENTS: tuple[FaultKind, ...] = (
    FaultKind("drift", "counts as text, unknown fields, a field missing", Charged.YES, _records(_drifted)),
    FaultKind("bom", "a byte order mark before the JSON", Charged.YES, _byte_order_mark),
    FaultKind("lone_surrogate", "half an emoji in each record", Charged.YES, _raw(b'"a\\ud83d b"')),
    FaultKind("broken_utf8", "bytes that are not UTF-8 in each record", Charged.YES, _raw(b'"caf\xe9"')),
    FaultKind("control_characters", "raw control characters in each record", Charged.YES, _raw(b'"a\x01\x1f\tb"')),
    FaultKind("nan", "NaN and Infinity for numbers", Charged.YES, _raw(b"[NaN, -Infinity]")),
    FaultKind("huge_int", "an integer of forty digits", Charged.YES, _raw(b"9" * 40)),
    FaultKind("deep", "nested lists in each record", Charged.YES, _nested, options=(Option("levels", "200"),)),
    FaultKind("large", "a record with a text of many KiB", Charged.YES, _large, options=(Option("kib", "1024"),)),
    FaultKind(
        "escapes", "terminal escape sequences in texts", Charged.YES, _in_texts(b"\\u001b[2J\\u001b]0;pwned\\u0007")
    ),
    FaultKind(
        "echo_key",
        "your key comes back in an error (HTTP 500), a header, or the records",
        Charged.YES,
        _echoed,
        options=(Option("as", "data", ("error", "header", "data")),),
    ),
)
