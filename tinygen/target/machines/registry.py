"""The machines: one entry each adds one to the tests, to `benchmarks/chips.py` and to
docs/chips.md.
"""

from __future__ import annotations

from dataclasses import replace

from ...common.boards import BOARDS, Board
from ..chips import Simavr, Simulator, Yasimavr
from .compilers import avr, mcs51_size, native, picolibc, sdcc, stm8_size
from .machine import AvrMachine, Machine, StreamMachine
from .simulators import Native, Semihosted, Uart, Ucsim

QEMU_AVR, QEMU_ARM = "qemu-system-misc", "qemu-system-arm"
ARM = ("arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
RISCV = ("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf")


def _chip(mcu: str, title: str, flash_bytes: int, ram_bytes: int, like: str = "uno") -> Board:
    """A chip without a board around it. Sizes: its datasheet."""
    return replace(
        BOARDS[like],
        pio_id=mcu,
        title=title,
        mcu=mcu,
        flash_bytes=flash_bytes,
        ram_bytes=ram_bytes,
    )


def _avr(simulator: type[Simulator], *chip: str | int, measured: bool = True) -> AvrMachine:
    mcu, title, flash_bytes, ram_bytes, *like = chip
    board = _chip(str(mcu), str(title), int(flash_bytes), int(ram_bytes), *map(str, like))
    return AvrMachine(board, simulator, measured=measured)


def _qemu_avr(mcu: str, title: str, machine: str) -> StreamMachine:
    """A second opinion on answers; its program is the one that simavr measures."""
    simulator = Uart("qemu-system-avr", QEMU_AVR, ("-M", machine))
    return StreamMachine(f"{mcu}-qemu", title, avr(mcu), "uart", simulator, 10_000, measured=False)


def _cortex(cpu: str, title: str, machine: str) -> StreamMachine:
    options = (f"-mcpu={cpu}", "-mthumb")
    simulator = Semihosted("qemu-system-arm", QEMU_ARM, ("-M", machine))
    compiler = picolibc(*ARM, options, 0x0, 0x2000_0000)
    return StreamMachine(cpu, title, compiler, "files", simulator, 10_000)


def _rv32(cpu: str, title: str) -> StreamMachine:
    options = (f"-march={cpu}", "-mabi=ilp32")
    simulator = Semihosted("qemu-system-riscv32", QEMU_AVR, ("-M", "virt", "-bios", "none"))
    compiler = picolibc(*RISCV, options, 0x8000_0000, 0x8020_0000)
    return StreamMachine(cpu, title, compiler, "files", simulator, 10_000)


def _native(program: str, package: str) -> StreamMachine:
    compiler = native(program, package)
    return StreamMachine(f"x86-64-{program}", "x86-64", compiler, "files", Native(), 10_000)


def _registry(*machines: Machine) -> dict[str, Machine]:
    return {machine.name: machine for machine in machines}


MACHINES: dict[str, Machine] = _registry(
    _avr(Simavr, "attiny85", "ATtiny85", 8_192, 512, "attiny85"),
    _avr(Simavr, "atmega168p", "ATmega168P", 16_384, 1_024),
    _avr(Simavr, "atmega328p", "ATmega328P", 32_768, 2_048),
    _avr(Simavr, "atmega32u4", "ATmega32U4", 32_768, 2_560, "leonardo"),
    _avr(Simavr, "atmega644p", "ATmega644P", 65_536, 4_096),
    _avr(Simavr, "atmega1284p", "ATmega1284P", 131_072, 16_384),
    _avr(Simavr, "atmega2560", "ATmega2560", 262_144, 8_192),
    _qemu_avr("atmega328p", "ATmega328P", "uno"),
    _qemu_avr("atmega2560", "ATmega2560", "mega2560"),
    _avr(Yasimavr, "atmega328p", "ATmega328P", 32_768, 2_048),
    _avr(Yasimavr, "attiny1607", "ATtiny1607", 16_384, 1_024, "nano_every"),
    _avr(Yasimavr, "attiny1614", "ATtiny1614", 16_384, 2_048, "nano_every"),
    _avr(Yasimavr, "attiny3217", "ATtiny3217", 32_768, 2_048, "nano_every"),
    _avr(Yasimavr, "atmega4809", "ATmega4809", 49_152, 6_144, "nano_every"),
    StreamMachine(
        "stm8",
        "STM8S208",
        sdcc("stm8", stm8_size),
        "ucsim",
        Ucsim("sstm8", "sdcc-ucsim", ("-t", "STM8S208"), interface="rom[0x1200]"),
        rows=500,
    ),
    StreamMachine(
        "8051",
        "8052",
        sdcc("mcs51", mcs51_size, "--model-large", "--stack-auto"),
        "ucsim",
        Ucsim("s51", "sdcc-ucsim", ("-t", "8052"), interface="xram[0xffff]", per_cycle=12),
        rows=200,
    ),
    _cortex("cortex-m0", "Cortex-M0", "microbit"),
    _cortex("cortex-m3", "Cortex-M3", "mps2-an385"),
    _rv32("rv32imac", "RV32IMAC"),
    _native("gcc", "gcc"),
    _native("clang", "clang"),
)
