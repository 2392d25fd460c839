"""The board behind a pseudo-terminal, used by pyserial as it comes."""

import os
import subprocess
import sys
import time

import pytest
import serial
from avr_program import compile_avr
from tinygen.host.virtual.pty_board import PtyBoard

from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError

UNO, MEGA = BOARDS["uno"], BOARDS["megaatmega2560"]
TEXT = bytes((7 * i + (i >> 8)) & 0xFF for i in range(2000))
SECONDS = 20  # a time-out for a busy machine; nothing here takes as long


@pytest.fixture(scope="session")
def echo(simavr, tmp_path_factory):
    """`echo(board)` gives the ELF of the echo program at 115200 baud."""
    folder = tmp_path_factory.mktemp("pty")
    return lambda board: compile_avr(simavr.avr_gcc, folder, "echo.c", board, UBRR=16, U2X=1)


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
def test_an_unmodified_program_talks_to_the_board(echo, board):
    with (
        PtyBoard(board, echo(board)) as virtual,
        serial.Serial(virtual.port, 115200, timeout=SECONDS) as port,
    ):
        assert port.read_until() == b"boot\n"
        begin = time.monotonic()
        port.write(TEXT)
        assert port.read(len(TEXT)) == TEXT
        assert time.monotonic() - begin > len(TEXT) * 10 / 117647 * 0.98  # no faster than the wire
        assert virtual.lost_bytes == 0


def test_opening_resets_and_a_wrong_baud_rate_is_seen(echo, tmp_path):
    link = tmp_path / "my board"
    with PtyBoard(UNO, echo(UNO), link=link, boot_seconds=0.1) as virtual:
        assert virtual.port == str(link)
        for _ in range(2):
            with serial.Serial(str(link), 115200, timeout=SECONDS) as port:
                assert port.read_until() == b"boot\n"
        with serial.Serial(
            str(link), 250000, timeout=1
        ) as port:  # a rate that plain termios does not know
            assert port.read(5) != b"boot\n"
        assert virtual.board.counters.resets == 3
    assert not os.path.lexists(link)


def test_noise_on_the_line(echo):
    def fault(direction, byte, cycle):
        return b"" if (direction, byte) == ("to_board", ord("a")) else bytes([byte])

    with (
        PtyBoard(UNO, echo(UNO), fault=fault) as virtual,
        serial.Serial(virtual.port, 115200, timeout=SECONDS) as port,
    ):
        assert port.read_until() == b"boot\n"
        port.write(b"banana\n")
        assert port.read_until() == b"bnn\n"


def test_a_crash_closes_the_port_and_is_told(echo):
    with pytest.raises(LinkError, match="crashed"):
        with PtyBoard(UNO, echo(UNO)) as virtual:
            virtual.board.write_flash(0, bytes.fromhex("0c940038"))  # jmp 0x7000
            with (
                serial.Serial(virtual.port, 115200, timeout=SECONDS) as port,
                pytest.raises(serial.SerialException),
            ):
                for _ in range(1000):
                    port.read(1)
                    port.write(b"x")


def test_a_file_in_the_way_is_kept(echo, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(LinkError, match="in the way"):
        with PtyBoard(UNO, echo(UNO), link=tmp_path / "taken"):
            pass
    assert (tmp_path / "taken").read_text() == "mine"


def test_command_line(echo, tmp_path):
    command = [sys.executable, "-m", "tinygen.host.virtual.pty_board", "uno"]
    process = subprocess.Popen(
        [*command, str(echo(UNO)), "--link", str(tmp_path / "uno")],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with serial.Serial(process.stdout.readline().strip(), 115200, timeout=SECONDS) as port:
            assert port.read_until() == b"boot\n"
    finally:
        process.terminate()
        process.wait(SECONDS)
        process.stdout.close()
    failed = subprocess.run([*command, "no.elf"], capture_output=True, text=True)
    assert (
        failed.returncode == 3
        and failed.stderr.startswith("error: ")
        and failed.stderr.count("\n") == 1
    )
