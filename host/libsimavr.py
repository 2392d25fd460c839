"""A thin binding of libsimavr.so.2 by ctypes: no compiler, no header.

The functions are exported; the few fields of `avr_t` and of its UART are not. They are found by their
content, not by an offset copied from a header: a scratch core runs a program of five instructions, and a
field counts as found only when its value is the one that this program must have left there. This was seen to hold with
simavr 1.6 (Debian, amd64); the order of the fields is the same in the headers of 1.7 and 1.8.
"""

from __future__ import annotations

import ctypes as c
import os
import struct
from dataclasses import dataclass
from functools import lru_cache

from tinygen.errors import LinkError

NAMES = ("libsimavr.so.2", "libsimavr.so.1")        # Debian's, simavr's own
STOPPED, RUNNING, SLEEPING, DONE, CRASHED = 1, 2, 3, 6, 7       # avr_t.state, simavr's sim_avr.h
UBRR0L, UBRR0H = 0xC4, 0xC5
ALL_BITS = 8                        # index of "the whole register" among the signals of an I/O address
ANY_INTERRUPT, INTERRUPT_RUNNING = 0xFF, 1

Notify = c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_void_p)
Timer = c.CFUNCTYPE(c.c_uint64, c.c_void_p, c.c_uint64, c.c_void_p)
Store = c.CFUNCTYPE(None, c.c_void_p, c.c_uint16, c.c_uint8, c.c_void_p)
Sleep = c.CFUNCTYPE(None, c.c_void_p, c.c_uint64)
Hook = c.CFUNCTYPE(None, c.c_void_p)
Logger = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p, c.c_void_p)

# simavr's own sleep waits in wall time; its logger prints. Neither is wanted here.
_no_sleep = Sleep(lambda avr, cycles: None)
_no_log = Logger(lambda avr, level, text, arguments: None)

_SIGNATURES = {
    "avr_make_mcu_by_name": (c.c_void_p, [c.c_char_p]),
    "avr_init": (c.c_int, [c.c_void_p]),
    "avr_reset": (None, [c.c_void_p]),
    "avr_run": (c.c_int, [c.c_void_p]),
    "avr_terminate": (None, [c.c_void_p]),
    "avr_loadcode": (None, [c.c_void_p, c.c_char_p, c.c_uint32, c.c_uint32]),
    "avr_core_watch_write": (None, [c.c_void_p, c.c_uint16, c.c_uint8]),
    "avr_service_interrupts": (None, [c.c_void_p]),
    "avr_has_pending_interrupts": (c.c_int, [c.c_void_p]),
    "avr_ioctl": (c.c_int, [c.c_void_p, c.c_uint32, c.c_void_p]),
    "avr_io_getirq": (c.c_void_p, [c.c_void_p, c.c_uint32, c.c_int]),
    "avr_iomem_getirq": (c.c_void_p, [c.c_void_p, c.c_uint16, c.c_char_p, c.c_int]),
    "avr_get_interrupt_irq": (c.c_void_p, [c.c_void_p, c.c_uint8]),
    "avr_register_io_write": (None, [c.c_void_p, c.c_uint16, Store, c.c_void_p]),
    "avr_irq_register_notify": (None, [c.c_void_p, Notify, c.c_void_p]),
    "avr_irq_unregister_notify": (None, [c.c_void_p, Notify, c.c_void_p]),
    "avr_raise_irq": (None, [c.c_void_p, c.c_uint32]),
    "avr_free_irq": (None, [c.c_void_p, c.c_uint32]),
    "avr_cycle_timer_register": (None, [c.c_void_p, c.c_uint64, Timer, c.c_void_p]),
    "avr_cycle_timer_cancel": (None, [c.c_void_p, Timer, c.c_void_p]),
    "avr_global_logger_set": (None, [Logger]),
}


def _open(name: str) -> c.PyDLL | None:
    try:
        return c.PyDLL(name)
    except OSError:
        return None


@lru_cache(maxsize=None)
def library() -> c.PyDLL:
    """The loaded library; LinkError naming the package when it is not there.

    PyDLL, because the calls are short: giving up and taking back the interpreter lock would cost a fifth of the speed.
    """
    lib = next(filter(None, map(_open, NAMES)), None)
    if lib is None:
        raise LinkError("the virtual board needs the library libsimavr.so.2: apt install libsimavr2")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name, None)
        if function is None:
            raise LinkError(f"this libsimavr has no function {name}: apt install libsimavr2 (1.6 or newer)")
        function.restype, function.argtypes = result, arguments
    lib.avr_global_logger_set(_no_log)
    return lib


@lru_cache(maxsize=None)
def _libc() -> c.CDLL:
    libc = c.CDLL(None)
    libc.free.argtypes = [c.c_void_p]
    return libc


def code(text: str) -> int:
    """simavr's four-character names of an I/O module's signals and requests: "uar0", "iogB"."""
    return int.from_bytes(text.encode("ascii"), "big")


@dataclass(frozen=True)
class Layout:
    """Where the wanted fields lie: byte offsets in `avr_t`, in the UART and between two signals."""

    state: int
    frequency: int
    cycle: int
    run_cycle_limit: int
    sleep: int
    pc: int
    reset_pc: int
    flash: int
    data: int
    io_port: int
    irq_pool: int
    reset_hook: int                 # function of the chip that avr_reset calls
    interrupt_state: int
    irq_bytes: int                  # size of one signal: signals of one module follow each other
    uart_cycles_per_byte: int


class Core:
    """One simulated AVR. Numbers are simavr's own; everything an Arduino means by them is in simavr.py."""

    def __init__(self, mcu: str, f_cpu_hz: int, start: int = 0) -> None:
        self.lib = library()
        layout = find_layout(mcu)
        self.avr = _make(self.lib, mcu)
        self.layout = layout
        self._cycle = self._u64(layout.cycle)
        self._limit = self._u64(layout.run_cycle_limit)
        self._state = c.c_int.from_address(self.avr + layout.state)
        self._before_stop = RUNNING
        self._interrupt_state = c.c_int8.from_address(self.avr + layout.interrupt_state)
        self._this = c.c_void_p(self.avr)       # ready-made argument of the one call that has to be fast
        self._pc = self._u32(layout.pc)
        self._u32(layout.frequency).value = f_cpu_hz
        self._u32(layout.reset_pc).value = start
        self._u64(layout.sleep).value = c.cast(_no_sleep, c.c_void_p).value
        self._flash = self._u64(layout.flash).value
        self._data = self._u64(layout.data).value
        self.uart_cycles_per_byte = c.c_uint64.from_address(
            _uart(self._u64(layout.io_port).value) + layout.uart_cycles_per_byte)
        for uart in "0123":         # no echo on stdout, no wall-clock waiting when the firmware polls
            self.lib.avr_ioctl(self.avr, code(f"uas{uart}"), c.byref(c.c_uint32(0)))
        self._iomem_irqs: dict[int, int] = {}
        self.was_reset = False
        self._catch_resets(self._u64(layout.reset_hook))
        self.reset()

    def _u64(self, offset: int) -> c.c_uint64:
        return c.c_uint64.from_address(self.avr + offset)

    def _u32(self, offset: int) -> c.c_uint32:
        return c.c_uint32.from_address(self.avr + offset)

    @property
    def cycle(self) -> int:
        """Cycles since power-on."""
        return self._cycle.value

    @cycle.setter
    def cycle(self, value: int) -> None:
        self._cycle.value = value

    @property
    def pc(self) -> int:
        """Byte address of the instruction that runs (inside a callback) or comes next."""
        return self._pc.value

    def _catch_resets(self, hook: c.c_uint64) -> None:
        """Stop after any reset, the watchdog's too: simavr drops the host's timers in it."""
        original = Hook(hook.value) if hook.value else None

        def on_reset(avr: int) -> None:
            if original:
                original(avr)
            self.was_reset = True
            self.stop()
        self._on_reset = Hook(on_reset)
        hook.value = c.cast(self._on_reset, c.c_void_p).value

    def reset(self) -> None:
        """Reset the core and its modules, not RAM. Every timer of the host is gone afterwards, and `batch` is 1."""
        self.lib.avr_reset(self.avr)
        self._resume()

    def batch(self, cycles: int) -> None:
        """At most this many cycles without a look at the outside; speed only, timers are met in any case."""
        self._limit.value = cycles

    def go(self) -> int:
        """Run until a callback calls `stop`, or a reset, or the program ends; gives the core's state."""
        run, avr = self.lib.avr_run, self._this
        while (state := run(avr)) & 6 == RUNNING:       # running or sleeping
            pass
        return self._resume() if state == STOPPED else state

    def stop(self) -> None:
        """To be called in a callback: end `go` behind the instruction that runs now."""
        if self._state.value != STOPPED:
            self._before_stop, self._state.value = self._state.value, STOPPED

    def _resume(self) -> int:
        """Do what simavr left out at this boundary because it was stopped, so that a stop changes nothing."""
        lib, avr = self.lib, self.avr
        state = self._before_stop
        if state == SLEEPING and lib.avr_has_pending_interrupts(avr):
            state = RUNNING
        self._state.value = state
        if self._interrupt_state.value:
            lib.avr_service_interrupts(avr)
        return state

    def load(self, address: int, content: bytes) -> None:
        """Write into flash."""
        self.lib.avr_loadcode(self.avr, content, len(content), address)

    def read_flash(self, address: int, count: int) -> bytes:
        """Bytes of flash."""
        return c.string_at(self._flash + address, count)

    def memory(self, size: int) -> c.Array:
        """The data space (registers, I/O, RAM) as it is, without the side effects of a read by the program."""
        return (c.c_uint8 * size).from_address(self._data)

    def on_signal(self, irq: int, notify: Notify) -> None:
        """Call `notify(irq, value, None)` on each raise; the caller keeps `notify` alive."""
        self.lib.avr_irq_register_notify(irq, notify, None)

    def off_signal(self, irq: int, notify: Notify) -> None:
        """Undo `on_signal`."""
        self.lib.avr_irq_unregister_notify(irq, notify, None)

    def raise_signal(self, irq: int, value: int) -> None:
        """Raise a signal from outside."""
        self.lib.avr_raise_irq(irq, value)

    def module_irq(self, name: str, index: int) -> int | None:
        """Signal `index` of the I/O module called `name` ("uar0", "iogB"), None where the chip has no such module."""
        return self.lib.avr_io_getirq(self.avr, code(name), index)

    def memory_irq(self, address: int) -> int:
        """Signal raised with the value on each read and write of an I/O address by the program."""
        if address not in self._iomem_irqs:
            self._iomem_irqs[address] = self.lib.avr_iomem_getirq(self.avr, address, None, 0)
        return self._iomem_irqs[address] + ALL_BITS * self.layout.irq_bytes

    def interrupt_irq(self) -> int:
        """Signal raised when any interrupt routine begins (vector number) and ends (0)."""
        return self.lib.avr_get_interrupt_irq(self.avr, ANY_INTERRUPT) + INTERRUPT_RUNNING * self.layout.irq_bytes

    def on_store(self, address: int, store: Store) -> None:
        """Call `store(avr, address, value, None)` on each write of an I/O address that no module owns."""
        self.lib.avr_register_io_write(self.avr, address, store, None)

    def timer(self, cycles: int, timer: Timer) -> None:
        """Call `timer` in that many cycles; the same timer again replaces the first."""
        self.lib.avr_cycle_timer_register(self.avr, cycles, timer, None)

    def cancel(self, timer: Timer) -> None:
        """Forget a timer."""
        self.lib.avr_cycle_timer_cancel(self.avr, timer, None)

    def close(self) -> None:
        """Give all memory back; no other method may be called afterwards."""
        if self.avr:
            for irq in self._iomem_irqs.values():
                self.lib.avr_free_irq(irq, ALL_BITS + 1)
            _destroy(self.lib, self.avr, self.layout.irq_pool)
            self.avr = None


def _make(lib: c.PyDLL, mcu: str) -> int:
    avr = lib.avr_make_mcu_by_name(mcu.encode("ascii", "replace"))
    if not avr:
        raise LinkError(f"simavr does not know the chip '{mcu}'")
    lib.avr_init(avr)
    return avr


def _destroy(lib: c.PyDLL, avr: int, irq_pool: int) -> None:
    """Free what avr_terminate leaves: the list of signals and avr_t itself."""
    lib.avr_terminate(avr)
    _libc().free(c.c_void_p.from_address(avr + irq_pool + 8).value)
    _libc().free(avr)


# ---- finding the fields -------------------------------------------------------------------------------

_PROBE_UBRR = 0x0123
_PROBE_CYCLES, _PROBE_PC = 6, 12                    # ldi 1, sts 2, ldi 1, sts 2 cycles; 2 + 4 + 2 + 4 bytes
_PROBE_BYTE_CYCLES = 11 * 16 * (_PROBE_UBRR + 1)    # simavr counts a parity bit that is not there
_AVR_BYTES = 16384                                  # avr_t is 13 KiB in 1.6; the search is cut to what is readable


def _probe_program() -> bytes:
    """ldi r24,hi; sts UBRR0H,r24; ldi r24,lo; sts UBRR0L,r24; rjmp itself."""
    def ldi(value: int) -> int:
        return 0xE080 | (value & 0xF0) << 4 | value & 0x0F
    return struct.pack("<7H", ldi(_PROBE_UBRR >> 8), 0x9380, UBRR0H,
                       ldi(_PROBE_UBRR & 0xFF), 0x9380, UBRR0L, 0xCFFF)


class _Memory:
    """This process's memory, readable at any address without a crash."""

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/self/mem", os.O_RDONLY)
        except OSError as error:
            raise LinkError("the virtual board needs Linux with /proc mounted") from error

    def __enter__(self) -> _Memory:
        return self

    def __exit__(self, *error) -> None:
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


@lru_cache(maxsize=None)
def find_layout(mcu: str) -> Layout:
    """Where the fields lie in this libsimavr; LinkError when one cannot be proved."""
    lib = library()
    avr = _make(lib, mcu)
    with _Memory() as memory:
        fields = _find_clock(lib, avr, memory)
        program = _probe_program()
        lib.avr_loadcode(avr, program, len(program), 0)
        for _ in range(4):          # run_cycle_limit is 1 after a reset: one instruction each
            lib.avr_run(avr)
        _demand("cycle", memory.word(avr + fields["cycle"]) == _PROBE_CYCLES)
        _demand("pc", memory.word(avr + fields["pc"]) == _PROBE_PC)      # reset_pc, the upper half, is 0
        fields |= _find_memories(lib, avr, memory, program)
        fields["uart_cycles_per_byte"] = _find_uart_pace(memory, memory.word(avr + fields["io_port"]))
        _prove_reset_hook(lib, avr, fields["reset_hook"])
    first, second = (lib.avr_io_getirq(avr, code("uar0"), index) for index in (0, 1))
    _demand("irq", first and second)
    _destroy(lib, avr, fields["irq_pool"])
    return Layout(irq_bytes=second - first, **fields)


def _demand(field: str, found: object) -> None:
    if not found:
        raise LinkError(f"this libsimavr keeps the field '{field}' at an unknown place: "
                        "apt install libsimavr2 (1.6 is known to work)")


def _find_clock(lib: c.PyDLL, avr: int, memory: _Memory) -> dict[str, int]:
    """Offsets from `state` to `reset_pc`, read off right after avr_init.

    Order in sim_avr.h, 1.6 to 1.8: state, frequency, three voltages, cycle, run_cycle_count, run_cycle_limit
    (each 64 bits), ... , init, reset,
    three custom pointers, run, sleep, irq_pool (count, pointer), sreg[8], interrupt_state, pc, reset_pc.
    """
    raw = memory.read(avr, 1024)
    state = raw.find(struct.pack("<II", RUNNING, 1_000_000))
    _demand("frequency", state >= 0)
    cycle = (state + 20 + 7) // 8 * 8
    _demand("run_cycle_limit", struct.unpack_from("<QQQ", raw, cycle)[::2] == (0, 1))
    hooks = struct.pack("<QQ", *(c.cast(getattr(lib, name), c.c_void_p).value
                                 for name in ("avr_callback_run_raw", "avr_callback_sleep_raw")))
    run = raw.find(hooks)
    _demand("run", run > cycle)
    pool = run + 16
    interrupt_state = pool + 16 + 8
    return {"state": state, "frequency": state + 4, "cycle": cycle, "run_cycle_limit": cycle + 16,
            "reset_hook": run - 32, "sleep": run + 8, "irq_pool": pool,
            "interrupt_state": interrupt_state, "pc": interrupt_state + 4, "reset_pc": interrupt_state + 8}


def _prove_reset_hook(lib: c.PyDLL, avr: int, offset: int) -> None:
    """avr_reset must call what is put there: in the headers two pointers, init and reset, and three more precede run."""
    called: list[int] = []
    hook, original = Hook(called.append), c.c_uint64.from_address(avr + offset)
    original.value = c.cast(hook, c.c_void_p).value
    lib.avr_reset(avr)
    _demand("reset", called == [avr])


def _find_memories(lib: c.PyDLL, avr: int, memory: _Memory, program: bytes) -> dict[str, int]:
    """Offsets of the pointers to flash (holds the probe), data (holds what it stored) and the first module."""
    stored = bytes((_PROBE_UBRR & 0xFF, _PROBE_UBRR >> 8))
    raw = memory.read(avr, _AVR_BYTES) or memory.read(avr, _AVR_BYTES // 2)
    for flash in range(0, len(raw) - 24, 8):
        code_at, data_at, module_at = struct.unpack_from("<QQQ", raw, flash)
        if (memory.read(code_at, len(program)) == program and memory.read(data_at + UBRR0L, 2) == stored
                and memory.word(module_at + 8) == avr):
            return {"flash": flash, "data": flash + 8, "io_port": flash + 16}
    _demand("flash", False)


def _uart(module: int) -> int:
    """Address of UART 0 in the list of I/O modules: next, avr, kind are the first pointers of each."""
    while module:
        following, _, kind = (c.c_void_p.from_address(module + 8 * index).value for index in range(3))
        if kind and c.string_at(kind) == b"uart" and c.c_char.from_address(module + _UART_NAME).value == b"0":
            return module
        module = following
    raise LinkError("this chip has no UART 0 in simavr")


_UART_NAME = 72         # behind avr_io_t: nine pointers, of which one slot holds two 32-bit numbers


def _find_uart_pace(memory: _Memory, modules: int) -> int:
    """Offset of the cycles a byte takes, in UART 0: the one place that holds what the probe's UBRR asks for."""
    raw = memory.read(_uart(modules), 1024)
    places = [offset for offset in range(0, len(raw) - 8, 8)
              if raw[offset:offset + 8] == _PROBE_BYTE_CYCLES.to_bytes(8, "little")]
    _demand("cycles_per_byte", len(places) == 1)
    return places[0]
