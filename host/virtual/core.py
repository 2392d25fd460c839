"""One simulated AVR, in simavr's own terms; what an Arduino makes of it is in simavr.py, uart.py
and watch.py.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable
from typing import Any, TypeVar

from ...common.errors import LinkError
from ...common.process import signals_held
from . import libsimavr as sim
from .chips import chip
from .layout import PROBE_CHIP, complete_timers, find_layout, find_uart

ALL_BITS = 8  # index of "the whole register" among the signals of an I/O address
ANY_INTERRUPT, INTERRUPT_RUNNING = 0xFF, 1
_Field = TypeVar("_Field", c.c_int8, c.c_int, c.c_uint32, c.c_uint64)


class Core:
    """A chip of type `mcu` that starts at byte address `start`.

    Callbacks are ordinary Python functions; an exception in one ends `go`, which raises it.
    """

    def __init__(self, mcu: str, f_cpu_hz: int, start: int = 0) -> None:
        self._lib = sim.library()
        has_uart = chip(mcu).uart
        # avr_t is the same for every chip
        self._layout = layout = find_layout(mcu if has_uart else PROBE_CHIP)
        self._avr = sim.make(mcu)
        sim.own_whole_data_space(self._avr, layout.data, chip(mcu).ram_end + 1)
        self._this = c.c_void_p(self._avr)  # ready-made argument of the one call that must be fast
        self._cycle = self._field(c.c_uint64, layout.cycle)
        self._limit = self._field(c.c_uint64, layout.run_cycle_limit)
        self._state = self._field(c.c_int, layout.state)
        self._interrupt_state = self._field(c.c_int8, layout.interrupt_state)
        self._pc = self._field(c.c_uint32, layout.pc)
        self._flash = self._field(c.c_uint64, layout.flash).value
        self._field(c.c_uint32, layout.frequency).value = f_cpu_hz
        self._field(c.c_uint32, layout.reset_pc).value = start
        self._field(c.c_uint64, layout.sleep).value = sim.address_of(sim.NO_SLEEP)
        modules = self._field(c.c_uint64, layout.io_port).value
        complete_timers(modules)
        if has_uart:
            uart = find_uart(modules)
            self.uart_cycles_per_byte = c.c_uint64.from_address(uart + layout.uart_cycles_per_byte)
        for number in "0123":  # no echo on stdout, no wall-clock waiting when the firmware polls
            self._lib.avr_ioctl(self._avr, sim.code(f"uas{number}"), c.byref(c.c_uint32(0)))
        self.was_reset = False
        self._before_stop = sim.RUNNING
        self._failure: BaseException | None = None
        self._kept: list[object] = []  # callbacks must outlive their registration
        self._iomem_irqs: dict[int, int] = {}
        self._catch_resets(self._field(c.c_uint64, layout.reset_hook))
        self.reset()

    def supply(self, millivolts: int) -> None:
        """Voltage of the chip, of its analog part and of AREF; without one the converter gives
        nothing.
        """
        for place in range(3):  # behind the frequency, in this order
            voltage = self._field(c.c_uint32, self._layout.frequency + 4 * (1 + place))
            voltage.value = millivolts

    def _field(self, kind: type[_Field], offset: int) -> _Field:
        return kind.from_address(self._avr + offset)

    def close(self) -> None:
        """Give all memory back; no other method may be called afterwards."""
        for irq in self._iomem_irqs.values():
            self._lib.avr_free_irq(irq, ALL_BITS + 1)
        sim.destroy(self._avr, self._layout.irq_pool)

    # ---- time ----

    @property
    def cycle(self) -> int:
        """Cycles since power-on; inside a callback, those before the instruction that runs."""
        return self._cycle.value

    @cycle.setter
    def cycle(self, value: int) -> None:
        self._cycle.value = value

    @property
    def pc(self) -> int:
        """Byte address of the instruction that runs (inside a callback) or comes next."""
        return self._pc.value

    def go(self) -> int:
        """Run until a callback calls `stop`, or a reset, or the program ends; gives the core's
        state.
        """
        run: Callable[[c.c_void_p], int] = self._lib.avr_run
        avr = self._this
        with signals_held(self.stop):
            while (state := run(avr)) & 6 == sim.RUNNING:  # running or sleeping
                pass
            if state == sim.STOPPED:
                state = self._resume()
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        return state

    @property
    def sleeping(self) -> bool:
        """True if the core sleeps, outside of callbacks."""
        return bool(self._state.value == sim.SLEEPING)

    def stop(self) -> None:
        """To be called in a callback: end `go` behind the instruction that runs now."""
        if self._state.value != sim.STOPPED:
            self._before_stop, self._state.value = self._state.value, sim.STOPPED

    def _resume(self) -> int:
        """Do what simavr left out at this boundary because it was stopped, so that a stop changes
        nothing.
        """
        state = self._before_stop
        if state == sim.SLEEPING and self._lib.avr_has_pending_interrupts(self._avr):
            state = sim.RUNNING
        self._state.value = state
        if self._interrupt_state.value:
            self._lib.avr_service_interrupts(self._avr)
        return state

    def batch(self, cycles: int) -> None:
        """At most this many cycles without a look at the outside; speed only, timers are met in any
        case.
        """
        self._limit.value = cycles

    def reset(self) -> None:
        """Reset the core and its modules, not RAM. Every timer of the host is gone afterwards, and
        the batch is 1.
        """
        self._lib.avr_reset(self._avr)
        self._resume()

    def _catch_resets(self, hook: c.c_uint64) -> None:
        """Stop after any reset, the watchdog's too: simavr drops the host's timers in it."""
        original = sim.Hook(hook.value) if hook.value else None

        def on_reset(avr: int) -> None:
            if original:
                original(avr)
            self.was_reset = True
            self.stop()

        caught = sim.Hook(on_reset)
        self._kept.append(caught)
        hook.value = sim.address_of(caught)

    # ---- memories ----

    def write_flash(self, address: int, content: bytes) -> None:
        """Write into flash; the range is the caller's to check."""
        self._lib.avr_loadcode(self._avr, content, len(content), address)

    def read_flash(self, address: int, count: int) -> bytes:
        """Bytes of flash; the range is the caller's to check."""
        return c.string_at(self._flash + address, count)

    def eeprom(self, size: int) -> sim.Memory:
        """The EEPROM as it is; it keeps its content in a reset."""
        request = sim.EepromRequest(None, 0, 1)  # without a buffer simavr tells where its own is
        self._lib.avr_ioctl(self._avr, sim.code("eegp"), c.byref(request))
        if not request.cells:
            raise LinkError("this libsimavr tells nothing of the EEPROM: apt install libsimavr2")
        return (c.c_uint8 * size).from_address(request.cells)

    def memory(self, size: int) -> sim.Memory:
        """The data space (registers, I/O, RAM) as it is, without the side effects of a read by the
        program.
        """
        return (c.c_uint8 * size).from_address(self._field(c.c_uint64, self._layout.data).value)

    # ---- callbacks ----

    def _callback(self, kind: type[sim.Callback], function: Callable[..., object]) -> sim.Callback:
        """ctypes would print and forget an exception: keep it for `go`."""

        def guarded(*arguments: Any) -> int:
            try:
                function(*arguments)
            except BaseException as error:
                self._failure = error
                self.stop()
            return 0

        callback = kind(guarded)
        self._kept.append(callback)
        return callback

    def listener(self, function: Callable[[int], None]) -> sim.Callback:
        """A function of a signal's value, for `listen` and `ignore`."""
        return self._callback(sim.Notify, lambda irq, value, parameter: function(value))

    def listen(self, irq: int, listener: sim.Callback) -> None:
        """Call the listener on each raise of a signal."""
        self._lib.avr_irq_register_notify(irq, listener, None)

    def ignore(self, irq: int, listener: sim.Callback) -> None:
        """Undo `listen`."""
        self._lib.avr_irq_unregister_notify(irq, listener, None)

    def raise_signal(self, irq: int, value: int) -> None:
        """Raise a signal from outside."""
        self._lib.avr_raise_irq(irq, value)

    def on_store(self, address: int, function: Callable[[int], None]) -> None:
        """Call `function(value)` on each write of an I/O address that no module owns; it has to
        store the value.
        """
        store = self._callback(sim.Store, lambda avr, address, value, parameter: function(value))
        self._lib.avr_register_io_write(self._avr, address, store, None)

    def timer(self, function: Callable[[], None]) -> sim.Callback:
        """A timer for `start` and `cancel`."""
        return self._callback(sim.Timer, lambda avr, when, parameter: function())

    def start(self, timer: sim.Callback, cycles: int) -> None:
        """Let a timer call at the first instruction boundary in `cycles` (at least 1); replaces its
        earlier start.
        """
        self._lib.avr_cycle_timer_register(self._avr, max(1, cycles), timer, None)

    def cancel(self, timer: sim.Callback) -> None:
        """Forget the start of a timer."""
        self._lib.avr_cycle_timer_cancel(self._avr, timer, None)

    # ---- signals ----

    def module_irq(self, name: str, index: int) -> int:
        """Signal `index` of the I/O module called `name` ("uar0", "iogB"); LinkError where the chip
        has no such module.
        """
        irq: int | None = self._lib.avr_io_getirq(self._avr, sim.code(name), index)
        if irq is None:
            raise LinkError(f"simavr has no module '{name}' in this chip")
        return irq

    def memory_irq(self, address: int) -> int:
        """Signal raised with the value on each read and write of an I/O address by the program."""
        if address not in self._iomem_irqs:
            self._iomem_irqs[address] = self._lib.avr_iomem_getirq(self._avr, address, None, 0)
        return self._iomem_irqs[address] + ALL_BITS * self._layout.irq_bytes

    def interrupt_irq(self) -> int:
        """Signal raised when any interrupt routine begins (vector number) and ends (0)."""
        first: int = self._lib.avr_get_interrupt_irq(self._avr, ANY_INTERRUPT)
        return first + INTERRUPT_RUNNING * self._layout.irq_bytes

    def flag_irq(self, vector: int) -> int:
        """Signal raised with 1 when an interrupt's flag is set, enabled or not, and with 0 when it
        is cleared.
        """
        irq: int = self._lib.avr_get_interrupt_irq(self._avr, vector)
        return irq
