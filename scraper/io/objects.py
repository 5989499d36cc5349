"""Objects of an S3 bucket: the only module that uses obstore (extra ``[s3]``).

A name here is a key below the store's prefix. `create` never replaces an object: the store itself refuses a name that
is taken (``If-None-Match: *``), so that of several writers one wins. `replace` succeeds only over the version that was
read (``If-Match``). A put is one atomic request: an object has at most 5 GB.

Messages are made from an error's code and HTTP status alone: an answer of S3 repeats the key id and the string that was
signed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from scraper.core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

INSTALL: Final = "pip install 'metered-scraper[s3]'"
SCHEME: Final = "s3://"

CONNECT_S: Final = 5
REQUEST_S: Final = 600
"""Timeout of a request, upload included; obstore's 30 s would cut off a part of 100 MB on a line of 20 Mbit/s."""

RETRIES: Final = 6
"""Retries by obstore after a 5xx answer or a lost connection: about 6 s of backoff, doubling from 0.1 s."""

_FETCH_BYTES: Final = 4 * 2**20
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
_UNKNOWN: Final = frozenset({"", "AccessDenied", "HTTP 401", "HTTP 403", "HTTP 404"})
"""Reasons that a store gives when no key was sent."""

_STATUS: Final = re.compile(r"status code: (\d{3})")
_GIVEN: Final = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "AWS_DEFAULT_REGION": "region",
    "AWS_REGION": "region",
    "AWS_ENDPOINT_URL": "endpoint",
    "AWS_ENDPOINT_URL_S3": "endpoint",
}
"""Variable → obstore's setting; of two, the later one counts. obstore reads roles (container, instance, web identity)
from the process's environment itself."""


class ObjectStoreError(StorageError):
    """The store refused, failed or did not answer: `met`, and `advice` on what to do."""

    def __init__(self, met: str, advice: str, *, safe: str = "No object was changed.") -> None:
        self.met, self.advice = met, advice
        super().__init__(f"{met}. {safe} {advice}")


class ObjectExistsError(ObjectStoreError):
    """A create was refused: an object of that name exists."""


class ObjectChangedError(ObjectStoreError):
    """A replacement was refused: the object is not the version that was read."""


class ObjectMissingError(ObjectStoreError):
    """There is no object of that name."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Digest:
    """The SHA-256 of a version of an object."""

    sha256: str
    etag: str


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket and a prefix within it, without slashes at its ends."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


def is_s3(place: str) -> bool:
    return place.lower().startswith(SCHEME)


def s3_place(url: str) -> S3Place:
    """Parse ``s3://bucket/prefix``; UsageError if it names no bucket."""
    bucket, _, prefix = url[len(SCHEME) :].partition("/")
    unfit = any(part in {"", ".", ".."} or not part.isprintable() for part in prefix.strip("/").split("/") if prefix)
    if not is_s3(url) or not _BUCKET.fullmatch(bucket) or unfit or set("?#*") & set(prefix):
        raise UsageError(
            "the archive's URL names no bucket, or one that cannot exist; write s3://<bucket>/<prefix>, without keys, "
            "which come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return S3Place(bucket, prefix.strip("/"))


class Objects:
    """The objects below a prefix. Thread-safe; each process opens its own."""

    def __init__(self, store: ObjectStore, place: str, *, has_key: bool = True) -> None:
        """`store`: an obstore store, rooted at the prefix; `place`: its name in messages.

        `has_key`: the environment has a key, so that a refusal concerns that key.
        """
        self._store = store
        self._has_key = has_key
        self.place = place

    def create(self, name: str, content: Path | bytes) -> None:
        """Write a new object; ObjectExistsError, with nothing changed, if the name is taken."""
        with self._explained(name):
            _obstore().put(self._store, name, content, mode="create")

    def replace(self, name: str, content: bytes, etag: str | None) -> str:
        """Replace the version `etag`, or create the object (``None``); return the new version.

        Raises ObjectChangedError if another process did so first.
        """
        with self._explained(name):
            mode = "create" if etag is None else {"e_tag": etag}
            try:
                return str(_obstore().put(self._store, name, content, mode=mode)["e_tag"])
            except _exceptions().AlreadyExistsError as fault:
                raise _exceptions().PreconditionError from fault

    def read(self, name: str) -> tuple[bytes, str]:
        """Return an object and its version; ObjectMissingError if there is none."""
        with self._explained(name):
            found = _obstore().get(self._store, name)
            return bytes(found.bytes()), str(found.meta["e_tag"])

    def read_unless(self, name: str, etag: str | None) -> tuple[bytes, str] | None:
        """Return an object and its version; ``None`` if it is still the version `etag`."""
        with self._explained(name):
            try:
                found = _obstore().get(self._store, name, options={"if_none_match": etag} if etag else None)
                return bytes(found.bytes()), str(found.meta["e_tag"])
            except _exceptions().NotModifiedError:
                return None

    def digest(self, name: str) -> Digest:
        """Read an object, and return the SHA-256 of its bytes."""
        found = hashlib.sha256()
        with self._explained(name):
            result = _obstore().get(self._store, name)
            for some in result.stream(_FETCH_BYTES):
                found.update(some)
            return Digest(found.hexdigest(), str(result.meta["e_tag"]))

    def write(self, name: str, content: bytes) -> None:
        """Write an object, replacing any of that name."""
        with self._explained(name):
            _obstore().put(self._store, name, content, mode="overwrite", use_multipart=False)

    def fetch(self, name: str, target: Path) -> None:
        """Download an object into a file, by an atomic rename. OSError if the disk refuses."""
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._explained(name), beside.open("wb") as file:
                for some in _obstore().get(self._store, name).stream(_FETCH_BYTES):
                    file.write(some)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects below a prefix that ends in a slash, a thousand per request."""
        with self._explained(prefix):
            for some in _obstore().list(self._store, prefix or None, chunk_size=1_000):
                yield from (StoredObject(meta["path"], meta["size"]) for meta in some)

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects, a thousand per request; missing ones are ignored."""
        for start in range(0, len(names), 1_000):
            some = list(names[start : start + 1_000])
            with self._explained(some[0], safe="Some of the objects may be deleted already."):
                _obstore().delete(self._store, some)

    @contextlib.contextmanager
    def _explained(self, name: str, safe: str = "No object was changed.") -> Iterator[None]:
        """Turn every error of obstore into one of ours."""
        known = _exceptions()
        where = f"{self.place}/{name}".rstrip("/")
        try:
            yield
        except known.AlreadyExistsError as fault:
            again = "Check who else writes to that place: every archive needs a prefix of its own."
            raise ObjectExistsError(f"{where} exists already", again, safe=safe) from _bare(fault)
        except known.PreconditionError as fault:
            raise ObjectChangedError(f"{where} was changed meanwhile", "Run the command again.", safe=safe) from _bare(
                fault
            )
        except FileNotFoundError as fault:
            if (code := _CODE.search(str(fault))) is not None and code[1] == "NoSuchBucket":
                raise self._refused(where, fault, safe) from _bare(fault)
            missing = "Look for it in the bucket's versions, if it keeps them; otherwise run scraper check --repair."
            raise ObjectMissingError(f"{where} is missing", missing, safe=safe) from _bare(fault)
        except known.BaseError as fault:
            raise self._refused(where, fault, safe) from _bare(fault)

    def _refused(self, where: str, fault: Exception, safe: str) -> ObjectStoreError:
        text = str(fault)
        code, status = _CODE.search(text), _STATUS.search(text)
        reason = code[1] if code else f"HTTP {status[1]}" if status else ""
        if not self._has_key and reason in _UNKNOWN:
            reason = "no key"
        met, advice = _explained(reason)
        return ObjectStoreError(f"{where} cannot be used: {met}", advice, safe=safe)


def open_objects(url: str, environment: Mapping[str, str], *, retries: int = RETRIES) -> Objects:
    """Open the store at an ``s3://`` URL, without a request; AWS_* variables give keys, region and endpoint.

    Plain http is accepted for an endpoint on this machine only. UsageError if the URL or a variable is unusable.
    """
    place = s3_place(url)
    given: dict[str, Any] = {_GIVEN[name]: environment[name] for name in _GIVEN if environment.get(name)}
    endpoint = urlsplit(given.get("endpoint", "https://s3"))
    local = endpoint.scheme == "http" and endpoint.hostname in _LOOPBACK
    if (not local and (endpoint.scheme != "https" or not endpoint.hostname)) or endpoint.username is not None:
        raise UsageError(
            "AWS_ENDPOINT_URL cannot be used: it must be an https:// address without a user name, or http:// of this "
            "machine."
        )
    _obstore()
    from obstore.store import S3Store  # noqa: PLC0415 - an extra

    try:
        store = S3Store(
            place.bucket,
            prefix=place.prefix or None,
            client_options={
                "allow_http": local,
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=REQUEST_S),
            },
            retry_config={"max_retries": retries, "retry_timeout": timedelta(minutes=3)},
            **given,
        )
    except (_exceptions().BaseError, ValueError):
        raise UsageError("the AWS_* variables of this process cannot be used: obstore refuses one of them.") from None
    return Objects(store, str(place), has_key="access_key_id" in given)


def _obstore() -> Any:  # noqa: ANN401 - the module
    try:
        import obstore  # noqa: PLC0415 - an extra, and 50 ms
    except ModuleNotFoundError:
        raise UsageError(f"an archive on S3 needs obstore, which is not installed: {INSTALL}.") from None
    return obstore


def _exceptions() -> Any:  # noqa: ANN401 - the module
    return _obstore().exceptions


def _bare(fault: Exception) -> Exception:
    """Return the cause to show in a traceback: its type alone, as its text repeats the answer."""
    return type(fault)().with_traceback(None)


def _explained(reason: str) -> tuple[str, str]:
    """Return what a code or a status means, and what to do."""
    match reason:
        case "no key":
            met = "AWS_ACCESS_KEY_ID is not set, and this machine has no role that permits it"
            advice = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine or its container a role."
        case "NoSuchBucket":
            met, advice = "there is no such bucket", "Create it, or correct the archive's URL."
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "HTTP 401":
            met = f"the store does not accept the key ({reason})"
            advice = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
        case "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired":
            met = f"the credentials have expired ({reason})"
            advice = "Get new ones into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
        case "AccessDenied" | "AllAccessDisabled" | "HTTP 403":
            met = f"the store does not permit it ({reason})"
            advice = "The key needs s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there."
        case "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException":
            met, advice = f"the bucket is in another region ({reason})", "Set AWS_REGION to the bucket's region."
        case "":
            met, advice = "the store does not answer", "Check AWS_ENDPOINT_URL, AWS_REGION and the network."
        case _:
            met, advice = (
                f"the store answered {reason}",
                "Run the same command again; it resumes where this one stopped.",
            )
    return met, advice
