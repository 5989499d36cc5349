"""Addresses in files and options: vendors, proxies, and hosts that a user allows."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_URL = re.compile(r"[!-\[\]-~]+")
"""Visible ASCII without a backslash, which readers of URLs disagree about."""
_ENTRY = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:=[A-Z][A-Z0-9_]*)?")


def url_fault(url: str, allow_http: bool = False) -> str | None:
    """Return the fault of a vendor's URL, if any: plain http only to loopback, unless the key's owner allows more."""
    try:
        parts = urlsplit(url)
        well_formed = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # an invalid port or IPv6 address
        well_formed = False
    if not well_formed or parts.scheme not in {"http", "https"} or not _URL.fullmatch(url):
        return f"{url!r} is not an address of the form https://host/path"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "an address must not hold a user, password, query or fragment: the key belongs in a variable"
    if parts.scheme == "https" or allow_http or is_loopback(parts.hostname or ""):
        return None
    return (
        f"{url!r} would send the key unencrypted: use https (plain http only to 127.0.0.1, ::1 or localhost, or with "
        "allow_http = true for the account)"
    )


def is_loopback(host: str) -> bool:
    """Return whether a host is loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_fault(url: str) -> str | None:
    """Return the fault of a proxy's address, if any. It is not repeated where it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not an address of the form http://host:port"
    if "@" in parts.netloc:
        return "must not hold a user and password: name the variable that holds them with proxy_auth_env"
    if parts.scheme == "https":
        return (
            f"{url!r} is an https proxy: write http://host:port (what goes through it is encrypted by the vendor's TLS)"
        )
    well_formed = parts.scheme == "http" and parts.hostname and port and parts.path in {"", "/"} and _URL.fullmatch(url)
    if not well_formed or parts.query or parts.fragment:
        return f"{url!r} is not an address of the form http://host:port"
    return None


def entry_fault(entry: str) -> str | None:
    """Return the fault of a host that a user allows, if any."""
    if _ENTRY.fullmatch(entry):
        return None
    return f"{entry!r} is not of the form HOST, HOST:PORT or HOST=VARIABLE"
