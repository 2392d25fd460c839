"""Rows of numbers played to a virtual board, as if its sensors had measured them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from ....common.errors import UsageError
from ....common.sensors import ChannelSet
from ..simavr import SimBoard
from .analog import INPUTS, millivolts
from .devices import DEVICES, Registers

EARLY_SECONDS = 30e-6  # a row counts this much before its time: a timer's tick is exact, t is not


class Played:
    """Rows over time: each holds from its time on until the next one's, the last for ever.

    The time begins when the board begins its first sample.
    """

    def __init__(
        self, times: Sequence[float], rows: Sequence[Sequence[int]], step: float = 0.0
    ) -> None:
        self.times, self.rows = times, rows
        self.seconds = times[-1] + step  # the last row lasts as long as the others

    def connect(self, board: SimBoard, channels: ChannelSet) -> None:
        """Plays the columns to what the channels are recorded from."""
        if channels.sensor:
            self.at_sensor(board, DEVICES[channels.sensor.name])
        else:
            self.at_pins(board, [channel.pin for channel in channels.channels])

    def at_sensor(self, board: SimBoard, device: Callable[..., Registers]) -> None:
        """Puts a sensor on the board's bus that measures the columns."""
        begun: list[int] = []

        def feed(cycle: int) -> Sequence[int]:
            begun[:] = begun or [cycle]
            return self.at((cycle - begun[0]) / board.board.f_cpu_hz)

        assert board.bus is not None  # every board that records has one
        board.bus.devices.append(device(feed=feed))

    def at(self, seconds: float) -> Sequence[int]:
        """The row at a time; the first one before its time as well."""
        return self.rows[max(0, bisect_right(self.times, seconds + EARLY_SECONDS) - 1)]

    def at_pins(self, board: SimBoard, pins: Sequence[int]) -> None:
        """Plays the columns, codes 0 .. 1023, at inputs of the board's converter."""
        if beyond := [pin for pin in pins if pin >= INPUTS]:
            raise UsageError(
                f"the virtual board's pin A{beyond[0]} has no voltage: use A0 .. A{INPUTS - 1}, "
                "or a real board"
            )
        columns = {pin: column for column, pin in enumerate(pins)}
        # without a first conversion: that one only sets up the converter
        begun: list[int] = []
        skip = len(board.analog.cycles) + 1

        def feed(pin: int, cycle: int) -> int:
            if not begun and len(board.analog.cycles) > skip:
                begun.append(cycle)
            if pin not in columns:
                return 0
            since = (cycle - begun[0]) / board.board.f_cpu_hz if begun else 0.0
            return millivolts(int(self.at(since)[columns[pin]]))

        board.analog.feed = feed
