"""`tinygen setup`: installs what is missing to build and simulate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from ..common.progress import Progress, silent
from ..common.tables import table
from ._show import progress, shows

if TYPE_CHECKING:
    from ..target.toolchain import Toolchain


@dataclass(frozen=True)
class Tools:
    """What builds and simulates are made with."""

    toolchain: Toolchain

    def text(self) -> str:
        """One piece a line, and where it is."""
        rows = [[name, str(value)] for name, value in asdict(self.toolchain).items()]
        return table(["piece", "where"], rows)

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""
        pieces = asdict(self.toolchain).items()
        return {name: None if value is None else str(value) for name, value in pieces}


def set_up(progress: Progress = silent) -> Tools:
    """Installs what is missing to build and simulate."""
    from ..target import toolchain

    return Tools(toolchain.ensure(progress, install=True))


@click.command("setup")
@shows
def command():
    """Install what is missing to build and simulate.

    Compiler, Arduino core, uploader and simulator; what is there already stays as it is.

    \b
    Example:
      tinygen setup
    """
    with progress() as say:
        return set_up(say)
