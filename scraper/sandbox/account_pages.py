"""Crawlora's pages about an account, as played: `/billing/me…` and `/usage/me…`.

From the types and operations of the vendor's own package crawlora 1.50.0.dev1 (files of 2026-10-27), read 2026-11-29:
paths, parameters, names of fields, the envelope `{code, msg, data}`, and that the list of events is `data` itself.
Assumed: the key that reads pages reads them too (the package sends it there, its MCP catalogue says JWT); they are free
and count against no rate; `from` inclusive, `to` exclusive, both by `created_at`; events newest first, 100 where no
limit is requested and `LARGEST_LIMIT` at most; a period's key is its first day; a statement exists for the current
period too; overage that was allowed counts as remaining. The contents of the fields are assumed as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from scraper.core.subscriptions import month_ends_at, month_of
from scraper.core.units import iso_utc
from scraper.sandbox.answers import AccountRoute, Asked, InvalidParameterError, PlayedAnswer
from scraper.sandbox.billing_events import Event, EventLog
from scraper.sandbox.metering import Meter

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 1_000
RANGES: Final = ("period", "day", "week", "month", "custom")
BUCKETS: Final[Mapping[str, timedelta]] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
MOST_BUCKETS: Final = 2_000


def account_routes(prefix: str) -> Mapping[str, AccountRoute]:
    """Return route → page; ``{period_key}`` is a part of the path, and arrives as a parameter."""
    return {
        f"{prefix}/billing/me": _billing,
        f"{prefix}/billing/me/events": _events,
        f"{prefix}/billing/me/periods": _periods,
        f"{prefix}/billing/me/periods/{{period_key}}": _one_period,
        f"{prefix}/billing/me/periods/{{period_key}}/statement": _statement,
        f"{prefix}/usage/me/overview": _overview,
        f"{prefix}/usage/me/endpoints": _endpoints,
        f"{prefix}/usage/me/timeseries": _timeseries,
    }


def _told(data: object) -> PlayedAnswer:
    return PlayedAnswer(200, {"code": 200, "msg": "OK", "data": data})


def _state(asked: Asked, account: Meter) -> Mapping[str, object]:
    standing = account.standing(asked.at)
    plan = standing.subscription
    included = plan.credits_per_month
    return {
        "plan": plan.name,
        "credits_used": standing.used_this_month,
        "credits_remaining": standing.left_this_month,
        "included_credits": included,
        "daily_credit_limit": plan.credits_per_day,
        "daily_credits_used": standing.used_today,
        "daily_credits_remaining": standing.left_today,
        "daily_key": standing.day,
        "period_key": standing.month,
        "period_start": f"{standing.month}T00:00:00Z",
        "period_end": iso_utc(standing.month_ends_at),
        "allow_overage": plan.overage,
        "hard_limit": plan.month_limit is not None,
        "overage_credits": 0 if included is None else max(0, standing.used_this_month - included),
    }


def _billing(asked: Asked, account: Meter, _: EventLog) -> PlayedAnswer:
    return _told(_state(asked, account))


def _events(asked: Asked, _: Meter, log: EventLog) -> PlayedAnswer:
    """Return the billing events; a request in flight shows as reserved, and `endpoint` must match exactly."""
    found = log.listed(start=asked.instant("from"), end=asked.instant("to"))
    wanted = {name: met for name in ("endpoint", "request_id") if (met := asked.optional(name)) is not None}
    if "event_status" in asked.parameters:
        statuses = ("reserved", "charged", "non_billable", "failed")
        wanted["event_status"] = asked.choice("event_status", statuses, statuses[0])
    matching = [event for event in found if all(getattr(event, name) == met for name, met in wanted.items())]
    if "billable" in asked.parameters:
        billable = asked.choice("billable", ("true", "false"), "true") == "true"
        matching = [event for event in matching if _is_billable(event) is billable]
    return _told([_written(event) for event in matching[::-1][: _limit(asked, "limit")]])


def _limit(asked: Asked, name: str) -> int:
    """Return the limit, clamped silently as on the vendor's boards."""
    return min(max(asked.integer(name, DEFAULT_LIMIT), 1), LARGEST_LIMIT)


def _is_billable(event: Event) -> bool:
    return event.event_status in {"reserved", "charged"}


def _written(event: Event) -> Mapping[str, object]:
    return {
        **_line(event),
        "credits_remaining_before": event.credits_remaining_before,
        "credits_remaining_after": event.credits_remaining_after,
        "method": "GET",
    }


def _line(event: Event) -> Mapping[str, object]:
    return {
        "billable": _is_billable(event),
        "created_at": iso_utc(event.created_at),
        "credit_cost": event.credit_cost,
        "endpoint": event.endpoint,
        "event_status": event.event_status,
        "request_id": event.request_id,
        "status_code": event.status_code,
    }


def _periods(asked: Asked, account: Meter, log: EventLog) -> PlayedAnswer:
    """Return the billing periods, the newest and current one first."""
    keys = sorted({*account.charged_months, account.standing(asked.at).month}, reverse=True)
    return _told([_ledger(asked, account, log, key) for key in keys[: _limit(asked, "limit")]])


def _span(account: Meter, key: str) -> tuple[datetime, datetime]:
    starts = datetime.fromisoformat(key).replace(tzinfo=UTC)
    return starts, month_ends_at(starts, account.month_starts_on)


def _ledger(asked: Asked, account: Meter, log: EventLog, key: str) -> Mapping[str, object]:
    starts, ends = _span(account, key)
    events = list(log.matching(start=starts, end=ends))
    return {
        "period_key": key,
        "period_start": iso_utc(starts),
        "period_end": iso_utc(ends),
        "status": "closed" if ends <= asked.at else "open",
        "credits_used": account.charged_months.get(key, 0),
        **_requests(events),
        "endpoint_breakdown": _breakdown(events),
    }


def _one_period(asked: Asked, account: Meter, log: EventLog) -> PlayedAnswer:
    return _told(_ledger(asked, account, log, _key(asked, account)))


def _key(asked: Asked, account: Meter) -> str:
    key = asked.required("period_key")
    if key not in {*account.charged_months, account.standing(asked.at).month}:
        raise InvalidParameterError("period_key", key)
    return key


def _statement(asked: Asked, account: Meter, log: EventLog) -> PlayedAnswer:
    key = _key(asked, account)
    starts, ends = _span(account, key)
    data: dict[str, Any] = {
        "period": {
            "period_key": key,
            "period_start": iso_utc(starts),
            "period_end": iso_utc(ends),
            "status": "closed" if ends <= asked.at else "open",
        },
        "plan": account.standing(asked.at).subscription.name,
        "expected": {"credits_used": account.charged_months.get(key, 0)},
        "endpoint_breakdown": _breakdown(list(log.matching(start=starts, end=ends))),
        "generated_at": iso_utc(asked.at),
    }
    if asked.choice("include_events", ("true", "false"), "false") == "true":
        listed = [_line(event) for event in log.listed(start=starts, end=ends)]
        data["events"] = listed[: _limit(asked, "event_limit")]
    return _told(data)


def _requests(events: Sequence[Event]) -> Mapping[str, int]:
    return {
        "charged_requests": sum(event.event_status == "charged" for event in events),
        "failed_requests": sum(event.event_status == "failed" for event in events),
        "non_billable_requests": sum(event.event_status == "non_billable" for event in events),
    }


def _summed(events: Sequence[Event]) -> Mapping[str, int]:
    credits = sum(event.credit_cost for event in events if event.event_status == "charged")
    return {**_requests(events), "credits": credits, "overage": 0, "requests": len(events)}


def _breakdown(events: Sequence[Event]) -> list[Mapping[str, object]]:
    routes = sorted({event.endpoint for event in events})
    return [{"endpoint": route, **_summed([each for each in events if each.endpoint == route])} for route in routes]


def _asked_span(asked: Asked, account: Meter) -> tuple[str, datetime, datetime]:
    chosen = asked.choice("range", RANGES, "period")
    since, until = asked.instant("from"), asked.instant("to")
    if chosen == "custom":
        if since is None or until is None:
            raise InvalidParameterError("from" if since is None else "to", None)
        return chosen, since, until
    if chosen == "period":
        return chosen, _span(account, month_of(asked.at, account.month_starts_on))[0], asked.at
    days = {"day": 1, "week": 7, "month": 30}[chosen]
    return chosen, asked.at - timedelta(days=days), asked.at


def _overview(asked: Asked, account: Meter, log: EventLog) -> PlayedAnswer:
    chosen, since, until = _asked_span(asked, account)
    events = list(log.matching(start=since, end=until))
    return _told(
        {
            "range": chosen,
            "from": iso_utc(since),
            "to": iso_utc(until),
            "billing": _state(asked, account),
            "usage": _summed(events),
        }
    )


def _endpoints(asked: Asked, account: Meter, log: EventLog) -> PlayedAnswer:
    chosen, since, until = _asked_span(asked, account)
    items = _breakdown(list(log.matching(start=since, end=until)))[: _limit(asked, "limit")]
    return _told({"range": chosen, "from": iso_utc(since), "to": iso_utc(until), "items": items})


def _timeseries(asked: Asked, account: Meter, log: EventLog) -> PlayedAnswer:
    """Return buckets of whole UTC hours or days, without empty ones."""
    chosen, since, until = _asked_span(asked, account)
    bucket = asked.choice("bucket", tuple(BUCKETS), "day")
    by_start: dict[datetime, list[Event]] = {}
    for event in log.matching(start=since, end=until, endpoint=asked.optional("endpoint")):
        at = event.created_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        by_start.setdefault(at.replace(hour=0) if bucket == "day" else at, []).append(event)
    items = [
        {"bucket_start": iso_utc(start), "bucket_end": iso_utc(start + BUCKETS[bucket]), **_summed(events)}
        for start, events in list(by_start.items())[:MOST_BUCKETS]
    ]
    return _told({"range": chosen, "bucket": bucket, "from": iso_utc(since), "to": iso_utc(until), "items": items})
