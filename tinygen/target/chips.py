"""Simulators of a chip alone: which one runs which chip.

simavr knows the classic AVRs, yasimavr the AVR 0-series, whose instructions take other times and
whose flash lies in the data space as well.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

from ..common.boards import Board
from ..common.errors import BuildError, LinkError
from ..host.virtual.chips import CHIPS
from ..host.virtual.image import load_image
from ..host.virtual.simavr import SimBoard
from ..host.virtual.watch import MARK_BEGIN, MARK_END, Inference, Stack, mark_cycles
from .toolchain import find_simavr

# where the data space of the AVR 0- and 1-series has what a bare program touches
GPIOR0, RAM_END, TINY_FLASH = 0x1C, 0x3FFF, 0x8000
LIKE_TINY_1 = "attiny1607"
YASIMAVR = "yasimavr==0.1.6"
FIRST_CYCLES = 100_000  # in one go: no row is asked for so early


class Simavr(SimBoard):
    """The simulator of the virtual board."""

    name: ClassVar[str] = "simavr"

    @classmethod
    def missing(cls) -> str:
        return "" if find_simavr() else "libsimavr is missing: run `tinygen setup`"


def _device(board: Board) -> Any:
    """yasimavr's model of the chip. It has none of the ATtiny 1-series, whose core, memory map and
    registers of ports are those of the 0-series: there it is the ATtiny1607 with the chip's memory.
    """
    from yasimavr.device_library import descriptors, load_device, model_list
    from yasimavr.device_library.builders import dev_tiny_0series as series

    if board.mcu in model_list() or not board.mcu.startswith("attiny"):
        return load_device(board.mcu)
    chip = deepcopy(descriptors.DeviceDescriptor.create_from_model(LIKE_TINY_1))
    chip.name = board.mcu  # what is built is kept by its name
    flash, ram = board.flash_bytes, board.ram_bytes
    segment, space = descriptors.DataSegmentDescriptor, descriptors.MemorySpaceDescriptor
    chip.mem.data_segments |= {
        "ram": segment(RAM_END + 1 - ram, RAM_END),
        "flash": segment(TINY_FLASH, TINY_FLASH + flash - 1),
    }
    spaces = chip.mem.spaces
    spaces["data"] = space(max(spaces["data"].size, TINY_FLASH + flash), 1)
    spaces["ram"] = space(ram, 1)
    spaces["flash"] = space(flash, spaces["flash"].page_size)
    return series.XT_DeviceBuilder.build_device(chip, series.dev_tiny_0series)


class Yasimavr:
    """yasimavr: another author's simulator, of the AVR 0-series too."""

    name: ClassVar[str] = "yasimavr"

    def __init__(self, board: Board, image: Path, *, watch_marks: bool = True) -> None:
        if missing := self.missing():
            raise BuildError(missing)
        from yasimavr.lib import core

        self.inferences: list[Inference] = []
        self.marks: list[tuple[int, int]] = []  # (cycle, value)
        self._begun = 0
        self._cycle = 0
        self._device = _device(board)
        firmware = core.Firmware.read_elf(str(image))
        firmware.frequency = board.f_cpu_hz
        self._loop = core.SimLoop(self._device)
        self._loop.set_fast_mode(True)
        self._device.load_firmware(firmware)
        self._probe = core.DeviceDebugProbe(self._device)
        self._loop.run(1)  # out of reset
        self._fine = (core.Device.State.Running, core.Device.State.Done)
        self._board = board
        self._gpior0 = GPIOR0 if board.modern else CHIPS[board.mcu].gpior0
        self._marks = self._places(image) if watch_marks else {}
        end = load_image(image).ram_end_of_data
        assert end is not None  # of an ELF file
        ram_end = RAM_END if board.modern else CHIPS[board.mcu].ram_end
        memory: Any = _Memory(self)  # as far as a stack needs one
        self._stack = Stack(memory, end, ram_end)

    @classmethod
    def missing(cls) -> str:
        if importlib.util.find_spec("yasimavr"):
            return ""
        return f"yasimavr is missing: pip install {YASIMAVR} (needs libelf-dev, builds for minutes)"

    def _places(self, image: Path) -> dict[int, bytes]:
        """Byte addresses of the instructions that write marks, and what stands before and there."""
        port = self._gpior0 - (0x20 if self._gpior0 >= 0x20 else 0)
        write = 0xB800 | (port & 0x30) << 5 | port & 0x0F
        found = {}
        for start, content in load_image(image).segments:
            for k in range(2, len(content) - 1, 2):
                if int.from_bytes(content[k : k + 2], "little") & 0xFE0F == write:
                    found[start + k] = content[k - 2 : k + 2]
        return found

    @property
    def stack_bytes(self) -> int:
        return self._stack.bytes_used()

    @property
    def stack_full(self) -> bool:
        """True where the stack has reached the variables since power-on."""
        return self._stack.full

    def leds(self) -> tuple[int, int]:
        """(red, green) of a chip of the 0-series: 1 where the LED is lit."""
        red, green = (self._pin(port) for port in (self._board.red_port, self._board.green_port))
        return red, green

    def _pin(self, name: str) -> int:
        """Level of an output pin, by the port's registers DIR and OUT at four times its number."""
        port, bit = ord(name[1]) - ord("A"), int(name[2:])
        direction, out = self.read_memory(4 * port, 2)
        return direction >> bit & out >> bit & 1

    def run(self, cycles: int) -> None:
        """At least so many cycles. With marks it goes instruction by instruction, since only then
        a cycle is known for certain.
        """
        if not self._marks or cycles >= FIRST_CYCLES:
            self._loop.run(cycles)
        else:
            self._step(cycles)
        if self._device.state() not in self._fine:
            raise LinkError(
                f"the virtual {self._board.pio_id} crashed at program address "
                f"{self._probe.read_pc():#x}"
            )

    def _step(self, cycles: int) -> None:
        probe, device, end = self._probe, self._device, self._cycle + cycles
        while self._cycle < end:
            code = self._marks.get(probe.read_pc())
            cycles = device.exec_cycle()
            if not cycles:  # nothing to do for ever, or crashed
                break
            self._cycle += cycles
            if code:
                self._mark(code)

    def _mark(self, code: bytes) -> None:
        """A mark has been written: its own cycles do not count (see host/virtual/watch.py)."""
        value = self.read_memory(self._gpior0, 1)[0]
        loads, stores = mark_cycles(code, True, value)
        self.marks.append((self._cycle, value))
        if value == MARK_BEGIN:
            self._begun = self._cycle
        elif value == MARK_END:
            cycles = self._cycle - stores - loads - self._begun
            self.inferences.append(Inference(self._begun, cycles, False))

    def run_until(
        self, predicate: Callable[[Yasimavr], bool], timeout_cycles: int, step_cycles: int = 1600
    ) -> bool:
        """Run until `predicate(self)`, asked every `step_cycles`; False after the time-out."""
        for _ in range(timeout_cycles // step_cycles):
            if predicate(self):
                return True
            self.run(step_cycles)
        return predicate(self)

    def read_memory(self, address: int, count: int) -> bytes:
        """Bytes of the data space."""
        return bytes(self._probe.read_data(address, count))

    def write_memory(self, address: int, content: bytes) -> None:
        """Overwrite bytes of the data space."""
        self._probe.write_data(address, content)

    def close(self) -> None:
        """Nothing to give back."""

    def __enter__(self) -> Yasimavr:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Memory:
    """The data space, by slices."""

    def __init__(self, chip: Yasimavr) -> None:
        self._chip = chip

    def __getitem__(self, place: slice) -> bytes:
        return self._chip.read_memory(place.start, place.stop - place.start)

    def __setitem__(self, place: slice, content: list[int]) -> None:
        self._chip.write_memory(place.start, bytes(content))


Simulator = Simavr | Yasimavr
SIMULATORS: dict[str, type[Simulator]] = {"simavr": Simavr, "yasimavr": Yasimavr}


def simulator_for(board: Board) -> type[Simulator]:
    """The simulator of a board's chip; BuildError where none is known."""
    if board.simulator not in SIMULATORS:
        raise BuildError(f"no simulator here knows the {board.mcu} of {board.title}")
    return SIMULATORS[board.simulator]


def why_not_simulated(board: Board) -> str:
    """Why a program for a board's chip cannot be run here, as a sentence; "" where it can."""
    try:
        return simulator_for(board).missing()
    except BuildError as error:
        return str(error)
