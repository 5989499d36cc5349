"""Destinations of secrets from the environment, and which of them need the user's permission.

Files that came with a job may name any host and any variable. A packaged vendor's key goes to its packaged host without
a question, from a variable that carries the vendor's name. Anything else is sent only if the
person at the keyboard allows it (``--allow-host``), or their own settings outside the project do. Loopback never needs
permission.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Destination:
    """A variable whose value is sent, and the host that gets it."""

    owner: str
    """The vendor, or ``the proxy of crawlora``."""
    variable: str
    host: str
    """The host, with its port if the address states one."""
    host_is_known: bool
    """True if it is packaged, typed by the user, or loopback."""
    variable_is_known: bool
    """True if its name shows that it is the vendor's, or it goes to loopback."""
    stated_in: str
    """File and key that name the unknown part: ``configs/vendors/crawlora.toml: base_url``."""
    instead_of: str = ""
    """The packaged host, if a file names another one."""
    through: str = ""
    """The proxy, if there is one."""

    @property
    def words(self) -> str:
        """``crawlora: CRAWLORA_API_KEY to api.crawlora.net``."""
        through = f" through {self.through}" if self.through else ""
        return f"{self.owner}: {self.variable} to {self.host}{through}"

    @property
    def entry(self) -> str:
        """Return the entry that allows it: the host, with the variable if its name does not show its vendor."""
        return self.host if self.variable_is_known else f"{self.host}={self.variable}"

    def allowed(self, entries: Iterable[str]) -> bool:
        """Return True if no permission is needed, or one of the entries (``HOST``, ``HOST=VARIABLE``) allows it."""
        if self.host_is_known and self.variable_is_known:
            return True
        bare = bare_host(self.host)
        names = {self.host.lower(), bare, f"[{bare}]"}  # an IPv6 address stands in brackets
        for entry in entries:
            host, _, variable = entry.partition("=")
            if host.lower() in names and (variable == self.variable or (not variable and self.variable_is_known)):
                return True
        return False

    def question(self, settings_file: str) -> str:
        """Return a sentence with the variable, the host that would get it, and the two ways to allow it."""
        met, entry = f"this would send {self.variable} to {self.host}", self.entry
        if not self.variable_is_known:
            met += f", and its name does not say that it is for {self.owner}"
        else:
            met += f" instead of {self.instead_of}" if self.instead_of else ", which no packaged file names"
        return f'{met}; if you want that: --allow-host {entry}, or allow_hosts = ["{entry}"] in {settings_file}'


def carries(variable: str, name: str) -> bool:
    """Return whether a variable's name contains a vendor's, as whole words: CRAWLORA_KEY_TEAM, MY_CRAWLORA_KEY."""
    return f"_{name.upper()}_" in f"_{variable}_"


def host_of(url: str) -> str:
    """Return the host of an address, with its port if one is stated."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def bare_host(host: str) -> str:
    return urlsplit(f"//{host}").hostname or host.lower()


def same_origin(url: str, other: str) -> bool:
    """Return whether two addresses have the same scheme, host and port: a key may go to both alike."""
    return urlsplit(url.lower())[:2] == urlsplit(other.lower())[:2]
