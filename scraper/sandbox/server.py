"""The sandbox: Crawlora and KeyAPI on one local port, with an account for each key."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import count

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from scraper.core.subscriptions import Subscription
from scraper.sandbox.answers import (
    AccountRoute,
    Asked,
    FailedRequests,
    InvalidParameterError,
    PlayedAnswer,
    PlayedVendor,
)
from scraper.sandbox.billing_events import Event, EventLog
from scraper.sandbox.faults import FaultKind, FaultPlan, Injection, Met, Sent, Target
from scraper.sandbox.metering import AccountPage, Meter, Rejected
from scraper.sandbox.played import played_vendors, world_of
from scraper.sandbox.records import Record
from scraper.sandbox.records.aging import AS_USUAL, Aging
from scraper.sandbox.records.draws import draw
from scraper.sandbox.records.given import GivenLists

_log = logging.getLogger(__name__)

ASKED = web.RequestKey("asked", Asked)
"""Key of a request for a vendor, once it is admitted."""
ANSWER = web.ResponseKey("answer", PlayedAnswer)
"""Key of a response: the answer that it was made from."""
HIT = web.RequestKey("hit", tuple[FaultKind, Target])
"""Key of a request that a fault hits: the kind and its target."""
SHUTDOWN_S = 0.5
"""Time for which a stopping server waits for answers in progress, which take milliseconds."""


@dataclass(frozen=True, slots=True)
class ServedRecords:
    """A list of records that was sent with a 2xx. Do not change the records: later answers may share them."""

    vendor: str
    endpoint: str
    """The route: `/api/v1/tiktok/hashtags`."""
    params: Mapping[str, str]
    """Parameters as received; the first value of a repeated one."""
    records: Sequence[Record]
    moment: datetime


@dataclass(frozen=True, slots=True)
class Played:
    """A played vendor and its account."""

    vendor: PlayedVendor
    key: str
    account: Meter
    events: EventLog
    request_numbers: count[int]

    def is_account_route(self, request: web.Request) -> bool:
        """Return whether the request is about the account itself, which is not metered."""
        return request.method == "GET" and self.account_route(request) is not None

    def account_route(self, request: web.Request) -> AccountRoute | None:
        resource = request.match_info.route.resource
        return None if resource is None else self.vendor.account_routes.get(resource.canonical)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """Both vendors' routes, data and accounts, without a port yet: `serve` gives it one.

    `subscriptions` and `keys` name the vendors that are played, "crawlora" and "keyapi" or one of them.
    Records depend on `seed`, the parameters and `day` only; without a day they age by `clock`, as `aging` says, or
    replay `lists`. Metering goes by `clock` alone. `faults` are injected, and take time by `sleep`. `failed_requests`:
    whether a vendor that documents nothing (KeyAPI) charges for failures. `retired`: Crawlora's two boards that are
    gone or deprecated answer 404.
    """

    def __init__(  # noqa: PLR0913 - what a test or a user may want otherwise
        self,
        *,
        subscriptions: Mapping[str, Subscription],
        keys: Mapping[str, str],
        seed: int = 0,
        day: date | None = None,
        clock: Callable[[], datetime] = utc_now,
        remember_served: bool = False,
        faults: Sequence[Injection] = (),
        failed_requests: FailedRequests = "free",
        retired: bool = False,
        aging: Aging = AS_USUAL,
        lists: GivenLists | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        world = world_of(seed, aging, lists)
        vendors = played_vendors(world, failed_requests=failed_requests, retired=retired)
        known = {vendor.name for vendor in vendors}
        if subscriptions.keys() != keys.keys() or not subscriptions.keys() <= known:
            raise ValueError(
                f"the sandbox plays {sorted(known)}, each with a subscription and a key;"
                f" got subscriptions for {sorted(subscriptions)} and keys for {sorted(keys)}"
            )
        if not all(keys.values()):
            raise ValueError("an empty API key would accept requests without a key")
        self._seed = seed
        self._clock = clock
        self._world_at = None if day is None else datetime.combine(day, time(), UTC)
        self._remember_served = remember_served
        self._sleep = sleep
        self._plan = FaultPlan(faults, seed)
        self._played = {
            vendor.name: Played(
                vendor,
                keys[vendor.name],
                Meter(vendor.name, subscriptions[vendor.name], vendor.credit_cost),
                EventLog(),
                count(),
            )
            for vendor in vendors
            if vendor.name in subscriptions
        }
        self.served: list[ServedRecords] = []
        """Lists in the order of the answers; empty unless `remember_served`."""

    def account(self, vendor: str) -> AccountPage:
        """Return the account's usage at a played vendor; KeyError for another one."""
        return self._played[vendor].account.page(self._clock())

    def events(self, vendor: str) -> Sequence[Event]:
        """Return the event of each billable request with the right key, oldest first; KeyError for a vendor not played.

        An answer that was lost on its way has its event too. The last 100 days are kept, at most 200,000 events.
        """
        return tuple(self._played[vendor].events.matching())

    def event_log(self, vendor: str) -> EventLog:
        """Return the log of a vendor's lists of events, to leave some out or to repeat them."""
        return self._played[vendor].events

    @property
    def met(self) -> Sequence[Met]:
        """Return the requests that a fault hit, in the order of arrival."""
        return self._plan.met

    def faults_met(self) -> Mapping[str, int]:
        """Return the number of requests that each kind of fault hit, the most first, equal ones by name."""
        counted = Counter(met.kind for met in self._plan.met)
        return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))

    def application(self) -> web.Application:
        """Return a new aiohttp application over this sandbox's accounts and data.

        Faults of the connection are outermost: an answer that they lose has been charged. Next is the handler that
        turns an exception into the vendor's 500, and inside it the metering. Faults that replace the answer are inside
        the metering, so that the vendor's own rule decides on their cost.
        """
        application = web.Application(middlewares=[self._connected, self._netted, self._metered])
        application.router.add_get("/_sandbox/account", self._account_page)
        application.router.add_get("/_sandbox/faults", self._faults_page)
        for played in self._played.values():
            for path in played.vendor.routes:
                application.router.add_get(path, self._records_page, allow_head=False)
            for path in played.vendor.account_routes:
                application.router.add_get(path, self._billing_page, allow_head=False)
        application.router.add_route("*", "/{path:.*}", self._nothing_here)
        return application

    def _vendor_at(self, path: str) -> Played | None:
        for played in self._played.values():
            if path == played.vendor.prefix or path.startswith(f"{played.vendor.prefix}/"):
                return played
        return None

    @web.middleware
    async def _connected(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Decide whether a fault hits the request; faults of the connection happen here."""
        played = self._vendor_at(request.path)
        sold = None if played is None else played.vendor.sold.get(_route(request))
        if played is None or sold is None or played.vendor.key_in(request.headers) != played.key:
            return await handler(request)
        injection = self._plan.hit(sold.endpoint, _parameters(request))
        if injection is None:
            return await handler(request)
        kind, terms = injection.kind, played.account.standing(self._clock()).subscription
        target = Target(played.vendor, _route(request), played.key, terms, injection.options)
        request[HIT] = (kind, target)
        if kind.passage is None:
            return await handler(request)
        return await kind.passage(target, request, lambda: handler(request), self._sleep)

    @web.middleware
    async def _netted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            response = self._failed(request, refusal.status)
        except Exception as fault:  # whatever it is, it is ours, and the client sees the vendor's 500
            _log.warning("%s %s met %r", request.method, request.path, fault, exc_info=_log.isEnabledFor(logging.DEBUG))
            response = self._failed(request, 500)
        played = self._vendor_at(request.path)
        if played is not None and not played.is_account_route(request):
            played.account.answered(response.status)
        return response

    @web.middleware
    async def _metered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        played = self._vendor_at(request.path)
        if played is None:
            return await handler(request)
        at = self._clock().astimezone(UTC)
        asked = Asked(_parameters(request), at, self._request_id(played), self._world_at or at)
        request[ASKED] = asked
        response = await self._admitted(played, asked, request, handler)
        response.headers.update(played.vendor.headers(asked.request_id, played.account.starts_left(at)))
        return response

    async def _admitted(
        self, played: Played, asked: Asked, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """The order of the checks is our choice: the path, the key, the rates, the credits, then the parameters."""
        vendor, account = played.vendor, played.account
        key = vendor.key_in(request.headers)
        about_the_account = played.is_account_route(request)
        if not about_the_account and (request.method != "GET" or _route(request) not in vendor.routes):
            if key == played.key:
                account.arrive(asked.at)
            return _written(vendor.failed(404))
        if key != played.key:
            return _written(vendor.unauthorized(key))
        if about_the_account:
            return await handler(request)
        return await self._billed(played, asked, request, handler)

    async def _billed(self, played: Played, asked: Asked, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Settle the request's event even if the request or its answer fails."""
        vendor, account, events = played.vendor, played.account, played.events
        left, endpoint = account.credits_left(asked.at), _route(request).removeprefix(vendor.prefix)
        events.reserve(asked.request_id, endpoint, asked.at, credit_cost=vendor.credit_cost, credits_left=left)
        hold = account.admit(asked.at)
        if isinstance(hold, Rejected):
            response = _written(vendor.rejected(hold))
            events.settle(asked.request_id, response.status, charged=False, credits_left=left)
            return response
        charged, status = False, 500
        try:
            answered = await handler(request)
            status = answered.status
            charged = vendor.charges(answered[ANSWER])
        except web.HTTPException as refusal:
            status = refusal.status
            raise
        finally:
            account.settle(hold, charged=charged)
            left = account.credits_left(asked.at)
            events.settle(asked.request_id, status, charged=charged, credits_left=left)
        arrives = HIT not in request or request[HIT][0].arrives
        if arrives and self._remember_served and answered[ANSWER].succeeded:
            records = answered[ANSWER].records
            self.served.append(ServedRecords(vendor.name, _route(request), asked.parameters, records, asked.at))
        return answered

    async def _records_page(self, request: web.Request) -> web.StreamResponse:
        played = self._vendor_at(request.path)
        if played is None:
            raise web.HTTPNotFound
        asked = request[ASKED]
        try:
            if HIT in request and (replaced := request[HIT][0].replaced) is not None:
                return _sent(replaced(request[HIT][1], asked))
            return _written(played.vendor.routes[_route(request)](asked))
        except InvalidParameterError as fault:
            return _written(played.vendor.invalid(fault))

    async def _billing_page(self, request: web.Request) -> web.StreamResponse:
        played = self._vendor_at(request.path)
        if played is None:
            raise web.HTTPNotFound
        try:
            asked = request[ASKED]
            asked = replace(asked, parameters={**asked.parameters, **request.match_info})
            route = played.account_route(request)
            if route is None:
                raise web.HTTPNotFound
            return _written(route(asked, played.account, played.events))
        except InvalidParameterError as fault:
            return _written(played.vendor.invalid(fault))

    async def _account_page(self, request: web.Request) -> web.StreamResponse:
        vendor = request.query.get("vendor", "")
        if vendor not in self._played:
            return _written(
                PlayedAnswer(404, {"error": f"no account with {vendor!r}", "vendors": sorted(self._played)})
            )
        return _written(PlayedAnswer(200, {**self.account(vendor)}))

    async def _faults_page(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 there is one
        return _written(PlayedAnswer(200, {"faults": list(self._plan.texts), "met": self.faults_met()}))

    async def _nothing_here(self, request: web.Request) -> web.StreamResponse:
        return self._failed(request, 404)

    def _failed(self, request: web.Request, status: int) -> web.Response:
        """Answer with the request's id, if it has one."""
        played = self._vendor_at(request.path)
        if played is None:
            routes = [route for each in self._played.values() for route in each.vendor.routes]
            return _written(PlayedAnswer(status, {"error": "not a page of the sandbox", "routes": routes}))
        response = _written(played.vendor.failed(status))
        request_id = request[ASKED].request_id if ASKED in request else self._request_id(played)
        response.headers.update(played.vendor.headers(request_id, None))
        return response

    def _request_id(self, played: Played) -> str:
        drawn = draw(self._seed, "request", played.vendor.name, next(played.request_numbers))
        return str(uuid.UUID(int=drawn.getrandbits(128), version=4))


def _route(request: web.Request) -> str:
    """Return the path as the vendor writes it, with the names of its parameters: `/api/v1/tiktok/hashtag/{name}`."""
    resource = request.match_info.route.resource
    return request.path if resource is None else resource.canonical


def _parameters(request: web.Request) -> dict[str, str]:
    """Return the parameters of the path and of the query; the first value of a repeated one."""
    return {name: request.query[name] for name in request.query} | dict(request.match_info)


def _written(answer: PlayedAnswer) -> web.Response:
    response = web.Response(
        status=answer.status,
        body=orjson.dumps(answer.body),
        content_type="application/json",
        charset="utf-8",
        headers=answer.headers,
    )
    response[ANSWER] = answer
    return response


def _sent(sent: Sent) -> web.Response:
    headers = {"Content-Type": f"{sent.content_type}; charset=utf-8", **sent.headers}
    response = web.Response(status=sent.status, body=sent.body, headers=headers)
    response[ANSWER] = sent.answer
    return response


@asynccontextmanager
async def serve(sandbox: Sandbox, *, port: int = 0) -> AsyncIterator[str]:
    """Serve the sandbox on loopback until the block ends; yield its base URL, `http://127.0.0.1:PORT`.

    Port 0 chooses a free one.
    """
    runner = web.AppRunner(sandbox.application(), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, bound = runner.addresses[0]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()
