"""How a sampling rate becomes the settings of the board's timer, and which rates a board can do."""

from __future__ import annotations

from dataclasses import dataclass

from ...common.boards import Board
from ...common.errors import UsageError
from ...common.sensors import ChannelSet
from ...common.tables import counted
from ..protocol import frame_bytes
from ..samples import FRAME_VALUES, SAMPLES

TICK_CYCLES = 8  # of the timer: tinygen_pins.h
PERIOD_TICKS = 65_536  # longest period of the timer
PERIODS = 65_535  # most periods from sample to sample
CHANNEL_TICKS = 256  # from one channel of a sample to the next: tinygen_pins.h
WIRE_SHARE = 0.8  # of the wire, for new samples; the rest is for those that are sent again
BITS_PER_BYTE = 10  # 8N1
STEPS_PER_S = 10_000_000  # times in files are whole steps of 0.1 us


@dataclass(frozen=True)
class Timing:
    """The timer's settings: a sample every `periods` periods of `ticks` ticks."""

    ticks: int
    periods: int
    f_cpu_hz: int

    @property
    def cycles(self) -> int:
        """CPU cycles from sample to sample."""
        return self.ticks * self.periods * TICK_CYCLES

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return self.f_cpu_hz / self.cycles

    def seconds(self, number: int) -> str:
        """Time of a sample since the first, exact, with the decimals that all of them need."""
        steps = self.cycles * STEPS_PER_S // self.f_cpu_hz
        decimals = next(d for d in range(8) if steps % 10 ** (7 - d) == 0)
        whole, rest = divmod(number * steps, STEPS_PER_S)
        return f"{whole}.{rest:07d}"[: len(str(whole)) + 1 + decimals].rstrip(".")


def highest_rate(channels: ChannelSet, board: Board) -> float:
    """Samples per second that the converter (or the sensor) and the wire can do."""
    width = len(channels.channels)
    in_a_frame = FRAME_VALUES // width
    on_the_wire = frame_bytes(SAMPLES.size + 2 * width * in_a_frame) / in_a_frame
    by_wire = WIRE_SHARE * board.baud / BITS_PER_BYTE / on_the_wire
    if channels.sensor:
        return min(by_wire, 1e6 / channels.sensor.read_us)
    return min(by_wire, board.f_cpu_hz / TICK_CYCLES / (width * CHANNEL_TICKS))


def timing(rate_hz: float, channels: ChannelSet, board: Board) -> Timing:
    """The timer's settings for a rate, as near as they come; UsageError with the highest or the
    lowest rate.
    """
    highest = highest_rate(channels, board)
    clock = board.f_cpu_hz / TICK_CYCLES
    lowest = clock / PERIOD_TICKS / PERIODS
    if rate_hz > highest:
        raise UsageError(
            f"{rate_hz:g} Hz is too fast for {counted(len(channels.channels), 'channel')} of the "
            f"{board.title} at {board.baud:,} baud: at most {int(highest):,} Hz, give a lower "
            "--rate or fewer channels"
        )
    if rate_hz < lowest:
        raise UsageError(f"{rate_hz:g} Hz is too slow: at least {lowest:.4f} Hz")
    ticks = max(1, round(clock / rate_hz))
    least = -(-ticks // PERIOD_TICKS)
    shared = (d for d in range(least, min(8 * least, PERIODS) + 1) if ticks % d == 0)
    periods = next(shared, least)
    return Timing(round(ticks / periods), periods, board.f_cpu_hz)
