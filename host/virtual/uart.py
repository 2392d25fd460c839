"""The serial line of a virtual board: UART 0 of the chip, the wire, and the host's UART at its
other end.

simavr's UART gives bytes 11 bits and keeps 64 that were not read. Here bytes take their 10 bits on
a wire that both ends sample at their own speed, and the receiver holds what a chip holds: two
bytes, and a third in its shift register. simavr is handed one byte at a time, at the cycle at which
the chip would have it. What remains of simavr: it has no transmit buffer, so a program that polls
UDRE0 leaves a gap of a few cycles between bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from ...common.errors import LinkError
from .chips import (
    DOR,
    FORMAT_8N1,
    FORMAT_MASK,
    RXEN,
    U2X,
    UBRR0H,
    UBRR0L,
    UCSR0A,
    UCSR0B,
    UCSR0C,
    UCSZ2,
    UDR0,
)
from .core import Core
from .libsimavr import Callback, Memory
from .wire import FRAME_BITS, Received, Receiver, Wire

TO_BOARD, TO_HOST = "to_board", "to_host"
BAUD_RANGE = 50, 4_000_000
UART_IN, UART_OUT = 0, 1  # signals of simavr's UART
UART_FRAMING_ERROR = 0x8000  # added to a byte for UART_IN
TXEN_OR_RXEN = 0x18  # in UCSR0B
NEVER = 1 << 62

Fault = Callable[[str, int, int], bytes]


@dataclass
class Counters:
    """What went wrong or was thrown away since power-on."""

    rx_overruns: int = 0  # bytes lost because the firmware did not read in time
    rx_framing_errors: int = 0  # the firmware's UART saw a low stop bit
    rx_ignored: int = 0  # bytes that came while the firmware's receiver was off
    host_framing_errors: int = 0  # the host's UART saw a low stop bit
    resets: int = 0  # by reset()
    watchdog_resets: int = 0


class NoLine:
    """What a chip without a UART 0 has in a SerialLine's place: nothing comes, and nothing can be
    sent.
    """

    chip_baud, unsent = None, 0

    def __init__(self, name: str) -> None:
        self._name, self.inbox = name, bytearray()
        self.wake_at, self.baud = NEVER, 0
        self.fault: Fault | None = None

    def after_reset(self) -> None:
        """Nothing to set up again."""

    def write(self, content: bytes) -> None:
        """LinkError."""
        raise LinkError(
            f"the virtual {self._name} has no UART: no row can be streamed to it, "
            "its model alone can be run"
        )

    def discard_unsent(self) -> None:
        """There is nothing."""


class SerialLine:
    """Both ends of the wire. `wake_at`: bytes in `inbox` that end the core's run."""

    def __init__(
        self,
        core: Core,
        memory: Memory,
        f_cpu_hz: int,
        baud: int,
        counters: Counters,
        fault: Fault | None,
    ) -> None:
        self._core, self._memory, self._f_cpu_hz, self._counters = core, memory, f_cpu_hz, counters
        self.fault = fault
        self.baud = baud
        self.inbox = bytearray()  # arrived from the board
        self.wake_at = NEVER
        self._to_board, self._to_host = Wire(), Wire()
        self._chip_end, self._host_end = Receiver(self._to_board), Receiver(self._to_host)
        self._chip_due, self._host_due = (
            core.timer(self._on_chip_due),
            core.timer(self._on_host_due),
        )
        self._input = core.module_irq("uar0", UART_IN)
        core.listen(core.module_irq("uar0", UART_OUT), core.listener(self._on_transmit))
        core.listen(core.memory_irq(UDR0), core.listener(self._on_data_register))
        self.after_reset()

    def after_reset(self) -> None:
        """The chip's receiver is empty; what is on the wire stays there, and the timers are set
        again.
        """
        self._waiting: deque[Received] = deque()  # complete bytes behind the one that can be read
        self._presented = False  # simavr's receiver holds a byte
        self._presented_at = -1
        self._full_until = -1.0
        self._transmitting = False
        self._schedule_chip()
        self._schedule_host()

    # ---- host ----

    @property
    def baud(self) -> int:
        """Baud rate of the host's end, 50 to 4,000,000."""
        return self._baud

    @baud.setter
    def baud(self, value: int) -> None:
        if not BAUD_RANGE[0] <= value <= BAUD_RANGE[1]:
            raise LinkError(f"baud rate {value} is outside of {BAUD_RANGE[0]} to {BAUD_RANGE[1]}")
        self._baud = value
        self._host_bit = self._f_cpu_hz / value

    @property
    def chip_baud(self) -> float | None:
        """Baud rate the firmware has set up, None while its UART is off."""
        return self._f_cpu_hz / self._chip_bit() if self._memory[UCSR0B] & TXEN_OR_RXEN else None

    @property
    def unsent(self) -> int:
        """Bytes for the board whose last bit is still to come."""
        now = self._core.cycle
        return sum(frame.end > now for frame in self._to_board.frames)

    def write(self, content: bytes) -> None:
        """Queue bytes; they go over the wire one after the other at the host's baud rate."""
        now = self._core.cycle
        for byte in content:
            for sent in self._pass(TO_BOARD, byte, now):
                self._to_board.send(sent, now, self._host_bit)
        self._schedule_chip()

    def discard_unsent(self) -> None:
        """Forget what was written and has not begun to go over the wire."""
        self._to_board.clear(self._core.cycle)
        self._schedule_chip()

    def _on_host_due(self) -> None:
        while received := self._host_end.take(self._core.cycle, self._host_bit):
            self.inbox.append(received.value)
            self._counters.host_framing_errors += received.framing_error
        if len(self.inbox) >= self.wake_at:
            self._core.stop()
        self._schedule_host()

    def _schedule_host(self) -> None:
        self._schedule(self._host_due, self._host_end.due(self._host_bit))

    # ---- both ----

    def _pass(self, direction: str, byte: int, cycle: int) -> bytes:
        return bytes((byte,)) if self.fault is None else self.fault(direction, byte, cycle)

    def _schedule(self, timer: Callback, due: float | None) -> None:
        if due is None:
            self._core.cancel(timer)
        else:
            self._core.start(timer, ceil(due) - self._core.cycle)

    # ---- chip ----

    def _chip_bit(self) -> int:
        """Cycles the firmware's UART takes for one bit (ATmega328P datasheet 20.3.1)."""
        memory = self._memory
        divider = (memory[UBRR0H] & 0x0F) << 8 | memory[UBRR0L]
        return (8 if memory[UCSR0A] & U2X else 16) * (divider + 1)

    def _check_format(self) -> None:
        memory = self._memory
        if memory[UCSR0C] & FORMAT_MASK != FORMAT_8N1 or memory[UCSR0B] & UCSZ2:
            raise LinkError(
                "the firmware's serial format is not 8N1: the virtual board knows no other"
            )

    def _on_transmit(self, value: int) -> None:
        """The firmware wrote UDR0."""
        self._transmitting = True
        self._check_format()
        bit = self._chip_bit()
        self._core.uart_cycles_per_byte.value = FRAME_BITS * bit
        now = self._core.cycle
        for sent in self._pass(TO_HOST, value & 0xFF, now):
            self._to_host.send(sent, now, bit)
        self._schedule_host()

    def _on_chip_due(self) -> None:
        bit = self._chip_bit()
        while received := self._chip_end.take(self._core.cycle, bit):
            self._arrived(received)
        self._schedule_chip()

    def _schedule_chip(self) -> None:
        self._schedule(self._chip_due, self._chip_end.due(self._chip_bit()))

    def _arrived(self, received: Received) -> None:
        """A byte is complete in the shift register; two before it may wait in the receive buffer
        (datasheet 20.7.3).
        """
        if not self._memory[UCSR0B] & RXEN:
            self._counters.rx_ignored += 1
            self._waiting.clear()
            self._presented = False
        elif len(self._waiting) == 2 or received.edge < self._full_until:
            self._counters.rx_overruns += 1
            self._memory[UCSR0A] |= DOR
        elif self._presented:
            self._waiting.append(received)
        else:
            self._present(received)

    def _present(self, received: Received) -> None:
        """Hand one byte to simavr so that its receive flag rises at the next instruction, not a
        byte later.
        """
        self._check_format()
        self._counters.rx_framing_errors += received.framing_error
        self._presented, self._presented_at = True, self._core.cycle
        pace = self._core.uart_cycles_per_byte
        pace.value = 1
        self._core.raise_signal(
            self._input, received.value | UART_FRAMING_ERROR * received.framing_error
        )
        pace.value = FRAME_BITS * self._chip_bit()

    def _on_data_register(self, value: int) -> None:
        """UDR0 was written or read; a read makes room for the next byte."""
        if self._transmitting:
            self._transmitting = False
        elif self._presented and self._core.cycle > self._presented_at:
            self._presented = False
            if len(self._waiting) == 2:
                self._full_until = self._core.cycle  # a start bit before this cycle found no room
            if self._waiting:
                self._present(self._waiting.popleft())
