"""The time of each row: from a `Date` and a `Time` column, or from the first column of dates."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

_CLOCK = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
# Day before month first: the UCI file has 10/03/2004 for 10 March; month first only if that cannot
# be.
_DATE_ORDERS = tuple(
    re.compile(rf"{date}(?:[T ]\s*{_CLOCK})?", re.ASCII)
    for date in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        r"(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[-/.](?P<year>\d{4})",
        r"(?P<day>\d{1,2})[-/. ](?P<month>[A-Za-z]{3,9})[-/., ]+(?P<year>\d{4})",
        r"(?P<month>[A-Za-z]{3,9})[-/. ](?P<day>\d{1,2})[-/., ]+(?P<year>\d{4})",
    )
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = datetime(1970, 1, 1)


def _seconds(text: str, order: re.Pattern) -> int | None:
    """Seconds since 1970 (UTC if the text has a zone, else local); None if it is not a date in this
    order.
    """
    match = order.fullmatch(text)
    if not match:
        return None
    parts = match.groupdict()
    zone = (parts["zone"] or "Z").replace(":", "")
    east = (
        0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[3:5]))
    )  # minutes
    year, day, hour, minute, second = (
        int(parts[key] or 0) for key in ("year", "day", "hour", "minute", "second")
    )
    name = parts["month"][:3].casefold()
    if not name[0].isdecimal() and name not in _MONTHS:
        return None
    month = int(parts["month"]) if name[0].isdecimal() else _MONTHS.index(name) + 1
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (parts["half"].casefold() == "pm")
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1) - 60 * east


def moments_of(text: str) -> dict[int, np.datetime64]:
    """The moments that a text can mean, by the place of the order of day, month and year in which
    it is read; {} for no date.
    """
    found = {k: _seconds(text, order) for k, order in enumerate(_DATE_ORDERS)}
    return {k: np.datetime64(value, "s") for k, value in found.items() if value is not None}


NO_DATE = np.iinfo(np.int64).min  # what numpy takes for "not a time"


@dataclass
class TimeReader:
    """The time of each row, from a `Date` and a `Time` column or from the first column of dates."""

    names: tuple[str, ...]
    indices: tuple[int, ...]
    order: re.Pattern | None
    seconds: array = field(default_factory=lambda: array("q"))

    @classmethod
    def find(cls, names: Sequence[str], cells_by_column: Sequence[Sequence[str]]) -> TimeReader:
        """The reader whose columns hold dates throughout the given block of rows, but for empty
        cells.
        """
        lower = [name.casefold() for name in names]
        pair = (
            [(lower.index("date"), lower.index("time"))] if {"date", "time"} <= set(lower) else []
        )
        for indices in pair + [(i,) for i in range(len(names))]:
            for order in _DATE_ORDERS:
                reader = cls(tuple(names[i] for i in indices), indices, order)
                texts = [text for text in reader._texts(cells_by_column) if text]
                if texts and all(_seconds(text, order) is not None for text in texts):
                    return reader
        return cls((), (), None)

    def _texts(self, cells_by_column: Sequence[Sequence[str]]) -> Iterator[str]:
        """The text of each row's time; "" where a cell of it is empty."""
        rows = zip(*(cells_by_column[i] for i in self.indices))
        return (" ".join(cells).strip() if all(map(str.strip, cells)) else "" for cells in rows)

    def add(self, cells_by_column: Sequence[Sequence[str]]) -> None:
        if self.order is None:
            return
        seconds = [_seconds(text, self.order) for text in self._texts(cells_by_column)]
        self.seconds.extend(NO_DATE if value is None else value for value in seconds)

    def values(self) -> np.ndarray | None:
        """datetime64[s] (n,); None where a row has no date: the order of rows is the file's."""
        moments = self.moments()
        return None if moments is None or np.isnat(moments).any() else moments

    def moments(self) -> np.ndarray | None:
        """datetime64[s] (n,), NaT where a row has no date; None without a column of dates."""
        if self.order is None:
            return None
        return np.frombuffer(self.seconds, dtype=np.int64).astype("datetime64[s]")
