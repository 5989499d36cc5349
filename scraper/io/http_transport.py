"""An aiohttp client that sends each request exactly once and returns the answer.

It follows no redirect (which would carry the key elsewhere), retries no connection error (an attempt that we do not see
may be billed), keeps no cookies, and takes neither proxies nor netrc from the environment: a proxy is stated, and a
tunnel that it does not open is a request that was not sent. Every answer is bounded in
time and in bytes, compressed and decompressed, and our keys are masked in it before it leaves this module.
"""

from __future__ import annotations

import ssl
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

import aiohttp
from yarl import URL

from scraper.core.catalogue import Vendor
from scraper.core.masking import SHORTEST_KEY, Mask
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.reconcile import LONGEST_ANSWER
from scraper.core.requests import Params, Request
from scraper.io.clock import suspended_s
from scraper.io.http_connections import CleanConnector, NotStartedError, Sending, sending
from scraper.io.running_time import RunningTime
from scraper.ports import Start, at_once

KEPT_HEADERS = frozenset({"retry-after", "x-request-id", "content-type", "date", "x-ratelimit-per-second-remaining"})
LONGEST_REASON: Final = 300
"""Characters of a network error's message, which may quote what a server sent."""
STEP_BYTES: Final = 2**18
"""A body is decompressed in steps of this size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most time and bytes that an answer may take. Time in which this process stood still does not count."""

    connect_s: float = 10.0
    """For a new connection, from the look-up of the host's name to the TLS handshake."""
    headers_s: float = 60.0
    """Until the answer's headers are complete. A vendor that fetches while we wait answers late, and charges."""
    between_bytes_s: float = 30.0
    """For the next bytes of a body."""
    whole_s: float = LONGEST_ANSWER.total_seconds()
    """For the whole request. After this the answer counts as lost, and its charge as unknown."""
    body_bytes: int = 16 * 2**20
    """The size of a body, both compressed and decompressed: twenty times the largest page seen (0.7 MB)."""
    header_bytes: int = 64 * 2**10
    """The size of one header line. A longer one makes the answer unreadable though it is paid for, so this is generous:
    aiohttp's own limit is 8 KiB, which a content security policy or a set of cookies can exceed."""
    headers: int = 1_000
    """aiohttp's own limit is 128."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT), and ``user:password`` for it; it sees neither key nor answer."""

    url: str
    credentials: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """Return the header that carries the credentials, if there are any."""
        if not self.credentials:
            return {}
        return {"Proxy-Authorization": f"Basic {b64encode(self.credentials.encode()).decode()}"}

    def secrets(self) -> list[str]:
        """Return what has to be masked: the credentials, and the password where it is long enough to be told."""
        both = (self.credentials, self.credentials.partition(":")[2])
        return [secret for secret in both if len(secret) >= SHORTEST_KEY]


@dataclass(frozen=True, slots=True)
class Access:
    """A vendor's address, the key that is sent there and nowhere else, and the proxy on the way."""

    vendor: Vendor
    base_url: str
    key: str = field(repr=False)
    proxy: Proxy | None = None

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key."""
        return {self.vendor.auth_header: self.vendor.auth_format.format(key=self.key)}


class HttpTransport:
    """Sends requests to their vendors over kept-alive connections. An async context manager."""

    def __init__(
        self,
        access: Mapping[str, Access],
        user_agent: str,
        limits: Limits | None = None,
        trusted: ssl.SSLContext | None = None,
        suspended_s: Callable[[], float] = suspended_s,
    ) -> None:
        """`access` by vendor name. `trusted`: the certificates that are trusted, by default the system's.

        `suspended_s`: how long the machine has been suspended since it was started.
        """
        self._access = access
        self._user_agent = user_agent
        self._limits = limits or Limits()
        self._trusted = trusted
        proxies = [each.proxy for each in access.values() if each.proxy is not None]
        self._mask = Mask([*(each.key for each in access.values()), *(s for proxy in proxies for s in proxy.secrets())])
        self._session: aiohttp.ClientSession | None = None
        self._time = RunningTime()
        self._suspended_s = suspended_s
        self._lost: set[str] = set()
        """Keys of requests whose last answer was lost."""

    async def __aenter__(self) -> HttpTransport:
        self._time.begin()
        self._session = aiohttp.ClientSession(
            connector=CleanConnector(self._trusted, self._time, self._limits.connect_s, self._suspended_s),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the deadlines are ours: see RunningTime
            headers={"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=self._limits.header_bytes,
            max_field_size=self._limits.header_bytes,
            max_headers=self._limits.headers,
            trust_env=False,
        )
        # aiohttp retries a GET by itself when a kept-alive connection turns out to be closed: the vendor may charge
        # that request, and no ledger has it. There is no public switch; aiohttp's own test client uses this one.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._time.end()
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        """Send the request; see `Transport.send`.

        A request whose last answer was lost uses a new connection: the kept-alive one may be the cause.
        """
        this = Sending(start, needs_new_connection=request.key in self._lost)
        reply = await self._get(self._access[request.endpoint.vendor], request.path, request.query, this)
        reply = self._masked(reply)
        if isinstance(reply, NoAnswer) and reply.sent:
            self._lost.add(request.key)
        else:
            self._lost.discard(request.key)
        return reply

    async def account_page(self, vendor: Vendor, path: str, params: Mapping[str, str]) -> Reply:
        """Fetch a page about the account; see `BillingSource`."""
        return self._masked(await self._get(self._access[vendor.name], path, tuple(params.items()), Sending()))

    async def _get(self, access: Access, path: str, params: Params, this: Sending) -> Reply:
        if self._session is None:
            raise RuntimeError("the transport is not open")
        sending.set(this)
        began, patience_s = self._time.now(), min(self._limits.headers_s, self._limits.whole_s)
        try:
            async with self._time.until(began + patience_s):
                response = await self._session.get(
                    # Encoded: the path is quoted already and must not be normalised.
                    URL(access.base_url + path, encoded=True).with_query(dict(params)),
                    headers=access.headers(),
                    allow_redirects=False,
                    proxy=None if access.proxy is None else access.proxy.url,
                    proxy_headers=None if access.proxy is None else access.proxy.headers(),
                )
        except NotStartedError:
            return NoAnswer(sent=False, reason="its slot is gone")
        except aiohttp.ConnectionTimeoutError:
            late = f"no connection within {self._limits.connect_s:g} s"
            return NoAnswer(sent=False, reason=_before_the_vendor(access, late))
        except TimeoutError:
            late = f"no answer within {patience_s:g} s"
            return NoAnswer(this.sent, late if this.sent else _before_the_vendor(access, late))
        except (aiohttp.ClientError, OSError, ValueError) as failure:  # ValueError: a host name that IDNA rejects
            met = _reason(failure)
            return NoAnswer(this.sent, met if this.sent else _before_the_vendor(access, met))
        try:
            kept = KEPT_HEADERS | access.vendor.rate_header_names
            headers = {k.lower(): _valid_text(v) for k, v in response.headers.items() if k.lower() in kept}
            return await self._read(response, headers, began + self._limits.whole_s)
        finally:
            response.close()  # a body read to its end has already returned its connection to the pool

    async def _read(self, response: aiohttp.ClientResponse, headers: Mapping[str, str], ends_at: float) -> Answer:
        """Read the body as far as it comes: once a status was received the answer is not lost."""
        pieces, over_limit = list[bytes](), False
        try:
            cut_short = await self._fill(pieces, response, ends_at)
        except _OverLimitError as failure:
            cut_short, over_limit = str(failure), True
        except TimeoutError:
            late = self._time.now() >= ends_at
            cut_short = (
                f"incomplete after {self._limits.whole_s:g} s"
                if late
                else f"nothing came for {self._limits.between_bytes_s:g} s"
            )
        except zlib.error as failure:
            cut_short = f"it cannot be decompressed: {_reason(failure)}"
        except (aiohttp.ClientError, OSError) as failure:
            cut_short = _reason(failure)
        return Answer(response.status, headers, b"".join(pieces), cut_short, over_limit)

    async def _fill(self, pieces: list[bytes], response: aiohttp.ClientResponse, ends_at: float) -> str | None:
        """Append the decompressed answer to `pieces`; return why it is incomplete, if its bytes show that."""
        most_bytes, travelled_bytes, size_bytes = self._limits.body_bytes, 0, 0
        packings = _packings(response.headers.getall("Content-Encoding", ()))
        unpacking = _Unpacking(packings[0]) if len(packings) == 1 and packings[0] in _WINDOW_BITS else None
        while chunk := await self._next(response.content, ends_at):
            travelled_bytes += len(chunk)
            for piece in (chunk,) if unpacking is None else unpacking.unpack(chunk, most_bytes + 1 - size_bytes):
                pieces.append(piece)
                size_bytes += len(piece)
            if (excess := size_bytes - most_bytes) > 0:
                pieces[-1] = pieces[-1][:-excess]
            if max(size_bytes, travelled_bytes) > most_bytes:
                raise _OverLimitError(f"it is larger than {most_bytes:,} bytes")
        if packings and unpacking is None:
            return _line(f"it is compressed as {', '.join(packings)}, which was not requested")
        if unpacking is not None and travelled_bytes and not unpacking.ended:
            return f"its {packings[0]} ends too early"
        return None

    async def _next(self, content: aiohttp.StreamReader, ends_at: float) -> bytes:
        """Return the next bytes of a body, none at its end; TimeoutError if they do not come."""
        if (chunk := content.read_nowait()) or content.at_eof():  # a deadline for nothing costs more than a small body
            return chunk
        async with self._time.until(min(self._time.now() + self._limits.between_bytes_s, ends_at)):
            return await content.readany()

    def _masked(self, reply: Reply) -> Reply:
        """Mask keys that a vendor echoes: nothing else sees an answer before this."""
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


# --- packed bodies ----------------------------------------------------------------------------------------------------

_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE: Final = -15


def _packings(headers: Sequence[str]) -> list[str]:
    """Return the content encodings in the order in which they were applied."""
    named = [name.strip().lower() for header in headers for name in header.split(",")]
    return [name for name in named if name not in {"", "identity"}]


class _Unpacking:
    """Decompresses gzip or deflate up to a limit: a megabyte can expand to a gigabyte."""

    def __init__(self, packing: str) -> None:
        self._packing = packing
        self._stream: Any = None

    @property
    def ended(self) -> bool:
        """The compressed stream is complete."""
        return self._stream is not None and bool(self._stream.eof)

    def unpack(self, chunk: bytes, most_bytes: int) -> Iterator[bytes]:
        """Yield what the next bytes decompress to, at most so many; zlib.error if they are corrupt."""
        while chunk and most_bytes > 0:
            if self._stream is None:
                self._stream = zlib.decompressobj(self._window_bits(chunk))
            elif self._stream.eof:
                if not (self._packing.endswith("gzip") and chunk.startswith(b"\x1f")):
                    return  # padding after the end
                self._stream = zlib.decompressobj(_WINDOW_BITS["gzip"])  # gzip members may be concatenated
            piece = self._stream.decompress(chunk, min(STEP_BYTES, most_bytes))
            most_bytes -= len(piece)
            yield piece
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def _window_bits(self, beginning: bytes) -> int:
        """Detect raw deflate, which some servers send without zlib's header, whose method is always 8."""
        if self._packing == "deflate" and beginning[0] & 0xF != 8:
            return _RAW_DEFLATE
        return _WINDOW_BITS[self._packing]


# --- words ------------------------------------------------------------------------------------------------------------


def _valid_text(text: str) -> str:
    """Replace lone surrogates: header bytes that are not UTF-8 become these, and no database accepts them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _reason(failure: BaseException) -> str:
    """Return a network error in one line, without the request's headers."""
    return _line(_complaint(failure))


def _line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in _valid_text(text)).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _before_the_vendor(access: Access, met: str) -> str:
    """Say where on the way it ended: with a proxy, at the proxy or behind it; the vendor has got nothing."""
    return met if access.proxy is None else f"by way of the proxy {URL(access.proxy.url).authority}: {met}"


def _complaint(failure: BaseException) -> str:
    match failure:
        case aiohttp.ClientConnectorCertificateError():
            refused = getattr(failure.certificate_error, "verify_message", "") or str(failure.certificate_error)
            return f"the certificate of {failure.host}:{failure.port} is not trusted: {refused}"
        case aiohttp.ClientConnectorError():
            met = failure.os_error.strerror or str(failure.os_error) or "the TLS handshake failed"
            return f"no connection to {failure.host}:{failure.port}: {met}"
        case aiohttp.ClientHttpProxyError():
            wants = "; proxy_auth_env names the variable with user:password for it" if failure.status == 407 else ""
            return f"it opens no tunnel: HTTP {failure.status} {failure.message}{wants}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer"
        case aiohttp.ClientResponseError():
            return f"the answer is not HTTP: {failure.message}"
        case _:
            return str(failure) or type(failure).__name__
