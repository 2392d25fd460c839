"""The one Jinja environment, over the folder templates.

    environment("c").get_template("header.h.j2").render(...)

What a template prints passes one gate, by the kind of text that it writes: C and other program text
takes integers and ASCII only, Markdown and HTML escape everything (common/text.py).
"""

from __future__ import annotations

import struct
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .. import templates
from .errors import EmitError
from .text import markdown, page

if TYPE_CHECKING:
    from jinja2 import Environment

WIDTH = 100  # of a line of numbers


@cache
def environment(kind: str) -> Environment:
    """Templates that write text of one kind: "c" (all program text), "markdown" or "html"."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # tab completion needs none

    gate = GATES[kind]
    jinja = Environment(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=kind == "html",
        finalize=gate,
    )
    jinja.filters.update(literal=literal, float32=float32, wrapped=wrapped)
    return jinja


def source(name: str) -> str:
    """Text of a file in the folder templates, or in a folder that was added to its path."""
    places = [Path(folder) / name for folder in templates.__path__]
    return next(filter(Path.is_file, places), places[0]).read_text(encoding="utf-8")


def literal(value: int) -> str:
    """An integer as C text, long where 16 bits do not hold it."""
    return f"{value}L" if abs(value) > 32767 else str(value)


def float32(value: float) -> str:
    """The nearest float as C text: nine digits tell all floats apart."""
    (nearest,) = struct.unpack("f", struct.pack("f", value))
    text = f"{nearest:.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def wrapped(values: Iterable[object]) -> list[str]:
    """Rows of a C table."""
    return textwrap.wrap(" ".join(f"{v}," for v in values), WIDTH, break_long_words=False)


def _program_text(value: object) -> object:
    """Integers and ASCII text as they are; anything else would be a mistake of ours."""
    if isinstance(value, float) or (isinstance(value, str) and not value.isascii()):
        raise EmitError(
            f"a template printed {value!r}: this is an internal error, please report it"
        )
    return value


def _markdown(value: object) -> object:
    return markdown(value) if isinstance(value, str) else value


def _page(value: object) -> object:
    """Text without what a browser would act on unseen; markup that we made is left alone."""
    return page(value) if type(value) is str else value


GATES: dict[str, Callable[[object], object]] = {
    "c": _program_text,
    "markdown": _markdown,
    "html": _page,
}
