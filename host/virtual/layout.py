"""Where simavr keeps the few fields that it has no function for: the cycle counter, the program
counter, the memories.

They are found by their content, not by offsets copied from one version's header: a scratch core
runs a program of four instructions, and a field counts as found only when it holds what this
program must have left there. Proved with simavr 1.6 (Debian, amd64) in every process that uses it;
the headers of 1.7 and 1.8 have the fields in the same order. A library that is different is
refused, not trusted.
"""

from __future__ import annotations

import ctypes as c
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ...common.errors import LinkError
from .chips import UBRR0H, UBRR0L
from .libsimavr import RUNNING, Hook, address_of, code, destroy, library, make

PROBE_CHIP = "atmega328p"  # stands for a chip without UART 0
PROBE_UBRR = 0x0123
PROBE_CYCLES, PROBE_PC = 6, 12  # ldi 1, sts 2, ldi 1, sts 2 cycles; 2 + 4 + 2 + 4 bytes
PROBE_BYTE_CYCLES = 11 * 16 * (PROBE_UBRR + 1)  # simavr counts a parity bit that is not there
AVR_BYTES, UART_BYTES = 16_384, 1_024  # searched; 11.7 KB and 0.6 KB would do for 1.6
MODULE_AVR, MODULE_CODE = 8, 32  # in avr_io_t: next, avr, kind, irq_names, irq_ioctl_get
TIMERS = {code(f"tmr{number}") for number in range(6)}
TIMER_BYTES = 320  # of avr_timer_t, which has 600; its table of modes begins before 160
# wgm_op[0], [1], ...: top, bottom, size, kind of each mode, a byte each; 0 where there is none
TIMER_MODES = (
    struct.pack("<4I", 0x0108_0000, 0, 0x0200_0001, 0x0408_0000),  # of 8 bits: normal, -, CTC, fast
    struct.pack("<6I", 0x0110_0000, 0, 0, 0, 0x0200_0001, 0x0408_0000),  # of 16 bits
)
PHASE_CORRECT_8_BITS = 0x0508_0000  # AVR_TIMER_WGM_FCPWM8


@dataclass(frozen=True)
class Layout:
    """Byte offsets in `avr_t`; in its UART; and the size of a signal."""

    state: int
    frequency: int
    cycle: int
    run_cycle_limit: int
    reset_hook: int  # the chip's own function, called in avr_reset
    sleep: int  # function
    irq_pool: int
    interrupt_state: int
    pc: int
    reset_pc: int
    flash: int  # pointers
    data: int
    io_port: int  # first I/O module
    uart_cycles_per_byte: int  # in the UART
    irq_bytes: int  # signals of one module follow each other


@cache
def find_layout(mcu: str) -> Layout:
    """The layout of this libsimavr; LinkError when a field cannot be proved."""
    avr = make(mcu)
    with _Memory() as memory:
        fields = _find_clock(avr, memory)
        program = _run_probe(avr)
        _demand("cycle", memory.word(avr + fields["cycle"]) == PROBE_CYCLES)
        _demand("pc", memory.word(avr + fields["pc"]) == PROBE_PC)  # reset_pc, the upper half, is 0
        fields |= _find_memories(avr, memory, program)
        fields["uart_cycles_per_byte"] = _find_uart_pace(
            memory, memory.word(avr + fields["io_port"])
        )
        _prove_reset_hook(avr, fields["reset_hook"])
    first, second = (library().avr_io_getirq(avr, code("uar0"), index) for index in (0, 1))
    destroy(avr, fields["irq_pool"])
    return Layout(irq_bytes=second - first, **fields)


def find_uart(first: int) -> int:
    """Address of UART 0 in the list of I/O modules that begins with `first`."""
    for module, name in _modules(first):
        if name == code("uar0"):
            return module
    raise LinkError("simavr has no UART 0 in this chip")


def complete_timers(first: int) -> int:
    """Give the timers the mode that simavr 1.6 to 1.8 lacks; how many of them lacked it.

    Arduino's start-up code sets all timers but the first to mode 1, 8-bit phase-correct PWM. simavr
    takes an unknown mode for a period of one clock of the timer: an overflow every 64 cycles, of
    each of five timers on a Mega, took most of the simulator's time. With simavr's own entry for
    this mode one comes every 16,384 cycles (on a chip every 32,640). Timers whose table of modes
    is not found stay as they are: slow.
    """
    completed = 0
    for module, name in _modules(first):
        if name not in TIMERS:
            continue
        raw = c.string_at(module, TIMER_BYTES)
        for known in TIMER_MODES:
            place = raw.find(known)
            if place > 0:
                c.c_uint32.from_address(module + place + 4).value = PHASE_CORRECT_8_BITS
                completed += 1
    return completed


def _modules(first: int) -> Iterator[tuple[int, int]]:
    """(address, name) of each I/O module of the list that begins with `first`."""
    module = first
    while module:
        yield module, c.c_uint32.from_address(module + MODULE_CODE).value
        module = c.c_void_p.from_address(module).value or 0


def _demand(field: str, found: object) -> None:
    if not found:
        raise _unknown(field)


def _unknown(field: str) -> LinkError:
    return LinkError(
        f"this libsimavr keeps the field '{field}' at an unknown place: "
        "apt install libsimavr2 (1.6 is known to work)"
    )


def _run_probe(avr: int) -> bytes:
    """Load and run ldi r24,hi; sts UBRR0H,r24; ldi r24,lo; sts UBRR0L,r24; rjmp itself. Gives the
    program.
    """

    def ldi(value: int) -> int:
        return 0xE080 | (value & 0xF0) << 4 | value & 0x0F

    program = struct.pack(
        "<7H", ldi(PROBE_UBRR >> 8), 0x9380, UBRR0H, ldi(PROBE_UBRR & 0xFF), 0x9380, UBRR0L, 0xCFFF
    )
    library().avr_loadcode(avr, program, len(program), 0)
    for _ in range(4):  # run_cycle_limit is 1 after a reset: one instruction each
        library().avr_run(avr)
    return program


def _find_clock(avr: int, memory: _Memory) -> dict[str, int]:
    """Offsets from `state` to `reset_pc`, read off right after avr_init.

    Order in sim_avr.h, 1.6 to 1.8: state, frequency, three voltages, cycle, run_cycle_count,
    run_cycle_limit (each 64 bits), ..., init, reset, three custom pointers, run, sleep, irq_pool
    (count, pointer), sreg[8], interrupt_state, pc, reset_pc.
    """
    raw = memory.read(avr, 1024)
    state = raw.find(struct.pack("<II", RUNNING, 1_000_000))  # what avr_init leaves
    _demand("frequency", state >= 0)
    cycle = (state + 20 + 7) // 8 * 8
    _demand("run_cycle_limit", struct.unpack_from("<QQQ", raw, cycle)[::2] == (0, 1))
    run = raw.find(
        struct.pack(
            "<QQ",
            address_of(library().avr_callback_run_raw),
            address_of(library().avr_callback_sleep_raw),
        )
    )
    _demand("run", run > cycle)
    pool = run + 16
    interrupt_state = pool + 16 + 8
    return {
        "state": state,
        "frequency": state + 4,
        "cycle": cycle,
        "run_cycle_limit": cycle + 16,
        "reset_hook": run - 32,
        "sleep": run + 8,
        "irq_pool": pool,
        "interrupt_state": interrupt_state,
        "pc": interrupt_state + 4,
        "reset_pc": interrupt_state + 8,
    }


def _find_memories(avr: int, memory: _Memory, program: bytes) -> dict[str, int]:
    """Offsets of the pointers to flash (holds the probe), data (holds what it stored) and the first
    module.
    """
    stored = bytes((PROBE_UBRR & 0xFF, PROBE_UBRR >> 8))
    raw = memory.read(avr, AVR_BYTES)
    for flash in range(0, len(raw) - 24, 8):
        code_at, data_at, module_at = struct.unpack_from("<QQQ", raw, flash)
        if (
            memory.read(code_at, len(program)) == program
            and memory.read(data_at + UBRR0L, 2) == stored
            and memory.word(module_at + MODULE_AVR) == avr
        ):
            return {"flash": flash, "data": flash + 8, "io_port": flash + 16}
    raise _unknown("flash")


def _find_uart_pace(memory: _Memory, modules: int) -> int:
    """Offset of the cycles a byte takes, in UART 0: the one place that holds what the probe's UBRR
    asks for.
    """
    raw = memory.read(find_uart(modules), UART_BYTES)
    places = [
        offset
        for offset in range(0, len(raw) - 8, 8)
        if raw[offset : offset + 8] == PROBE_BYTE_CYCLES.to_bytes(8, "little")
    ]
    _demand("cycles_per_byte", len(places) == 1)
    return places[0]


def _prove_reset_hook(avr: int, offset: int) -> None:
    """avr_reset must call what is put there."""
    called: list[int] = []
    hook = Hook(called.append)
    c.c_uint64.from_address(avr + offset).value = address_of(hook)
    library().avr_reset(avr)
    _demand("reset", called == [avr])


class _Memory:
    """This process's memory, readable at any address without a crash."""

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/self/mem", os.O_RDONLY)
        except OSError as error:
            raise LinkError("the virtual board needs Linux with /proc mounted") from error

    def __enter__(self) -> _Memory:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes, fewer or none where nothing is mapped."""
        try:
            return os.pread(self._file, count, address)
        except (OSError, OverflowError):
            return b""

    def word(self, address: int) -> int:
        """64-bit word, 0 where nothing is mapped."""
        return int.from_bytes(self.read(address, 8), "little")
