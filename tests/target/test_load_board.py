"""Loading a board: the uploader's call for each board, and how it fails."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sketch_project import LEONARDO, UNO, WITH_FIRMWARE

from tinygen.common.errors import BuildError
from tinygen.target import build as b


@pytest.fixture
def avrdude_stand_in(tmp_path, monkeypatch, toolchain):
    """`stand_in(body)`: an avrdude on PATH that notes its arguments, one a line; returns the
    note.
    """

    def make(body: str = "") -> Path:
        folder, note = tmp_path / "bin", tmp_path / "note"
        folder.mkdir()
        (folder / "avrdude").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{note}"\n{body}\n')
        (folder / "avrdude").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:" + os.environ["PATH"])
        return note

    return make


@pytest.mark.parametrize(
    "board",
    [board for board in WITH_FIRMWARE.values() if board.serial == "uart"],
    ids=lambda b: b.pio_id,
)
def test_upload_calls_the_uploader_as_the_board_needs(make_project, avrdude_stand_in, board):
    note = avrdude_stand_in()
    project = make_project()
    b.load_firmware(project, board, "/dev/tty a")
    words = note.read_text().splitlines()
    assert words[:11] == [
        "-p",
        board.mcu,
        "-c",
        board.protocol,
        "-b",
        str(board.upload_speed),
        "-D",
        "-P",
        "/dev/tty a",
        *words[9:11],
    ]
    kind, path = words[-1].removesuffix(":i").rsplit(":", 1)
    assert (
        kind == "flash:w"
        and (project.directory / path).resolve()
        == (project.directory / ".pio" / "build" / board.pio_id / "firmware.hex").resolve()
    )


def test_a_board_with_usb_in_the_chip_is_touched_and_waited_for(make_project, avrdude_stand_in):
    """Its bootloader is another USB device: without it there is nothing to load."""
    note = avrdude_stand_in()
    with pytest.raises(
        BuildError,
        match=r"Leonardo at /dev/ttyX was not loaded: .*Couldn't find a board on the selected port",
    ):
        b.load_firmware(make_project(), LEONARDO, "/dev/ttyX")
    assert not note.exists()


def test_uploader_that_fails_is_named_with_its_reason(make_project, avrdude_stand_in):
    avrdude_stand_in(
        'echo "avrdude: ser_open(): can\'t open device \\"/dev/ttyX\\": No such file or '
        'directory" >&2; exit 1'
    )
    project = make_project()
    with pytest.raises(BuildError) as raised:
        b.load_firmware(project, UNO, "/dev/ttyX")
    message = str(raised.value)
    assert message.startswith(
        "Arduino Uno at /dev/ttyX was not loaded: ser_open(): can't open device"
    )
    assert (
        "\n" not in message and "can't open" in (project.directory / "upload-uno.log").read_text()
    )


def test_uploader_that_hangs_is_ended(make_project, avrdude_stand_in, monkeypatch):
    avrdude_stand_in("sleep 60")
    project = make_project()
    b.build_firmware(project, UNO)
    monkeypatch.setattr(b, "UPLOAD_SECONDS", 3)
    with pytest.raises(BuildError, match="no answer in 3 s"):
        b.load_firmware(project, UNO, "/dev/ttyX")


def test_missing_uploader_is_named(make_project, toolchain, monkeypatch):
    monkeypatch.setattr(b, "ensure", lambda *arguments, **options: replace(toolchain, avrdude=None))
    with pytest.raises(BuildError, match="no avrdude on this machine"):
        b.load_firmware(make_project(), UNO, "/dev/ttyX")
