"""The address and the key of each vendor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.catalogue import Catalogue, Vendor
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.jobs import Job
from scraper.core.masking import key_fault
from scraper.core.nearest import nearest
from scraper.wiring.sandboxes import RunningSandbox, sandbox_urls
from scraper.wiring.settings import SANDBOX_KEY, Settings

if TYPE_CHECKING:
    from scraper.io.http_transport import Access


def access_of(
    job: Job, catalogue: Catalogue, configs: Path, settings: Settings, sandbox: RunningSandbox | None
) -> dict[str, Access]:
    """Return vendor → access; ConfigurationError with every fault. `configs`: the project's directory of them."""
    from scraper.io.http_transport import Access

    vendors = {name: catalogue.vendors[name] for name in job.vendors}
    urls = {name: vendor.base_url for name, vendor in vendors.items()}
    urls |= sandbox_urls(sandbox.url) if sandbox is not None else {}
    keys, faults = _keys(job, vendors, configs, settings)
    faults = _url_faults(job, catalogue, {**urls, **settings.vendor_urls}, settings) + faults
    if faults:
        raise ConfigurationError(faults)
    urls |= settings.vendor_urls
    return {name: Access(vendor, urls[name].rstrip("/"), keys[name]) for name, vendor in vendors.items()}


def key_warning(configs: Path, settings: Settings) -> str | None:
    """Return a warning about how keys are stored, if there is one."""
    from scraper.io.config_files.dotenv import dotenv_warning

    places = () if settings.sandbox else dict.fromkeys((configs, *settings.project.places))
    return next((warning for place in places if (warning := dotenv_warning(place))), None)


def _url_faults(job: Job, catalogue: Catalogue, urls: Mapping[str, str], settings: Settings) -> list[Fault]:
    from scraper.io.config_files.vendor_files import url_fault

    faults = []
    for name, url in urls.items():
        where = "--vendor-url" if name in settings.vendor_urls else f"{name}: base_url"
        if name not in catalogue.vendors:
            faults.append(Fault(where, f"no such vendor: {name}{nearest(name, catalogue.vendors)}"))
        elif fault := url_fault(url, name in job.accounts and job.accounts[name].allow_http):
            faults.append(Fault(where, fault))
    return faults


def _keys(
    job: Job, vendors: Mapping[str, Vendor], configs: Path, settings: Settings
) -> tuple[dict[str, str], list[Fault]]:
    """Return vendor → key, from the environment, else from the project's ``.env``; and the faults."""
    from scraper.io.config_files.dotenv import DOTENV_FILE, read_dotenv

    if settings.sandbox:
        return dict.fromkeys(vendors, SANDBOX_KEY), []
    variables = {name: job.accounts[name].key_env for name in vendors}
    found = {variable: settings.environment.get(variable, "").strip() for variable in variables.values()}
    for place in dict.fromkeys((configs, *settings.project.places)):
        if all(found.values()):
            break
        try:
            beside = read_dotenv(place)
        except ConfigurationError as failure:
            return {}, list(failure.faults)
        found = {variable: key or beside.get(variable, "").strip() for variable, key in found.items()}
    keys = {name: found[variable] for name, variable in variables.items()}
    dotenv = (configs if settings.project.root is None else settings.project.base) / DOTENV_FILE
    faults = []
    for name, key in keys.items():
        if not key:
            known = variables[name] in settings.environment
            faults.append(
                Fault(
                    variables[name],
                    f"this environment variable must contain the {vendors[name].title} key, and is "
                    f"{'empty' if known else 'not set'}; {dotenv} may contain it as well "
                    "(--sandbox needs no key)",
                )
            )
        elif fault := key_fault(key):
            faults.append(Fault(variables[name], f"is not a key: it {fault}"))
    return keys, faults
