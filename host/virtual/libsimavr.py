"""libsimavr.so.2 by ctypes: its functions, the callbacks it takes and its words. No compiler, no
header.
"""

from __future__ import annotations

import ctypes as c
from _ctypes import CFuncPtr
from functools import cache

from ...common.errors import LinkError

NAMES = ("libsimavr.so.2", "libsimavr.so.1")  # Debian's, simavr's own
DATA_SPACE = (1 << 16) + 1  # bytes: the last address may be that of a 16-bit value
STOPPED, RUNNING, SLEEPING, DONE, CRASHED = 1, 2, 3, 6, 7  # avr_t.state, simavr's sim_avr.h

Memory = c.Array[c.c_uint8]  # a chip's data space
Callback = CFuncPtr  # an instance of one of the types below
Notify = c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_void_p)
Timer = c.CFUNCTYPE(c.c_uint64, c.c_void_p, c.c_uint64, c.c_void_p)
Store = c.CFUNCTYPE(None, c.c_void_p, c.c_uint16, c.c_uint8, c.c_void_p)
Sleep = c.CFUNCTYPE(None, c.c_void_p, c.c_uint64)
Hook = c.CFUNCTYPE(None, c.c_void_p)
Logger = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p, c.c_void_p)

# simavr's own sleep waits in wall time; its logger prints. Neither is wanted here.
NO_SLEEP = Sleep(lambda avr, cycles: None)
NO_LOG = Logger(lambda avr, level, text, arguments: None)


class EepromRequest(c.Structure):
    """simavr's avr_eeprom_desc_t."""

    _fields_ = (("cells", c.c_void_p), ("offset", c.c_uint16), ("size", c.c_uint32))


_SIGNATURES = {
    "avr_make_mcu_by_name": (c.c_void_p, [c.c_char_p]),
    "avr_init": (c.c_int, [c.c_void_p]),
    "avr_reset": (None, [c.c_void_p]),
    "avr_run": (c.c_int, [c.c_void_p]),
    "avr_terminate": (None, [c.c_void_p]),
    "avr_loadcode": (None, [c.c_void_p, c.c_char_p, c.c_uint32, c.c_uint32]),
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


@cache
def library() -> c.PyDLL:
    """The loaded library; LinkError naming the package when it is not there.

    PyDLL, because the calls are short: giving up and taking back the interpreter lock would cost a
    fifth of the speed.
    """
    lib = next(filter(None, map(_open, NAMES)), None)
    if lib is None:
        raise LinkError(
            "the virtual board needs the library libsimavr.so.2: apt install libsimavr2"
        )
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name, None)
        if function is None:
            raise LinkError(
                f"this libsimavr has no function {name}: apt install libsimavr2 (1.6 or newer)"
            )
        function.restype, function.argtypes = result, arguments
    lib.avr_global_logger_set(NO_LOG)
    return lib


def _open(name: str) -> c.PyDLL | None:
    try:
        return c.PyDLL(name)
    except OSError:
        return None


def code(text: str) -> int:
    """simavr's four-character names of an I/O module's signals and requests: "uar0", "iogB"."""
    return int.from_bytes(text.encode("ascii"), "big")


def address_of(function: Callback) -> int:
    """Address of a function of the library, or of a callback."""
    return c.cast(function, c.c_void_p).value or 0


def make(mcu: str) -> int:
    """Address of a new, initialised avr_t; LinkError when simavr does not know the chip."""
    avr: int | None = library().avr_make_mcu_by_name(mcu.encode("ascii", "replace"))
    if not avr:
        raise LinkError(f"simavr does not know the chip '{mcu}'")
    library().avr_init(avr)
    return avr


def own_whole_data_space(avr: int, offset: int, size: int) -> None:
    """Gives the data space, whose pointer stands at `offset` of an avr_t, all that a 16-bit address
    can name.

    simavr calls a write behind the RAM a crash, and then does it all the same: into memory that is
    not the chip's. size: what the chip has, bytes.
    """
    realloc = c.CDLL(None).realloc
    realloc.restype, realloc.argtypes = c.c_void_p, [c.c_void_p, c.c_size_t]
    data = c.c_uint64.from_address(avr + offset)
    data.value = realloc(data.value, DATA_SPACE)
    c.memset(data.value + size, 0, DATA_SPACE - size)


def destroy(avr: int, irq_pool: int) -> None:
    """Free an avr_t and what avr_terminate leaves behind: the list of signals (count, pointer) at
    offset `irq_pool`.
    """
    library().avr_terminate(avr)
    free = c.CDLL(None).free
    free.argtypes = [c.c_void_p]
    free(c.c_void_p.from_address(avr + irq_pool + 8).value)
    free(avr)
