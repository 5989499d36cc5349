"""``scraper completion SHELL``."""

from __future__ import annotations

import sys

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), metavar="[bash|zsh|fish]")
def completion(shell: str) -> None:
    """Print a script that completes commands, options and names.

    \b
    bash   scraper completion bash > ~/.local/share/bash-completion/completions/scraper
    zsh    scraper completion zsh > ~/.zfunc/_scraper      (~/.zfunc in $fpath, before compinit)
    fish   scraper completion fish > ~/.config/fish/completions/scraper.fish

    It completes the project's jobs, run ids, vendors, tables and views, kinds of faults and pages of the manual.
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    made = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    root = click.get_current_context().find_root().command
    script = made(root, {}, "scraper", "_SCRAPER_COMPLETE")
    sys.stdout.write(script.source_template % script.source_vars() + "\n")
