"""What `tinygen build` says of its numbers: which is the median, which the most, and of what."""

from dataclasses import replace
from pathlib import Path

from tinygen.commands.build import Built, BuiltTogether
from tinygen.common.boards import BOARDS
from tinygen.target.build import Firmware
from tinygen.target.together import Part, SharedFirmware

UNO, FILES = BOARDS["uno"], (Path("firmware.elf"), Path("firmware.hex"))
ONE = Firmware(UNO, *FILES, 3000, 400, 200, 7, 90, 510, 514, 511)
PARTS = tuple(Part(name, number, 120, 0, 510, 514, 511) for number, name in enumerate("ab"))
BOTH = SharedFirmware(UNO, *FILES, 3000, 400, PARTS, 192, 0, 90)


def line(text: str, begins: str) -> str:
    return next(one for one in text.splitlines() if one.startswith(begins))


def test_cycles_are_named_and_whose_they_are():
    assert line(Built(ONE).text(), "inference") == (
        "inference    median 510 cycles, at most 514 (32.1 us at 16 MHz), the most seen 511: "
        "the model and the firmware's call of it; whole firmware's stack 90 bytes"
    )
    seen = replace(ONE, cycles_seen=None, stack_bytes=None)
    assert line(Built(seen).text(), "inference") == (
        "inference    median 510 cycles, at most 514 seen (32.1 us at 16 MHz): "
        "the model alone on the simulated chip"
    )


def test_of_several_models_the_same():
    told = BuiltTogether(BOTH).text()
    assert line(told, "model 1").endswith(
        "alone; called by the firmware median 510 cycles, at most 514 (32.1 us at 16 MHz), "
        "the most seen 511"
    )


def test_what_models_share_is_told_where_they_share():
    assert line(BuiltTogether(BOTH).text(), "together") == (
        "together     flash 192 bytes, RAM 0 bytes; 48 bytes of flash saved by what they share"
    )
    alone = replace(BOTH, models_flash_bytes=240)
    assert line(BuiltTogether(alone).text(), "together").endswith("flash 240 bytes, RAM 0 bytes")
    ram = replace(BOTH, parts=tuple(replace(part, ram_bytes=2) for part in PARTS))
    assert line(BuiltTogether(ram).text(), "together").endswith(
        "; 48 bytes of flash and 4 bytes of RAM saved by what they share"
    )
