"""What the sensors of the virtual board measure: a file that is played, or a simulated machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..common.errors import DataError, UsageError
from ..common.sensors import ChannelSet

if TYPE_CHECKING:
    from ..host.virtual.sensors.played import Played

TIME = "t"
CODES = (0, 1023)
# An ADXL335 (analog, 3.3 V, on a 5 V board): steps at 0 g, steps per g
ADXL335 = (338, 67.6)


def from_file(path: Path, channels: ChannelSet, rate_hz: float) -> Played:
    """The columns of a CSV file, by name or, where as many, in their order; their time is the
    column t [s], else one row a sample. A missing value is played as the one before.
    """
    from ..data import load_table
    from ..host.virtual.sensors.played import Played

    table = load_table(path)
    names = [c.name for c in channels.channels]
    numbers = [name for name in table.names if name != TIME and name not in table.texts]
    if set(names) <= set(table.names):
        numbers = names
    if len(numbers) != len(names):
        raise DataError(
            f"{path.name} has no columns {', '.join(names)}, and not {len(names)} others: name its "
            "columns after the channels"
        )
    columns = np.column_stack([table.columns[name] for name in numbers])
    low, high = _limits(channels)
    for name, column in zip(numbers, columns.T):
        bad = column[~np.isnan(column) & ((column < low) | (column > high) | (column % 1 != 0))]
        if len(bad):
            raise DataError(
                f"column '{name}' of {path.name} has {bad[0]:g}: a channel takes whole numbers "
                f"{low} .. {high}"
            )
    rows = _filled(columns)
    if TIME not in table.columns:
        return Played([k / rate_hz for k in range(len(rows))], rows.tolist(), 1 / rate_hz)
    times = table.columns[TIME] - table.columns[TIME][0]
    if len(times) < 2 or not (np.diff(times) > 0).all():
        raise DataError(f"column '{TIME}' of {path.name} does not rise from row to row: sort it")
    return Played(times.tolist(), rows.tolist(), float(np.median(np.diff(times))))


def _limits(channels: ChannelSet) -> tuple[int, int]:
    """The lowest and highest raw value that a channel can have."""
    return (-channels.sensor.limit, channels.sensor.limit) if channels.sensor else CODES


def _filled(columns: np.ndarray) -> np.ndarray:
    """int64 (n, channels): a missing value is the one before, the first one 0."""
    filled = columns.copy()
    filled[0] = np.where(np.isnan(filled[0]), 0, filled[0])
    for k in range(1, len(filled)):
        np.copyto(filled[k], filled[k - 1], where=np.isnan(filled[k]))
    return filled.astype(np.int64)


def from_machine(
    name: str, channels: ChannelSet, rate_hz: float, seconds: float | None, seed: int
) -> Played:
    """A simulated machine, "motor:normal", as the channels measure it."""
    from ..data.simulated.motor import CHANNELS, STATES, simulate
    from ..host.virtual.sensors.played import Played

    machine, _, state = name.partition(":")
    if machine != "motor" or state not in STATES:
        raise UsageError(f"there is no machine '{name}': use motor:{', motor:'.join(STATES)}")
    if seconds is None:
        raise UsageError("a simulated machine runs for ever: say how long with --seconds")
    width = len(channels.channels)
    if not channels.sensor and width > CHANNELS:
        raise UsageError(f"a simulated motor has {CHANNELS} axes: {width} channels are too many")
    force = simulate(state, seconds, rate_hz, seed)
    zero, steps = (0, channels.sensor.steps_per_g) if channels.sensor else ADXL335
    raw = np.zeros((len(force), width), dtype=np.int64)  # nothing turns but the shaft
    raw[:, :CHANNELS] = np.clip(np.round(zero + steps * force[:, :width]), *_limits(channels))
    return Played([k / rate_hz for k in range(len(raw))], raw.tolist(), 1 / rate_hz)
