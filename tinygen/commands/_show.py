"""How a command shows what it does and what came of it.

A command's function returns a result: a frozen dataclass with `text()`, the lines for people,
`plain()`, the same as JSON values, and where it can fail `exit_code`. What a name or a label holds
reaches no terminal as a command to it: all text is printed here, control characters by their codes.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import click

from ..common.errors import plain
from ..common.progress import Progress, silent
from ..common.text import page

if TYPE_CHECKING:
    from ..model.model import Model
    from ..model.signals import SignalModel

COUNTED = re.compile(r"(\d[\d,]*) of (\d[\d,]*)")
PLAIN_SECONDS = 5.0  # between two lines on one long step where the output is no terminal


class Result(Protocol):
    """What a command returns."""

    def text(self) -> str:
        """The lines for people."""

    def plain(self) -> dict[str, Any]:
        """Plain JSON values."""


def shows(function):
    """Adds --json to a command whose function returns a `Result`, and prints that."""

    @click.option(
        "--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else there."
    )
    @wraps(function)
    def command(*args, as_json, **options):
        result = function(*args, **options)
        try:
            click.echo(json_of(result) if as_json else page(result.text()))
        except BrokenPipeError:  # the reader has gone, as `head` does; click would make a 1 of it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return getattr(result, "exit_code", 0)

    return command


def json_of(result: Result) -> str:
    """One JSON object with a line per key, so that people can read it as well."""
    lines = (
        f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
        for key, value in result.plain().items()
    )
    return "{\n" + ",\n".join(lines) + "\n}"


def of_model(path: Path, model: Model | SignalModel) -> dict[str, Any]:
    """What the plain form of a new model begins with."""
    return {
        "model": str(path),
        "name": model.name,
        "family": model.family,
        "id": f"{model.model_id:08x}",
        "inputs": [q.name for q in model.inputs],
    }


def of_rows(model: Model) -> dict[str, Any]:
    """What it says of the rows."""
    return {name: model.training[name] for name in ("rows_train", "rows_test", "split")}


@contextmanager
def progress() -> Iterator[Progress]:
    """What the library tells its steps to: a bar on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        with bar() as shown:
            yield shown
        return
    said, last = "", 0.0

    def say(text: str) -> None:
        """Says each step once, and of a long one how far it is, every PLAIN_SECONDS."""
        nonlocal said, last
        step, now = text.partition(":")[0], monotonic()
        if step != said or now - last >= PLAIN_SECONDS:
            said, last = step, now
            click.echo(f"  {plain(text)}", err=True)

    yield say


@contextmanager
def progress_on_terminal(text: str) -> Iterator[Progress]:
    """The same for a step that takes seconds on large files only: nothing without a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    with bar() as say:
        say(text)
        yield say


@contextmanager
def bar() -> Iterator[Progress]:
    """Shows its text on a terminal, with a bar where the text says "3 of 30"."""
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        SpinnerColumn(),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True, highlight=False),
        transient=True,
    ) as shown:
        task = shown.add_task("", total=None)

        def say(text: str) -> None:
            counted = COUNTED.search(text)
            done, total = map(_count, counted.groups()) if counted else (0, None)
            shown.update(task, description=plain(text), completed=done, total=total)

        yield say


def _count(number: str) -> int:
    return int(number.replace(",", ""))
