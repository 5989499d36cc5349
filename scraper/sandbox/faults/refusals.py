"""Refusals: by HTTP status, with the vendor's own message, or inside a 200."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import format_datetime

import orjson

from scraper.core.subscriptions import day_ends_at, month_ends_at
from scraper.sandbox.answers import Asked, InvalidParameterError
from scraper.sandbox.faults.shapes import Charged, FaultKind, Option, Replaced, Sent, Target, refused
from scraper.sandbox.metering import Limit, Rejected


def _status(status: int) -> Replaced:
    return lambda target, asked: refused(target.vendor.failed(status))  # noqa: ARG005 the same whatever is asked


def _of_option(target: Target, asked: Asked) -> Sent:  # noqa: ARG001 the same whatever is asked
    return refused(target.vendor.failed(int(target.options["status"])))


def _bad_request(target: Target, asked: Asked) -> Sent:
    sent = refused(target.vendor.invalid(InvalidParameterError(next(iter(asked.parameters), "page"), "")))
    return Sent(int(target.options["status"]), sent.body)


def _cursor_refused(target: Target, asked: Asked) -> Sent:
    """Refuse every page but the first, which has no cursor yet."""
    if "cursor" not in asked.parameters:
        return target.successful(asked).sent()
    return refused(target.vendor.invalid(InvalidParameterError("cursor", asked.parameters["cursor"])))


def _auth(target: Target, asked: Asked) -> Sent:  # noqa: ARG001 the same whatever is asked
    return refused(target.vendor.unauthorized(target.key))


def _denied(target: Target, asked: Asked) -> Sent:  # noqa: ARG001 the same whatever is asked
    """Return a 401 for a good key, without an envelope; recorded from live answers of this family."""
    body = {"message": "This endpoint is disabled for your subscription"}
    return Sent(int(target.options["status"]), orjson.dumps(body))


def _redirect(target: Target, asked: Asked) -> Sent:  # noqa: ARG001 the same whatever is asked
    """Return a redirect to a host that cannot exist (`.example`), as from a proxy that requires a login."""
    headers = {"Location": f"https://login.example{target.path}"}
    return Sent(int(target.options["status"]), b"", headers=headers, content_type="text/html")


def _quota(target: Target, asked: Asked) -> Sent:
    limit = {"daily": Limit.DAY, "monthly": Limit.MONTH}[target.options["reason"]]
    sent = refused(target.vendor.rejected(_rejected(target, asked, limit)))
    status = target.options["status"]
    return sent if status == "own" else Sent(int(status), sent.body, headers=sent.headers)


def _rejected(target: Target, asked: Asked, limit: Limit) -> Rejected:
    plan = target.subscription
    resets_at = {
        Limit.DAY: day_ends_at(asked.at),
        Limit.MONTH: month_ends_at(asked.at, plan.month_starts_on),
        Limit.MINUTE: asked.at + timedelta(seconds=int(target.options.get("wait_s", "0"))),
    }[limit]
    return Rejected(
        limit=limit,
        resets_at=resets_at,
        wait_s=max(1, int((resets_at - asked.at).total_seconds())),
        credit_cost=target.vendor.credit_cost,
        used_this_month=plan.credits_per_month or 0,
        used_today=plan.credits_per_day or 0,
        subscription=plan,
    )


def _rate_limit(target: Target, asked: Asked) -> Sent:
    """Return the vendor's own body; an option selects the place of the wait."""
    rejected = _rejected(target, asked, Limit.MINUTE)
    answer = target.vendor.rejected(rejected)
    body = {**answer.body}
    headers = {name: value for name, value in answer.headers.items() if name != "Retry-After"}
    data = body.get("data")
    where = target.options["as"]
    if isinstance(data, dict) and where != "body":
        body["data"] = {name: value for name, value in data.items() if name not in {"retry_after_seconds", "resets_at"}}
    if where == "seconds":
        headers["Retry-After"] = target.options["wait_s"]
    elif where == "date":
        headers["Retry-After"] = format_datetime(rejected.resets_at.astimezone(UTC), usegmt=True)
    return Sent(429, orjson.dumps(body), headers=headers)


def _in_band(body: Mapping[str, object]) -> Replaced:
    """Return TikTok's own error bodies, in the feed inside its envelope."""

    def sent(target: Target, asked: Asked) -> Sent:  # noqa: ARG001 the same whatever is asked
        wraps = target.vendor.sold[target.path].paging == "cursor" and "code" not in body
        return Sent(200, orjson.dumps({"code": 200, "msg": "OK", "data": body} if wraps else body))

    return sent


def _text(body: bytes, content_type: str = "application/json", status: int = 200) -> Replaced:
    return lambda target, asked: Sent(status, body, content_type=content_type)  # noqa: ARG005 the same for all


def _half_json(target: Target, asked: Asked) -> Sent:
    whole = target.successful(asked).sent().body
    return Sent(200, whole[: len(whole) // 2])


_HTML = b"<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
_REFUSED_UPSTREAM = {"statusCode": 10201, "status_code": 10201, "statusMsg": "", "status_msg": "", "log_pb": {}}
_UNAVAILABLE = {"status_code": 4, "status_msg": "Server is currently unavailable. Please try again later."}
_VERIFY = {"code": "10000", "from": "", "type": "verify", "region": "va", "subtype": "slide", "detail": "0a1b2c"}

REFUSALS: tuple[FaultKind, ...] = (
    FaultKind("http_500", "HTTP 500, with the vendor's message", Charged.FAILED, _status(500)),
    FaultKind("http_502", "HTTP 502: an unusable answer from upstream", Charged.FAILED, _status(502)),
    FaultKind("http_503", "HTTP 503: the vendor is not available", Charged.FAILED, _status(503)),
    FaultKind("http_504", "HTTP 504: upstream took too long", Charged.FAILED, _status(504)),
    FaultKind(
        "rate_limit",
        "HTTP 429; the wait is in Retry-After (seconds or a date), in the body, or not stated",
        Charged.FAILED,
        _rate_limit,
        options=(Option("as", "seconds", ("seconds", "date", "body", "nothing")), Option("wait_s", "5")),
    ),
    FaultKind(
        "quota",
        "the day's or the month's credits are used up",
        Charged.FAILED,
        _quota,
        options=(
            Option("reason", "daily", ("daily", "monthly")),
            Option("status", "own", ("own", "402", "403", "429")),
        ),
    ),
    FaultKind("auth", "HTTP 401: the key is not accepted", Charged.FAILED, _auth),
    FaultKind(
        "denied",
        "a 401 or 403 although the key is valid: the endpoint is disabled for the subscription",
        Charged.FAILED,
        _denied,
        options=(Option("status", "401", ("401", "403")),),
    ),
    FaultKind(
        "gone",
        "HTTP 404 or 410: the vendor has removed the endpoint",
        Charged.FAILED,
        _of_option,
        options=(Option("status", "404", ("404", "410")),),
    ),
    FaultKind(
        "bad_request",
        "HTTP 422 or 400: a parameter is refused",
        Charged.FAILED,
        _bad_request,
        options=(Option("status", "422", ("400", "422")),),
    ),
    FaultKind(
        "cursor_refused",
        "a cursor that was just handed out is refused",
        Charged.FAILED,
        _cursor_refused,
        paging="cursor",
    ),
    FaultKind(
        "redirect",
        "a redirect to another host",
        Charged.FAILED,
        _redirect,
        options=(Option("status", "302", ("301", "302", "307", "308")),),
    ),
    FaultKind(
        "in_band_40101",
        'HTTP 200 with {"code": 40101, "msg": "no permission"}',
        Charged.FAILED_2XX,
        _in_band({"code": 40101, "msg": "no permission"}),
    ),
    FaultKind("in_band_10201", "HTTP 200 with TikTok's status 10201", Charged.FAILED_2XX, _in_band(_REFUSED_UPSTREAM)),
    FaultKind("in_band_4", "HTTP 200 with TikTok's status 4: unavailable", Charged.FAILED_2XX, _in_band(_UNAVAILABLE)),
    FaultKind("captcha", "HTTP 200 with TikTok's verification page as JSON", Charged.FAILED_2XX, _in_band(_VERIFY)),
    FaultKind("html", "HTTP 200 with a browser check instead of JSON", Charged.FAILED_2XX, _text(_HTML, "text/html")),
    FaultKind("not_an_object", "HTTP 200 with JSON that is a bare list", Charged.FAILED_2XX, _text(b"[]")),
    FaultKind("zero_bytes", "HTTP 200 without a byte of body", Charged.FAILED_2XX, _text(b"")),
    FaultKind("no_content", "HTTP 204", Charged.FAILED_2XX, _text(b"", status=204)),
    FaultKind("half_json", "HTTP 200 with the first half of the JSON", Charged.FAILED_2XX, _half_json),
)
