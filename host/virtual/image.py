"""What a firmware file puts into flash: ELF (with the addresses the stack measurement needs) or
Intel HEX.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...common.errors import LinkError

if TYPE_CHECKING:  # a model alone needs no ELF reader
    from elftools.elf.elffile import ELFFile

# avr-gcc's linker scripts put RAM, and higher up EEPROM and fuses, above this address
RAM_OFFSET = 0x800000


@dataclass(frozen=True)
class Image:
    """Bytes for flash as (address, bytes), and the first RAM address behind all variables (None:
    unknown).
    """

    segments: tuple[tuple[int, bytes], ...]
    ram_end_of_data: int | None = None


def load_image(path: Path) -> Image:
    """The image in an .elf or .hex file; LinkError in one line when it is neither."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise LinkError(
            f"firmware {path}: {str(error.strerror).lower()}; build it first"
        ) from error
    if head == b"\x7fELF":
        return _load_elf(path)
    if head[:1] == b":":
        return Image(load_hex(path))
    raise LinkError(f"firmware {path} is neither an ELF nor an Intel HEX file")


def _load_elf(path: Path) -> Image:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_AVR":
                raise LinkError(f"firmware {path} is for {elf['e_machine']}, not for an AVR")
            segments = tuple(
                (segment["p_paddr"], segment.data())
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD"
                and segment["p_filesz"]
                and segment["p_paddr"] < RAM_OFFSET
            )
            return Image(segments, _end_of_data(elf))
    except (ELFError, KeyError, ValueError) as error:
        raise LinkError(f"firmware {path} is a damaged ELF file: {error}") from error


def _end_of_data(elf: ELFFile) -> int | None:
    """First RAM address the program's variables do not use: the linker's `_end`, behind .bss and
    .noinit.
    """
    from elftools.elf.sections import SymbolTableSection

    table = elf.get_section_by_name(".symtab")
    found = table.get_symbol_by_name("_end") if isinstance(table, SymbolTableSection) else None
    return found[0]["st_value"] - RAM_OFFSET if found else None


def load_hex(path: Path, base: int = 0) -> tuple[tuple[int, bytes], ...]:
    """Segments of an Intel HEX file, `base` added to each address; sums and lengths are checked."""
    segments: list[tuple[int, bytes]] = []
    upper = 0
    for number, line in enumerate(path.read_text("ascii", "replace").split(), 1):
        kind, address, data = _hex_record(line, f"{path} line {number}")
        if kind == 0:
            segments.append((base + upper + address, data))
        elif kind == 1:
            return tuple(segments)
        elif kind in (2, 4):  # segment (16 bytes a step) and linear (64 KiB a step) base
            upper = int.from_bytes(data, "big") << (4 if kind == 2 else 16)
    raise LinkError(f"firmware {path} ends without an end record: the file is cut short")


def _hex_record(line: str, where: str) -> tuple[int, int, bytes]:
    """(kind, address, data) of one line."""
    try:
        raw = bytes.fromhex(line[1:])
    except ValueError:
        raw = b""
    if line[:1] != ":" or len(raw) < 5 or raw[0] != len(raw) - 5 or sum(raw) & 0xFF:
        raise LinkError(f"firmware {where} is not a valid Intel HEX record")
    return raw[3], int.from_bytes(raw[1:3], "big"), raw[4:-1]
