"""The text of a header with the runtime inside."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .items import OWN_INCLUDE, Branch, Item, names_in, negated, read_all
from .reach import condition_of, possible, reached, settings_of
from .sdcc import INLINE, LOCAL, called, marked

TITLE = """/* ---- what the model uses of tinygen's runtime; several models share it ---- */
#ifdef TINYGEN_FIXED_H
#error "tinygen_fixed.h and a header that has it inside: export all models in the same way"
#endif
#ifndef TINYGEN_INSIDE
#define TINYGEN_INSIDE {version}
#elif TINYGEN_INSIDE != {version}
#error "headers of two versions of tinygen: export all models with the same one"
#endif
"""
END = f"\n/* ---- the model {'-' * 58} */\n"


def alone(
    header: str, beside: Mapping[str, str], runtime: Mapping[str, str], users: Iterable[str]
) -> str:
    """The text of a header with all that it includes.

    beside: generated headers that it may include; runtime: the hand-written ones, of which it gets
    what it uses; users: texts that include it, and may use more.
    """
    text, users = _with_generated(header, beside), tuple(users)
    files = [name for name in OWN_INCLUDE_LINES.findall(text) if name in runtime]
    names = [name for one in (text, *users) for name in names_in(one)]
    left = _left(read_all(runtime, files), names)
    version = f"0x{zlib.crc32(repr(sorted(runtime.items())).encode('ascii')):08X}UL"
    inside = TITLE.format(version=version) + _tidy(_printed(left)) + END
    first = text.index(f'#include "{files[0]}"')
    lines = [line for line in text[first:].splitlines() if not OWN_INCLUDE.match(line)]
    model = marked("\n".join(lines).lstrip("\n") + "\n")
    local = any("TINYGEN_LOCAL" in one for one in (model, *users))
    macros = INLINE + LOCAL if local else INLINE
    inside = inside.replace("#include <stdint.h>\n", f"#include <stdint.h>\n{macros}", 1)
    whole = text[:first] + called(inside + model)
    for words, others in INSTEAD.items():
        whole = whole.replace(words, others)
    return whole


OWN_INCLUDE_LINES = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)
# words of a header that has its runtime beside it
INSTEAD = {
    "run `tinygen emit`": "run `tinygen export`",
    "for -DTINYGEN_SHARED, see tinygen_flash.h": "for -DTINYGEN_SHARED: one copy of the tables",
    "tinygen_trees.h has the words": "the words are explained above",
    "tinygen_straight.h has the words": "the words are explained above",
}


def _with_generated(text: str, beside: Mapping[str, str]) -> str:
    """The header with the generated headers in the places where it includes them."""
    put = lambda found: beside.get(found[1], found[0])
    return OWN_INCLUDE_LINES.sub(put, text)


def _left(items: Sequence[Item], names: Sequence[str]) -> list[Item]:
    """The items that these names need, each where it is needed and with a guard of its own."""
    settings = settings_of(items)
    found = [reached(items, names, setting) for setting in settings]
    left: list[Item] = []
    for k, item in enumerate(items):
        if not any(k in places for places in found):
            continue
        there = [s for s in settings if possible(item.path, s)]
        kept = [s for s, places in zip(settings, found) if k in places]
        if item.is_include and any(_is_there(item, other) for other in left):
            continue
        left.append(item if item.is_macro or item.is_include else _guarded(item, kept, there))
    return left


def _is_there(item: Item, before: Item) -> bool:
    """True where an #include stands before, and holds wherever this one does."""
    return before.text == item.text and before.path == item.path[: len(before.path)]


def _guarded(item: Item, kept, there) -> Item:
    """A definition that another model's header may have brought already."""
    condition = condition_of(kept, there)
    narrow = (Branch(0, 0, condition, ()),) if condition else ()
    guard = f"TINYGEN_HAS_{item.defines.removeprefix('tinygen_').upper().strip('_')}"
    text = f"#ifndef {guard}\n#define {guard}\n{item.text}\n#endif"
    return replace(item, path=(*item.path, *narrow), text=text)


@dataclass
class _Open:
    """An #if that is being printed: which one, and what its parts so far asked for."""

    branch: Branch
    asked: list[str]


def _printed(items: Sequence[Item]) -> str:
    """The items as text, in their conditions."""
    lines: list[str] = []
    stack: list[_Open] = []
    said: set[str] = set()
    before: Item | None = None
    for item in items:
        _move(stack, item, lines)
        alike = before and before.is_macro == item.is_macro and before.path == item.path
        if item.comment and item.comment not in said:
            lines += ["", item.comment]
            said.add(item.comment)
        elif not alike or not (item.is_macro or item.is_include):
            lines.append("")
        lines.append(item.text)
        before = item
    _close(stack, 0, lines)
    return "\n".join(lines) + "\n"


def _move(stack: list[_Open], item: Item, lines: list[str]) -> None:
    """Ends and begins conditions, until those of the item hold."""
    same = 0
    while same < min(len(stack), len(item.path)) and stack[same].branch == item.path[same]:
        same += 1
    follows = same < min(len(stack), len(item.path)) and _is_later(
        stack[same].branch, item.path[same]
    )
    _close(stack, same + follows, lines)
    for depth, branch in enumerate(item.path[same:], same):
        if depth < len(stack):
            lines.append(_else(stack[depth].asked, branch))
            stack[depth].branch = branch
        else:
            lines += ["", f"#if {branch.whole}"]
            stack.append(_Open(branch, []))
        stack[depth].asked.append(branch.condition)


def _tidy(text: str) -> str:
    """Without empty lines where a condition begins or ends."""
    text = re.sub(r"(\n#(?:if|elif|else)[^\n]*)\n\n+", r"\1\n", text)
    return re.sub(r"\n\n+(#(?:else|elif|endif))", r"\n\1", text)


def _is_later(one: Branch, other: Branch) -> bool:
    return one.group == other.group != 0 and one.place < other.place


def _else(asked: list[str], branch: Branch) -> str:
    """The directive of a later part, where parts between may have gone."""
    missing = [negated(c) for c in branch.before if c not in asked]
    wanted = missing + [branch.condition] * bool(branch.condition)
    return f"#elif {' && '.join(wanted)}" if wanted else "#else"


def _close(stack: list[_Open], depth: int, lines: list[str]) -> None:
    while len(stack) > depth:
        stack.pop()
        lines.append("#endif")
