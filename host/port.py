"""Serial ports by pyserial: opened, opened anew, and their many errors as one line.

Every port opens through pyserial's serial_for_url: /dev/ttyACM0, COM3, socket://host:port,
avr://uno/path/firmware.elf, a pty.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import serial
from serial.tools import list_ports

from ..common.errors import LinkError
from . import register

POLL_SECONDS = 0.01  # one wait for bytes
WRITE_SECONDS = 2.0

# pyserial's read of a port that another thread or a signal closed is a TypeError
PORT_ERRORS: tuple[type[Exception], ...] = (serial.SerialException, OSError, TypeError)
try:
    import termios

    PORT_ERRORS = (*PORT_ERRORS, termios.error)  # no OSError; an unplugged tty may raise it
except ImportError:  # Windows has no termios
    pass


def opener(name: str, baud: int) -> Callable[[], serial.SerialBase]:
    """Opens the port again; a USB device with a serial number is found under another name as
    well.
    """
    usb = next(
        (port for port in list_ports.comports() if port.device == name and port.serial_number), None
    )

    def reopen() -> serial.SerialBase:
        same = [
            port.device
            for port in list_ports.comports()
            if usb
            and (port.vid, port.pid, port.serial_number) == (usb.vid, usb.pid, usb.serial_number)
        ]
        return open_port(same[0] if same else name, baud)

    return reopen


class PortError(LinkError):
    """A port does not open."""


class LinkLost(LinkError):
    """The board was there and is gone: unplugged, silent, or taken away. It may come back."""


def open_port(name: str, baud: int) -> serial.SerialBase:
    register()
    try:
        port = serial.serial_for_url(name, do_not_open=True)
        port.baudrate = baud
        port.timeout = POLL_SECONDS
        port.write_timeout = WRITE_SECONDS
        if isinstance(port, serial.Serial):  # a local tty: two programs must not share it
            port.exclusive = True
        port.open()
    except LinkError:
        raise  # the virtual board explains itself
    except PORT_ERRORS + (ValueError, NotImplementedError) as error:
        raise PortError(_why_not_open(name, baud, error)) from None
    return port


def require_port(name: str) -> None:
    """PortError where there is no such local port. It is not opened, which would reset a board."""
    if not os.path.exists(name) and name not in {port.device for port in list_ports.comports()}:
        raise PortError(_absent(name))


def _absent(name: str) -> str:
    return f"port {name} does not exist: see `tinygen boards` for the ports with a board"


def _why_not_open(name: str, baud: int, error: Exception) -> str:
    number = getattr(error, "errno", None) or getattr(
        error.__context__, "errno", None
    )  # pyserial's sockets hide it
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return _absent(name)
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "exclusively lock" in str(error):
        return (
            f"port {name} is taken by another program: close it (a serial monitor?) and try again"
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"port {name} may not be opened by this user: join its group (often 'dialout') "
            "and log in again"
        )
    if number == errno.ECONNREFUSED:
        return f"port {name} refuses the connection: is anything listening there?"
    if isinstance(error, ValueError) and "://" in name:
        return (
            f"'{name}' is no port that pyserial knows: write a device, COMn, socket://host:port "
            "or avr://BOARD/firmware.elf"
        )
    return (
        f"port {name} does not open at {baud} baud ({reason(error)}): "
        "see `tinygen boards` for the ports with a board"
    )


def reason(error: BaseException) -> str:
    """One short line of an exception that may hold several."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:120]


def may_reset(port: serial.SerialBase) -> bool:
    """True if opening may have reset the board, through DTR; a pty has no such line."""
    try:
        port.cts  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test
    except PORT_ERRORS:
        return False
    return True
