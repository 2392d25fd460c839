"""Opening a link: waiting for the board's INFO, and a reason in one line where none comes.

A board with several models speaks version 3. It is heard by that, whatever version the model alone
would speak, and asked for the model by its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.errors import LinkError
from .port import PORT_ERRORS, LinkLost, may_reset
from .protocol import (
    INFO,
    MODELS_VERSION,
    Code,
    Damage,
    Foreign,
    Info,
    Refusal,
    Reply,
    frame_bytes,
    hello,
)

if TYPE_CHECKING:
    from .link import Link

BOOT_SECONDS = 2.5  # no word to a board that may be in its bootloader: it would read it
QUIET_SECONDS = 0.5  # the same on a port that cannot have reset the board
HELLO_EVERY_SECONDS = 0.25
PROBE_SECONDS = 0.08  # for an answer at another baud rate, on top of the wire's time
OWN_SECONDS = 0.25  # the same for the port's own rate: it must really be silent
GIBBERISH_BYTES = (
    8  # so many without a frame: a program speaks, at another rate; no bootloader speaks unasked
)
GIBBERISH_SECONDS = 0.1  # how long it may still become a frame, on top of the wire's time
PROBE_BAUDS = (250_000, 115_200, 500_000, 1_000_000, 57_600, 38_400, 19_200, 9_600)


def wait_for_info(link: Link, timeout: float) -> None:
    """Adopts the board's INFO: the one it sends after the reset that opening causes, or one asked
    for.
    """
    start = link.clock()
    end, ask_at = (
        start + timeout,
        start + (BOOT_SECONDS if may_reset(link.port) else QUIET_SECONDS),
    )
    heard: list[Reply | Damage] = []
    asked = probed = False
    before = link.bytes_seen
    while (now := link.clock()) < end:
        if now >= ask_at:
            if asked and not probed and _gibberish(link.bytes_seen - before, heard, 1):
                probed = True
                _name_baud(link)
            link.send(link.greeting)
            asked, ask_at = (
                True,
                link.clock()
                + (HELLO_EVERY_SECONDS if probed else GIBBERISH_SECONDS + _info_seconds(link.baud)),
            )
        for reply in link.receive(max(0.0, min(ask_at, end) - link.clock())):
            if isinstance(reply, Info):
                return link.adopt(reply)
            if isinstance(reply, Refusal) and reply.code == Code.WRONG_MODEL:
                raise LinkError(without_ours(link))
            heard.append(reply)
            del heard[:-100]  # a babbling device must not fill the memory
        if _speaks_other(link):
            asked, ask_at, heard = False, link.clock(), []  # a program speaks, no bootloader
            before = link.bytes_seen
        if not asked and _gibberish(link.bytes_seen - before, heard, GIBBERISH_BYTES):
            ask_at = min(ask_at, link.clock() + GIBBERISH_SECONDS + _info_seconds(link.baud))
    raise (
        LinkError(_why_no_info(link, heard, timeout, probed))
        if heard or link.bytes_seen > before
        else LinkLost(_silence(link, timeout))
    )


def _speaks_other(link: Link) -> bool:
    """True if the board speaks the version of several models, or no longer does: from now on so
    does the link.
    """
    other = link.decoder.other_version
    if other not in (MODELS_VERSION, link.model_version):
        return False
    link.speak(other)
    return True


def without_ours(link: Link) -> str:
    """Which models a board with several has, where it lacks the link's."""
    number, models = 0, 1
    while number < models:
        if number not in link.others:
            link.send(hello(1, version=MODELS_VERSION, number=number))
            list(link.receive_for(HELLO_EVERY_SECONDS, Foreign))
        if told := link.others.get(number):
            models = told.models
        number += 1
    names = ", ".join(f"'{i.model}' ({i.model_id:08X})" for _, i in sorted(link.others.items()))
    return (
        f"the board at {link.name} runs the models {names or 'of another build'}, "
        f"not '{link.model.name}' ({link.model.model_id:08X}): load it with `tinygen build "
        "--upload`"
    )


def _gibberish(seen: int, heard: list[Reply | Damage], at_least: int) -> bool:
    """True if so many bytes have come, and no frame."""
    return seen >= at_least and all(
        isinstance(reply, Damage) and reply.code == Code.BAD_FCS for reply in heard
    )


def _info_seconds(baud: int) -> float:
    """Seconds that HELLO and INFO take on the wire."""
    return (1 + frame_bytes(0) + frame_bytes(INFO.size)) * 10 / baud


def _name_baud(link: Link) -> None:
    """LinkError if the board talks at another rate."""
    asked = link.baud
    if baud := _probe_bauds(link):
        raise LinkError(
            f"the board at {link.name} talks at {baud} baud, not {asked}: give --baud {baud}, "
            "or build and load its firmware again"
        )


def _why_no_info(link: Link, heard: list[Reply | Damage], timeout: float, probed: bool) -> str:
    if any(isinstance(reply, Foreign) and "echo" in reply.reason for reply in heard):
        return f"the device at {link.name} only echoes what it is sent: it is no tinygen board"
    if Damage(Code.BAD_VERSION) in heard or any(
        isinstance(r, Refusal) and r.code == Code.BAD_VERSION for r in heard
    ):
        return (
            f"the board at {link.name} speaks another version of the protocol: "
            "build and load its firmware again"
        )
    if not probed:
        _name_baud(link)
    return (
        f"the device at {link.name} sends bytes, but no tinygen frame at {link.baud} baud within "
        f"{timeout:g} s: give the firmware's rate with --baud, or load a tinygen firmware"
    )


def _silence(link: Link, timeout: float) -> str:
    return (
        f"no answer from {link.name} within {timeout:g} s at {link.baud} baud: "
        "is it the right port, and does the board run a tinygen firmware?"
    )


def _probe_bauds(link: Link) -> int | None:
    """The rate, of those that are usual, at which the board answers HELLO and at its own it does
    not; the port's is as it was.
    """
    asked = link.baud
    found = next((baud for baud in PROBE_BAUDS if baud != asked and _answers(link, baud)), None)
    if found and _answers(link, asked, OWN_SECONDS):
        found = None  # a port without a rate (a pseudo-terminal, USB in the chip) answers at any
    link.port.baudrate = asked
    link.decoder = link.new_decoder()
    return found


def _answers(link: Link, baud: int, seconds: float = PROBE_SECONDS) -> bool:
    """True if HELLO at this rate is answered, within `seconds` on top of the wire's time."""
    try:
        link.port.baudrate = baud
        link.decoder = link.new_decoder()
        link.send(b"\0" + link.greeting)
        heard = list(link.receive_for(seconds + _info_seconds(baud), Info))
        several = link.decoder.other_version == MODELS_VERSION
        return several or any(isinstance(reply, Info) for reply in heard)
    except PORT_ERRORS + (LinkError, ValueError):
        return False  # a rate that this port cannot do
