"""What a compiler leaves behind: the size of a linked program, and the first error of a log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ..common.process import last_line

COMPILER_ERROR = re.compile(
    r"^(?P<where>[^:\n]+:\d+)(?::\d+)?: (?:fatal )?error: (?P<what>.+)$", re.MULTILINE
)
LINKER_ERROR = re.compile(r"(?:undefined reference to|multiple definition of) .+$", re.MULTILINE)
OTHER_ERROR = re.compile(r"^.*(?:[Ee]rror:|\*\*\* ).*$", re.MULTILINE)
SUMMARY = re.compile(
    r"^=+.*=+$|^Environment .*$|^-+.*-+$|^\S+ +(?:FAILED|SUCCESS) .*$", re.MULTILINE
)  # PlatformIO's


@dataclass(frozen=True)
class Size:
    """Memory a program takes."""

    flash_bytes: int  # .text + .data: what avr-size and PlatformIO report
    ram_bytes: int  # .data + .bss + .noinit: static, without the stack


def read_size(elf: Path) -> Size:
    """Flash and static RAM of a linked program, in bytes."""
    with open(elf, "rb") as stream:
        size = {section.name: section["sh_size"] for section in ELFFile(stream).iter_sections()}
    data = size.get(".data", 0)
    return Size(size.get(".text", 0) + data, data + size.get(".bss", 0) + size.get(".noinit", 0))


def compiler_error(text: str) -> str:
    """The first error in a build log, as one line."""
    if found := COMPILER_ERROR.search(text):
        return f"{found['where']}: {found['what']}"
    found = LINKER_ERROR.search(text) or OTHER_ERROR.search(text)
    return found.group().strip() if found else last_line(SUMMARY.sub("", text))
