"""What the LED pins really did, as the simulator saw them, against what the rows ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ..common.boards import Board
from .protocol import Pin
from .virtual.watch import PinChange

SETTLE_CYCLES = (
    1600  # red and green are written one after the other: 0.1 ms is between, not a state
)


def lit(changes: Sequence[PinChange], board: Board) -> list[Pin]:
    """The states of the LEDs, one after the other, that lasted longer than SETTLE_CYCLES; dark
    at the start.
    """
    pins = dict(zip(board.led_ports, Pin))
    ours = [change for change in changes if change.pin in pins]
    state, states = Pin(0), [Pin(0)]
    for change, following in zip(ours, [*ours[1:], None]):
        state = state | pins[change.pin] if change.level else state & ~pins[change.pin]
        if following is None or following.cycle - change.cycle > SETTLE_CYCLES:
            states.append(state)
    return distinct(states)


def distinct(states: Iterable[Pin]) -> list[Pin]:
    """The states without repetitions of the one before."""
    return [state for state, _ in groupby(states)]
