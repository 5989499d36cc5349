"""Where each vendor answers, and with which key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scraper.core.catalogue import Catalogue, Vendor
from scraper.core.errors import ConfigurationError, Fault
from scraper.core.jobs import Job, nearest
from scraper.wiring.sandboxes import Served, sandbox_urls
from scraper.wiring.settings import SANDBOX_KEY, Settings

if TYPE_CHECKING:
    from scraper.io.http_transport import Access


def access_of(job: Job, catalogue: Catalogue, settings: Settings, sandbox: Served | None) -> dict[str, Access]:
    from scraper.io.http_transport import Access

    vendors = {name: catalogue.vendors[name] for name in job.vendors}
    urls = _checked_urls(catalogue, settings)
    keys = _keys(job, vendors, settings)
    if sandbox is not None:
        urls = {**sandbox_urls(sandbox.url), **urls}
    return {
        name: Access(vendor, urls.get(name, vendor.base_url).rstrip("/"), keys[name])
        for name, vendor in vendors.items()
    }


def _checked_urls(catalogue: Catalogue, settings: Settings) -> dict[str, str]:
    from scraper.io.config_files import url_fault

    faults = []
    for name, url in settings.vendor_urls.items():
        if name not in catalogue.vendors:
            faults.append(Fault("--vendor-url", f"no such vendor: {name}{nearest(name, catalogue.vendors)}"))
        elif fault := url_fault(url):
            faults.append(Fault("--vendor-url", fault))
    if faults:
        raise ConfigurationError(faults)
    return dict(settings.vendor_urls)


def _keys(job: Job, vendors: Mapping[str, Vendor], settings: Settings) -> dict[str, str]:
    if settings.sandbox:
        return dict.fromkeys(vendors, SANDBOX_KEY)
    keys = {name: settings.environment.get(job.accounts[name].key_env, "").strip() for name in vendors}
    faults = [
        Fault(
            job.accounts[name].key_env,
            f"this environment variable must hold the {vendors[name].title} key, and is "
            f"{'empty' if job.accounts[name].key_env in settings.environment else 'not set'} (--sandbox needs no key)",
        )
        for name, key in keys.items()
        if not key
    ]
    if faults:
        raise ConfigurationError(faults)
    return keys
