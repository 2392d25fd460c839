"""The I2C bus of a virtual board, and the devices on it.

simavr's master sends one message for each step and takes the device's answer at once. Two things
are put right here (ATmega328P datasheet 21.9.2 and table 21-3): writing a one to TWINT clears it,
so that a program may poll it, and the address of a write has a status of its own. A bit takes 1 us
in simavr 1.6, whatever the program asks for, and the address of a write takes no time.
"""

from __future__ import annotations

from typing import Protocol

from ..core import Core
from ..libsimavr import Memory

MODULE, INPUT, OUTPUT, STATUS = "twi\0", 0, 1, 2  # simavr's TWI
TWSR, TWCR, TWINT = 0xB9, 0xBC, 1 << 7
STORES = 1 << 9  # of the opcodes that read or write memory, those that write
OF_AN_ADDRESS = {0x28: 0x18, 0x30: 0x20}  # acknowledged, not acknowledged
START, STOP, ACK, WRITE, READ = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 5  # in a message


class Device(Protocol):
    """Something with an address on the bus."""

    @property
    def address(self) -> int: ...

    def begin(self, reading: bool, cycle: int) -> bool:
        """It is addressed; False: it does not answer."""

    def take(self, octet: int) -> bool:
        """The master wrote a byte; False: it is not acknowledged."""

    def give(self) -> int:
        """The master reads a byte."""


class Bus:
    """The bus with its devices; without one nothing answers."""

    def __init__(self, core: Core, memory: Memory) -> None:
        self.devices: list[Device] = []
        self._core, self._memory = core, memory
        self._addressing = False
        self._selected: Device | None = None
        core.listen(core.memory_irq(TWCR), core.listener(self._on_control))
        self._input = core.module_irq(MODULE, INPUT)
        core.listen(core.module_irq(MODULE, OUTPUT), core.listener(self._on_message))
        core.listen(core.module_irq(MODULE, STATUS), core.listener(self._on_status))

    def after_reset(self) -> None:
        """Devices keep their power; nobody is addressed."""
        self._selected = None

    def _on_message(self, message: int) -> None:
        kind, address, octet = message >> 8 & 0xFF, message >> 16 & 0xFF, message >> 24
        self._addressing = bool(kind & START)
        if kind & STOP:
            self._selected = None
        elif kind & START:
            found = (d for d in self.devices if d.address == address >> 1)
            self._selected = next(found, None)
            if self._selected and self._selected.begin(bool(address & 1), self._core.cycle):
                self._answer(ACK, address, 1)
        elif self._selected and kind & WRITE:
            if self._selected.take(octet):
                self._answer(ACK, address, 1)
        elif self._selected and kind & READ:
            self._answer(READ, address, self._selected.give())

    def _on_control(self, value: int) -> None:
        """TWCR was written or read."""
        opcode = int.from_bytes(self._core.read_flash(self._core.pc, 2), "little")
        if value & TWINT and opcode & STORES:
            self._memory[TWCR] &= ~TWINT

    def _on_status(self, status: int) -> None:
        if self._addressing and status in OF_AN_ADDRESS:
            self._memory[TWSR] += OF_AN_ADDRESS[status] - status
        self._addressing = False

    def _answer(self, kind: int, address: int, octet: int) -> None:
        self._core.raise_signal(self._input, kind << 8 | address << 16 | octet << 24)
