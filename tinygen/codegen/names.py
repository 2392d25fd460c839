"""Which names a model may have in C."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from ..common.errors import EmitError


@lru_cache(maxsize=1)
def reserved() -> frozenset[str]:
    """Names that no model may have, in lower case: keywords, headers, and what would give a macro
    of the Arduino core a second meaning.
    """
    folder = files("tinygen.codegen")
    lists = (folder.joinpath(name) for name in ("reserved_words.txt", "core_names.txt"))
    lines = [line for names in lists for line in names.read_text("ascii").splitlines()]
    return frozenset(line for line in lines if not line.startswith("#"))


def is_reserved(name: str) -> bool:
    """True for a name that C, the Arduino core or tinygen has for itself.

    Case does not count: file systems of Windows and macOS do not tell Print.h from print.h.
    """
    return name.lower() in reserved() or name.lower().startswith("tinygen")


def check_prefix(name: str) -> str:
    """`name` if it may prefix C names and name a header; EmitError otherwise."""
    if is_reserved(name):
        raise EmitError(
            f"model name '{name}' is a word of C, of the Arduino core or of tinygen: "
            "give another with --name"
        )
    return name
