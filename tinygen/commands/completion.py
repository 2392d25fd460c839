"""`tinygen completion`: what makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context, shell):
    """Print what makes SHELL complete commands and options.

    \b
    Example:
      tinygen completion bash >> ~/.bashrc
      tinygen completion zsh >> ~/.zshrc
      tinygen completion fish > ~/.config/fish/completions/tinygen.fish
    """
    main = context.find_root().command
    click.echo(get_completion_class(shell)(main, {}, "tinygen", "_TINYGEN_COMPLETE").source())
