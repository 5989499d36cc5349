"""``scraper sandbox``."""

from __future__ import annotations

from collections.abc import Mapping

import click

from scraper.core.errors import UsageError


def _plans(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str]:
    plans = {}
    for value in values:
        vendor, equals, plan = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not of the form VENDOR=PLAN")
        plans[vendor] = plan
    return plans


@click.command()
@click.option("--port", default=8800, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--seed", default=0, show_default=True, help="Seed of the data.")
@click.option("--plan", "plans", multiple=True, metavar="VENDOR=PLAN", callback=_plans, help="Plan of an account.")
def sandbox(port: int, seed: int, plans: Mapping[str, str]) -> None:
    """Play both vendors on a local port.

    Metering, clamping and refusing as their pages say.

    It accepts the keys in CRAWLORA_API_KEY and KEYAPI_API_KEY, where they are set, else the key `sandbox-key`.
    """
    import asyncio
    import os
    import signal

    from scraper import wiring

    keys = {vendor: os.environ.get(f"{vendor.upper()}_API_KEY", "") for vendor in wiring.SANDBOX_VENDORS}

    async def serve() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with wiring.sandbox_server(plans, keys, seed=seed, port=port) as (url, subscriptions):
            click.echo(f"the sandbox plays the vendors at {url}; Ctrl-C ends it", err=True)
            for vendor, subscription in subscriptions.items():
                key = "the key in your environment" if keys[vendor] else f"key {wiring.SANDBOX_KEY}"
                click.echo(f"  {vendor}: plan {subscription.name}, {key}", err=True)
            click.echo("  account: " + f"{url}/_sandbox/account?vendor=crawlora", err=True)
            options = " ".join(f"--vendor-url {name}={at}" for name, at in wiring.sandbox_urls(url).items())
            click.echo(f"scraper run JOB --data DIR {options}")
            await stopped.wait()

    try:
        asyncio.run(serve())
    except OSError as failure:
        raise UsageError(f"port {port} cannot be used: {failure.strerror}; name another with --port.") from failure
