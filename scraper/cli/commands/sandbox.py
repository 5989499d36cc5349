"""``scraper sandbox``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import click

from scraper.cli.options import day_option, fault_option, refuse_windows, settings_of
from scraper.cli.world_options import pairs, world_options
from scraper.core.errors import UsageError
from scraper.core.subscriptions import Subscription


@click.command()
@click.option(
    "--port", default=8800, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 chooses a free one."
)
@click.option("--seed", default=0, show_default=True, help="Seed for data and faults.")
@day_option
@world_options
@click.option(
    "--plan",
    "plans",
    multiple=True,
    metavar="VENDOR=PLAN",
    callback=lambda _context, _option, values: pairs(values, "VENDOR=PLAN"),
    help="Plan of the vendor's account.",
)
@click.option("--no-rate", is_flag=True, help="Accept any number of requests a minute; credits stay limited.")
@fault_option
@click.option(
    "--failed-requests",
    type=click.Choice(["free", "charged"]),
    default="free",
    show_default=True,
    help="KeyAPI's charge for failed requests, which it does not document.",
)
@click.option("--retired", is_flag=True, help="Answer 404 for Crawlora's two boards that are gone or deprecated.")
@click.option("--faults", "list_faults", is_flag=True, help="List the kinds of faults and exit.")
def sandbox(  # noqa: PLR0913 - one for each option
    *,
    port: int,
    seed: int,
    day: date | None,
    plans: Mapping[str, str],
    no_rate: bool,
    faults: Sequence[str],
    failed_requests: Literal["free", "charged"],
    retired: bool,
    list_faults: bool,
) -> None:
    """Serve simulated vendors on a local port.

    Both vendors meter, clamp and refuse as their pages document. --fault makes all requests fail, or those selected by
    share=0.05, nth=1,2 (the n-th occurrence of the same request), endpoint=NAME, with=PARAMETER=VALUE and after=N
    (after N requests). The same requests fail for every client.

    Accepts the keys in CRAWLORA_API_KEY and KEYAPI_API_KEY if they are set, otherwise the key `sandbox-key`.
    """
    if list_faults:
        _print_kinds()
        return
    refuse_windows()
    import asyncio
    import os
    import signal

    from scraper.wiring.sandboxes import sandbox_server
    from scraper.wiring.settings import SANDBOX_VENDORS

    settings = settings_of(None, sandbox=True, seed=seed, day=day, rate=not no_rate, faults=faults)
    keys = {vendor: os.environ.get(f"{vendor.upper()}_API_KEY", "") for vendor in SANDBOX_VENDORS}

    async def serve() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        served = sandbox_server(plans, keys, settings, port=port, failed_requests=failed_requests, retired=retired)
        async with served as (url, subscriptions):
            _print_addresses(url, subscriptions, keys, with_faults=bool(faults), without_rate=no_rate)
            await stopped.wait()

    try:
        asyncio.run(serve())
    except OSError as failure:
        raise UsageError(f"port {port} cannot be used: {failure.strerror}; choose another with --port.") from failure


def _print_addresses(
    url: str,
    subscriptions: Mapping[str, Subscription],
    keys: Mapping[str, str],
    *,
    with_faults: bool,
    without_rate: bool,
) -> None:
    from scraper.wiring.sandboxes import sandbox_urls
    from scraper.wiring.settings import SANDBOX_KEY

    click.echo(f"sandbox listening at {url}; press Ctrl-C to stop", err=True)
    for vendor, subscription in subscriptions.items():
        key = "the key in your environment" if keys[vendor] else f"key {SANDBOX_KEY}"
        pace = ", without its rate" if without_rate else ""
        click.echo(f"  {vendor}: plan {subscription.name}{pace}, {key}", err=True)
    click.echo(f"  account: {url}/_sandbox/account?vendor=crawlora", err=True)
    if with_faults:
        click.echo(f"  faults:  {url}/_sandbox/faults", err=True)
    options = " ".join(f"--vendor-url {name}={at}" for name, at in sandbox_urls(url).items())
    click.echo(f"scraper run JOB --data DIR {options}")


def _print_kinds() -> None:
    from scraper.sandbox import KINDS

    click.echo(f"{'kind':<18} {'charged':<7}  what happens")
    for kind in KINDS:
        only = "" if kind.paging is None else " (pages by number)" if kind.paging == "page" else " (pages by cursor)"
        click.echo(f"{kind.name:<18} {kind.charged.value:<7}  {kind.meaning}{only}")
        for option in kind.options:
            values = "|".join(option.allowed) or "N"
            click.echo(f"{'':<28}{option.name}={values}, by default {option.default}")
    click.echo(
        "\ncharged: yes, like a success; 2xx, by crawlora, which charges every 2xx; no, not by crawlora; never, as\n"
        "the vendor does not see the request. keyapi documents no charges for 2xx and no: --failed-requests decides."
    )
