"""``[accounts.<vendor>]`` of a job or of ``accounts.toml``, read into an `Account`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from scraper.core.catalogue import Charge, Vendor
from scraper.core.errors import Fault
from scraper.core.jobs import NAME, Account
from scraper.core.nearest import nearest
from scraper.core.subscriptions import Subscription
from scraper.io.config_files.addresses import proxy_fault
from scraper.io.config_files.validation import Count, FileModel, Positive, dollars_of

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
JobName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]


class AccountTable(FileModel):
    """``[accounts.<vendor>]``: your plan, and limits stated instead of it or on top."""

    name: JobName = Field(default="default", description="account's name, where you have several with one vendor")
    plan: str | None = Field(default=None, description="a plan of the vendor's file; default: its first")
    credits_per_month: Count | None = Field(default=None, description="credits of a month; default: the plan's")
    credits_per_day: Count | None = Field(default=None, description="credits of a UTC day; default: the plan's")
    requests_per_minute: Positive | None = Field(
        default=None, description="requests that may start in 60 seconds; default: the plan's"
    )
    requests_per_second: Positive | None = Field(
        default=None, description="requests that may start in a second; default: the plan's"
    )
    month_starts_on: Annotated[int, Field(ge=1, le=31)] = Field(default=1, description="UTC day on which credits renew")
    reserve: Count = Field(default=0, description='credits of the month that jobs with budget = "auto" leave alone')
    key_env: str | None = Field(
        default=None,
        description="environment variable that holds the key, never the key itself; default: the vendor file's",
    )
    allow_http: bool = Field(
        default=False,
        description="true: the key may be sent unencrypted, so that anyone on the way can read and use it",
    )
    proxy: str | None = Field(
        default=None, description="HTTP proxy that requests to this vendor go through; the environment's is never used"
    )
    proxy_auth_env: str | None = Field(
        default=None, description="environment variable that holds user:password for the proxy, never that itself"
    )
    overage: bool = Field(default=False, description="true: credits past the plan are bought, up to max_overage_usd")
    max_overage_usd: str | None = Field(default=None, description='dollars a month that overage may cost: "5.00"')
    failed_requests: Literal["charged", "free"] | None = Field(
        default=None, description="what you know of failed requests where the vendor documents nothing"
    )

    @field_validator("key_env", "proxy_auth_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        if value is not None and not VARIABLE.fullmatch(value):  # the value may be the key: it is not shown
            raise ValueError(
                "is not the name of an environment variable (A-Z, 0-9, _): a job file never contains the key itself"
            )
        return value

    @field_validator("proxy")
    @classmethod
    def _is_an_http_proxy(cls, value: str | None) -> str | None:
        if value is not None and (fault := proxy_fault(value)):
            raise ValueError(fault)
        return value


def account_of(vendor: Vendor, table: AccountTable, where: str) -> tuple[Account, list[Fault]]:
    faults: list[Fault] = []
    plans = {plan.name: plan for plan in vendor.plans}
    if table.plan is not None and table.plan not in plans:
        hint = f"{vendor.name} has no plan {table.plan!r}{nearest(table.plan, plans)}; it has {', '.join(plans)}"
        faults.append(Fault(f"{where}.plan", hint))
    subscription = _with_stated_limits(plans.get(table.plan or "", vendor.plans[0]), table)
    if table.overage:
        dollars = dollars_of(table.max_overage_usd)
        if dollars is None:
            faults.append(
                Fault(f"{where}.max_overage_usd", 'overage = true needs the most it may cost a month: "5.00"')
            )
        if subscription.overage_usd_per_1000 is None:
            faults.append(Fault(f"{where}.overage", f"{vendor.name} sells no overage on plan {subscription.name}"))
        subscription = replace(subscription, overage=True, max_overage_usd=dollars)
    if table.proxy_auth_env and not table.proxy:
        faults.append(Fault(f"{where}.proxy_auth_env", "goes with proxy, which names the proxy"))
    account = Account(
        vendor=vendor.name,
        subscription=subscription,
        key_env=table.key_env or vendor.key_env,
        name=table.name,
        allow_http=table.allow_http,
        proxy=(table.proxy or "").rstrip("/"),
        proxy_auth_env=table.proxy_auth_env or "",
        key_env_in=f"{where}.key_env" if table.key_env else vendor.origin.key_env_in,
        proxy_in=f"{where}.proxy",
        failed_requests=None if table.failed_requests is None else Charge(table.failed_requests),
    )
    return account, faults


def _with_stated_limits(plan: Subscription, table: AccountTable) -> Subscription:
    limits = ("credits_per_month", "credits_per_day", "requests_per_minute", "requests_per_second")
    stated: dict[str, Any] = {key: getattr(table, key) for key in limits if getattr(table, key) is not None}
    rates = {"requests_per_minute", "requests_per_second"}
    replaced = set(stated)
    if rates & set(stated):  # a known rate replaces an assumed one
        stated = {**dict.fromkeys(rates & set(plan.assumed)), **stated}
        replaced |= rates
    assumed = tuple(key for key in plan.assumed if key not in replaced)
    stated |= {"month_starts_on": table.month_starts_on, "reserve": table.reserve}
    return replace(plan, **stated, assumed=assumed)
