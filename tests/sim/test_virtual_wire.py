"""The virtual board's serial line, and its avr:// URL."""

import shutil

import pytest
import serial
import tinygen.host
from avr_program import BAUDS, MEGA, SECOND, TEXT, UNO, answers
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.simavr import Counters, SimBoard

from tinygen.common.errors import LinkError

# ---- serial line ----


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
@pytest.mark.parametrize("baud", BAUDS)
def test_echo_loses_nothing(echo, board, baud):
    text = TEXT if baud >= 115200 else TEXT[:400]
    with SimBoard(board, echo(board, baud), baud=baud) as sim:
        begin = sim.read(5, SECOND)
        sim.write(text)
        byte_cycles = 10 * SECOND / baud
        assert begin + sim.read(len(text), int(byte_cycles * (len(text) + 10))) == b"boot\n" + text
        assert sim.counters == Counters()


@pytest.mark.parametrize(
    "host, board_baud", ((9600, 115200), (115200, 9600), (250000, 115200), (115200, 250000))
)
def test_wrong_baud_rate_is_seen(echo, host, board_baud):
    with SimBoard(UNO, echo(UNO, board_baud), baud=host) as sim:
        first = answers(sim)
        sim.write(TEXT[:100])
        assert first != b"boot\n"
        assert answers(sim) != TEXT[:100]
        assert sim.counters.rx_framing_errors + sim.counters.host_framing_errors > 0
        assert round(sim.board_baud / board_baud, 1) == 1


def test_a_baud_rate_two_percent_off_still_works(echo):
    with SimBoard(UNO, echo(UNO, 250000), baud=255000) as sim:
        sim.run(10_000)
        sim.write(TEXT[:500])
        assert answers(sim) == b"boot\n" + TEXT[:500]


def test_firmware_sees_framing_errors(echo):
    with SimBoard(UNO, echo(UNO, 115200, SHOW_FRAMING=1), baud=115200) as sim:
        sim.run(SECOND // 10)
        sim.baud = 9600
        sim.write(b"\0")  # 87 low bits of the fast receiver
        sim.run(SECOND // 10)
        sim.baud = 115200
        sim.write(b"A")
        assert sim.counters.rx_framing_errors == 1
        assert answers(sim).endswith(b"A")


def test_deaf_firmware_loses_what_a_chip_loses(echo):
    """Two bytes wait in the receive buffer, one in the shift register (datasheet 20.7.3); the
    others are gone.
    """
    with SimBoard(UNO, echo(UNO, 115200, DEAF_CYCLES=1360 * 7 + 1000)) as sim:
        sim.run(SECOND // 10)
        sim.read()
        sim.write(bytes(range(20)))
        assert answers(sim) == bytes((0, 1, 2, 3, *range(9, 20)))
        assert sim.counters.rx_overruns == 5
    with SimBoard(UNO, echo(UNO, 115200, DEAF_CYCLES=1360 * 2 + 700)) as sim:
        sim.run(SECOND // 10)
        sim.read()
        sim.write(bytes(range(20)))
        assert answers(sim) == bytes(range(20))


def test_faults_on_the_line(echo):
    def fault(direction, byte, cycle):
        if direction == "to_board":
            return {ord("a"): b"", ord("b"): b"BB"}.get(byte, bytes([byte]))
        return b"Z" if byte == ord("z") else bytes([byte])

    with SimBoard(UNO, echo(UNO), fault=fault) as sim:
        sim.run(10_000)
        sim.write(b"abcz")
        assert answers(sim) == b"boot\nBBcZ"


def test_a_fault_that_fails_is_reported(echo):
    with SimBoard(UNO, echo(UNO), fault=lambda direction, byte, cycle: 1 // 0) as sim:
        with pytest.raises(ZeroDivisionError):
            sim.run(SECOND)


def test_other_formats_than_8n1_are_refused(program):
    with SimBoard(UNO, program("orders.c", UNO)) as sim:
        sim.run(SECOND // 10)
        sim.write(b"p")
        with pytest.raises(LinkError, match="8N1"):
            sim.run(SECOND)


# ---- avr:// ----


def test_url_is_deterministic(echo):
    def stream():
        with serial.serial_for_url(avr_url("uno", echo(UNO)), 115200, timeout=1) as port:
            first = port.readline()
            port.write(TEXT)
            return first, port.read(len(TEXT)), port.board.cycle

    first, text, cycle = stream()
    assert (first, text) == (b"boot\n", TEXT)
    assert 1360 * 4000 < cycle < 1395 * 4000
    assert stream() == (first, text, cycle)


def test_url_times_out_in_simulated_time(echo):
    with serial.serial_for_url(avr_url("atmega328p", echo(UNO)), 115200, timeout=0.5) as port:
        assert port.read(100) == b"boot\n"
        assert port.board.seconds == pytest.approx(0.5, abs=1e-6)
        assert port.read(1) == b""
        assert port.board.seconds == pytest.approx(1.0, abs=1e-6)


def test_url_speaks_pyserial(echo):
    with serial.serial_for_url(avr_url("uno", echo(UNO)), 115200, timeout=1) as port:
        port.reset_input_buffer()
        port.dtr = False
        port.dtr = True  # resets, as on an Uno
        assert port.readline() == b"boot\n" and port.board.counters.resets == 1
        assert port.write(b"xyz") == 3
        port.flush()
        while port.in_waiting < 3:  # polling lets the time pass
            pass
        assert port.read_all() == b"xyz"
        port.timeout = 0
        assert port.read(1) == b""
        port.baudrate = 9600
        assert port.board.baud == 9600
    with pytest.raises(serial.SerialException):
        port.read(1)


@pytest.mark.parametrize(
    "url, message",
    (
        ("avr://uno/no/such/firmware.elf", "no firmware file"),
        ("avr://due/dev/null", "no virtual board 'due'"),
        ("avr://uno", "write avr://BOARD"),
        ("avr://uno" + __file__, "neither an ELF nor"),
        ("avr://uno" + shutil.which("true"), "not for an AVR"),
    ),
)
def test_bad_url_is_one_line(simavr, url, message):
    for error in (LinkError, serial.SerialException):
        with pytest.raises(error, match=message) as caught:
            serial.serial_for_url(url)
        assert "\n" not in str(caught.value)


def test_registering_twice_does_nothing():
    tinygen.host.register()
    assert serial.protocol_handler_packages.count("tinygen.host.virtual") == 1
