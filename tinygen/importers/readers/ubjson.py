"""UBJSON (https://ubjson.org), as XGBoost writes its model files: numbers most significant byte
first, lists of numbers as one block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
MOST_VALUES = 1_000_000  # beside those in lists of numbers: more than a small forest has
WHOLE = "iUIlL"  # kinds of number that a length may be
PLAIN: dict[str, Any] = {"T": True, "F": False, "Z": None}


def ubjson_of(data: bytes) -> Any:
    """The plain value in a UBJSON file; ValueError where it is none, or nested without end."""
    try:
        return _Reader(data).value()
    except RecursionError:
        raise ValueError("lists within lists without end") from None


class _Reader:
    """A place in the bytes that moves on with all that is read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.count = data, 0, 0

    def value(self) -> Any:
        self.count += 1
        if self.count > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES:,} values")
        return self._of(self._take(1).decode("latin-1"))

    def _take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if count < 0 or len(found) < count:
            raise ValueError(f"it ends within a value at byte {self.at:,}")
        self.at += count
        return found

    def _next_is(self, kind: bytes) -> bool:
        """Whether this kind comes next; if so it is passed."""
        found = self.data[self.at : self.at + 1] == kind
        self.at += found
        return found

    def _of(self, kind: str) -> Any:
        """A value of the kind that was just read."""
        if kind in NUMBERS:
            return self._numbers(kind, 1)[0]
        if kind == "S":
            return self._text()
        if kind == "C":
            return self._take(1).decode("latin-1")
        if kind == "[":
            return self._list()
        if kind == "{":
            return self._object()
        if kind in PLAIN:
            return PLAIN[kind]
        raise ValueError(f"byte {self.at:,} starts no value that is known")

    def _numbers(self, kind: str, count: int) -> list[Any]:
        form = np.dtype(NUMBERS[kind])
        found: list[Any] = np.frombuffer(self._take(count * form.itemsize), form).tolist()
        return found

    def _length(self) -> int:
        kind = self._take(1).decode("latin-1")
        if kind not in WHOLE:
            raise ValueError(f"byte {self.at:,} is no length")
        return int(self._numbers(kind, 1)[0])

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8", "replace")

    def _list(self) -> list[Any]:
        if self._next_is(b"$"):
            kind = self._take(1).decode("latin-1")
            if kind not in NUMBERS or not self._next_is(b"#"):
                raise ValueError(f"byte {self.at:,} starts a list that is not known")
            return self._numbers(kind, self._length())
        if self._next_is(b"#"):
            count = self._length()
            if not 0 <= count <= len(self.data) - self.at:
                raise ValueError(f"a list at byte {self.at:,} is longer than the file")
            return [self.value() for _ in range(count)]
        found = []
        while not self._next_is(b"]"):
            found.append(self.value())
        return found

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._next_is(b"}"):
            key = self._text()
            found[key] = self.value()
        return found
