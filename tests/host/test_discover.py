"""Which port has a board: by USB id and by what the board says."""

from types import SimpleNamespace

import pytest
import serial
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


def test_every_id_is_one_boards_and_no_bridges():
    every = [pair for board in BOARDS.values() for pair in board.usb_ids]
    assert len(every) == len(set(every)) and not discover.BRIDGES & set(every)
