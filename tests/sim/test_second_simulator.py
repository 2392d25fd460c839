"""The firmware that streams rows, in QEMU over QEMU's own serial port: its answers and LEDs are
those of simavr.

QEMU has no ports: it logs what is written to them, and a pin that is read is 0. The firmware sets
its two LEDs one after the other, for each row and once at the start, so that the log tells both.
"""

import re
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_board import edit
from needs import unavailable
from random_models import random_models
from tinygen.host.link import open_link
from tinygen.host.protocol import Pin
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import MISSING
from tinygen.target.machines.simulators import skipped_jumps

QEMU = "qemu-system-avr"
MACHINE_OF = {"uno": "uno", "megaatmega2560": "mega2560"}
ROWS = 48
START_SECONDS = 20
ANSWER_SECONDS = 15  # QEMU runs by the clock of this computer, which may be busy
PORT_B = re.compile(r"gpio-b: unimplemented device write .*offset 0x2, value 0x(\w\w)")
MISTAKES = {  # swapped LEDs, and answers that are one too large
    "digitalWrite(TINYGEN_RED_PIN, red);": "digitalWrite(TINYGEN_RED_PIN, green);",
    "digitalWrite(TINYGEN_GREEN_PIN, green);": "digitalWrite(TINYGEN_GREEN_PIN, red);",
    "(answer + 2, (uint16_t)y)": "(answer + 2, (uint16_t)(y + !(flags & TINYGEN_MISSING)))",
}


def made() -> tuple:
    """A model with a threshold that some rows reach, and rows with a missing value among them."""
    model = random_models()["linear16"]
    model = replace(model, threshold=int(np.median(model.predict(model.sample_rows(401, 3)))))
    rows = model.sample_rows(ROWS, 1)
    rows[20] = rows[31, 0] = MISSING
    return model, rows.tolist()


MODEL, ROWS_SENT = made()


@pytest.fixture
def firmware(firmware_elf, tmp_path):
    """`firmware(board, mistakes)`: the linked program."""

    def build(board, mistakes=None):
        project = emit_project(MODEL, tmp_path, [board])
        edit(tmp_path / "src" / "main.cpp", mistakes or {})
        return firmware_elf(project, board)

    return build


def through_qemu(elf, board, folder) -> tuple[list, list[Pin]]:
    """What each row is answered in QEMU, (prediction, flags, digest), and the LEDs behind it."""
    log, port = folder / "qemu.log", free_port()
    serial = f"tcp:127.0.0.1:{port},server=on,wait=on"
    command = [QEMU, "-M", MACHINE_OF[board.pio_id], "-bios", elf, "-nographic", "-monitor", "none"]
    command += ["-d", "unimp", "-D", log, "-serial", serial]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        with open_link(f"socket://127.0.0.1:{port}", MODEL, board) as link:
            answers = heard(stream(link, ROWS_SENT, timeout=ANSWER_SECONDS))
    finally:
        running.kill()
        running.wait()
    return answers, leds_of(log.read_text(), board)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port: int) -> None:
    """Until QEMU listens; a look at /proc, since the first that connects is its serial line."""
    listening = f":{port:04X} 00000000:0000 0A"
    end = time.monotonic() + START_SECONDS
    while listening not in Path("/proc/net/tcp").read_text():
        assert time.monotonic() < end, "QEMU does not listen"
        time.sleep(0.02)


def heard(replies) -> list:
    replies = list(replies)
    found = [reply.result for reply in replies]
    assert {reply.tries for reply in replies} == {1}, "a row was sent again"
    assert len(found) == ROWS and all(found), "a row was lost"
    return [(one.prediction, one.flags, one.digest) for one in found]


def leds_of(log: str, board) -> list[Pin]:
    """LEDs after each row: red is written first, then green, and nothing else to port B."""
    red, green = (1 << int(port[2:]) for port in (board.red_port, board.green_port))
    written = [int(value, 16) for value in PORT_B.findall(log)]
    pairs = list(zip(written[::2], written[1::2]))
    assert len(written) % 2 == 0 and all(r in (0, red) and g in (0, green) for r, g in pairs)
    return [(Pin.RED if r else Pin(0)) | (Pin.GREEN if g else Pin(0)) for r, g in pairs][-ROWS:]


def through_simavr(elf, board) -> tuple[list, list[Pin]]:
    """The same in the virtual board."""
    with open_link(avr_url(board.pio_id, elf), MODEL, board) as link:
        replies = list(stream(link, ROWS_SENT))
    return heard(replies), [reply.result.pins for reply in replies]


def need_qemu():
    if not shutil.which(QEMU):
        unavailable(f"{QEMU} is missing: apt-get install qemu-system-misc")


@pytest.mark.parametrize("name", MACHINE_OF)
def test_answers_and_leds_are_the_same_in_both(name, firmware, simavr, tmp_path):
    need_qemu()
    board = BOARDS[name]
    elf = firmware(board)
    assert skipped_jumps(elf) == []  # which QEMU would run wrongly
    answers, leds = through_qemu(elf, board, tmp_path)
    theirs, pins = through_simavr(elf, board)
    assert answers == theirs and leds == pins
    assert {Pin.RED, Pin.GREEN, Pin(0)} == set(leds) and len({a[0] for a in answers}) > ROWS // 4


def test_swapped_leds_and_wrong_answers_would_be_seen(firmware, simavr, tmp_path):
    """Negative control: QEMU runs a firmware with mistakes, simavr the right one."""
    need_qemu()
    board = BOARDS["uno"]
    answers, leds = through_qemu(firmware(board, MISTAKES), board, tmp_path)
    theirs, pins = through_simavr(firmware(board), board)
    lit = [k for k, pin in enumerate(pins) if pin]
    assert lit and all(leds[k] == (Pin.RED | Pin.GREEN) ^ pins[k] for k in lit)
    assert all(a[0] == t[0] + 1 for a, t in zip(answers, theirs) if t[0] != MISSING)
