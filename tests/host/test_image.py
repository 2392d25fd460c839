"""Firmware files: what is refused, and Intel HEX with its addresses."""

import pytest
from tinygen.host.virtual.image import load_hex, load_image

from tinygen.common.errors import LinkError


def record(kind, address, data=b""):
    raw = bytes((len(data), address >> 8, address & 0xFF, kind)) + data
    return ":" + (raw + bytes((-sum(raw) & 0xFF,))).hex().upper()


END = record(1, 0)


@pytest.fixture
def write(tmp_path):
    """Writes lines to a file."""

    def to_file(*lines):
        path = tmp_path / "firmware.hex"
        path.write_text("\n".join(lines))
        return path

    return to_file


def test_addresses(write):
    path = write(
        record(0, 0x10, b"ab"),
        record(4, 0, b"\0\1"),
        record(0, 0x20, b"c"),
        record(2, 0, b"\x10\0"),
        record(0, 0, b"d"),
        record(5, 0, bytes(4)),
        END,
        record(0, 0x30, b"not read"),
    )
    assert load_hex(path) == ((0x10, b"ab"), (0x10020, b"c"), (0x10000, b"d"))
    assert load_hex(path, 0x100)[0] == (0x110, b"ab")
    image = load_image(path)
    assert image.segments == load_hex(path) and image.ram_end_of_data is None


@pytest.mark.parametrize(
    "lines, message",
    (
        ([record(0, 0, b"ab")], "without an end record"),
        ([":00000001FE", END], "line 1 is not a valid"),
        ([record(0, 0, b"ab")[:-2], END], "line 1 is not a valid"),
        ([END[:-1] + "G"], "line 1 is not a valid"),
        ([record(0, 0, b"ab"), "00000001FF"], "line 2 is not a valid"),
    ),
)
def test_damaged_hex_is_refused(write, lines, message):
    with pytest.raises(LinkError, match=message) as caught:
        load_image(write(*lines))
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(write, tmp_path):
    with pytest.raises(LinkError, match="no such file"):
        load_image(tmp_path / "no.elf")
    with pytest.raises(LinkError, match="is a directory"):
        load_image(tmp_path)
    with pytest.raises(LinkError, match="neither an ELF nor"):
        load_image(write("hello"))
    damaged = tmp_path / "damaged.elf"
    damaged.write_bytes(b"\x7fELF" + bytes(10))
    with pytest.raises(LinkError, match="damaged ELF"):
        load_image(damaged)
