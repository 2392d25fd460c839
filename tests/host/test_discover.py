"""Which port has a board: by USB id and by what the board says."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import serial
import vectors
from tinygen.host import discover, protocol
from tinygen.host.discover import NoBoard, only_board, plugged_in
from vectors import BY_NAME

from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError


def comport(device: str, vid=None, pid=None, serial_number=None, location="1-1"):
    return SimpleNamespace(
        device=device, vid=vid, pid=pid, serial_number=serial_number, location=location
    )


UNO = comport("/dev/ttyACM7", 0x2341, 0x0043, "A1")
MEGA = comport("/dev/ttyACM3", 0x2341, 0x0042, "B2", "1-2")
CH340 = comport("/dev/ttyUSB0", 0x1A86, 0x7523, None, "1-3")
OTHERS = [comport("/dev/ttyS0"), comport("/dev/ttyACM0", 0x1234, 0x0001)]


@pytest.fixture
def plug(monkeypatch):
    """`plug(ports, answers)`: these ports are there; boards behind bridges say who they are."""

    def do(*ports, answers=None):
        monkeypatch.setattr(discover.list_ports, "comports", lambda: [*OTHERS, *ports])
        monkeypatch.setattr(discover, "board_behind", (answers or {}).get)

    return do


def test_a_board_is_known_by_its_usb_id_and_not_by_its_name(plug):
    plug(UNO)
    assert plugged_in() == {"uno": ("/dev/ttyACM7",)} and only_board() == (
        BOARDS["uno"],
        "/dev/ttyACM7",
    )
    plug(comport("/dev/ttyACM0", 0x2341, 0x0042))
    assert only_board()[0] is BOARDS["megaatmega2560"]


def test_no_board_is_a_reason_to_skip(plug):
    plug()
    with pytest.raises(
        NoBoard, match="found none by its USB id: name its port, or use the simulator"
    ):
        only_board()


def test_two_boards_are_an_error_that_lists_both(plug):
    plug(UNO, MEGA)
    with pytest.raises(LinkError) as raised:
        only_board()
    assert not isinstance(raised.value, NoBoard) and "\n" not in str(raised.value)
    for word in (
        "/dev/ttyACM7 (uno, USB 2341:0043, serial number A1, at 1-1)",
        "/dev/ttyACM3 (megaatmega2560",
        "at 1-2",
    ):
        assert word in str(raised.value)


def test_behind_a_bridge_the_firmware_tells(plug):
    plug(CH340, answers={"/dev/ttyUSB0": BOARDS["nanoatmega328"]})
    assert only_board() == (BOARDS["nanoatmega328"], "/dev/ttyUSB0")
    plug(CH340)
    with pytest.raises(
        NoBoard,
        match=r"/dev/ttyUSB0 \(unknown board behind a USB bridge, USB 1A86:7523.*says nothing",
    ):
        only_board()
    plug(CH340, UNO, answers={"/dev/ttyUSB0": BOARDS["nanoatmega328"]})
    assert only_board() == (
        BOARDS["uno"],
        "/dev/ttyACM7",
    )  # known by its USB id: nobody else's port is opened


def test_asking_needs_no_model(monkeypatch):
    """INFO is read whatever the model; noise before it is passed over; silence ends after the time
    given.
    """
    frame = BY_NAME["info"].wire
    wanted = protocol.parse(protocol.Decoder().process(frame)[0])
    port = serial.serial_for_url("loop://", timeout=0.05)
    monkeypatch.setattr(discover.serial, "serial_for_url", lambda *arguments, **options: port)
    port.write(b"\0garbage\0" + frame)
    assert discover.ask("any", 1.0) == wanted and wanted.board == "uno"
    port = serial.serial_for_url("loop://", timeout=0.05)
    assert discover.ask("any", 0.2) is None


def test_a_board_with_several_models_is_asked_for_each(monkeypatch):
    """In the order of their numbers, whichever it tells of first."""
    told = vectors.MODELS_BY_NAME["info of model 1"].wire
    (frame,) = protocol.Decoder(version=3).process(told)
    first = replace(frame, payload=frame.payload[:-2] + bytes((0, 2)))
    answers = {0: protocol.encode(first, version=3), 1: told}
    port = serial.serial_for_url("loop://", timeout=0.05)
    monkeypatch.setattr(discover.serial, "serial_for_url", lambda *arguments, **options: port)
    asked, write = [], port.write

    def answered(data: bytes) -> None:
        asked.append(data)
        for number, answer in answers.items():
            if data == protocol.hello(1, version=3, number=number):
                write(answer)

    monkeypatch.setattr(port, "write", answered)
    write(told)
    assert [(info.number, info.model) for info in discover.ask_each("any", 2.0)] == [
        (0, "traffic"),
        (1, "traffic"),
    ]
    assert len(asked) == 1


def test_every_id_is_one_boards_and_no_bridges():
    every = [pair for board in BOARDS.values() for pair in board.usb_ids]
    assert len(every) == len(set(every)) and not discover.BRIDGES & set(every)
