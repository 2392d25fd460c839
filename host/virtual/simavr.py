"""The virtual board: one simulated Arduino with its serial line, pins, cycle marks and stack, in
simulated time.

    with SimBoard(BOARDS["uno"], Path("firmware.elf")) as board:
        board.write(b"hello")
        board.read(5, timeout_cycles=16_000_000)

Everything happens at a known CPU cycle and is the same in every run: no thread, no clock of the
host.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ...common.errors import LinkError
from . import chips
from .core import Core
from .image import load_hex, load_image
from .libsimavr import CRASHED, DONE, Memory
from .sensors.analog import Analog
from .sensors.i2c import Bus
from .uart import NEVER, TO_BOARD, TO_HOST, Counters, Fault, NoLine, SerialLine
from .vcd import to_vcd
from .watch import Inference, Marks, PinChange, Pins, Stack

__all__ = [
    "TO_BOARD",
    "TO_HOST",
    "BoardLike",
    "Counters",
    "Fault",
    "Inference",
    "PinChange",
    "SimBoard",
]

BATCH_CYCLES = 1 << 20  # speed only, no result depends on it


class BoardLike(Protocol):
    """What the virtual board reads of tinygen.common.boards.Board."""

    @property
    def pio_id(self) -> str: ...
    @property
    def mcu(self) -> str: ...
    @property
    def f_cpu_hz(self) -> int: ...
    @property
    def red_port(self) -> str: ...
    @property
    def green_port(self) -> str: ...
    @property
    def baud(self) -> int: ...


class SimBoard:
    """One simulated board that runs `image` (.elf or .hex) from power-on.

    `start` is the reset address in bytes, for a bootloader. `fault(direction, byte, cycle) ->
    bytes` replaces each byte on its way (direction TO_BOARD or TO_HOST): b"" loses it, two bytes
    insert one; it may be set and cleared later. Without `watch_marks` no inference is timed, and
    short ones run twice as fast.
    """

    def __init__(
        self,
        board: BoardLike,
        image: Path | str | None = None,
        *,
        baud: int | None = None,
        start: int = 0,
        fault: Fault | None = None,
        batch_cycles: int = BATCH_CYCLES,
        watch_marks: bool = True,
    ) -> None:
        self.board = board
        self.chip = chips.chip(board.mcu)
        self.counters = Counters()
        self._batch_cycles = batch_cycles
        self._halted = False
        self.variables_end: int | None = None  # first RAM address behind them; None for HEX
        self._stack: Stack | None = None
        core = Core(board.mcu, board.f_cpu_hz, start)
        self._core: Core | None = core
        self._stop = core.timer(core.stop)
        self._memory = core.memory(self.chip.ram_end + 1)
        try:
            self._pins = Pins(core, self.chip)
            self._marks = Marks(core, self._memory, self.chip.gpior0, watch_marks)
            line = core, self._memory, board.f_cpu_hz, baud or board.baud, self.counters, fault
            self.analog = Analog(core, self._memory, self.chip.match_b)
            self.bus = Bus(core, self._memory) if self.chip.uart else None
            self._line = SerialLine(*line) if self.chip.uart else NoLine(board.pio_id)
            self._power_on(image)
        except BaseException:
            self.close()
            raise

    def _power_on(self, image: Path | str | None) -> None:
        if image is not None:
            self.load(Path(image))
        self._memory[chips.MCUSR] = chips.POWER_ON
        self._after_reset()

    # ---- loading ----

    def load(self, path: Path) -> None:
        """Put an ELF or HEX image into flash and, where the end of its variables is known, paint
        the RAM behind it.
        """
        image = load_image(path)
        for address, content in image.segments:
            self.write_flash(address, content)
        if image.ram_end_of_data is not None:
            self.variables_end = max(image.ram_end_of_data, self.chip.ram_start)
            self._stack = Stack(self._memory, self.variables_end, self.chip.ram_end)

    def load_hex(self, path: Path, base: int = 0) -> None:
        """Put a HEX image into flash, `base` bytes higher than it says; RAM is left alone."""
        for address, content in load_hex(path, base):
            self.write_flash(address, content)

    def write_flash(self, address: int, content: bytes) -> None:
        """Overwrite flash, for an image or a fault; LinkError outside of the chip."""
        self._on.write_flash(self._inside("flash", address, len(content)), bytes(content))

    def read_flash(self, address: int, count: int) -> bytes:
        """`count` bytes of flash."""
        return self._on.read_flash(self._inside("flash", address, count), count)

    def read_memory(self, address: int, count: int) -> bytes:
        """`count` bytes of the data space (registers, I/O, RAM), without side effects."""
        self._inside("data", address, count)
        return bytes(self._memory[address : address + count])

    def write_memory(self, address: int, content: bytes) -> None:
        """Overwrite RAM (an I/O register only changes its stored value, the module behind it does
        not notice).
        """
        self._inside("data", address, len(content))
        self._memory[address : address + len(content)] = list(content)

    def _inside(self, space: str, address: int, count: int) -> int:
        """The address, if the range lies in the chip and the chip is on; LinkError if not."""
        size = self.chip.flash_bytes if space == "flash" else self.chip.ram_end + 1
        if self._on and (address < 0 or count < 0 or address + count > size):
            raise LinkError(
                f"{count} bytes at {space} address {address:#x} do not fit: {self.chip.name} ends "
                f"at {size:#x}"
            )
        return address

    @property
    def eeprom(self) -> Memory:
        """The EEPROM, to be read and written; FF at power-on, kept in a reset."""
        return self._on.eeprom(self.chip.eeprom_bytes)

    # ---- time ----

    @property
    def cycle(self) -> int:
        """CPU cycles since power-on."""
        return self._core.cycle if self._core else self._final_cycle

    @property
    def sleeping(self) -> bool:
        """True if the chip sleeps, between two calls of `run`."""
        return self._on.sleeping

    @property
    def pc(self) -> int:
        """Byte address in flash of the instruction that comes next."""
        return self._on.pc

    @property
    def seconds(self) -> float:
        """Simulated seconds since power-on."""
        return self.cycle / self.board.f_cpu_hz

    def run(self, cycles: int) -> None:
        """Run to the first instruction that begins at or after now + `cycles`; LinkError if the
        program crashes.
        """
        self._run_to(self.cycle + cycles)

    def run_until(
        self, predicate: Callable[[SimBoard], bool], timeout_cycles: int, step_cycles: int = 1600
    ) -> bool:
        """Run until `predicate(self)`, asked every `step_cycles`; False when `timeout_cycles`
        passed before.
        """
        deadline = self.cycle + timeout_cycles
        while not predicate(self):
            if self.cycle >= deadline:
                return False
            self._run_to(min(deadline, self.cycle + step_cycles))
        return True

    def _run_to(self, target: int) -> None:
        """Run to cycle `target`, or until as many bytes have come as somebody waits for."""
        core, line = self._on, self._line
        if core.cycle >= target:
            return
        core.start(self._stop, target - core.cycle)
        while core.cycle < target and len(line.inbox) < line.wake_at:
            if self._halted:  # asleep for ever: only the time goes on
                core.cycle = target
                break
            state = core.go()
            if core.was_reset:
                self.counters.watchdog_resets += 1
                self._after_reset()
                core.start(self._stop, target - core.cycle)
            self._halted = state == DONE
            if state == CRASHED:
                raise LinkError(
                    f"the virtual {self.board.pio_id} crashed at cycle {core.cycle}, program "
                    f"address {core.pc:#x}: it ran into flash that holds no program"
                )
        core.cancel(self._stop)

    def reset(self) -> None:
        """Press the reset button (or pull DTR): the program starts again, RAM keeps its content."""
        self._on.reset()
        self.counters.resets += 1
        self._memory[chips.MCUSR] = chips.EXTERNAL
        self._after_reset()

    def _after_reset(self) -> None:
        """Set up again what simavr forgets in a reset: the batch size and the timers."""
        self._on.was_reset = self._halted = False
        self._on.batch(self._batch_cycles)
        for part in (self._line, self._pins, self._marks, self.analog, self.bus):
            if part:
                part.after_reset()

    @property
    def _on(self) -> Core:
        if self._core is None:
            raise LinkError(f"the virtual {self.board.pio_id} is switched off: it was closed")
        return self._core

    def close(self) -> None:
        """Give the memory back; what was measured stays readable. Safe to call twice."""
        if self._core is not None:
            self._final_cycle = self.cycle
            self._final_stack = self._stack_now()
            del self._memory  # it is the core's
            self._stack = None
            self._core.close()
            self._core = None

    def __enter__(self) -> SimBoard:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- serial line ----

    @property
    def baud(self) -> int:
        """Baud rate of the host's end."""
        return self._line.baud

    @baud.setter
    def baud(self, value: int) -> None:
        self._line.baud = value

    @property
    def board_baud(self) -> float | None:
        """Baud rate the firmware has set up, None while its UART is off."""
        return self._line.chip_baud if self._on else None

    @property
    def fault(self) -> Fault | None:
        """What happens to bytes on their way."""
        return self._line.fault

    @fault.setter
    def fault(self, value: Fault | None) -> None:
        self._line.fault = value

    @property
    def in_waiting(self) -> int:
        """Bytes from the board that have fully arrived."""
        return len(self._line.inbox)

    @property
    def out_waiting(self) -> int:
        """Bytes for the board whose last bit is still to be sent."""
        return self._line.unsent if self._on else 0

    def write(self, content: bytes) -> None:
        """Queue bytes; they go over the wire one after the other at the host's baud rate."""
        if self._on:
            self._line.write(content)

    def read(self, count: int | None = None, timeout_cycles: int = 0) -> bytes:
        """Up to `count` bytes (None: all there are), running at most `timeout_cycles` until they
        are there.
        """
        inbox = self._line.inbox
        wanted = max(1, len(inbox)) if count is None else count
        if len(inbox) < wanted and timeout_cycles > 0:
            self._line.wake_at = wanted
            try:
                self._run_to(self.cycle + timeout_cycles)
            finally:
                self._line.wake_at = NEVER
        content = bytes(inbox[:wanted])
        del inbox[:wanted]
        return content

    def discard_input(self) -> None:
        """Forget what has arrived from the board."""
        self._line.inbox.clear()

    def discard_output(self) -> None:
        """Forget what was written and has not begun to go over the wire."""
        if self._on:
            self._line.discard_unsent()

    # ---- what it shows ----

    @property
    def pins(self) -> dict[str, int]:
        """Level of every pin, {"PB5": 1, ...}: 1 where the board drives it high; an input counts as
        0.
        """
        return self._pins.all()

    def pin(self, name: str) -> int:
        """Level of one pin, named as in the datasheet: "PB5"."""
        return self._pins.level(name)

    def leds(self) -> tuple[int, int]:
        """(red, green): 1 where the LED is lit."""
        return self.pin(self.board.red_port), self.pin(self.board.green_port)

    @property
    def changes(self) -> list[PinChange]:
        """Every change of a pin since power-on."""
        return self._pins.changes

    def vcd(self) -> str:
        """All pin changes so far as the text of a VCD waveform file."""
        return to_vcd(self.changes, self.board.f_cpu_hz)

    @property
    def marks(self) -> list[tuple[int, int]]:
        """Every write of GPIOR0 since power-on: (cycle, value)."""
        return self._marks.marks

    @property
    def inferences(self) -> list[Inference]:
        """Every region between mark 1 and mark 2 since power-on."""
        return self._marks.inferences

    @property
    def stack_bytes(self) -> int:
        """Most stack in use since power-on, in bytes; what is not seen is said at watch.Stack.

        LinkError for a HEX image, which does not tell where the variables end.
        """
        used = self._final_stack if self._core is None else self._stack_now()
        if used is None:
            raise LinkError(
                "stack use is known for ELF images only: a HEX file does not say where variables "
                "end"
            )
        return used

    @property
    def stack_full(self) -> bool:
        """True where the stack has reached the variables since power-on; False for a HEX image."""
        return self._stack is not None and self._stack.full

    def _stack_now(self) -> int | None:
        return self._stack.bytes_used() if self._stack else None
