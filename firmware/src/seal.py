"""Seals a program: writes the CRC of all its bytes in flash into it, right after linking.

PlatformIO runs this file (extra_scripts in platformio.ini). At boot the firmware computes the CRC
anew (image_intact in tinygen_chip.h) and refuses every row where it differs, so a program that was
not sealed, or of which one bit has changed, predicts nothing. A program without a seal is left as
it is.
"""

import struct
from pathlib import Path

SEAL = b"tgseal"
PT_LOAD, RAM_OFFSET = 1, 0x800000  # avr-gcc's addresses of RAM and EEPROM begin there


def flash_parts(elf):
    """(address in flash, offset in the file, bytes) of each part of an ELF program, in order."""
    (first,) = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    headers = (struct.unpack_from("<5I", elf, first + size * i) for i in range(count))
    return sorted(
        (address, offset, length)
        for kind, offset, _, address, length in headers
        if kind == PT_LOAD and length and address < RAM_OFFSET
    )


def crc16(content):
    """CRC-16/X-25 of bytes, not inverted at the end: tinygen_crc from FFFF."""
    crc = 0xFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


def sealed(elf):
    """The ELF program with its CRC in place."""
    image, place = bytearray(), {}
    for address, offset, length in flash_parts(elf):
        image += b"\xff" * (address - len(image))  # what no part covers stays erased
        place[address] = offset
        image += elf[offset : offset + length]
    if SEAL not in image:
        return elf
    if image.count(SEAL) != 1:
        raise ValueError(
            "the mark of the seal is in the program twice: give the model another name"
        )
    at = image.index(SEAL) + len(SEAL)
    crc = crc16(image[:at] + image[at + 2 :])
    part = max(address for address in place if address <= at)
    offset = place[part] + at - part
    return elf[:offset] + struct.pack("<H", crc) + elf[offset + 2 :]


def seal(target, source, env):
    path = Path(str(target[0]))
    path.write_bytes(sealed(path.read_bytes()))


Import("env")  # noqa: F821 - PlatformIO's
sealing = env.VerboseAction(seal, "Sealing $TARGET")  # noqa: F821
env.AddPostAction("$BUILD_DIR/${PROGNAME}.elf", sealing)  # noqa: F821
