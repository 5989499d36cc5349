"""The address and the key of each vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.catalogue import Catalogue, Vendor
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.jobs import Job
from scraper.core.masking import key_fault
from scraper.core.nearest import nearest
from scraper.wiring.destinations import ProxyChoice, destinations_of, proxy_of, questions
from scraper.wiring.sandboxes import RunningSandbox, sandbox_urls
from scraper.wiring.settings import SANDBOX_KEY, Settings

if TYPE_CHECKING:
    from scraper.io.http_transport import Access


def access_of(
    job: Job,
    catalogue: Catalogue,
    configs: Path,
    settings: Settings,
    sandbox: RunningSandbox | None,
) -> dict[str, Access]:
    """Return vendor → access; ConfigurationError with every fault. `configs`: the project's directory of settings."""
    from scraper.io.http_transport import Access, Proxy

    vendors = {name: catalogue.vendors[name] for name in job.vendors}
    urls = {name: vendor.base_url for name, vendor in vendors.items()}
    urls |= sandbox_urls(sandbox.url) if sandbox is not None else {}
    urls |= settings.vendor_urls
    proxies: dict[str, ProxyChoice] = {}
    faults = _url_faults(job, catalogue, urls, settings)
    if not faults:  # only a valid address has a host to ask about
        faults = questions(destinations_of(job, catalogue, settings), settings)
        ways = {name: proxy_of(job.accounts[name], urls[name]) for name in vendors}
        proxies = {name: way for name, way in ways.items() if way is not None}
        faults += [fault for name, proxy in proxies.items() if (fault := _proxy_fault(name, urls[name], proxy))]
    variables = [job.accounts[name].key_env for name in vendors] + [proxy.auth_env for proxy in proxies.values()]
    try:
        found = {} if settings.sandbox else _values(filter(None, variables), configs, settings)
    except ConfigurationError as failure:
        raise ConfigurationError([*faults, *failure.faults]) from failure
    keys, key_faults = _keys(job, vendors, found, configs, settings)
    faults += key_faults
    faults += [fault for proxy in proxies.values() if (fault := _credentials_fault(proxy, found, configs))]
    if faults:
        raise ConfigurationError(list(dict.fromkeys(faults)))
    tunnels = {name: Proxy(proxy.url, found.get(proxy.auth_env, "")) for name, proxy in proxies.items()}
    return {
        name: Access(vendor, urls[name].rstrip("/"), keys[name], tunnels.get(name)) for name, vendor in vendors.items()
    }


def key_warning(configs: Path, settings: Settings) -> str | None:
    """Return a warning about how keys are stored, if there is one."""
    from scraper.io.config_files.dotenv import dotenv_warning

    places = () if settings.sandbox else dict.fromkeys((configs, *settings.project.places))
    return next((warning for place in places if (warning := dotenv_warning(place))), None)


def _url_faults(job: Job, catalogue: Catalogue, urls: Mapping[str, str], settings: Settings) -> list[Fault]:
    from scraper.io.config_files.addresses import url_fault

    faults = []
    for name, url in urls.items():
        where = "--vendor-url" if name in settings.vendor_urls else f"{name}: base_url"
        if name not in catalogue.vendors:
            faults.append(Fault(where, f"no such vendor: {name}{nearest(name, catalogue.vendors)}"))
        elif fault := url_fault(url, name in job.accounts and job.accounts[name].allow_http):
            faults.append(Fault(where, fault))
    return faults


def _values(variables: Iterable[str], configs: Path, settings: Settings) -> dict[str, str]:
    """Return the variables' values, from the environment, else from the project's ``.env``."""
    from scraper.io.config_files.dotenv import read_dotenv

    found = {variable: settings.environment.get(variable, "").strip() for variable in variables}
    for place in dict.fromkeys((configs, *settings.project.places)):
        if all(found.values()):
            break
        beside = read_dotenv(place)
        found = {variable: value or beside.get(variable, "").strip() for variable, value in found.items()}
    return found


def _keys(
    job: Job, vendors: Mapping[str, Vendor], found: Mapping[str, str], configs: Path, settings: Settings
) -> tuple[dict[str, str], list[Fault]]:
    from scraper.io.config_files.dotenv import DOTENV_FILE

    if settings.sandbox:
        return dict.fromkeys(vendors, SANDBOX_KEY), []
    dotenv = (configs if settings.project.root is None else settings.project.base) / DOTENV_FILE
    keys, faults = {}, []
    for name, vendor in vendors.items():
        variable = job.accounts[name].key_env
        keys[name] = found[variable]
        if not found[variable]:
            known = variable in settings.environment
            faults.append(
                Fault(
                    variable,
                    f"this environment variable must contain the {vendor.title} key, and is "
                    f"{'empty' if known else 'not set'}; {dotenv} may contain it as well "
                    "(--sandbox needs no key)",
                )
            )
        elif fault := key_fault(found[variable]):
            faults.append(Fault(variable, f"is not a key: it {fault}"))
    return keys, faults


def _proxy_fault(vendor: str, url: str, proxy: ProxyChoice) -> Fault | None:
    if url.lower().startswith("https:"):
        return None
    return Fault(proxy.stated_in, f"the proxy would read the key on its way to {vendor}, whose address is plain http")


def _credentials_fault(proxy: ProxyChoice, found: Mapping[str, str], configs: Path) -> Fault | None:
    """Return the fault of a proxy's credentials, without revealing them."""
    from scraper.io.config_files.dotenv import DOTENV_FILE

    if not proxy.auth_env:
        return None
    credentials = found.get(proxy.auth_env, "")
    if not credentials:
        where = f"neither in the environment nor in {configs / DOTENV_FILE}"
        return Fault(proxy.auth_env, f"must contain user:password for the proxy, and is {where}")
    if ":" not in credentials or not credentials.isprintable():
        return Fault(proxy.auth_env, "does not contain user:password for the proxy, on one line")
    return None
