"""aiohttp, told to do one thing: send one request, once, and say what came back.

No redirect is followed (it would carry the key elsewhere), no connection error is retried (an attempt that we do not
see may be billed), no cookie is kept, only encodings that we can bound are accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

import aiohttp

from scraper.core.catalogue import Vendor
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.reconciliation import LONGEST_ANSWER
from scraper.core.requests import Params, Request
from scraper.core.units import iso_utc

CONNECT_TIMEOUT_S = 10.0
BETWEEN_BYTES_TIMEOUT_S = 30.0
WHOLE_REQUEST_TIMEOUT_S = LONGEST_ANSWER.total_seconds()
"""Past this an answer counts as lost, and its credits as unknown."""

LARGEST_BODY_BYTES = 64 * 2**20
"""After decompression. The largest page seen is 0.7 MB; a body past this is cut, and told of."""
CHUNK_BYTES = 2**16

KEPT_HEADERS = frozenset({"retry-after", "x-request-id", "content-type", "date", "x-ratelimit-per-second-remaining"})

_BEFORE_ANYTHING_WAS_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    UnicodeError,  # a host name that IDNA refuses
)


@dataclass(frozen=True, slots=True)
class Access:
    """How a vendor is reached: its address, and the key that goes there and nowhere else."""

    vendor: Vendor
    base_url: str
    key: str = field(repr=False)

    def headers(self) -> dict[str, str]:
        """The one header that carries the key."""
        return {self.vendor.auth_header: self.vendor.auth_format.format(key=self.key)}


class HttpTransport:
    """Sends requests to their vendors over kept-alive connections. An async context manager."""

    def __init__(self, access: Mapping[str, Access], user_agent: str) -> None:
        """`access` by vendor name."""
        self._access = access
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpTransport:
        self._session = aiohttp.ClientSession(
            # How many are in flight is the ledger's to say: a queue here would stand between a slot and its start.
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(
                total=WHOLE_REQUEST_TIMEOUT_S,
                sock_connect=CONNECT_TIMEOUT_S,
                sock_read=BETWEEN_BYTES_TIMEOUT_S,
            ),
            headers={"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp sends a GET again, unasked, when a kept-alive connection turns out to be closed: that one would be
        # paid for and stand in no ledger. There is no public switch; aiohttp's own test client uses this one.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request) -> Reply:
        """What came back, or that nothing did. Raises nothing that a network or a vendor can do."""
        return await self._get(self._access[request.endpoint.vendor], request.path, request.query)

    async def billing_events(self, vendor: Vendor, since: datetime, until: datetime) -> Reply:
        """The vendor's answer about what it billed in this time; only for a vendor that describes where."""
        described = vendor.billing_events
        if described is None:
            raise ValueError(f"{vendor.name} describes no billing events")
        params = ((described.from_param, iso_utc(since)), (described.to_param, iso_utc(until)))
        return await self._get(self._access[vendor.name], described.path, params)

    async def _get(self, access: Access, path: str, params: Params) -> Reply:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        try:
            async with self._session.get(
                access.base_url + path,
                params=dict(params),
                headers=access.headers(),
                allow_redirects=False,
            ) as response:
                headers = {k.lower(): _sound(v) for k, v in response.headers.items() if k.lower() in KEPT_HEADERS}
                body, cut_short = await _read(response)
                return Answer(response.status, headers, body, cut_short)
        except _BEFORE_ANYTHING_WAS_SENT as failure:
            return NoAnswer(sent=False, reason=_reason(failure))
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            return NoAnswer(sent=True, reason=_reason(failure))


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, str | None]:
    """The body, and why it is not whole where it is not: with a status in hand the answer is no longer lost."""
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            chunks.append(chunk)
            size_bytes += len(chunk)
            if size_bytes > LARGEST_BODY_BYTES:
                return b"".join(chunks), f"larger than {LARGEST_BODY_BYTES} bytes"
    except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as failure:
        return b"".join(chunks), _reason(failure)
    return b"".join(chunks), None


def _sound(text: str) -> str:
    """Bytes of a header that are no UTF-8 reach us as lone surrogates, which no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _reason(failure: BaseException) -> str:
    """A network's complaint in one line, without the request's headers."""
    return " ".join(_sound(_complaint(failure)).split())


def _complaint(failure: BaseException) -> str:
    if isinstance(failure, aiohttp.ClientConnectorError):
        met = failure.os_error.strerror or str(failure.os_error) or "the TLS handshake failed"
        return f"no connection to {failure.host}:{failure.port}: {met}"
    if isinstance(failure, TimeoutError):
        return str(failure) or f"no answer within {WHOLE_REQUEST_TIMEOUT_S:.0f} s"
    return str(failure) or type(failure).__name__
