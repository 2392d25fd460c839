"""Edits of a plain JSON value, one place at a time: what a file may have become on its way."""

import copy

GONE, MORE = object(), object()
VALUES = [None, True, -1, 0, 10**18, 70000, 1.5, 1e300, "x", "", [], {}, [[]], GONE, MORE]


def places(value, at=(), of_a_list=None):
    """Paths of every member; of a list those of the first `of_a_list`, where given."""
    members = value.items() if isinstance(value, dict) else ()
    members = list(enumerate(value))[:of_a_list] if isinstance(value, list) else members
    for name, inside in members:
        yield (*at, name)
        yield from places(inside, (*at, name), of_a_list)


def edited(plain: dict, place: tuple, value) -> dict:
    """A copy with another value at a place; GONE removes the member, MORE adds one to it."""
    plain = at = copy.deepcopy(plain)
    for name in place[:-1]:
        at = at[name]
    if value is GONE:
        del at[place[-1]]
    elif value is MORE:
        at.update(extra=1) if isinstance(at, dict) else at.append(1)
    else:
        at[place[-1]] = value
    return plain
