"""``dialer completion``: what lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the lines that let SHELL complete this command.

    \b
    bash  dialer completion bash > ~/.local/share/bash-completion/completions/dialer
    zsh   dialer completion zsh > "${fpath[1]}/_dialer"
    fish  dialer completion fish > ~/.config/fish/completions/dialer.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "dialer", "_DIALER_COMPLETE").source())
