"""The first difference between two files that should be the same, in words."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import takewhile
from typing import Any

from ...common.errors import CheckError, show

BEFORE = 12  # characters shown before the first that differs
MORE = object()  # in place of a value that only one side has


class Differs(CheckError):
    """Something is not as it was made; `stage` is the step of the way from data to hex file."""

    def __init__(self, stage: str, words: str) -> None:
        super().__init__(f"{stage}: {words}")
        self.stage, self.words = stage, words


def text_difference(there: bytes, anew: bytes) -> str:
    """ "line 3 is 'a', made anew it is 'b'"; "" where all bytes are the same."""
    if there == anew:
        return ""
    lines = [content.decode("utf-8", "replace").split("\n") for content in (there, anew)]
    for number, (one, other) in enumerate(zip(*lines), 1):
        if one != other:
            there_is, anew_is = _around(one, other)
            return f"line {number} is {there_is}, made anew it is {anew_is}"
    ends = [len(side) for side in lines]
    if ends[0] == ends[1]:
        return "its bytes are no UTF-8 text"
    return f"it ends after line {ends[0]}, made anew after line {ends[1]}"


def _around(one: str, other: str) -> tuple[str, str]:
    """Two lines from a little before where they part."""
    parted = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))
    begin = max(0, parted - BEFORE)
    lead = "..." if begin else ""
    return show(lead + one[begin:].strip()), show(lead + other[begin:].strip())


def json_difference(there: bytes, anew: bytes, first: Collection[str] = ()) -> str:
    """ "training.seed is 1, made anew is 0"; of texts that are no JSON the first line. first: names
    of values that are the cause where others differ as well.
    """
    if there == anew:
        return ""
    try:
        found = _walked(json.loads(there), json.loads(anew), "", first)
    except (ValueError, RecursionError):
        found = ""
    return found or text_difference(there, anew)


def _walked(there: Any, anew: Any, where: str, first: Collection[str]) -> str:
    """The first value that differs. `id` is last, which is the sum of the others, and `training`
    before the numbers that came of it.
    """
    if isinstance(there, dict) and isinstance(anew, dict):
        pairs = [
            (f"{where}.{key}".lstrip("."), there.get(key, MORE), anew.get(key, MORE))
            for key in sorted(
                {*there, *anew},
                key=lambda key: (key == "id", key not in first, key != "training", key),
            )
        ]
    elif isinstance(there, list) and isinstance(anew, list) and len(there) == len(anew):
        pairs = [(f"{where}[{k}]", one, other) for k, (one, other) in enumerate(zip(there, anew))]
    elif there == anew and type(there) is type(anew):
        return ""
    else:
        return f"{where} {_said(there)}, made anew {_said(anew)}"
    return next(
        (found for pair in pairs if (found := _walked(pair[1], pair[2], pair[0], first))), ""
    )


def _said(value: Any) -> str:
    if value is MORE:
        return "is not there"
    if isinstance(value, list):
        return f"has {len(value)} values"
    text = json.dumps(value)
    return f"is {text if len(text) <= 40 else text[:37] + '...'}"
