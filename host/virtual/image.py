"""What a firmware file puts into flash: ELF (with the addresses the stack measurement needs) or
Intel HEX.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ...common.errors import LinkError

# avr-gcc's linker scripts put RAM, and higher up EEPROM and fuses, above this address
RAM_OFFSET = 0x800000


@dataclass(frozen=True)
class Image:
    """Bytes for flash as (address, bytes), and the first RAM address behind all variables (None:
    unknown).
    """

    segments: tuple[tuple[int, bytes], ...]
    ram_end_of_data: int | None = None


class Symbol(NamedTuple):
    """A name of a linked program."""

    name: str
    value: int  # bytes: an address in flash, or RAM_OFFSET + an address in RAM
    size: int  # bytes
    is_function: bool


def symbols_of(path: Path) -> tuple[Symbol, ...]:
    """All names of an ELF file, in its order; none where it was stripped."""
    return _symbols(path.read_bytes())


@lru_cache(maxsize=8)  # reading them takes longer than a model's compilation, and all ask for them
def _symbols(content: bytes) -> tuple[Symbol, ...]:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    table = ELFFile(io.BytesIO(content)).get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return ()
    return tuple(
        Symbol(s.name, s["st_value"], s["st_size"], s["st_info"]["type"] == "STT_FUNC")
        for s in table.iter_symbols()
    )


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
        return Image(segments, _end_of_data(path))
    except (ELFError, KeyError, ValueError) as error:
        raise LinkError(f"firmware {path} is a damaged ELF file: {error}") from error


def _end_of_data(path: Path) -> int | None:
    """First RAM address the program's variables do not use: the linker's `_end`, behind .bss and
    .noinit.
    """
    found = [symbol.value for symbol in symbols_of(path) if symbol.name == "_end"]
    return found[0] - RAM_OFFSET if found else None


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
