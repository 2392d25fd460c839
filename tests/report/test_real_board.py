"""The page loads a real board: a browser, a port of Web Serial, and behind it the boards' own
bootloaders in the simulator.
"""

import json

import pytest
from bootloaders import empty_chip
from browser import DESKTOP, axe, chromium, complaints, look, show
from browser_line import FAKE, BrowserLine, before_the_page
from tinygen.host import protocol
from tinygen.host.protocol import Decoder, Frame, Kind, encode, model_seed
from tinygen.host.virtual.image import load_hex
from tinygen.host.virtual.simavr import SimBoard

from tinygen.common.boards import BOARDS
from tinygen.report.page.webboard import settings

FOUND = {
    "uno": ("ATmega328P", "115,200", "uno"),
    "nanoatmega328": ("ATmega328P", "57,600", "uno"),
    "megaatmega2560": ("ATmega2560", "115,200", "megaatmega2560"),
}


@pytest.fixture(scope="module")
def window():
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(window, made_with_board):
    """The page with a port that leads here."""
    with before_the_page(window, FAKE):
        look(window, DESKTOP, False)
        show(window, made_with_board.page)
    return window


@pytest.fixture
def line(request, level, simavr, tmp_path):
    """The page, and an empty board at its port."""
    if level == "commit" and request.param != "uno":
        pytest.skip("the other boards: --level release")
    page = request.getfixturevalue("page")
    with empty_chip(request.param, simavr, tmp_path) as sim:
        yield BrowserLine(page, sim)


@pytest.fixture
def idle(page):
    """The page, and a chip at its port that says nothing: its flash is erased, nothing runs."""
    with SimBoard(BOARDS["uno"]) as sim:
        sim.write_flash(0, b"\xff\xcf")  # rjmp to itself
        yield BrowserLine(page, sim)


def program_in(made, name: str, folder) -> bytes:
    """The page's program as it must stand in flash."""
    path = folder / "program.hex"
    path.write_text(made.dossier.programs[name], encoding="ascii")
    return b"".join(content for _, content in load_hex(path))


def forged(made):
    """A change of what a board sends: its answers are one step too high, their check sums right."""
    seed = model_seed(made.model.model_id)
    decoder = Decoder(seed)

    def forge(heard: bytes) -> bytes:
        frames = [event for event in decoder.process(heard) if isinstance(event, Frame)]
        return b"".join(encode(changed(frame), seed) for frame in frames)

    def changed(frame: Frame) -> Frame:
        if frame.kind != Kind.RESULT:
            return frame
        flags, pins, raw, *rest = protocol.RESULT.unpack(frame.payload)
        payload = protocol.RESULT.pack(flags, pins, raw + 1, *rest)
        return Frame(frame.kind, frame.session, frame.seq, payload)

    return forge


# ---- loaded, streamed to, wrong, unplugged ----


@pytest.mark.parametrize("line", FOUND, indirect=True)
def test_a_board_is_loaded_and_checked(line, made_with_board, tmp_path):
    """One life of a board: empty, loaded, read back, every test row right, a slider right; then it
    answers wrongly; then its cable is pulled.
    """
    chip, baud, program = FOUND[line.sim.board.pio_id]
    wanted = program_in(made_with_board, program, tmp_path)
    size = len(wanted)
    assert line.use() == (
        f"{size:,} bytes loaded into the {chip} at {baud} baud and read back: all equal. "
        "Move a reading, or play the rows."
    )
    assert [said.split()[0] for said in line.lines[:-1]] == [
        "Looking",
        "Writing",
        "Reading",
        "Waiting",
    ]
    assert line.sim.read_flash(0, size) == wanted
    line.window.execute_script("fake.framingError()")
    rows = len(made_with_board.tests)
    assert line.play() == f"{rows} of {rows} answers of the real board equal the integer model's."
    assert sum(line.sim.leds()) == 1  # the board's own
    move(line, made_with_board.model.inputs[0].limits[1] + 1)  # flagged on both
    equal = line.until(lambda seen: seen["tally"].startswith(str(rows + 1)))["tally"]
    assert equal == f"{rows + 1} of {rows + 1} answers of the real board equal the integer model's."
    goes_wrong(line, made_with_board)
    line.window.execute_script("fake.realTime()")
    assert [v["id"] for v in axe(line.window)] == []
    assert complaints(line.window) == []
    line.window.execute_script("fake.unplug()")
    line.until(lambda seen: seen["said"] == "The board is gone: was its cable pulled?")
    assert line.window.execute_script("return !tinygen.panel.real.button.disabled")


def move(line, raw: int) -> None:
    """A slider of the page."""
    line.window.execute_script(
        "const s = tinygen.panel.sliders[0].range; s.value = arguments[0]; "
        "s.dispatchEvent(new Event('input'))",
        raw,
    )


def goes_wrong(line, made) -> None:
    """Negative control: one answer that is a step too high is counted and shown as wrong."""
    line.forge = forged(made)
    low = made.model.inputs[0].limits[0]
    move(line, low)
    tally = line.until(lambda seen: "wrong" in seen["tally"])["tally"]
    assert tally.startswith(f"1 of {len(made.tests) + 2} answers are wrong. The first, ")
    assert line.lines[-1] == "The real board answers wrongly."
    value = line.window.execute_script("return tinygen.panel.real.value.textContent")
    assert value.endswith("(wrong)")


@pytest.mark.parametrize("line", ["uno"], indirect=True)
def test_a_flipped_byte_is_seen_when_it_is_read_back(line, level):
    """Negative control; tests/report/test_bootloader.py has it per commit, without a browser."""
    if level == "commit":
        pytest.skip("in a browser: --level release")

    def flip(said: str) -> None:
        if said.startswith("Reading"):
            line.sim.write_flash(1000, bytes([line.sim.read_flash(1000, 1)[0] ^ 1]))

    line.watch = flip
    said = line.use()
    assert said.startswith("The board's flash has ") and "at address 1000" in said
    line.watch = lambda said: None
    assert "read back: all equal" in line.use()  # and it can be loaded again


# ---- refused ----


@pytest.mark.parametrize("line", ["uno"], indirect=True)
def test_a_wrong_chip_is_refused(line):
    """The signature of an ATmega168 on the wire: nothing is written."""
    line.forge = lambda heard: heard.replace(b"\x1e\x95\x0f", b"\x1e\x94\x06")
    assert line.use() == (
        "This board has an ATmega168 (signature 1e 94 06), the page has programs for ATmega328P "
        "and ATmega2560: nothing was written."
    )
    assert line.sim.read_flash(0, 0x7000) == b"\xff" * 0x7000


def test_what_cannot_be_used_is_told_in_one_line(idle):
    """No port chosen, a port that is taken, a board without a known bootloader; each can be tried
    again.
    """
    for name, words in (("cancelled", "No port was chosen."), ("taken", "The port cannot be open")):
        idle.window.execute_script(f"fake.{name} = true")
        assert idle.use().startswith(words)
        idle.window.execute_script(f"fake.{name} = false")
    assert idle.use() == (
        "No bootloader of an Uno, Nano or Mega answers at 115200 or 57600 baud: is it one of "
        "these, and the right port?"
    )
    idle.click()
    idle.step()
    idle.window.execute_script("fake.unplug()")
    assert idle.until(lambda seen: not seen["busy"])["said"].startswith("The board is gone")


def test_a_browser_without_web_serial_is_told_so(window, made_with_board):
    hidden = "Object.defineProperty(navigator, 'serial', {value: undefined})"
    with before_the_page(window, hidden):
        show(window, made_with_board.page)
    text = window.execute_script("return document.querySelector('.real').textContent")
    assert "This browser has no Web Serial" in text and "Use a real board" not in text
    assert window.execute_script("return tinygen.panel.value.textContent") != ""
    assert complaints(window) == []


def test_a_page_from_disk_has_web_serial(window, made_with_board):
    """Nothing but the file is needed: Chromium offers Web Serial to a page opened from disk."""
    show(window, made_with_board.page)
    assert window.execute_script("return isSecureContext && 'serial' in navigator")
    text = window.execute_script("return document.querySelector('.real').textContent")
    assert "Use a real board" in text


# ---- what the page is told ----


def test_the_page_knows_the_bootloaders_of_its_chips(made_with_board):
    told = settings(made_with_board.dossier)
    small, large = told["loads"]
    assert small == {
        "mcu": "atmega328p",
        "ways": [
            {"protocol": "arduino", "baud": 115_200, "room": 32_256},
            {"protocol": "arduino", "baud": 57_600, "room": 30_720},
        ],
    }
    assert large["ways"] == [{"protocol": "wiring", "baud": 115_200, "room": 253_952}]
    assert large["program"] != told["program"] and large["mcu"] == "atmega2560"
    assert json.dumps(told)  # plain
