"""A macro that defines functions, written out: each function can then be kept or left away."""

from __future__ import annotations

import re
from dataclasses import dataclass

WIDTH = 100
# names, numbers and strings are taken whole; a comment inside an argument stays
WORD = re.compile(r"/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"|\w+|##|[^\S\n]+|\n|.", re.DOTALL)
HEAD = re.compile(r"\s*#\s*define\s+(\w+)(?:\(([^)]*)\))?(.*)", re.DOTALL)


@dataclass(frozen=True)
class Macro:
    """A macro of a hand-written header."""

    name: str
    parameters: tuple[str, ...]
    body: str
    comment: str


def macro_of(text: str, comment: str) -> Macro:
    """The macro that a #define defines, its lines without backslashes."""
    found = HEAD.match(text)
    assert found is not None
    names = tuple(name.strip() for name in (found[2] or "").split(",") if name.strip())
    lines = [line.rstrip().removesuffix("\\").rstrip() for line in found[3].splitlines()]
    body = "\n".join(line.removeprefix("    ") for line in lines)
    return Macro(found[1], tuple(n.replace("...", "__VA_ARGS__") for n in names), body, comment)


def arguments(call: str) -> list[str]:
    """What stands between the brackets of NAME(...), cut at its commas."""
    depth, parts = 0, [""]
    for word in WORD.findall(call[call.index("(") + 1 : call.rindex(")")]):
        depth += (word in ("(", "[", "{")) - (word in (")", "]", "}"))
        if word == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += word
    return [part.strip() for part in parts]


def expand(macro: Macro, call: str) -> str:
    """The body with the arguments of a call, one step deep."""
    given = arguments(call)
    own = len(macro.parameters) - ("__VA_ARGS__" in macro.parameters)
    values = dict(zip(macro.parameters, given[:own]))
    if own < len(macro.parameters):
        values["__VA_ARGS__"] = ", ".join(given[own:])
    words = [values.get(word, word) for word in WORD.findall(macro.body)]
    text = re.sub(r"\s*##\s*", "", "".join(words))
    return "\n".join(line for row in text.splitlines() for line in narrow(row.rstrip()))


def narrow(line: str) -> list[str]:
    """A line as lines of at most WIDTH columns where spaces between words allow it."""
    indent = line[: len(line) - len(line.lstrip())]
    chunks = [""]
    for word in WORD.findall(line[len(indent) :]):
        if word.isspace():
            chunks.append("")
        else:
            chunks[-1] += word
    lines, row = [], indent + chunks[0]
    for chunk in chunks[1:]:
        if len(row) + 1 + len(chunk) > WIDTH:
            lines.append(row)
            row = f"{indent}    {chunk}"
        else:
            row = f"{row} {chunk}"
    return [*lines, row]
