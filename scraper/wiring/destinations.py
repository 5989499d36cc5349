"""The destinations of a job's secrets, and those that the user has not allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scraper.core.catalogue import Catalogue, Vendor
from scraper.core.destinations import Destination, bare_host, carries, host_of, same_origin
from scraper.core.errors import Fault
from scraper.core.jobs import Account, Job
from scraper.wiring.settings import Settings


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """A proxy, the variable with its credentials (empty: none), and the file and key that name it."""

    url: str
    auth_env: str = ""
    stated_in: str = ""


def proxy_of(account: Account, url: str) -> ProxyChoice | None:
    """Return the proxy on the way to a vendor's address; loopback is reached without one."""
    from scraper.io.config_files.addresses import is_loopback

    if not account.proxy or is_loopback(bare_host(host_of(url))):
        return None
    return ProxyChoice(account.proxy, account.proxy_auth_env, account.proxy_in)


def destinations_of(job: Job, catalogue: Catalogue, settings: Settings) -> list[Destination]:
    """Return every destination of a job's secrets, allowed or not; none in a sandbox, which gets no key."""
    if settings.sandbox:
        return []
    vendors: Mapping[str, Vendor] = {name: catalogue.vendors[name] for name in job.vendors}
    found: list[Destination] = []
    for name, vendor in vendors.items():
        url = settings.vendor_urls.get(name, vendor.base_url)
        found += _of_vendor(vendor, job.accounts[name], url, name in settings.vendor_urls)
    return found


def _of_vendor(vendor: Vendor, account: Account, url: str, typed: bool) -> Iterator[Destination]:
    from scraper.io.config_files.addresses import is_loopback

    origin, host, variable = vendor.origin, host_of(url), account.key_env
    here = is_loopback(bare_host(host))
    packaged = bool(origin.packaged_url) and same_origin(url, origin.packaged_url)
    host_is_known = here or typed or packaged
    proxy = proxy_of(account, url)
    yield Destination(
        owner=vendor.name,
        variable=variable,
        host=host,
        host_is_known=host_is_known,
        variable_is_known=here or variable == origin.packaged_key_env or carries(variable, vendor.name),
        stated_in=account.key_env_in if host_is_known else origin.base_url_in,
        instead_of=host_of(origin.packaged_url) if origin.packaged_url else "",
        through="" if proxy is None else host_of(proxy.url),
    )
    if proxy is not None and proxy.auth_env:
        here = is_loopback(bare_host(host_of(proxy.url)))
        yield Destination(
            owner=f"the proxy of {vendor.name}",
            variable=proxy.auth_env,
            host=host_of(proxy.url),
            host_is_known=here,
            variable_is_known=here or carries(proxy.auth_env, "proxy"),
            stated_in=proxy.stated_in,
        )


def entry_fault(entry: str) -> str | None:
    """Return the fault of a host that a user allows, if any."""
    from scraper.io.config_files import addresses

    return addresses.entry_fault(entry)


def questions(destinations: Sequence[Destination], settings: Settings) -> list[Fault]:
    """Return a fault for each destination that neither the user nor their settings have allowed.

    ConfigurationError for faults of the settings.
    """
    from scraper.io.config_files.user_settings import read_user_settings, settings_path

    if not destinations:
        return []
    allowed = [*settings.allow_hosts, *read_user_settings(settings.environment).allow_hosts]
    where = str(settings_path(settings.environment))
    return [Fault(each.stated_in, each.question(where)) for each in destinations if not each.allowed(allowed)]
