"""The virtual board: cycles, pins, stack, resets, memory."""

import ctypes
import gc
import os
import subprocess
import sys

import pytest
from avr_program import MEGA, SECOND, TEXT, UNO, answers
from tinygen.host.virtual import core, layout, libsimavr
from tinygen.host.virtual.protocol_avr import GenericBoard
from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.errors import LinkError

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


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
def test_timers_of_arduino_overflow_once_a_period(program, board):
    """Simavr alone takes the mode of Arduino's timers for a period of 64 cycles."""
    with SimBoard(board, program("timers.c", board)) as sim:
        sim.run(100_000)
        assert abs(sim.inferences[0].cycles - 64 * 256) < 64


def test_without_the_mode_they_overflow_at_every_clock(program, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(core, "complete_timers", lambda first: 0)
    with SimBoard(UNO, program("timers.c", UNO)) as sim:
        sim.run(100_000)
        assert sim.inferences[0].cycles < 200


def test_run_until(program):
    with SimBoard(UNO, program("pins.c", UNO)) as sim:
        assert sim.run_until(lambda sim: sim.pin("PB4"), 1000, step_cycles=1)
        assert sim.cycle < 1000
        assert not sim.run_until(lambda sim: sim.pin("PB3"), 1000)
        assert sim.cycle < 2010


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
        with pytest.raises(LinkError, match=r"crashed at cycle .* no program"):
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
            _ = same.stack_bytes
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


# ---- Ctrl-C ----

ASKED = """
import os, signal, sys, threading
from tinygen.common.boards import BOARDS
from tinygen.host.virtual.simavr import SimBoard

with SimBoard(BOARDS["uno"], sys.argv[1]) as sim:
    for k in range(60):
        ask = threading.Timer(0.0005 * (20 + k), lambda: os.kill(os.getpid(), signal.SIGINT))
        try:
            ask.start()
            sim.run_until(lambda sim: False, 10**12, 20)
        except KeyboardInterrupt:
            print(k)
        ask.join()
"""


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends a process there")
def test_ctrl_c_is_heard_at_any_moment(echo):
    """Also as a callback begins, before its first line: what is raised there ctypes prints and
    forgets, and the callback, which would have stopped the core, has not run.
    """
    words = [sys.executable, "-c", ASKED, str(echo(UNO))]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == [str(k) for k in range(60)] and not run.stderr
