"""How a long step tells what it is doing."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]  # takes one line: "streaming: 30 of 100 rows"


def silent(text: str) -> None:
    """The progress of a call that nobody watches."""
