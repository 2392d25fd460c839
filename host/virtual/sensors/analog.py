"""The analog pins of a virtual board: what they carry at the moment a conversion begins.

simavr's converter knows no start by a timer. Here match B of timer 1 starts it as on the chip: only
where its flag was cleared since the match before (ATmega328P datasheet 23.4).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from ..core import Core
from ..libsimavr import Memory

SUPPLY_MV = 5000  # of the board, and the converter's reference
STEPS = 1023  # simavr scales 0 .. SUPPLY_MV to 0 .. STEPS
INPUTS = 8  # that simavr keeps a voltage of; a Mega's others are at 0 V
MODULE, IN_TRIGGER, OUT_TRIGGER = "adc ", 17, 18  # simavr's converter; 0 to 15 are its inputs
SOURCE_BIT = 19  # where OUT_TRIGGER's value holds the input
ADCSRB, TRIGGERS, MATCH_B = 0x7B, 0x07, 0x05

Feed = Callable[[int, int], int]  # input of the converter, cycle -> millivolts


def millivolts(code: int) -> int:
    """The lowest voltage that the converter turns into `code`, 0 .. 1023."""
    return -(-code * SUPPLY_MV // STEPS)


class Analog:
    """The converter's inputs. `feed` tells what a pin carries; without one all are at 0 V.

    `cycles` and `inputs` hold the moment and the input of every conversion since power-on.
    """

    def __init__(self, core: Core, memory: Memory, match_b: int) -> None:
        self.feed: Feed | None = None
        self.cycles, self.inputs = array("Q"), array("B")
        if not match_b:
            return
        self._core, self._memory = core, memory
        self._flag = 0
        self._voltages = [core.module_irq(MODULE, k) for k in range(INPUTS)]
        self._trigger = core.module_irq(MODULE, IN_TRIGGER)
        core.supply(SUPPLY_MV)
        core.listen(core.module_irq(MODULE, OUT_TRIGGER), core.listener(self._on_begin))
        core.listen(core.flag_irq(match_b), core.listener(self._on_match))

    def after_reset(self) -> None:
        """The timer's flags are cleared."""
        self._flag = 0

    def _on_match(self, flag: int) -> None:
        rises, self._flag = flag > self._flag, flag
        if rises and self._memory[ADCSRB] & TRIGGERS == MATCH_B:
            self._core.raise_signal(self._trigger, 1)  # simavr looks whether it is enabled

    def _on_begin(self, source: int) -> None:
        channel, cycle = source >> SOURCE_BIT, self._core.cycle
        self.cycles.append(cycle)
        self.inputs.append(channel)
        if self.feed and channel < INPUTS:
            self._core.raise_signal(self._voltages[channel], self.feed(channel, cycle))
