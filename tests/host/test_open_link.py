"""Opening a link: pseudo-terminals, sockets, and one clear line for a wrong device."""

import os
import pty
import socket
import threading
import time
from dataclasses import replace

import pytest
from native_board import NativeBoard, native_link
from native_rows import MODEL, rows_of
from tinygen.host import protocol
from tinygen.host.link import TO_BOARD, TO_HOST, open_link
from tinygen.host.protocol import Frame, Kind, encode
from tinygen.host.stream import stream

from tinygen.common.errors import LinkError


class Device:
    """A device behind a pty, in a thread: `answer(bytes) -> bytes`; `greeting` is said at once."""

    def __init__(self, answer=lambda data: b"", greeting=b"") -> None:
        self.master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        import tty

        tty.setraw(slave)
        self.slave = slave
        self.answer = answer
        self.heard = bytearray()
        os.write(self.master, greeting)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            while data := os.read(self.master, 1000):
                self.heard += data
                os.write(self.master, self.answer(data))
        except OSError:
            pass

    def close(self) -> None:
        os.close(self.slave)
        self.thread.join(2)
        os.close(self.master)


def info_frame(**changes) -> bytes:
    """INFO as a board with MODEL says it, with some fields changed."""
    fields = {
        "protocol": 1,
        "traits": 0,
        "inputs": 7,
        "window": 5,
        "payload_max": 14,
        "cause": 2,
        "model_id": MODEL.model_id,
        "baud": 115200,
        "overruns": 0,
        "framing": 0,
        "fcs": 0,
        "hysteresis": 0,
        "debounce": 0,
        "board": b"uno",
        "model": b"linear16",
    } | changes
    return encode(Frame(Kind.INFO, 3, 1, protocol.INFO.pack(*fields.values())))


@pytest.fixture
def device():
    made = []

    def make(*arguments, **options) -> Device:
        made.append(Device(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_opens_through_a_pty(device):
    """The board behind a pty has no DTR; INFO comes only because it is asked for."""
    board = device(lambda data: info_frame() if protocol.hello(1) in data else b"")
    with open_link(board.name, MODEL, timeout=3) as link:
        assert link.info.session == 3 and link.session == 3


def test_a_port_without_a_rate_is_not_said_to_have_another_one(device):
    """A pseudo-terminal answers at every rate: a few stray bytes before the first INFO do not make
    it a wrong rate.
    """
    asked = []
    board = device(
        lambda data: (
            asked.append(data)
            or (
                b"\x13\x37"
                if len(asked) < 2
                else info_frame()
                if protocol.hello(1) in data
                else b""
            )
        )
    )
    with open_link(board.name, MODEL, timeout=5) as link:
        assert link.info.session == 3 and link.baud == 250_000 and len(asked) > 2


def test_opens_through_a_socket():
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        with connection:
            time.sleep(0.2)  # pyserial forgets what comes while it opens
            connection.sendall(b"\x00noise" + info_frame())
            while connection.recv(100):
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with open_link(f"socket://127.0.0.1:{server.getsockname()[1]}", MODEL, timeout=3) as link:
        assert link.info.model == "linear16"
    thread.join(2)
    server.close()


def version_2(data: bytes) -> bytes:
    body = bytes((2 << 5 | Kind.ERR, 0, 0, 2, 4, 2))
    body += protocol.fcs(body).to_bytes(2, "little")
    return protocol.enclose(body)


ANSWERS = {
    "silent": (
        lambda data: b"",
        "no answer from {port} within 0.8 s at 115200 baud: is it the right port",
    ),
    "echo": (
        lambda data: data,
        "the device at {port} only echoes what it is sent: it is no tinygen board",
    ),
    "foreign": (
        lambda data: b"OK\r\n",
        "the device at {port} sends bytes, but no tinygen frame at 115200 baud within 0.8 s",
    ),
    "babbling": (
        lambda data: b"\x00\x11\x22" * 3000,
        "the device at {port} sends bytes, but no tinygen frame",
    ),
    "another version": (version_2, "the board at {port} speaks another version of the protocol"),
    "version in INFO": (
        lambda data: info_frame(protocol=2),
        "speaks version 2 of the protocol, this tinygen version 1",
    ),
    "another model": (
        lambda data: info_frame(model_id=7, model=b"\x1b[31mevil"),
        "runs model '?[31mevil' (00000007, 7 inputs), not 'linear16'",
    ),
    "other inputs": (lambda data: info_frame(inputs=6), "6 inputs), not 'linear16'"),
    "another board": (
        lambda data: info_frame(board=b"megaatmega2560"),
        "runs a firmware for 'megaatmega2560', not 'uno'",
    ),
    "empty": (lambda data: info_frame(traits=2), "a firmware without a model"),
    "corrupt": (lambda data: info_frame(traits=1), "its model's table in flash is corrupt"),
    "nonsense": (lambda data: info_frame(window=0), "sends bytes, but no tinygen frame"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_wrong_device_gets_one_clear_line(device, case):
    from tinygen.common.boards import BOARDS

    answer, message = ANSWERS[case]
    port = device(answer)
    with pytest.raises(LinkError) as caught:
        open_link(port.name, MODEL, replace(BOARDS["uno"], baud=115200), timeout=0.8)
    text = str(caught.value)
    assert message.format(port=port.name) in text and "\n" not in text and "\x1b" not in text
    assert ": " in text  # says what to do next


def test_a_port_that_is_taken(device):
    board = device(lambda data: info_frame())
    with open_link(board.name, MODEL, timeout=3):
        with pytest.raises(LinkError, match=f"port {board.name} is taken by another program"):
            open_link(board.name, MODEL, timeout=1)
    open_link(board.name, MODEL, timeout=3).close()  # and free again


@pytest.mark.parametrize(
    "port, message",
    [
        ("/dev/ttyDOESNOTEXIST", "port /dev/ttyDOESNOTEXIST does not exist"),
        ("wrong://x", "'wrong://x' is no port that pyserial knows"),
        ("socket://127.0.0.1:1", "port socket://127.0.0.1:1 "),
        ("avr://uno/no/such/firmware.elf", "no firmware file /no/such/firmware.elf"),
        ("avr://nano99/x.elf", "no virtual board 'nano99'"),
        ("/etc/hostname", "port /etc/hostname does not open"),
    ],
)
def test_a_port_that_does_not_open(port, message):
    with pytest.raises(LinkError) as caught:
        open_link(port, MODEL, timeout=1)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_no_word_to_a_bootloader(firmware):
    """A port with modem lines may have reset the board: nothing is sent while its bootloader
    listens.
    """
    board = NativeBoard(firmware)
    board.boot(1.5)
    with native_link(board, MODEL):
        assert board.written == [] and board.now >= 1.5


def test_a_tap_sees_both_directions(firmware):
    seen = []
    board = NativeBoard(firmware)
    with native_link(board, MODEL) as link:
        link.tap = lambda direction, seconds, data: seen.append((direction, seconds, data))
        list(stream(link, rows_of(3).tolist()))
    assert b"".join(d for way, _, d in seen if way == TO_BOARD) == b"".join(board.written)
    assert [
        e.seq
        for e in protocol.Decoder(link.seed).process(
            b"".join(d for way, _, d in seen if way == TO_HOST)
        )
    ] == [0, 1, 2]
    assert sorted(s for _, s, _ in seen) == [s for _, s, _ in seen]
