"""aiohttp, told to do one thing: send one request, once, and say what came back.

No redirect is followed (it would carry the key elsewhere), no connection error is retried (an attempt that we do not
see may be billed), no cookie is kept, no proxy and no netrc is taken from the environment. Whatever comes in is bounded
in time and in bytes, packed and unpacked, and no key of ours stands in it when it leaves this module.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace, TracebackType
from typing import Any, Final
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from scraper.core.catalogue import Vendor
from scraper.core.masking import Mask
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.reconcile import LONGEST_ANSWER
from scraper.core.requests import Params, Request
from scraper.core.units import iso_utc

KEPT_HEADERS = frozenset({"retry-after", "x-request-id", "content-type", "date", "x-ratelimit-per-second-remaining"})
LONGEST_REASON: Final = 300
"""Characters of a network's complaint: it may quote what a server sent."""
STEP_BYTES: Final = 2**18
"""A packed body grows by so much at a time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most time and bytes that an answer may take."""

    connect_s: float = 10.0
    """For the connection and its TLS handshake."""
    headers_s: float = 60.0
    """Until the answer's headers are whole. A vendor that fetches while we wait is slow to begin, and charges."""
    between_bytes_s: float = 30.0
    """For the next bytes of a body."""
    whole_s: float = LONGEST_ANSWER.total_seconds()
    """For the whole request. Past this an answer counts as lost, and its credits as unknown."""
    body_bytes: int = 16 * 2**20
    """Of a body, as it travels and unpacked: twenty times the largest page seen (0.7 MB)."""
    header_bytes: int = 64 * 2**10
    """Of one header line. An answer over it cannot be read and is paid for all the same, so there is ample room:
    aiohttp's own limit is 8 KiB, which a content security policy or a set of cookies can pass."""
    headers: int = 1_000
    """aiohttp's own limit is 128."""


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

    def __init__(self, access: Mapping[str, Access], user_agent: str, limits: Limits | None = None) -> None:
        """`access` by vendor name."""
        self._access = access
        self._user_agent = user_agent
        self._limits = limits or Limits()
        self._mask = Mask(each.key for each in access.values())
        self._session: aiohttp.ClientSession | None = None
        self._lost: set[str] = set()
        """Keys of requests whose last answer never came."""

    async def __aenter__(self) -> HttpTransport:
        self._session = aiohttp.ClientSession(
            connector=_CleanConnector(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_s),
            headers={"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=self._limits.header_bytes,
            max_field_size=self._limits.header_bytes,
            max_headers=self._limits.headers,
            trust_env=False,
            trace_configs=[_telling_whether_sent()],
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
        """The answer, or the fact that none came. Raises nothing that a network or a vendor can cause.

        A request whose last answer was lost goes over a new connection: what lost it may be the kept-alive one.
        """
        _needs_new_connection.set(request.key in self._lost)
        reply = self._masked(await self._get(self._access[request.endpoint.vendor], request.path, request.query))
        if isinstance(reply, NoAnswer) and reply.sent:
            self._lost.add(request.key)
        else:
            self._lost.discard(request.key)
        return reply

    async def billing_events(self, vendor: Vendor, since: datetime, until: datetime) -> Reply:
        """The vendor's answer about what it billed in this time; only for a vendor that describes where."""
        described = vendor.billing_events
        if described is None:
            raise ValueError(f"{vendor.name} describes no billing events")
        params = ((described.from_param, iso_utc(since)), (described.to_param, iso_utc(until)))
        return self._masked(await self._get(self._access[vendor.name], described.path, params))

    async def _get(self, access: Access, path: str, params: Params) -> Reply:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        ends_at = asyncio.get_running_loop().time() + self._limits.whole_s
        told, patience_s = SimpleNamespace(sent=False), min(self._limits.headers_s, self._limits.whole_s)
        try:
            async with asyncio.timeout(patience_s):
                response = await self._session.get(
                    # Encoded: the path is quoted already, and is not to be tidied up into another one.
                    URL(access.base_url + path, encoded=True).with_query(dict(params)),
                    headers=access.headers(),
                    allow_redirects=False,
                    trace_request_ctx=told,
                )
        except aiohttp.ConnectionTimeoutError:
            return NoAnswer(sent=False, reason=f"no connection within {self._limits.connect_s:g} s")
        except TimeoutError:
            return NoAnswer(sent=told.sent, reason=f"no answer within {patience_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as failure:  # ValueError: a host name that IDNA refuses
            return NoAnswer(sent=told.sent, reason=_reason(failure))
        try:
            headers = {k.lower(): _sound(v) for k, v in response.headers.items() if k.lower() in KEPT_HEADERS}
            return await self._read(response, headers, ends_at)
        finally:
            response.close()  # no more of it is read; one that was read to its end has given its connection back

    async def _read(self, response: aiohttp.ClientResponse, headers: Mapping[str, str], ends_at: float) -> Answer:
        """Read the body, as far as it comes: with a status in hand the answer is no longer lost."""
        body, over_limit = bytearray(), False
        try:
            cut_short = await self._fill(body, response, ends_at)
        except _OverLimitError as failure:
            cut_short, over_limit = str(failure), True
        except TimeoutError:
            late = asyncio.get_running_loop().time() >= ends_at
            cut_short = (
                f"not whole after {self._limits.whole_s:g} s"
                if late
                else f"nothing came for {self._limits.between_bytes_s:g} s"
            )
        except zlib.error as failure:
            cut_short = f"it cannot be unpacked: {_reason(failure)}"
        except (aiohttp.ClientError, OSError) as failure:
            cut_short = _reason(failure)
        return Answer(response.status, headers, bytes(body), cut_short, over_limit)

    async def _fill(self, body: bytearray, response: aiohttp.ClientResponse, ends_at: float) -> str | None:
        """Reads into the body, unpacked; why it is not whole, as far as the bytes themselves tell."""
        loop, limits, travelled_bytes = asyncio.get_running_loop(), self._limits, 0
        packings = _packings(response.headers.getall("Content-Encoding", ()))
        unpacking = _Unpacking(packings[0]) if len(packings) == 1 and packings[0] in _WINDOW_BITS else None
        while True:
            async with asyncio.timeout_at(min(loop.time() + limits.between_bytes_s, ends_at)):
                chunk = await response.content.readany()
            if not chunk:
                break
            travelled_bytes += len(chunk)
            if unpacking is None:
                body += chunk
            else:
                unpacking.unpack(chunk, body, limits.body_bytes + 1)
            if max(len(body), travelled_bytes) > limits.body_bytes:
                del body[limits.body_bytes :]
                raise _OverLimitError(f"it is larger than {limits.body_bytes:,} bytes")
        if packings and unpacking is None:
            return _line(f"it is packed as {', '.join(packings)}, which was not asked for")
        if unpacking is not None and travelled_bytes and not unpacking.ended:
            return f"its {packings[0]} ends too early"
        return None

    def _masked(self, reply: Reply) -> Reply:
        """What a vendor echoes of a key ends here: nobody else sees an answer before."""
        match reply:
            case NoAnswer(sent, reason):
                return NoAnswer(sent, self._mask.text(reason))
            case Answer(status, headers, body, cut_short, over_limit):
                masked = {name: self._mask.text(value) for name, value in headers.items()}
                if cut_short is None:
                    return Answer(status, masked, self._mask.body(body))
                told = self._mask.text(cut_short)
                return Answer(status, masked, self._mask.body(body, cut_off=True), told, over_limit)


class _OverLimitError(Exception):
    """A body is larger than we read."""


# --- connections ------------------------------------------------------------------------------------------------------


_needs_new_connection: Final[ContextVar[bool]] = ContextVar("needs_new_connection", default=False)
"""Of the request that this task sends."""


class _CleanConnector(aiohttp.TCPConnector):
    """Gives out no kept-alive connection on which something came unasked: it would pass for the next answer."""

    def __init__(self) -> None:
        # How many are in flight is the ledger's to say: a queue here would stand between a slot and its start.
        super().__init__(limit=0, ttl_dns_cache=300)
        self._used: WeakSet[object] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name that aiohttp calls it by
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            unwanted = protocol in self._used and _needs_new_connection.get()
            if protocol is None or not (protocol.should_close or unwanted):
                if protocol is not None:
                    self._used.add(protocol)
                return connection
            connection.close()


def _telling_whether_sent() -> aiohttp.TraceConfig:
    """Sets `sent` as soon as there is a connection: from then on a request may have reached its vendor."""

    async def connecting(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.sent = False

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.sent = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_start.append(connecting)
    tracing.on_connection_create_end.append(connected)
    tracing.on_connection_reuseconn.append(connected)
    return tracing


# --- packed bodies ----------------------------------------------------------------------------------------------------

_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE: Final = -15


def _packings(headers: Sequence[str]) -> list[str]:
    """Content-Encoding, in the order in which they were applied."""
    named = [name.strip().lower() for header in headers for name in header.split(",")]
    return [name for name in named if name not in {"", "identity"}]


class _Unpacking:
    """gzip or deflate, unpacked as far as there is room: a megabyte can hold a gigabyte."""

    def __init__(self, packing: str) -> None:
        self._packing = packing
        self._stream: Any = None

    @property
    def ended(self) -> bool:
        """The packed stream is whole."""
        return self._stream is not None and bool(self._stream.eof)

    def unpack(self, chunk: bytes, body: bytearray, most_bytes: int) -> None:
        """Adds to the body what the next bytes hold, until it has `most_bytes`; zlib.error for nonsense."""
        while chunk and len(body) < most_bytes:
            if self._stream is None:
                self._stream = zlib.decompressobj(self._window_bits(chunk))
            elif self._stream.eof:
                if not (self._packing.endswith("gzip") and chunk.startswith(b"\x1f")):
                    return  # padding behind the end
                self._stream = zlib.decompressobj(_WINDOW_BITS["gzip"])  # gzip files may be strung together
            body += self._stream.decompress(chunk, min(STEP_BYTES, most_bytes - len(body)))
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def _window_bits(self, beginning: bytes) -> int:
        """Some servers send deflate bare, without zlib's header, whose method is always 8."""
        if self._packing == "deflate" and beginning[0] & 0xF != 8:
            return _RAW_DEFLATE
        return _WINDOW_BITS[self._packing]


# --- words ------------------------------------------------------------------------------------------------------------


def _sound(text: str) -> str:
    """Bytes of a header that are no UTF-8 reach us as lone surrogates, which no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _reason(failure: BaseException) -> str:
    """A network's complaint in one line, without the request's headers."""
    return _line(_complaint(failure))


def _line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in _sound(text)).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _complaint(failure: BaseException) -> str:
    match failure:
        case aiohttp.ClientConnectorCertificateError():
            refused = getattr(failure.certificate_error, "verify_message", "") or str(failure.certificate_error)
            return f"the certificate of {failure.host}:{failure.port} is not trusted: {refused}"
        case aiohttp.ClientConnectorError():
            met = failure.os_error.strerror or str(failure.os_error) or "the TLS handshake failed"
            return f"no connection to {failure.host}:{failure.port}: {met}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer"
        case aiohttp.ClientResponseError():
            return f"the answer is no HTTP: {failure.message}"
        case _:
            return str(failure) or type(failure).__name__
