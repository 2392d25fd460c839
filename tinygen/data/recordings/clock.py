"""The column of times, as seconds of each row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...common.errors import DataError, show
from ..table import Table, require_column, require_numbers
from ..timestamps import moments_of
from .files import Samples

NAME = re.compile(
    r"(t|ts|time|timestamp|elapsed|uptime|clock|millis|micros|seconds|secs?|ms|us|msec|usec)"
    r"([ _.(]*(s|ms|us|ns|sec|secs|seconds|msec|usec|millis|micros|stamp|utc)\)?)?",
    re.IGNORECASE,
)
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "usec", "micros", "\u00b5s", "\u03bcs", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "minutes"), 60.0),
}
EPOCHS = ((1e9, 4e9, 1.0), (1e12, 4e12, 1e-3), (1e15, 4e15, 1e-6), (1e18, 4e18, 1e-9))
CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:[.,]\d+)?))?(?::(\d{3}))?")
FRACTION = re.compile(r":\d\d[.,](\d+)")
RISING = 0.9  # of the steps from row to row of a column of times
AGREE = 0.02  # between a rate that is given and one that the times tell
DAY_S = 86400.0
WRAP = 2.0**32  # counts of a clock of 32 bits
MOST_MS = 1000.0  # a longer step of whole numbers without a unit is one of microseconds


@dataclass(frozen=True)
class Clock:
    """When each row was taken."""

    columns: tuple[str, ...]
    seconds: np.ndarray  # float64 (n,), NaN where a row has no time
    step_s: float  # of the clock: the finest difference that it can show
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return f"column {show(' and '.join(self.columns))}"


def find_clock(
    samples: Samples,
    named: str,
    rate_hz: float | None,
    other: Sequence[str],
    units: dict[str, str],
) -> Clock | None:
    """The clock in the column `named`, or in one that is found by its name; None without one.
    `other`: columns that are something else. DataError for a column that holds no times.
    """
    table = samples.table
    if named:
        return _read(samples, (require_column(table, named),), rate_hz, units)
    for name in table.names:
        numbers = name not in table.texts and NAME.fullmatch(name.strip())
        if name not in other and numbers and _rises(table.columns[name]):
            return _read(samples, (name,), rate_hz, units)
    dated = [n for n in (table.time_names, *table.times) if n and not set(n) & set(other)]
    if dated:
        return _read(samples, dated[0], rate_hz, units)
    for name in table.names:
        text = table.texts.get(name)
        clocks = text and CLOCK.fullmatch(text.text.strip())
        if clocks and name not in other and NAME.fullmatch(name.strip()):
            return _read(samples, (name,), rate_hz, units)
    return None


def _rises(values: np.ndarray) -> bool:
    steps = np.diff(values[np.isfinite(values)])
    return bool(len(steps)) and bool((steps >= 0).mean() >= RISING) and bool((steps > 0).any())


def _read(
    samples: Samples, columns: tuple[str, ...], rate_hz: float | None, units: dict[str, str]
) -> Clock:
    table = samples.table
    if any(name in table.texts for name in columns):
        return _of_texts(samples, columns)
    require_numbers(table, columns[0])
    unit, note = _unit_of(samples, columns[0], rate_hz, units)
    step = unit * 10.0 ** -table.decimals[columns[0]]
    counts = _unwrapped(table.columns[columns[0]])
    return Clock(columns, counts * unit, step, (note,) if note else ())


def _unwrapped(counts: np.ndarray) -> np.ndarray:
    """The counts of micros() or millis(), which begin anew after 2**32, going on there."""
    steps = np.append(0.0, np.nan_to_num(np.diff(counts)))
    wraps = (steps < 0) & (steps + WRAP >= 0) & (steps + WRAP < WRAP / 1024)
    return counts + WRAP * np.cumsum(wraps)


def _unit_of(
    samples: Samples, name: str, rate_hz: float | None, units: dict[str, str]
) -> tuple[float, str]:
    """Seconds of one, and a note where that is a guess."""
    table = samples.table
    told = (units.get(name) or table.units.get(name, "")).strip()
    if told and (unit := UNITS.get(told if told in UNITS else told.casefold())):
        return unit, ""
    if told:
        raise DataError(
            f"column {show(name)} is in {show(told)}, which is no unit of time: "
            f'give s, ms or us (--unit "{name}=ms")'
        )
    words = re.split(r"[^a-z\u00b5\u03bc]+", name.casefold())
    if unit := next((UNITS[word] for word in reversed(words) if word in UNITS), None):
        return unit, ""
    values = table.columns[name][np.isfinite(table.columns[name])]
    for low, high, unit in EPOCHS:
        if len(values) and low <= values.min() <= values.max() <= high:
            return unit, ""
    return _guessed(name, table, values, rate_hz)


def _guessed(
    name: str, table: Table, values: np.ndarray, rate_hz: float | None
) -> tuple[float, str]:
    steps = np.diff(values)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    fitting = [
        (unit, word)
        for unit, word in ((1.0, "seconds"), (1e-3, "milliseconds"), (1e-6, "microseconds"))
        if rate_hz and usual and abs(1 / (usual * unit) / rate_hz - 1) <= AGREE
    ]
    if table.decimals[name]:
        fitting = fitting or [(1.0, "seconds")]
    elif usual > 1:
        fitting = fitting or [
            (1e-3, "milliseconds") if usual <= MOST_MS else (1e-6, "microseconds")
        ]
    if not fitting:
        raise DataError(
            f"column {show(name)} has no unit, and its steps of {usual:g} may be of any: write "
            f'"{name} [ms]", or give --unit "{name}=ms", or --drop "{name}" with --rate HZ'
        )
    unit, word = fitting[0]
    return unit, (
        f"column {show(name)} has no unit: taken for {word}, 1 sample in {usual * unit:g} s "
        f'(--unit "{name}=ms" says otherwise)'
    )


def _of_texts(samples: Samples, columns: tuple[str, ...]) -> Clock:
    texts = samples.texts(columns)
    known = {text: _seconds(text) for text in dict.fromkeys(texts)}
    for place, text in enumerate(texts):
        if text and known[text] is None:
            raise DataError(
                f"{samples.table.path_name} row {samples.table.row_name(place)}, column "
                f"{show(' and '.join(columns))}: {show(text)} is no time: write seconds, or clock "
                "times such as 12:00:00.020"
            )
    found = (known[text] for text in texts)
    seconds = np.array([np.nan if value is None else value for value in found])
    # a clock without a date begins anew at midnight
    back = np.append(0.0, np.nan_to_num(np.diff(seconds)))
    seconds = seconds + DAY_S * np.cumsum(back < -DAY_S / 2)
    digits = max((len(m[1]) for text in texts if (m := FRACTION.search(text))), default=0)
    return Clock(columns, seconds, 10.0**-digits)


def _seconds(text: str) -> float | None:
    """Of a clock time, or of a date with one; None for another text."""
    if match := CLOCK.fullmatch(text):
        hour, minute, second, milli = match.groups()
        whole = 3600.0 * int(hour) + 60.0 * int(minute) + float((second or "0").replace(",", "."))
        return whole + int(milli or 0) / 1000
    if moments := moments_of(text):
        fraction = FRACTION.search(text)
        first = float(next(iter(moments.values())).astype(np.int64))
        return first + (float(f"0.{fraction[1]}") if fraction else 0.0)
    return None
