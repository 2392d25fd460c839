"""What a program calls of the runtime, on each kind of chip that the runtime tells apart.

A switch is a macro that the runtime defines as 1 or as 0, TINYGEN_ASM for one. A setting gives
every switch a value. What a function calls may differ between settings, and so may what is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

from .items import Item, Path, negated

Setting = tuple[tuple[str, bool], ...]  # switch and its value
VALUE = re.compile(r"\s*#\s*define\s+(\w+) ([01])\s*(?:/\*.*)?$")


def settings_of(items: Sequence[Item]) -> list[Setting]:
    """Every setting that can be, by the conditions under which a switch gets its value."""
    values: dict[str, dict[bool, list[Path]]] = {}
    for item in items:
        if found := VALUE.match(item.text):
            kinds = values.setdefault(found[1], {})
            kinds.setdefault(found[2] == "1", []).append(item.path)
    switches = [name for name, kinds in values.items() if len(kinds) == 2]
    found_settings = [
        tuple(zip(switches, chosen)) for chosen in product((True, False), repeat=len(switches))
    ]
    return [
        setting
        for setting in found_settings
        if all(any(possible(p, setting) for p in values[name][v]) for name, v in setting)
    ]


def possible(path: Path, setting: Setting) -> bool:
    """False where a setting says that a place is left out."""
    known = dict(setting)
    for branch in path:
        conditions = [(branch.condition, True)] * bool(branch.condition)
        for condition, wanted in [*conditions, *((one, False) for one in branch.before)]:
            switch = condition.lstrip("!")
            if switch in known and known[switch] != (wanted == (switch == condition)):
                return False
    return True


def reached(items: Sequence[Item], names: Iterable[str], setting: Setting) -> set[int]:
    """Places of the items that these names need under a setting, with all that those need."""
    there = [k for k, item in enumerate(items) if possible(item.path, setting)]
    defined: dict[str, list[int]] = {}
    for k in there:
        defined.setdefault(items[k].defines, []).append(k)
    waiting = [*names]
    found = {k for k in there if items[k].is_include or items[k].is_check}
    seen = set()
    for k in found:
        waiting += needs(items[k])
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        places = (
            [k for other, ks in defined.items() if other.startswith(name[:-1]) for k in ks]
            if name.endswith("*")
            else defined.get(name, [])
        )
        for k in places:
            found.add(k)
            waiting += needs(items[k])
    return found


@lru_cache(maxsize=4096)
def needs(item: Item) -> tuple[str, ...]:
    """The names in an item and in the conditions around it."""
    return (*item.names, *(n for b in item.path for n in re.findall(r"\w+", b.whole)))


def condition_of(kept: Sequence[Setting], settings: Sequence[Setting]) -> str:
    """What tells the settings `kept` from the others; "" for all of them."""
    if len(kept) == len(settings):
        return ""
    for name, value in [pair for setting in settings for pair in setting]:
        if list(kept) == [s for s in settings if dict(s)[name] == value]:
            return name if value else negated(name)
    terms = [" && ".join(n if v else negated(n) for n, v in setting) for setting in kept]
    return " || ".join(f"({term})" for term in terms) if len(terms) > 1 else terms[0]
