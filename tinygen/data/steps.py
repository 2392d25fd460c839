"""Steps: the resolution that a column is stored in, and what does not fit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..common.errors import UsageError, show
from ..common.tables import counted
from ..model.fixedpoint import EXACT_STEPS, MARGIN, RAW_MAX, SCALES, Quantity
from .table import Table, known_as

LEAST_STEPS = 4096  # over the range of an input: 12 bits
CROWDED = 0.05  # of the rows that a coarse step may round into one value
OUTLIERS = 0.001  # of the rows
ROOM = 1.25  # ranges that an output's steps hold, so that answers may lie a little beyond
LARGE = 1e20  # a number that is printed with an exponent
MOST_PLACES = 6  # decimal places that count as the own resolution of values without a text


def quantity_of(table: Table, name: str) -> Quantity:
    """The column with the resolution it was written in, or a coarser one that fits int16. Its range
    is all that the column holds, or can hold where it is made of another.
    """
    if made := table.derived.get(name):
        low, high = made.range
        return Quantity(name, "", 1.0, low, high, derivation=made)
    there = table.columns[name][~np.isnan(table.columns[name])]
    low, high = (float(there.min()), float(there.max())) if len(there) else (np.nan, np.nan)
    return Quantity(name, "", scale_for(max(-low, high), table.decimals[name]), low, high)


def given_steps(given: Any, names: Sequence[str]) -> list[float | None]:
    """The raw step of each input from `input_scales`, by name or in order; None where the values
    themselves tell. UsageError for a step that is none, and for a name that no input has.
    """
    if isinstance(given, Mapping):
        found = {_input_named(str(name), names): step for name, step in given.items()}
        return [_step(name, found.get(name)) for name in names]
    try:
        steps = [None] * len(names) if given is None else list(given)
    except TypeError:
        steps = []
    if len(steps) != len(names):
        told = f"{len(steps)} steps" if steps else show(repr(given))
        raise UsageError(
            f"input_scales must be a mapping by name or a sequence of {len(names)} steps, got "
            f"{told}: give one for each of {', '.join(map(show, names[:8]))}"
        )
    return [_step(name, step) for name, step in zip(names, steps)]


def _input_named(name: str, names: Sequence[str]) -> str:
    found = known_as(name, names)
    if found is None:
        raise UsageError(
            f"input_scales names {show(name)}, the inputs are "
            f"{', '.join(map(show, names[:8]))}: name one of these"
        )
    return found


def _step(name: str, step: Any) -> float | None:
    if step is None:
        return None
    try:
        number = float(step)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not SCALES[0] <= number <= SCALES[1]:
        raise UsageError(
            f"input_scales gives {show(name)} the step {show(repr(step))}: give a number from "
            f"{SCALES[0]:g} to {SCALES[1]:g}, or None for one that is found"
        )
    return number


def input_of(table: Table, name: str) -> Quantity:
    """The same for an input: where its own steps do not fit int16, they do with an offset, or
    within the range of nearly all rows, or a free scale fits that range best. Its range is what is
    stored; values beyond it are clipped.
    """
    quantity, step = quantity_of(table, name), step_of(table.decimals[name])
    if quantity.scale <= step:
        return quantity
    return _finer(quantity, step, table.columns[name], *_usual_range(table.columns[name]))


def output_of(table: Table, name: str) -> Quantity:
    """The same for the target: its range is all that the column holds, for no answer is an outlier,
    and an eighth of it on each side stays free for answers beyond.
    """
    quantity, step = quantity_of(table, name), step_of(table.decimals[name])
    if quantity.scale <= step:
        return quantity
    return _finer(quantity, step, table.columns[name], quantity.minimum, quantity.maximum, ROOM)


def beyond_numbers(table: Table, name: str) -> str:
    """Why a column's numbers are too large or too small to be kept; "" where they are not."""
    if not np.isfinite(table.columns[name]).any():
        return ""  # whoever reads them refuses those that are infinite
    sizes = np.nan_to_num(np.abs(table.columns[name]), nan=0.0, posinf=0.0)
    place = int(sizes.argmax())
    largest, step = float(table.columns[name][place]), input_of(table, name).scale
    if not SCALES[0] <= step <= SCALES[1]:
        return (
            f"its numbers, up to {largest:.4g} in row {table.row_name(place)}, would be kept in "
            f"steps of {step:.3g}, and {SCALES[0]:g} .. {SCALES[1]:g} can be: give them in another "
            "unit"
        )
    beyond = int((sizes > EXACT_STEPS * step).sum())
    if not beyond:
        return ""
    digits = f"{largest:.0f}" if abs(largest) < LARGE else f"{largest:.4g}"
    return (
        f"it holds {digits} in row {table.row_name(place)} ({counted(beyond, 'such cell')}), "
        "beyond 2**53, where whole numbers are no longer told apart: mend it, leave it empty, or "
        "leave the leading digits out of the file"
    )


def _finer(
    quantity: Quantity, step: float, values: np.ndarray, low: float, high: float, room: float = 1.0
) -> Quantity:
    """The quantity of values that are written in steps of `step`, with an offset, so that `room`
    times its range fits int16 in steps as fine as can be.
    """
    if room * (high - low) / step <= 2 * RAW_MAX:
        scale = step
    else:
        crowded = crowding(quantity, values) > CROWDED * len(values)
        if (high - low) / quantity.scale >= LEAST_STEPS and not crowded:
            return quantity
        scale = float(f"{room * (high - low) / (2 * RAW_MAX - 2):.3g}") * 1.001
        scale = float(f"{scale:.4g}")
    # raw values of 0 and more where they fit: roots and logarithms stay possible
    start = low if room * (high - low) <= RAW_MAX * scale else (low + high) / 2
    offset = float(f"{np.floor(start / scale) * scale:.12g}")
    return Quantity(quantity.name, "", scale, low, high, offset)


def decimal_quantity(
    name: str, values: np.ndarray, own: bool = True, room: float = 1.0
) -> Quantity:
    """The quantity of finite float values that were never a text.

    With `own`, in the decimal places that the values have, if they are few; else in LEAST_STEPS or
    more over the range. With an offset where such steps do not fit int16 without one.
    """
    low, high = float(values.min()), float(values.max())
    step = step_of(_places(values, own))
    quantity = Quantity(name, "", decimal_scale(values, own), low, high)
    if low == high or quantity.scale <= step:
        return quantity
    return _finer(quantity, step, values, low, high, room)


def decimal_scale(values: np.ndarray, own: bool = True) -> float:
    """The same step, or the next coarser power of ten with which the values fit int16."""
    return scale_for(float(np.abs(values).max()), _places(values, own))


def _places(values: np.ndarray, own: bool) -> int:
    for places in range(MOST_PLACES + 1 if own else 0):
        steps = values * 10.0**places
        if (np.abs(steps - np.round(steps)) <= np.minimum(1e-9 * np.abs(steps), 1e-3)).all():
            return places
    span = float(np.ptp(values)) or (0.0 if own else float(np.abs(values).max()))
    return int(np.ceil(np.log10(LEAST_STEPS / span))) if span else MOST_PLACES


def crowding(quantity: Quantity, values: np.ndarray) -> int:
    """How many more values the quantity rounds into one raw value than were equal before."""
    there = values[np.isfinite(values)]
    rounded = np.unique(quantity.to_raw(there), return_counts=True)[1].max()
    return int(rounded - np.unique(there, return_counts=True)[1].max())


def _usual_range(values: np.ndarray) -> tuple[float, float]:
    """The range of 99.9 % of the values, and of all others that lie within an eighth of its span
    beyond it: what is farther out is an outlier.
    """
    there = np.sort(values[np.isfinite(values)])
    beyond = min(int(np.ceil(OUTLIERS / 2 * len(there))), (len(there) - 1) // 2)
    low, high = there[beyond], there[-1 - beyond]
    room = (high - low) / MARGIN
    inside = there[(there >= low - room) & (there <= high + room)]
    return float(inside[0]), float(inside[-1])


def step_of(decimals: int) -> float:
    return float(
        f"1e{-decimals}"
    )  # the float nearest to the decimal, which 10.0 ** -k is not always


def scale_for(largest: float, decimals: int) -> float:
    """10**-decimals, or the next coarser power of ten at which +-`largest` fits 32767 steps."""
    while largest / step_of(decimals) >= RAW_MAX + 0.5:
        decimals -= 1
    return step_of(decimals)


def clip_notes(table: Table, rows: np.ndarray, quantities: Sequence[Quantity]) -> list[str]:
    """Which of the rows hold a value beyond the range that is stored."""
    notes = []
    for q in quantities:
        values = table.columns[q.name][rows]
        beyond = np.flatnonzero((values < q.minimum) | (values > q.maximum))
        if len(beyond):
            lines = ", ".join(table.row_name(row) for row in rows[beyond[:5]].tolist())
            more = ", .." if len(beyond) > 5 else ""
            one = len(beyond) == 1
            notes.append(
                f"column {show(q.name)}: {counted(len(beyond), 'value')} "
                f"{'lies' if one else 'lie'} far beyond {q.minimum:g} .. {q.maximum:g} and "
                f"{'is' if one else 'are'} clipped, the board flags such a reading "
                f"(row{'' if one else 's'} {lines}{more})"
            )
    return notes


def scale_notes(table: Table, quantities: Sequence[Quantity]) -> list[str]:
    return [
        f"column {show(q.name)} is stored in steps of {q.scale:g} instead of its own "
        f"{step_of(table.decimals[q.name]):g}: "
        f"its values {q.minimum:g} .. {q.maximum:g} must fit 16 bits, "
        f"{q.raw_maximum - q.raw_minimum + 1:,} of 65,536 steps are used{_crowd_words(table, q)}"
        for q in quantities
        if q.scale > step_of(table.decimals[q.name])
    ]


def _crowd_words(table: Table, q: Quantity) -> str:
    """What a coarse step costs, and what would not; "" where it costs nothing."""
    values = table.columns[q.name][np.isfinite(table.columns[q.name])]
    if (crowded := crowding(q, np.clip(values, q.minimum, q.maximum))) <= CROWDED * len(values):
        return ""
    instead = "their logarithm" if values.min() > 0 else "a smaller range"
    return (
        f"; {crowded} of {len(values)} values become one with others, a column of {instead} would "
        "keep them apart"
    )
