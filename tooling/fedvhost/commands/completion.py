"""``fedvhost completion``: the script that teaches a shell our verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  eval "$(fedvhost completion bash)"                       in ~/.bashrc
    zsh:   eval "$(fedvhost completion zsh)"                        in ~/.zshrc
    fish:  fedvhost completion fish > ~/.config/fish/completions/fedvhost.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = ctx.find_root()
    click.echo(kind(root.command, {}, "fedvhost", "_FEDVHOST_COMPLETE").source())
