"""What a virtual board shows of its program: pins, cycle marks around an inference, the depth of
its stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

from ...common.errors import LinkError
from .chips import Chip
from .core import Core
from .libsimavr import Memory

PORT_DIRECTION, PORT_OUTPUT = 9, 10  # signals of simavr's port: new value of DDRx, of PORTx
EDGE = 4  # bytes behind the variables that a stack which stays apart from them leaves alone
MARK_BEGIN, MARK_END = 1, 2  # what the firmware writes into GPIOR0 around an inference


@dataclass(frozen=True)
class PinChange:
    """A pin that began or ceased to be driven high, at the cycle its instruction began."""

    cycle: int
    pin: str  # "PB5"
    level: int


class Inference(NamedTuple):  # a quarter of a dataclass's time: one for each row
    """CPU cycles between mark 1 and mark 2 less the marks' own cost: an empty region gives 0."""

    start: int  # cycle of the region's first instruction
    cycles: int
    interrupted: bool  # an interrupt ran in between, so `cycles` holds its routine too


class Pins:
    """Every pin of every port: 1 where the board drives it high; an input, even pulled up, counts
    as 0.
    """

    def __init__(self, core: Core, chip: Chip) -> None:
        self._core, self._chip = core, chip
        self.changes: list[PinChange] = []
        self._driven = dict.fromkeys(chip.ports, 0)
        self._registers = {
            (port, kind): 0 for port in chip.ports for kind in (PORT_OUTPUT, PORT_DIRECTION)
        }
        self._irqs = {
            (port, kind): core.module_irq(f"iog{port}", kind) for port, kind in self._registers
        }
        for key, irq in self._irqs.items():
            core.listen(irq, core.listener(partial(self._write, key)))

    def after_reset(self) -> None:
        """All ports are inputs again. simavr reports only values that differ, so it has to hear of
        the 0.
        """
        for key, irq in self._irqs.items():
            self._core.raise_signal(irq, 0)
            self._write(key, 0)

    def _write(self, key: tuple[str, int], value: int) -> None:
        self._registers[key] = value
        port = key[0]
        driven = self._registers[port, PORT_OUTPUT] & self._registers[port, PORT_DIRECTION]
        changed = driven ^ self._driven[port]
        self._driven[port] = driven
        for bit in range(8):
            if changed >> bit & 1:
                self.changes.append(PinChange(self._core.cycle, f"P{port}{bit}", driven >> bit & 1))

    def all(self) -> dict[str, int]:
        """{"PB5": level, ...}."""
        return {
            f"P{port}{bit}": driven >> bit & 1
            for port, driven in self._driven.items()
            for bit in range(8)
        }

    def level(self, name: str) -> int:
        """Level of one pin, named as in the datasheet: "PB5"."""
        port, bit = name[1:2], name[2:]
        if name[:1] != "P" or port not in self._driven or bit not in tuple("01234567"):
            raise LinkError(f"{self._chip.name} has no pin '{name}'")
        return self._driven[port] >> int(bit) & 1


class Marks:
    """Writes of GPIOR0 and the exact cost of what lies between mark 1 and mark 2."""

    def __init__(self, core: Core, memory: Memory, gpior0: int, watched: bool = True) -> None:
        self._core, self._memory, self._gpior0 = core, memory, gpior0
        self.marks: list[tuple[int, int]] = []  # (cycle, value)
        self.inferences: list[Inference] = []
        self._begun: int | None = None
        self._interrupted = False
        self._interrupts = core.interrupt_irq()
        self._interrupt = core.listener(self._on_interrupt)
        if watched:
            core.on_store(gpior0, self._on_mark)

    def after_reset(self) -> None:
        """A region that was open will not be closed."""
        self._leave()

    def _on_mark(self, value: int) -> None:
        self._memory[self._gpior0] = value
        now, pc = self._core.cycle, self._core.pc
        self.marks.append((now, value))
        if value not in (MARK_BEGIN, MARK_END):
            return
        loads, stores = mark_cycles(self._core.read_flash(max(0, pc - 2), 4), pc >= 2, value)
        if value == MARK_BEGIN:
            self._leave()
            self._begun, self._interrupted = now + stores, False
            self._core.listen(self._interrupts, self._interrupt)
        elif self._begun is not None:
            self.inferences.append(
                Inference(self._begun, now - self._begun - loads, self._interrupted)
            )
            self._leave()

    def _leave(self) -> None:
        if self._begun is not None:
            # elsewhere interrupts are no news, and cost time
            self._core.ignore(self._interrupts, self._interrupt)
            self._begun = None

    def _on_interrupt(self, vector: int) -> None:
        self._interrupted |= vector != 0  # 0: a routine ends


@cache
def mark_cycles(code: bytes, preceded: bool, value: int) -> tuple[int, int]:
    """(cycles of loading the mark's value, cycles of the instruction that writes it).

    code: the instruction before the write, where `preceded` says that there is one, and the write.
    OUT takes 1 cycle, STS and ST take 2. The load counts, 1 cycle, where an LDI of the value stands
    right before the write.
    """
    before, write = code[:2] if preceded else b"", code[2:] if preceded else code[:2]
    opcode = int.from_bytes(write, "little")
    register = opcode >> 4 & 0x1F  # OUT and STS keep it in the same place
    load = 0xE000 | (value & 0xF0) << 4 | (register - 16) << 4 | value & 0x0F
    loads = register >= 16 and before == load.to_bytes(2, "little")
    return int(loads), 1 if opcode & 0xF800 == 0xB800 else 2


class Stack:
    """The stack's high-water mark: RAM from `first` (behind all variables) to `last` is painted,
    and looked at later.

    A frame's unwritten bottom is not seen; a heap would be counted as stack.
    """

    def __init__(self, memory: Memory, first: int, last: int) -> None:
        self._memory, self._first = memory, first
        self._paint = bytes(
            (address * 0x9D + 0x5A) & 0xFF for address in range(first, last + 1)
        )  # no runs of one byte
        memory[first : last + 1] = list(self._paint)

    @property
    def full(self) -> bool:
        """True where it has reached the variables: then they may hold anything."""
        edge = self._paint[:EDGE]
        return bytes(self._memory[self._first : self._first + len(edge)]) != edge

    def bytes_used(self) -> int:
        """Most bytes in use since the painting: from the end of RAM down to the lowest byte that
        changed.
        """
        ram = bytes(self._memory[self._first : self._first + len(self._paint)])
        clean = next(
            (count for count, (now, then) in enumerate(zip(ram, self._paint)) if now != then),
            len(ram),
        )
        return len(ram) - clean
