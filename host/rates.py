"""What the wire allows, and what a stream made of it: rows per second, and who held it up."""

from __future__ import annotations

from dataclasses import dataclass

from .check import StreamVerdict
from .link import Link

BITS_PER_BYTE = 10  # 8N1
NEAR_THE_LIMIT = 0.85
MOST_OF_THE_TIME = 0.5


@dataclass(frozen=True)
class WireBudget:
    """The link's arithmetic for one kind of row."""

    baud: int
    window: int  # rows in flight
    bytes_up: int  # per row, on the wire
    bytes_down: int
    f_cpu_hz: int

    @staticmethod
    def of(link: Link, window: int | None = None) -> WireBudget:
        """The budget of an open link."""
        return WireBudget(
            link.baud,
            window or link.info.window,
            link.row_bytes,
            link.answer_bytes,
            link.board.f_cpu_hz if link.board else 16_000_000,
        )

    @property
    def limit(self) -> float:
        """Rows per second that the wire allows: both directions at once, with a window of 1 one
        after the other.
        """
        busy = (
            max(self.bytes_up, self.bytes_down)
            if self.window > 1
            else self.bytes_up + self.bytes_down
        )
        return self.baud / BITS_PER_BYTE / busy

    def __str__(self) -> str:
        return (
            f"a row takes {self.bytes_up} bytes to the board and {self.bytes_down} back: at "
            f"{self.baud:,} baud, window {self.window}, the wire allows {self.limit:,.0f} rows/s"
        )

    def bottleneck(self, verdict: StreamVerdict, pace: float = 0.0) -> str:
        """What held the stream up: pace, noise, wire, board or host."""
        rate = verdict.rows_per_s
        if rate == 0:
            return "no row was answered"
        if pace and rate * pace > NEAR_THE_LIMIT:
            return f"the pace of {pace:g} s a row"
        if rate > NEAR_THE_LIMIT * self.limit:
            return "the wire"
        if verdict.retries > verdict.rows / 20:
            return f"a noisy line ({verdict.retries:,} rows were sent again)"
        if (verdict.cycles_median or 0) / self.f_cpu_hz * rate > MOST_OF_THE_TIME:
            return "the board (its model takes most of the time)"
        return "the host or its serial adapter (the wire and the board were idle most of the time)"
