"""Jinja over the templates of HTML pages, templates/report: everything that they are given is
escaped.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined


@lru_cache(maxsize=1)
def environment() -> Environment:
    return Environment(
        loader=FunctionLoader(source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def source(name: str) -> str:
    """Text of a file that pages are made of."""
    return files("tinygen.templates").joinpath("report", name).read_text(encoding="utf-8")
