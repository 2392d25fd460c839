"""The virtual board: one simulated Arduino with its serial line, pins, cycle marks and stack, in simulated time.

    board = SimBoard(BOARDS["uno"], Path("firmware.elf"))
    board.write(b"hello")
    board.read(5, timeout_cycles=16_000_000)

Everything happens at a known CPU cycle and is the same in every run: no thread, no clock of the host.
What a real board does and plain simavr does not is added here: bytes last 10 bits (simavr: 11), the two
ends of the line sample it at their own speed, the receiver holds two bytes and a third in its shift
register (simavr: 64), RAM survives a reset, MCUSR tells its cause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinygen.errors import LinkError

from . import chips, libsimavr as sim
from .image import load_hex, load_image
from .vcd import to_vcd
from .wire import FRAME_BITS, Received, Receiver, Wire

UART_IN, UART_OUT = 0, 1                # signals of simavr's UART
UART_FRAMING_ERROR = 0x8000             # added to a byte for UART_IN
PORT_DIRECTION, PORT_OUTPUT = 9, 10     # signals of simavr's port: new value of DDRx, of PORTx
MARK_BEGIN, MARK_END = 1, 2             # what the firmware writes into GPIOR0 around an inference
BATCH_CYCLES = 1 << 20                  # speed only, no result depends on it
MANY = 1 << 62
TO_BOARD, TO_HOST = "to_board", "to_host"

Fault = Callable[[str, int, int], bytes]


class BoardLike(Protocol):
    """What the virtual board reads of tinygen.boards.Board."""

    pio_id: str
    mcu: str
    f_cpu_hz: int
    red_port: str
    green_port: str
    baud: int


@dataclass(frozen=True)
class PinChange:
    """A pin that began or ceased to be driven high, at the cycle its instruction began."""

    cycle: int
    pin: str            # "PB5"
    level: int


@dataclass(frozen=True)
class Inference:
    """CPU cycles between mark 1 and mark 2, the marks' own cost taken off: an empty region gives 0."""

    start: int          # cycle of mark 1
    cycles: int
    interrupted: bool   # an interrupt ran in between, so `cycles` holds its routine too


@dataclass
class Counters:
    """What went wrong or was thrown away since power-on."""

    rx_overruns: int = 0            # bytes lost because the firmware did not read in time
    rx_framing_errors: int = 0      # the firmware's UART saw a low stop bit
    rx_ignored: int = 0             # bytes that came while the firmware's receiver was off
    host_framing_errors: int = 0    # the host's UART saw a low stop bit
    resets: int = 0                 # by reset()
    watchdog_resets: int = 0


class SimBoard:
    """One simulated board that runs `image` (.elf or .hex) from power-on.

    `start` is the reset address in bytes, for a bootloader. `fault(direction, byte, cycle) -> bytes` replaces
    each byte on its way ("to_board" or "to_host"): b"" loses it, two bytes insert one.
    """

    def __init__(self, board: BoardLike, image: Path | str | None = None, *, baud: int | None = None,
                 start: int = 0, fault: Fault | None = None, batch_cycles: int = BATCH_CYCLES) -> None:
        self.board = board
        self.chip = chips.chip(board.mcu)
        self.fault = fault
        self.batch_cycles = batch_cycles
        self.baud = baud or board.baud
        self.counters = Counters()
        self.changes: list[PinChange] = []
        self.marks: list[tuple[int, int]] = []
        self.inferences: list[Inference] = []
        self._failure: BaseException | None = None
        self._halted = False
        self._to_board, self._to_host = Wire(), Wire()
        self._board_receiver, self._host_receiver = Receiver(self._to_board), Receiver(self._to_host)
        self._inbox = bytearray()
        self._wanted = MANY                         # bytes in the inbox that end a run
        self._core = sim.Core(board.mcu, board.f_cpu_hz, start)
        self._memory = self._core.memory(self.chip.ram_end + 1)
        self._connect()
        self._paint_from: int | None = None
        if image is not None:
            self.load(Path(image))
        self._memory[chips.MCUSR] = chips.POWER_ON
        self._after_reset()

    # ---- loading --------------------------------------------------------------------------------------

    def load(self, path: Path, base: int = 0) -> None:
        """Put an ELF or HEX image into flash and, when its variables' end is known, paint the RAM behind it."""
        image = load_image(path)
        for address, content in image.segments:
            self.write_flash(base + address, content)
        if image.ram_end_of_data is not None:
            self._paint_from = max(image.ram_end_of_data, self.chip.ram_start)
            for address in range(self._paint_from, self.chip.ram_end + 1):
                self._memory[address] = _paint(address)

    def load_hex(self, path: Path, base: int = 0) -> None:
        """Put a HEX image into flash, `base` bytes higher than it says; RAM is left alone."""
        for address, content in load_hex(path, base):
            self.write_flash(address, content)

    def write_flash(self, address: int, content: bytes) -> None:
        """Overwrite flash, for an image or a fault; LinkError outside of the chip."""
        if address < 0 or address + len(content) > self.chip.flash_bytes:
            raise LinkError(f"{len(content)} bytes at flash address {address:#x} do not fit: "
                            f"{self.chip.name} has {self.chip.flash_bytes} bytes")
        self._alive.load(address, bytes(content))

    def read_flash(self, address: int, count: int) -> bytes:
        """`count` bytes of flash."""
        self._check_range("flash", address, count, self.chip.flash_bytes)
        return self._alive.read_flash(address, count)

    def read_memory(self, address: int, count: int) -> bytes:
        """`count` bytes of the data space (registers, I/O, RAM), without side effects."""
        self._check_range("data", address, count, self.chip.ram_end + 1)
        return bytes(self._memory[address:address + count])

    def write_memory(self, address: int, content: bytes) -> None:
        """Overwrite RAM (an I/O register only changes its stored value, the module behind it does not notice)."""
        self._check_range("data", address, len(content), self.chip.ram_end + 1)
        self._memory[address:address + len(content)] = list(content)

    def _check_range(self, space: str, address: int, count: int, size: int) -> None:
        self._alive
        if address < 0 or count < 0 or address + count > size:
            raise LinkError(f"{count} bytes at {space} address {address:#x} are outside of "
                            f"{self.chip.name}, which ends at {size:#x}")

    # ---- time -----------------------------------------------------------------------------------------

    @property
    def cycle(self) -> int:
        """CPU cycles since power-on."""
        return self._core.cycle if self._core else self._final[0]

    @property
    def seconds(self) -> float:
        """Simulated seconds since power-on."""
        return self.cycle / self.board.f_cpu_hz

    def run(self, cycles: int) -> None:
        """Run to the first instruction that begins at or after now + `cycles`."""
        self._run_to(self.cycle + cycles)

    def run_until(self, predicate: Callable[[SimBoard], bool], timeout_cycles: int, step_cycles: int = 1600) -> bool:
        """Run until `predicate(self)`, asked every `step_cycles`; False when `timeout_cycles` passed before."""
        deadline = self.cycle + timeout_cycles
        while not predicate(self):
            if self.cycle >= deadline:
                return False
            self._run_to(min(deadline, self.cycle + step_cycles))
        return True

    def _run_to(self, target: int) -> None:
        """Run to cycle `target`, or until `_wanted` bytes have come."""
        core = self._alive
        if core.cycle >= target:
            return
        core.timer(target - core.cycle, self._stop)
        while core.cycle < target and len(self._inbox) < self._wanted:
            if self._halted:                        # asleep for ever: only the time goes on
                core.cycle = target
                break
            state = core.go()
            if self._failure:
                failure, self._failure = self._failure, None
                raise failure
            if core.was_reset:
                self.counters.watchdog_resets += 1
                self._after_reset()
                core.timer(max(1, target - core.cycle), self._stop)
            self._halted = state == sim.DONE
            if state == sim.CRASHED:
                raise LinkError(f"the virtual {self.board.pio_id} crashed at cycle {core.cycle}, program address "
                                f"{core.pc:#x}: it ran into flash that holds no program")
        core.cancel(self._stop)

    # ---- reset ----------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Press the reset button (or pull DTR): the program starts again, RAM keeps its content."""
        self._alive.reset()
        self.counters.resets += 1
        self._memory[chips.MCUSR] = chips.EXTERNAL
        self._after_reset()

    def _after_reset(self) -> None:
        """Set up again what simavr forgets in a reset: the batch size and the timers."""
        self._core.was_reset = False
        self._core.batch(self.batch_cycles)
        self._halted = False
        self._waiting: deque[Received] = deque()    # complete bytes behind the one the firmware can read
        self._presented = False                     # simavr's receiver holds a byte
        self._presented_at = -1
        self._full_until = -1.0
        self._transmitting = False
        self._begun: int | None = None              # cycle of the last mark 1
        for letter in self.chip.ports:
            self._output[letter] = self._direction[letter] = 0
            for index in (PORT_OUTPUT, PORT_DIRECTION):     # simavr would not report a value it knows
                self._core.raise_signal(self._port_irq[letter, index], 0)
            self._note_pins(letter)
        self._schedule_board()
        self._schedule_host()

    def close(self) -> None:
        """Give the memory back; what was measured stays readable. Safe to call twice."""
        if self._core is not None:
            self._final = self.cycle, self._paint_from and self.stack_bytes
            self._memory = None
            self._core.close()
            self._core = None

    @property
    def _alive(self) -> sim.Core:
        if self._core is None:
            raise LinkError(f"the virtual {self.board.pio_id} is switched off: it was closed")
        return self._core

    def __enter__(self) -> SimBoard:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    # ---- what simavr calls back -----------------------------------------------------------------------

    def _connect(self) -> None:
        """Hook up to simavr; the callbacks live as long as the board."""
        core = self._core
        self._stop = sim.Timer(self._guard(lambda avr, when, parameter: core.stop()))
        self._board_due = sim.Timer(self._guard(self._on_board_due))
        self._host_due = sim.Timer(self._guard(self._on_host_due))
        self._store = sim.Store(self._guard(self._on_mark))
        self._interrupt = sim.Notify(self._guard(self._on_interrupt))
        self._notify = [sim.Notify(self._guard(self._on_transmit)), sim.Notify(self._guard(self._on_data_register))]
        self._uart_in = core.module_irq("uar0", UART_IN)
        self._interrupt_irq = core.interrupt_irq()
        core.on_signal(core.module_irq("uar0", UART_OUT), self._notify[0])
        core.on_signal(core.memory_irq(chips.UDR0), self._notify[1])
        core.on_store(chips.GPIOR0, self._store)
        self._output: dict[str, int] = {}
        self._direction: dict[str, int] = {}
        self._driven = dict.fromkeys(self.chip.ports, 0)
        self._port_irq: dict[tuple[str, int], int] = {}
        for letter in self.chip.ports:
            self._connect_port(letter, PORT_OUTPUT, self._output)
            self._connect_port(letter, PORT_DIRECTION, self._direction)

    def _connect_port(self, letter: str, index: int, register: dict[str, int]) -> None:
        def changed(irq, value, parameter):
            register[letter] = value
            self._note_pins(letter)
        self._notify.append(sim.Notify(self._guard(changed)))
        irq = self._core.module_irq(f"iog{letter}", index)
        self._port_irq[letter, index] = irq
        self._core.on_signal(irq, self._notify[-1])

    def _guard(self, callback: Callable) -> Callable:
        """ctypes would print and forget an exception: keep it for `run`."""
        def guarded(*arguments):
            try:
                return callback(*arguments) or 0
            except BaseException as error:      # Ctrl-C lands in here as well
                self._failure = error
                self._core.stop()
                return 0
        return guarded

    # ---- serial line, seen from the host --------------------------------------------------------------

    @property
    def baud(self) -> int:
        """Baud rate of the host's end."""
        return self._baud

    @baud.setter
    def baud(self, value: int) -> None:
        if not 50 <= value <= 4_000_000:
            raise LinkError(f"baud rate {value} is outside of 50 to 4000000")
        self._baud = value
        self._host_bit = self.board.f_cpu_hz / value

    @property
    def board_baud(self) -> float | None:
        """Baud rate the firmware has set up, None while its UART is off."""
        on = self._memory[chips.UCSR0B] & 0x18
        return self.board.f_cpu_hz / self._board_bit() if on else None

    @property
    def in_waiting(self) -> int:
        """Bytes from the board that have fully arrived."""
        return len(self._inbox)

    @property
    def out_waiting(self) -> int:
        """Bytes for the board whose last bit is still to be sent."""
        now = self.cycle
        return sum(frame.end > now for frame in self._to_board.frames)

    def write(self, content: bytes) -> None:
        """Queue bytes; they go over the wire one after the other at the host's baud rate."""
        now = self._alive.cycle
        for byte in content:
            for sent in self._pass(TO_BOARD, byte, now):
                self._to_board.send(sent, now, self._host_bit)
        self._schedule_board()

    def read(self, count: int | None = None, timeout_cycles: int = 0) -> bytes:
        """Up to `count` bytes (None: all there are), running at most `timeout_cycles` until they are there."""
        wanted = max(1, len(self._inbox)) if count is None else count
        if len(self._inbox) < wanted and timeout_cycles > 0:
            self._wanted = wanted
            self._run_to(self.cycle + timeout_cycles)
            self._wanted = MANY
        content = bytes(self._inbox[:wanted])
        del self._inbox[:wanted]
        return content

    def discard_input(self) -> None:
        """Forget what has arrived from the board."""
        self._inbox.clear()

    def discard_output(self) -> None:
        """Forget what was written and has not begun to go over the wire."""
        self._to_board.clear(self._alive.cycle)
        self._schedule_board()

    def _pass(self, direction: str, byte: int, cycle: int) -> bytes:
        return bytes((byte,)) if self.fault is None else self.fault(direction, byte, cycle)

    # ---- serial line, board to host -------------------------------------------------------------------

    def _board_bit(self) -> int:
        """Cycles the firmware's UART takes for one bit (ATmega328P datasheet 20.3.1)."""
        memory = self._memory
        divider = (memory[chips.UBRR0H] & 0x0F) << 8 | memory[chips.UBRR0L]
        return (8 if memory[chips.UCSR0A] & chips.U2X else 16) * (divider + 1)

    def _on_transmit(self, irq, value, parameter) -> None:
        """The firmware wrote UDR0."""
        self._transmitting = True
        self._check_format()
        bit = self._board_bit()
        self._core.uart_cycles_per_byte.value = FRAME_BITS * bit
        now = self.cycle
        for sent in self._pass(TO_HOST, value & 0xFF, now):
            self._to_host.send(sent, now, bit)
        self._schedule_host()

    def _schedule_host(self) -> None:
        self._schedule(self._host_receiver.due(self._host_bit), self._host_due)

    def _on_host_due(self, avr, when, parameter) -> None:
        while received := self._host_receiver.take(self.cycle, self._host_bit):
            self._inbox.append(received.value)
            self.counters.host_framing_errors += received.framing_error
        if len(self._inbox) >= self._wanted:
            self._core.stop()
        self._schedule_host()

    def _schedule(self, due: float | None, timer) -> None:
        if due is not None:
            self._core.timer(max(1, int(-(-due // 1)) - self.cycle), timer)

    def _check_format(self) -> None:
        memory = self._memory
        if (memory[chips.UCSR0C] & chips.FORMAT_MASK) != chips.FORMAT_8N1 or memory[chips.UCSR0B] & chips.UCSZ2:
            raise LinkError("the firmware's serial format is not 8N1: the virtual board knows no other")

    # ---- serial line, host to board -------------------------------------------------------------------

    def _schedule_board(self) -> None:
        self._schedule(self._board_receiver.due(self._board_bit()), self._board_due)

    def _on_board_due(self, avr, when, parameter) -> None:
        bit = self._board_bit()
        while received := self._board_receiver.take(self.cycle, bit):
            self._arrived(received)
        self._schedule_board()

    def _arrived(self, received: Received) -> None:
        """A byte is complete in the shift register; two more fit before it (datasheet 20.7.3, figure 20-1)."""
        if not self._memory[chips.UCSR0B] & chips.RXEN:
            self.counters.rx_ignored += 1
            self._waiting.clear()
            self._presented = False
        elif len(self._waiting) == 2 or received.edge < self._full_until:
            self.counters.rx_overruns += 1
            self._memory[chips.UCSR0A] |= chips.DOR
        elif self._presented:
            self._waiting.append(received)
        else:
            self._present(received)

    def _present(self, received: Received) -> None:
        """Hand one byte to simavr so that its receive flag rises at the next instruction, not a byte later."""
        self._check_format()
        self.counters.rx_framing_errors += received.framing_error
        self._presented, self._presented_at = True, self.cycle
        pace = self._core.uart_cycles_per_byte
        pace.value = 1
        self._core.raise_signal(self._uart_in, received.value | UART_FRAMING_ERROR * received.framing_error)
        pace.value = FRAME_BITS * self._board_bit()

    def _on_data_register(self, irq, value, parameter) -> None:
        """UDR0 was written or read; a read makes room for the next byte."""
        if self._transmitting:
            self._transmitting = False
        elif self._presented and self.cycle > self._presented_at:
            self._presented = False
            if len(self._waiting) == 2:
                self._full_until = self.cycle
            if self._waiting:
                self._present(self._waiting.popleft())

    # ---- pins -----------------------------------------------------------------------------------------

    def _note_pins(self, letter: str) -> None:
        driven = self._output[letter] & self._direction[letter]
        changed = driven ^ self._driven[letter]
        self._driven[letter] = driven
        for bit in range(8):
            if changed >> bit & 1:
                self.changes.append(PinChange(self.cycle, f"P{letter}{bit}", driven >> bit & 1))

    @property
    def pins(self) -> dict[str, int]:
        """Level of every pin: 1 where the board drives it high; an input, even pulled up, counts as 0."""
        return {f"P{letter}{bit}": driven >> bit & 1
                for letter, driven in self._driven.items() for bit in range(8)}

    def pin(self, name: str) -> int:
        """Level of one pin, named as in the datasheet: "PB5"."""
        letter, bit = name[1:2], name[2:]
        if name[:1] != "P" or letter not in self._driven or bit not in "01234567" or len(bit) != 1:
            raise LinkError(f"{self.chip.name} has no pin '{name}'")
        return self._driven[letter] >> int(bit) & 1

    def leds(self) -> tuple[int, int]:
        """(red, green): 1 where the LED is lit."""
        return self.pin(self.board.red_port), self.pin(self.board.green_port)

    def vcd(self) -> str:
        """All pin changes so far as the text of a VCD waveform file."""
        return to_vcd(self.changes, self.board.f_cpu_hz)

    # ---- marks, cycles, stack -------------------------------------------------------------------------

    def _on_mark(self, avr, address, value, parameter) -> None:
        self._memory[address] = value
        now = self.cycle
        self.marks.append((now, value))
        if value == MARK_BEGIN:
            if self._begun is None:
                self._core.on_signal(self._interrupt_irq, self._interrupt)
            self._begun, self._interrupted = now + self._store_cycles(), False
        elif value == MARK_END and self._begun is not None:
            cycles = now - self._begun - self._load_cycles(value)
            self.inferences.append(Inference(self._begun, cycles, self._interrupted))
            self._core.off_signal(self._interrupt_irq, self._interrupt)
            self._begun = None

    def _on_interrupt(self, irq, value, parameter) -> None:
        self._interrupted |= value != 0         # 0: a routine ends

    def _store_cycles(self) -> int:
        """Cycles of the instruction that writes the mark: OUT takes 1, STS and ST take 2."""
        return 1 if self._opcode(self._core.pc) & 0xF800 == 0xB800 else 2

    def _load_cycles(self, value: int) -> int:
        """1 when the mark's value is loaded right before it is written: that LDI belongs to the mark."""
        pc = self._core.pc
        register = self._opcode(pc) >> 4 & 0x1F         # OUT and STS keep it in the same place
        load = 0xE000 | (value & 0xF0) << 4 | (register - 16) << 4 | value & 0x0F
        return int(register >= 16 and self._opcode(pc - 2) == load)

    def _opcode(self, address: int) -> int:
        return int.from_bytes(self._core.read_flash(address, 2), "little")

    @property
    def stack_bytes(self) -> int:
        """Most stack in use since power-on, in bytes: from the end of RAM down to the lowest byte changed.

        RAM behind the program's variables was painted; a frame's unwritten bottom is not seen, a heap would be
        counted as stack. LinkError for a HEX image, which does not tell where the variables end.
        """
        if self._paint_from is None:
            raise LinkError("stack use is known for ELF images only: a HEX file does not say where variables end")
        if self._core is None:
            return self._final[1]
        first = self._paint_from
        ram = self.read_memory(first, self.chip.ram_end + 1 - first)
        clean = next((count for count, byte in enumerate(ram) if byte != _paint(first + count)), len(ram))
        return len(ram) - clean


def _paint(address: int) -> int:
    """Paint differs from byte to byte, so that a run of equal bytes on the stack cannot look like it."""
    return (address * 0x9D + 0x5A) & 0xFF
