"""The time of each row: from a `Date` and a `Time` column, or from columns of dates.

    time_readers(names) -> readers; reader.add(block) for each block of rows; times_of(readers)

07/02/2025 may be in July or in February. Both readings are kept until all rows are read: a text
that can be read in one order only, 13/02/2025, settles the column. Where no text does, nothing may
depend on the order unless it is given.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

import numpy as np

from ..common.choices import DATE_ORDERS
from ..common.errors import DataError, show

_CLOCK = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
# how a date is written, and the orders in which it may be read
_FORMS = {
    re.compile(rf"{form}(?:[T ]\s*{_CLOCK})?", re.ASCII): orders
    for form, orders in (
        (r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})", ("year",)),
        (r"(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4})", DATE_ORDERS),
        (r"(?P<day>\d{1,2})[-/. ](?P<month>[A-Za-z]{3,9})[-/., ]+(?P<year>\d{4})", ("day name",)),
        (r"(?P<month>[A-Za-z]{3,9})[-/. ](?P<day>\d{1,2})[-/., ]+(?P<year>\d{4})", ("name day",)),
    )
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH = date(1970, 1, 1).toordinal()
NO_DATE = np.iinfo(np.int64).min  # what numpy takes for "not a time"
# the commands that only read rows for a model have no such option
NAME_THE_ORDER = (
    "write the year first, or name the order (--date-order day or month, in training and predict)"
)


# ---------------------------------------------------------------------------------- one text


def _readings(text: str, form: re.Pattern) -> dict[str, int]:
    """Seconds since 1970 (UTC if the text has a zone, else local) by order; {} where the text is no
    date of this form.
    """
    match = form.fullmatch(text)
    if not match:
        return {}
    parts = match.groupdict()
    clock = _clock(parts) if parts["hour"] else 0
    if clock is None:
        return {}
    midnights = _midnights(_FORMS[form], parts["year"], parts["month"], parts["day"])
    return {order: seconds + clock for order, seconds in midnights}


@lru_cache(maxsize=4096)  # rows of one day follow each other
def _midnights(
    orders: Sequence[str], year: str, month: str, day: str
) -> tuple[tuple[str, int], ...]:
    """When a day begins, in seconds since 1970, for each order in which it is one."""
    name = month[:3].casefold()
    if not (name[0].isdecimal() or name in _MONTHS):
        return ()
    number = int(month) if name[0].isdecimal() else _MONTHS.index(name) + 1
    found = []
    for order in orders:
        first, second = (int(day), number) if order == "month" else (number, int(day))
        try:
            found.append((order, 86400 * (date(int(year), first, second).toordinal() - _EPOCH)))
        except ValueError:
            continue
    return tuple(found)


def _clock(parts: dict[str, str | None]) -> int | None:
    """Seconds from midnight, those of the zone taken off; None for a time that no clock shows."""
    hour, minute, second = (int(parts[key] or 0) for key in ("hour", "minute", "second"))
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (parts["half"].casefold() == "pm")
    if hour > 23 or minute > 59 or second > 59:
        return None
    zone = (parts["zone"] or "Z").replace(":", "")
    east = 0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[3:5]))
    return 3600 * hour + 60 * (minute - east) + second


def moments_of(text: str) -> dict[str, np.datetime64]:
    """The moments that a text can mean, by the order of day, month and year in which it is read; {}
    for no date.
    """
    return {
        order: np.datetime64(value, "s")
        for form in _FORMS
        for order, value in _readings(text, form).items()
    }


# ---------------------------------------------------------------------------------- all rows


@dataclass(frozen=True)
class RowTimes:
    """The time of each row from a column of dates, or from one of dates and one of clock times."""

    names: tuple[str, ...]  # ("Date", "Time") or one name
    readings: dict[str, np.ndarray]  # datetime64[s] (n,) by order, NaT where there is no date in it
    evidence: dict[str, str]  # by order: the first text that can be read in no other
    given: str = ""  # the order that was asked for, of DATE_ORDERS

    @property
    def order(self) -> str:
        """Of DATE_ORDERS; "" where the texts do not show one, or are not of that form."""
        return self.given or ("".join(self.evidence) if len(self.evidence) == 1 else "")

    def candidates(self) -> list[np.ndarray]:
        """What the times may be, datetime64[s] (n,) each: two where nothing settles the order."""
        if self.order:
            return [self.readings[self.order]]
        one, *others = self.readings.values()
        if not others:
            return [one]
        found = [np.where(np.isnat(a), b, a) for a, b in ((one, *others), (*others, one))]
        return found if _differ(*found).any() else found[:1]

    @property
    def moments(self) -> np.ndarray:
        """datetime64[s] (n,), NaT where a row has no date; day before month where that is open."""
        return self.candidates()[0]

    def doubt(self) -> str:
        """Why the order of day and month is open; "" where it is not."""
        found = self.candidates()
        if len(found) == 1:
            return ""
        column = f"column {show(' and '.join(self.names))}"
        if self.evidence:
            first = [f"{show(self.evidence[order])} the {order}" for order in DATE_ORDERS]
            return (
                f"{column} has both orders, in {first[0]} comes first, in {' in '.join(first[1:])}"
            )
        row = np.flatnonzero(_differ(*found))[0]
        days = " or ".join(str(moments[row])[:10] for moments in found)
        return f"{column} may have the day or the month first ({days})"

    def in_order(self, order: str) -> RowTimes:
        """The same in an order that was asked for; DataError where the texts show the other."""
        if order not in self.readings:
            return self
        if self.evidence and order not in self.evidence:
            shown, text = next(iter(self.evidence.items()))
            raise DataError(
                f"column {show(' and '.join(self.names))}: {show(text)} has the {shown} first: "
                f"leave out --date-order {order}"
            )
        return replace(self, given=order)

    def or_in_order(self, order: str) -> RowTimes:
        """The same, in this order where the texts show none."""
        return self if self.evidence or self.given else self.in_order(order)


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """bool (n,): where the moments are not the same; none is the same as none."""
    return one.astype(np.int64) != other.astype(np.int64)


def joined(parts: Sequence[RowTimes]) -> RowTimes:
    """The times of several files' rows, one below the other: the texts of all settle the order."""
    orders = next((p.readings for p in parts if len(p.readings) > 1), parts[0].readings)
    return RowTimes(
        parts[0].names,
        {
            order: np.concatenate(
                [p.readings.get(order, next(iter(p.readings.values()))) for p in parts]
            )
            for order in orders
        },
        {order: text for p in reversed(parts) for order, text in p.evidence.items()},
    )


@dataclass
class TimeReader:
    """The times in one column, or in a `Date` and a `Time` column, as far as it was read."""

    names: tuple[str, ...]
    indices: tuple[int, ...]
    form: re.Pattern | None = None  # None: every cell was empty
    before: int = 0  # rows before the form was known
    seconds: dict[str, array] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)

    def add(self, cells_by_column: Sequence[Sequence[str]]) -> bool:
        """Reads the next block of rows; False where the first texts are no dates of one form."""
        texts = list(self._texts(cells_by_column))
        if self.form is None:
            there = [text for text in texts if text]
            if not there:
                self.before += len(texts)
                return True
            self.form = next((f for f in _FORMS if all(_readings(t, f) for t in there)), None)
            if self.form is None:
                return False
            empty = [NO_DATE] * self.before
            self.seconds = {order: array("q", empty) for order in _FORMS[self.form]}
        for text in texts:
            found = _readings(text, self.form) if text else {}
            for order, seconds in self.seconds.items():
                seconds.append(found.get(order, NO_DATE))
            if len(found) == 1 < len(self.seconds):
                self.evidence.setdefault(next(iter(found)), text)
        return True

    def _texts(self, cells_by_column: Sequence[Sequence[str]]) -> Iterator[str]:
        """The text of each row's time; "" where a cell of it is empty."""
        rows = zip(*(cells_by_column[i] for i in self.indices))
        return (" ".join(cells).strip() if all(map(str.strip, cells)) else "" for cells in rows)

    def times(self) -> RowTimes:
        """The times of all rows that were read."""
        readings = {
            order: np.frombuffer(seconds, dtype=np.int64).astype("datetime64[s]")
            for order, seconds in self.seconds.items()
        }
        return RowTimes(self.names, readings, self.evidence)


def time_readers(names: Sequence[str]) -> list[TimeReader]:
    """A reader for each place where the time may stand: a `Date` and a `Time` column first."""
    lower = [name.casefold() for name in names]
    places: list[tuple[int, ...]] = [(i,) for i in range(len(names))]
    if {"date", "time"} <= set(lower):
        places.insert(0, (lower.index("date"), lower.index("time")))
    return [TimeReader(tuple(names[i] for i in place), place) for place in places]


def times_of(readers: Iterable[TimeReader]) -> dict[tuple[str, ...], RowTimes]:
    """The times by the columns they stand in; those that begin first in the file come first."""
    dated = [reader for reader in readers if reader.form]
    found: dict[tuple[str, ...], RowTimes] = {}
    for reader in sorted(dated, key=lambda reader: reader.before):
        found.setdefault(reader.names, reader.times())
    return found
