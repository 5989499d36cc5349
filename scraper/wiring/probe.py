"""First contact: one request for each endpoint of vendors, without a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scraper.core.catalogue import Catalogue, Endpoint, Parameter, Role
from scraper.core.errors import UsageError
from scraper.core.jobs import Crawl, Job
from scraper.core.nearest import nearest
from scraper.runs.probe import probe_job_of
from scraper.wiring.files import load_catalogue
from scraper.wiring.settings import SANDBOX_VENDORS, Settings

_COUNTRY = "US"
"""Country for an endpoint that requires one and documents none."""


def first_contact(vendor: str | None, settings: Settings) -> tuple[Job, Catalogue, Sequence[str]]:
    """Return the probe of a vendor, the vendors' files, and a sentence for each endpoint that is left out.

    `vendor`: ``None``: those of ``accounts.toml``, else all known. Its budget is the cost of its requests, and for each
    vendor one more request of its dearest endpoint. Raises ConfigurationError for faulty files, UsageError for a vendor
    that is not known or has nothing to request.
    """
    from scraper.io.config_files.job_files import default_account, read_accounts

    catalogue = load_catalogue(settings.project.configs)
    stated = read_accounts(settings.project.accounts_file, catalogue)
    vendors = _vendors(vendor, stated, catalogue, settings)
    crawls: dict[str, Crawl] = {}
    left_out: list[str] = []
    for name in vendors:
        asked = [endpoint for endpoint in catalogue.vendors[name].endpoints if endpoint.status != "gone"]
        left_out += [_gone_words(endpoint) for endpoint in catalogue.vendors[name].endpoints if endpoint not in asked]
        for endpoint in sorted(asked, key=lambda each: each.parent_parameter is not None):  # parents first
            crawl = _crawl(endpoint, crawls)
            if isinstance(crawl, Crawl):
                crawls[crawl.name] = crawl
            else:
                left_out.append(crawl)
    if not crawls:
        raise UsageError(f"no endpoint of {', '.join(vendors)} can be requested without a job. {' '.join(left_out)}")
    accounts = {name: stated.get(name) or default_account(catalogue.vendors[name]) for name in vendors}
    costs = {name: [c.endpoint.cost for c in crawls.values() if c.endpoint.vendor == name] for name in vendors}
    room = sum(max(each) for each in costs.values() if each)
    total = sum(map(sum, costs.values()))
    name = vendors[0] if len(vendors) == 1 else "vendors"
    job = Job(name, total + room, tuple(crawls.values()), accounts, retry_budget=room)
    return probe_job_of(job, room), catalogue, left_out


def _vendors(
    vendor: str | None, stated: Mapping[str, object], catalogue: Catalogue, settings: Settings
) -> Sequence[str]:
    if vendor is not None:
        if vendor not in catalogue.vendors:
            known = ", ".join(catalogue.vendors)
            raise UsageError(f"there is no vendor {vendor}{nearest(vendor, catalogue.vendors)}; known are {known}.")
        return [vendor]
    playable = [name for name in catalogue.vendors if not settings.sandbox or name in SANDBOX_VENDORS]
    return [name for name in playable if name in stated] or playable


def _crawl(endpoint: Endpoint, crawls: Mapping[str, Crawl]) -> Crawl | str:
    """Return the crawl of one page of an endpoint, or why it is left out."""
    fed = endpoint.parent_parameter
    parent = None if fed is None else _parent(endpoint, fed, crawls)
    params = {}
    for parameter in endpoint.parameters:
        if not parameter.required or (parent is not None and parameter == fed):
            continue
        value = _value(parameter)
        if value is None:
            return (
                f"{endpoint.full_name} is left out: it needs {parameter.name}, and no file states a value; "
                "scraper run JOB --probe requests it with a job's."
            )
        params[parameter.name] = (value,)
    return Crawl(endpoint.full_name, endpoint, params, max_pages=1, each=parent, top=1 if parent else None)


def _gone_words(endpoint: Endpoint) -> str:
    since = endpoint.status_since.isoformat()
    gone = f"{endpoint.full_name} is left out: it is gone from the vendor's catalogue (known since {since})"
    return f"{gone}; scraper run JOB --probe requests it with a job's parameters."


def _parent(endpoint: Endpoint, parameter: Parameter, crawls: Mapping[str, Crawl]) -> str | None:
    """Return a crawl whose records fill the parameter, of the same vendor if there is one."""
    able = [
        crawl
        for crawl in crawls.values()
        if crawl.each is None and parameter.from_parent in crawl.endpoint.records.carried
    ]
    own = sorted(able, key=lambda crawl: crawl.endpoint.vendor != endpoint.vendor)
    return own[0].name if own else None


def _value(parameter: Parameter) -> str | None:
    known = (*parameter.allowed, *(each.value for each in parameter.known))
    return parameter.default or next(iter(known), _COUNTRY if parameter.role is Role.COUNTRY else None)
