"""One direction of an asynchronous serial wire: 8N1 frames as levels in time, and a receiver that
samples them.

Pure arithmetic, no simulator. Both ends have their own bit time, so a wrong baud rate gives the
bytes (and framing errors) that a real receiver would see, not the bytes that were meant. The
receiver is an ideal one, which stands 5 %; the chip's stands about 4 % (ATmega328P datasheet, table
20-3). Times are CPU cycles; they may be fractions, because 16 MHz / 115200 is not an integer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

FRAME_BITS = 10  # start, eight data bits (lowest first), stop
SAMPLES = FRAME_BITS - 0.5  # the receiver decides in the middle of the stop bit
# Every sample falls into its own bit, so the byte is right without looking: 9 < 9.5 * ratio < 10.
MATCH_LOW, MATCH_HIGH = 9 / SAMPLES, 10 / SAMPLES


@dataclass(frozen=True)
class Sent:
    """One byte on the wire: its start edge and the sender's bit time, both in cycles."""

    start: float
    bit: float
    value: int

    @property
    def end(self) -> float:
        """Cycle at which the stop bit is over."""
        return self.start + FRAME_BITS * self.bit

    def level(self, index: int) -> int:
        """Level (0 or 1) of bit `index`: 0 start, 1..8 data, 9 stop."""
        return (self.value << 1 | 1 << 9) >> index & 1


@dataclass(frozen=True)
class Received:
    """One byte as the receiver understood it; `framing_error` when the stop bit was low."""

    edge: float  # start edge that woke the receiver, cycles
    at: float  # middle of the stop bit: the byte is complete, cycles
    value: int
    framing_error: bool


class Wire:
    """A wire that idles high; bytes written faster than it carries them follow without a gap."""

    def __init__(self) -> None:
        self.frames: deque[Sent] = deque()
        self.free_at = 0.0

    def send(self, value: int, now: float, bit: float) -> Sent:
        """Put one byte on the wire, `now` or as soon as the wire is free."""
        frame = Sent(max(now, self.free_at), bit, value)
        self.free_at = frame.end
        self.frames.append(frame)
        return frame

    def level(self, at: float) -> int:
        """Level (0 or 1) at cycle `at`; idle is 1."""
        for frame in self.frames:
            if at < frame.start:
                return 1
            if at < frame.end:
                return frame.level(int((at - frame.start) / frame.bit))
        return 1

    def falling_edge(self, since: float) -> tuple[float, Sent | None] | None:
        """Cycle of the first fall from 1 to 0 at or after `since`, and the byte when it is a start
        bit; None when all is sent.
        """
        for frame in self.frames:
            if since <= frame.start:  # a stop bit or idle precedes: always an edge
                return frame.start, frame
            for index in range(1, FRAME_BITS - 1) if since < frame.end - frame.bit else ():
                edge = frame.start + index * frame.bit
                if edge >= since and frame.level(index - 1) > frame.level(index):
                    return edge, None
        return None

    def forget(self, before: float) -> None:
        """Drop the bytes that were over before cycle `before`."""
        while self.frames and self.frames[0].end <= before:
            self.frames.popleft()

    def clear(self, now: float) -> None:
        """Drop every byte that has not begun at cycle `now`."""
        while self.frames and self.frames[-1].start > now:
            self.frames.pop()
        self.free_at = self.frames[-1].end if self.frames else now


class Receiver:
    """A UART receiver on a wire: waits for a falling edge, then samples in the middle of each of
    its bits.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.ready_at = 0.0

    def due(self, bit: float) -> float | None:
        """Cycle at which the next byte will be complete with bit time `bit`, None when none is on
        its way.
        """
        fall = self.wire.falling_edge(self.ready_at)
        return None if fall is None else fall[0] + SAMPLES * bit

    def take(self, now: float, bit: float) -> Received | None:
        """The next byte that is complete at cycle `now`; None while there is none."""
        fall = self.wire.falling_edge(self.ready_at)
        if fall is None or fall[0] + SAMPLES * bit > now:
            return None
        received = self._sample(*fall, bit)
        self.ready_at = received.at
        self.wire.forget(received.at)
        return received

    def _sample(self, edge: float, frame: Sent | None, bit: float) -> Received:
        done = edge + SAMPLES * bit
        if frame and MATCH_LOW < bit / frame.bit < MATCH_HIGH:
            return Received(edge, done, frame.value, False)
        bits = [self.wire.level(edge + (index + 0.5) * bit) for index in range(FRAME_BITS)]
        value = sum(level << index for index, level in enumerate(bits[1:9]))
        return Received(edge, done, value, not bits[9])
