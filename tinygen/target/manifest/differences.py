"""The first difference between two files that should be the same, in words."""

from __future__ import annotations

import json
from typing import Any

from ...common.errors import CheckError, show

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
            return f"line {number} is {show(one.strip())}, made anew it is {show(other.strip())}"
    ends = [len(side) for side in lines]
    if ends[0] == ends[1]:
        return "its bytes are no UTF-8 text"
    return f"it ends after line {ends[0]}, made anew after line {ends[1]}"


def json_difference(there: bytes, anew: bytes) -> str:
    """ "training.seed is 1, made anew it is 0"; of texts that are no JSON the first line."""
    if there == anew:
        return ""
    try:
        found = _walked(json.loads(there), json.loads(anew), "")
    except (ValueError, RecursionError):
        found = ""
    return found or text_difference(there, anew)


def _walked(there: Any, anew: Any, where: str) -> str:
    """The first value that differs; `id` last, which is the sum of the others."""
    if isinstance(there, dict) and isinstance(anew, dict):
        pairs = [
            (f"{where}.{key}".lstrip("."), there.get(key, MORE), anew.get(key, MORE))
            for key in sorted({*there, *anew}, key=lambda key: (key == "id", key))
        ]
    elif isinstance(there, list) and isinstance(anew, list) and len(there) == len(anew):
        pairs = [(f"{where}[{k}]", one, other) for k, (one, other) in enumerate(zip(there, anew))]
    elif there == anew and type(there) is type(anew):
        return ""
    else:
        return f"{where} {_said(there)}, made anew {_said(anew)}"
    return next((found for pair in pairs if (found := _walked(pair[1], pair[2], pair[0]))), "")


def _said(value: Any) -> str:
    if value is MORE:
        return "is not there"
    if isinstance(value, list):
        return f"has {len(value)} values"
    text = json.dumps(value)
    return f"is {text if len(text) <= 40 else text[:37] + '...'}"
