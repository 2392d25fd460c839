"""The virtual board against the datasheet: cycles, serial line, pins, stack, resets; and through
avr://.
"""

import ctypes
import gc
import os
import shutil
from dataclasses import replace

import pytest
import serial
import tinygen.host
from avr_program import compile_avr
from tinygen.host.virtual import layout, libsimavr
from tinygen.host.virtual.protocol_avr import GenericBoard, avr_url
from tinygen.host.virtual.simavr import Counters, SimBoard

from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError

# the C programs beside this file speak 115,200 baud, whatever our firmware does
UNO, MEGA = (replace(BOARDS[name], baud=115_200) for name in ("uno", "megaatmega2560"))
SECOND = 16_000_000
BAUDS = {  # baud: (UBRR, U2X) at 16 MHz, datasheet table 20-12
    9600: (103, 0),
    57600: (34, 1),
    115200: (16, 1),
    250000: (7, 1),
    500000: (3, 1),
}
TEXT = bytes((7 * i + (i >> 8)) & 0xFF for i in range(4000))

tinygen.host.register()


@pytest.fixture(scope="session")
def program(simavr, tmp_path_factory):
    """`program(source, board, **defines)` gives an ELF."""
    folder = tmp_path_factory.mktemp("avr programs")  # with a blank in its path
    return lambda source, board, **defines: compile_avr(
        simavr.avr_gcc, folder, source, board, **defines
    )


@pytest.fixture
def echo(program):
    """`echo(board, baud, **defines)` gives the ELF of the echo program."""

    def build(board, baud=115200, **defines):
        ubrr, u2x = BAUDS[baud]
        return program("echo.c", board, UBRR=ubrr, U2X=u2x, **defines)

    return build


def answers(board, cycles=SECOND):
    """What arrives within `cycles`."""
    board.run(cycles)
    return board.read()


# ---- cycles ----

# cycles in the datasheets' "Instruction Set Summary": 328P, 2560 (22-bit program counter)
REGIONS = (
    ("nothing", 0, 0),
    ("nop", 1, 1),
    ("10 nop", 10, 10),
    ("mul", 2, 2),
    ("muls", 2, 2),
    ("adiw", 2, 2),
    ("lds", 2, 2),
    ("sts", 2, 2),
    ("push pop", 4, 4),
    ("lpm", 3, 3),
    ("rjmp", 2, 2),
    ("sbi", 2, 2),
    ("rcall rjmp ret", 3 + 4 + 2, 4 + 5 + 2),
    ("loop of 100", 1 + 99 * 3 + 2, 1 + 99 * 3 + 2),
    ("marks by sts", 3, 3),
    ("loop of 200", 1 + 199 * 3 + 2, 1 + 199 * 3 + 2),
)


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
def test_cycles_are_the_datasheets(program, board):
    with SimBoard(board, program("regions.c", board)) as sim:
        sim.run(10_000)
        *plain, disturbed = sim.inferences
    column = 1 if board is UNO else 2
    assert {name: seen.cycles for (name, *_), seen in zip(REGIONS, plain, strict=True)} == {
        row[0]: row[column] for row in REGIONS
    }
    assert not any(seen.interrupted for seen in plain)
    assert disturbed.interrupted and disturbed.cycles > plain[-1].cycles


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
def test_nothing_depends_on_the_batch_size(echo, board):
    def trace(batch_cycles, slices):
        with SimBoard(board, echo(board), batch_cycles=batch_cycles) as sim:
            sim.run(10_000)  # the receiver is on by then
            sim.write(TEXT[:200])
            for end in range(1, slices + 1):
                sim.run(400_000 * end // slices - sim.cycle)
            return sim.cycle, sim.read(), sim.changes, sim.counters, sim.stack_bytes

    whole = trace(1 << 20, 1)
    assert whole[1] == b"boot\n" + TEXT[:200]
    assert trace(1, 1) == trace(17, 1) == trace(1000, 100) == whole


def test_run_until(program):
    with SimBoard(UNO, program("pins.c", UNO)) as sim:
        assert sim.run_until(lambda sim: sim.pin("PB4"), 1000, step_cycles=1)
        assert sim.cycle < 1000
        assert not sim.run_until(lambda sim: sim.pin("PB3"), 1000)
        assert sim.cycle < 2010


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


# ---- pins, stack ----


def test_pins(program):
    with SimBoard(UNO, program("pins.c", UNO)) as sim:
        sim.run(1000)
        begin = sim.changes[0].cycle
        assert [(change.cycle - begin, change.pin, change.level) for change in sim.changes] == [
            (0, "PB5", 1),
            (9, "PB4", 1),
            (29, "PB5", 0),
            (38, "PB4", 0),
        ]
        assert sim.leds() == (0, 0) and sim.pins["PB5"] == 0
        with pytest.raises(LinkError, match="PB8"):
            sim.pin("PB8")


def test_pins_as_a_waveform(program):
    with SimBoard(UNO, program("pins.c", UNO)) as sim:
        sim.run(1000)
        head, _, body = sim.vcd().partition("#0\n")
    assert "$var wire 1 ! PB4 $end" in head and '$var wire 1 " PB5 $end' in head
    begin, *rest = [int(line[1:]) for line in body.splitlines() if line.startswith("#")]
    assert begin == sim.changes[0].cycle * 62_500
    assert [at - begin for at in rest] == [9 * 62_500, 29 * 62_500, 38 * 62_500]
    assert body.splitlines()[-2:] == [f"#{sim.changes[-1].cycle * 62_500}", "0!"]


def test_leds_of_the_mega(program):
    with SimBoard(MEGA, program("pins.c", MEGA)) as sim:  # the same bits are no LEDs there
        sim.run(1000)
        assert len(sim.changes) == 4 and sim.leds() == (0, 0)


@pytest.mark.parametrize("board, address_bytes", ((UNO, 2), (MEGA, 3)), ids=("uno", "mega"))
@pytest.mark.parametrize("pushed", (1, 10, 137))
def test_stack_is_measured_to_the_byte(program, board, address_bytes, pushed):
    with SimBoard(board, program("stack.c", board, PUSHED=pushed)) as sim:
        assert sim.stack_bytes == 0
        sim.run(10_000)
        assert sim.stack_bytes == address_bytes + pushed
    assert sim.stack_bytes == address_bytes + pushed  # readable after close


@pytest.mark.parametrize("mcu", ("attiny85", "atmega32u4"))
def test_a_chip_without_uart_runs_too(program, mcu):
    """It has pins, stack, marks and memory; only the serial line is missing."""
    board = GenericBoard(mcu, mcu, red_port="PB4", green_port="PB5")
    with SimBoard(board, program("stack.c", board, PUSHED=10)) as sim:
        sim.run(10_000)
        assert sim.stack_bytes == 12 and sim.board_baud is None
        with pytest.raises(LinkError, match="has no UART"):
            sim.write(b"x")
    with SimBoard(board, program("pins.c", board)) as sim:
        sim.run(1000)
        sim.reset()
        assert sim.read() == b"" and len(sim.changes) == 4


# ---- resets ----


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
def test_resets(program, board):
    with SimBoard(board, program("orders.c", board)) as sim:
        assert answers(sim) == b"B11"  # power-on
        assert sim.pin("PB5") == 1
        sim.reset()
        assert sim.pin("PB5") == 0
        assert answers(sim) == b"B22"  # external; RAM kept its count
        sim.write(b"w")
        assert answers(sim) == b"B83"  # watchdog
        assert (sim.counters.resets, sim.counters.watchdog_resets) == (1, 1)
        assert [change.level for change in sim.changes] == [1, 0, 1, 0, 1]
        sim.write(b"?")
        assert answers(sim) == b"?"


def test_crash_is_reported(program):
    with SimBoard(UNO, program("orders.c", UNO)) as sim:
        sim.run(SECOND // 10)
        sim.write(b"c")
        with pytest.raises(LinkError, match="crashed at cycle .* no program"):
            sim.run(SECOND)


@pytest.mark.parametrize("board", [UNO, MEGA], ids=["uno", "megaatmega2560"])
def test_a_write_behind_the_ram_stays_in_the_chip(program, board):
    """simavr does it after calling it a crash: it must not land in this process' memory."""
    with SimBoard(board, program("orders.c", board)) as sim:
        sim.run(SECOND // 10)
        data, usable = ctypes.addressof(sim._memory), ctypes.CDLL(None).malloc_usable_size
        usable.restype, usable.argtypes = ctypes.c_size_t, [ctypes.c_void_p]
        assert usable(data) > 0xFFFF and ctypes.string_at(data + 0xFFF0, 1) == b"\0"
        sim.write(b"o")
        with pytest.raises(LinkError, match="crashed at cycle"):
            sim.run(SECOND)
        assert ctypes.string_at(data + 0xFFF0, 1) == b"\x5a"


def test_sleep(program):
    with SimBoard(UNO, program("orders.c", UNO)) as sim:
        sim.run(SECOND // 10)
        sim.read()
        sim.write(b"i")
        assert sim.read(1, SECOND) == b"i"
        assert 65536 < sim.cycle - SECOND // 10 < 65536 + 10_000
        sim.write(b"s")
        before = sim.cycle
        sim.run(100 * SECOND)  # for ever, interrupts off
        assert sim.cycle == before + 100 * SECOND
        sim.reset()
        assert answers(sim) == b"B22"


def test_two_boards_do_not_disturb_each_other(echo):
    with SimBoard(UNO, echo(UNO)) as alone:
        alone.run(10_000)
        alone.write(TEXT[:100])
        expected = answers(alone, 400_000)
    with SimBoard(UNO, echo(UNO)) as one, SimBoard(MEGA, echo(MEGA)) as other:
        one.run(10_000)
        other.run(10_000)
        one.write(TEXT[:100])
        other.write(TEXT[100:200])
        for _ in range(400):
            one.run_until(lambda sim: False, 1000)
            other.run(1000)
        assert other.read() == b"boot\n" + TEXT[100:200]
        assert one.read() == expected == b"boot\n" + TEXT[:100]


def test_flash_can_be_changed_and_a_hex_image_loaded(program, tmp_path, simavr):
    elf = program("orders.c", UNO)
    image = tmp_path / "orders.hex"
    objcopy = simavr.avr_gcc.with_name("avr-objcopy")
    if not objcopy.exists():
        pytest.skip("no avr-objcopy beside avr-gcc: apt install binutils-avr")
    assert os.spawnv(os.P_WAIT, objcopy, [str(objcopy), "-O", "ihex", str(elf), str(image)]) == 0
    with SimBoard(UNO, elf) as sim, SimBoard(UNO, image) as same:
        assert same.read_flash(0, 2000) == sim.read_flash(0, 2000)
        assert answers(same) == b"B11"
        with pytest.raises(LinkError, match="ELF"):
            same.stack_bytes
        same.write_flash(0, b"\xff\xcf")  # rjmp to itself: the program is gone
        same.reset()
        assert answers(same) == b""
        with pytest.raises(LinkError, match="do not fit"):
            same.write_flash(32767, b"12")
    with SimBoard(UNO, start=0x7000) as boot:  # a loader at the top of flash
        boot.load_hex(image)
        boot.write_flash(0x7000, b"\x0c\x94\x00\x00")  # jmp 0
        assert answers(boot) == b"B11"
        boot.reset()
        assert answers(boot) == b"B22"


def test_memory(program):
    with SimBoard(UNO, program("orders.c", UNO)) as sim:
        sim.run(SECOND // 10)
        sim.write_memory(0x700, b"abc")
        assert sim.read_memory(0x6FF, 5)[1:4] == b"abc"
        for address, count in ((0x8FF, 2), (-1, 1), (0, -1)):
            with pytest.raises(LinkError, match="do not fit"):
                sim.read_memory(address, count)


def test_closing_gives_the_memory_back(echo):
    def resident_pages():
        gc.collect()
        return int(open("/proc/self/statm").read().split()[1])

    elf = echo(MEGA)

    def use(times):
        for _ in range(times):
            with SimBoard(MEGA, elf) as sim:
                sim.run(1000)

    use(20)
    before = resident_pages()
    use(100)
    assert (resident_pages() - before) * 4096 < 100 * 20_000  # one Mega takes 300 kB
    with SimBoard(MEGA, elf) as sim:
        pass
    for use_closed in (
        lambda: sim.run(1),
        lambda: sim.write(b"x"),
        sim.reset,
        lambda: sim.read_memory(0, 1),
    ):
        with pytest.raises(LinkError, match="closed"):
            use_closed()


# ---- what can be missing ----


def test_missing_library_is_named(simavr, monkeypatch):
    monkeypatch.setattr(libsimavr, "NAMES", ("libsuchnot.so.2",))
    with pytest.raises(LinkError, match="apt install libsimavr2"):
        libsimavr.library.__wrapped__()


@pytest.mark.parametrize(
    "constant, field",
    (
        ("PROBE_CYCLES", "cycle"),
        ("PROBE_PC", "pc"),
        ("PROBE_BYTE_CYCLES", "cycles_per_byte"),
        ("MODULE_AVR", "flash"),
        ("RUNNING", "frequency"),
    ),
)
def test_a_library_with_other_fields_is_refused(simavr, monkeypatch, constant, field):
    monkeypatch.setattr(layout, constant, getattr(layout, constant) + 16)
    with pytest.raises(LinkError, match=f"field '{field}'"):
        layout.find_layout.__wrapped__("atmega328p")


def test_unknown_chip(simavr):
    class Due:
        pio_id, mcu, f_cpu_hz, baud = "due", "at91sam3x8e", 84_000_000, 115_200

    with pytest.raises(LinkError, match="no virtual chip 'at91sam3x8e'"):
        SimBoard(Due)


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
