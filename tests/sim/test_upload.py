"""`tinygen build --upload` for real: avrdude into the boards' own bootloaders, verified, then rows
streamed to what was loaded.

A commit loads the Mega, a worn-out Uno and the recorder; tests/target/test_pytest_plugin.py loads
an empty Uno and asks it for rows.
"""

from dataclasses import replace

import pytest
from bootloaders import BOOTLOADERS, STARTS
from random_models import random_models
from tinygen.host import discover, opening
from tinygen.host.check import check, expect
from tinygen.host.link import open_link
from tinygen.host.stream import stream
from tinygen.host.virtual.image import load_hex
from tinygen.host.virtual.pty_board import PtyBoard
from tinygen.host.virtual.sensors.analog import millivolts

from tinygen.commands.build import build
from tinygen.commands.record import Wanted, record
from tinygen.common.boards import BOARDS
from tinygen.common.errors import BuildError, LinkError
from tinygen.model.fixedpoint import MISSING
from tinygen.target import build as building

MODEL = replace(random_models()["linear8"], threshold=150)
OTHER = replace(MODEL, name="other", threshold=151)
ROWS = MODEL.sample_rows(200, 3)
ROWS[::40, 1] = MISSING


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Both models' files, and one folder for their project so that the Arduino core is compiled
    once.
    """
    folder = tmp_path_factory.mktemp("upload")
    for model in (MODEL, OTHER):
        model.save(folder / f"{model.name}.json")
    return folder


@pytest.fixture(params=["uno", "megaatmega2560"])
def empty_board(request, level, simavr, avrdude, tmp_path, monkeypatch):
    """(board, PtyBoard): a board with nothing in it but its bootloader."""
    if level == "commit" and request.param == "uno" and request.function in LONG:
        pytest.skip("an empty Uno is loaded by test_pytest_plugin as well: --level release")
    image = BOOTLOADERS[request.param](simavr, tmp_path)
    board = BOARDS[request.param]
    # a pty has no DTR line, so the link takes it for a port that resets nothing; this board does
    # have a bootloader
    monkeypatch.setattr(
        building, "measure_firmware", lambda *arguments: None
    )  # not what is tested here
    monkeypatch.setattr(opening, "QUIET_SECONDS", opening.BOOT_SECONDS)
    with PtyBoard(board, image, start=STARTS[request.param], boot_seconds=0) as virtual:
        yield board, virtual


def load(files, model, board, port):
    return build(
        files / f"{model.name}.json",
        board.pio_id,
        files / "project",
        upload=True,
        port=port,
    ).firmware


def wear_out(simulator, address: int) -> None:
    """From now on two bytes of flash read 0 once anything is written near them, as worn-out cells
    do.
    """
    run = simulator.run

    def worn(cycles: int) -> None:
        run(cycles)
        if simulator.read_flash(address, 2) != b"\xff\xff":
            simulator.write_flash(address, b"\0\0")

    simulator.run = worn


def program_of(firmware) -> bytes:
    """The firmware as it must stand in flash, from address 0."""
    return b"".join(data for _, data in load_hex(firmware.hex))


def test_upload_verify_stream(empty_board, files):
    """An empty board takes the firmware, runs it and answers every row."""
    board, virtual = empty_board
    first = program_of(load(files, MODEL, board, virtual.port))
    assert virtual.board.read_flash(0, len(first)) == first
    assert (
        "bytes of flash verified" in (files / "project" / f"upload-{board.pio_id}.log").read_text()
    )
    with open_link(virtual.port, MODEL, board) as opened:
        verdict = check(stream(opened, ROWS.tolist()), expect(MODEL, ROWS))
    assert verdict.passed and verdict.rows == len(ROWS) and verdict.missing == 5, verdict
    assert virtual.lost_bytes == 0


@pytest.mark.parametrize("empty_board", ["uno"], indirect=True)
def test_two_models_are_loaded_and_each_is_streamed(empty_board, files, level):
    """One port, which resets nothing: the host asks in its model's version and is told another."""
    if level == "commit":
        pytest.skip("a firmware of two models through the bootloader: --level release")
    board, virtual = empty_board
    paths = [files / f"{model.name}.json" for model in (OTHER, MODEL)]
    built = build(paths, board.pio_id, files / "project", upload=True, port=virtual.port)
    program = program_of(built.firmware)
    assert virtual.board.read_flash(0, len(program)) == program
    found = discover.ask(virtual.port)
    assert (found.protocol, found.model, found.models) == (3, "other", 2)
    for number, model in enumerate((OTHER, MODEL)):
        rows = model.sample_rows(100, 2)
        with open_link(virtual.port, model, board) as opened:
            assert (opened.info.number, opened.info.models) == (number, 2)
            assert check(stream(opened, rows.tolist()), expect(model, rows)).passed
    assert virtual.lost_bytes == 0


@pytest.mark.parametrize("empty_board", ["uno"], indirect=True)
def test_a_program_is_replaced(empty_board, files):
    """A board with some program in it takes another one, which is not taken for the model it does
    not have.
    """
    board, virtual = empty_board
    virtual.board.write_flash(0, b"\xff\xcf" * 2048)  # rjmp to itself, 4 KB of it
    program = program_of(load(files, OTHER, board, virtual.port))
    assert virtual.board.read_flash(0, len(program)) == program
    with pytest.raises(LinkError, match="runs model 'other'"):
        open_link(virtual.port, MODEL, board)


@pytest.mark.parametrize("empty_board", ["uno"], indirect=True)
def test_flash_that_does_not_hold_what_was_written_is_an_error(empty_board, files, monkeypatch):
    """Two bytes of the program's flash are worn out: avrdude's verify sees it, and nothing is tried
    again.
    """
    board, virtual = empty_board
    runs = []
    real_run = building.run_pio

    def count(*arguments):
        runs.append(1)
        return real_run(*arguments)

    monkeypatch.setattr(building, "run_pio", count)
    wear_out(virtual.board, 0x100)
    with pytest.raises(BuildError, match=r"mismatch|verif"):
        load(files, MODEL, board, virtual.port)
    assert len(runs) == 1  # to load; what compiles has a door of its own


@pytest.mark.parametrize("empty_board", ["uno"], indirect=True)
def test_the_recorder_is_loaded_where_the_board_does_not_run_it(empty_board, tmp_path):
    """The first recording loads the firmware, the second finds it."""
    _, virtual = empty_board
    virtual.board.write_flash(0, b"\xff\xcf" * 2048)  # some program
    virtual.board.analog.feed = lambda pin, cycle: millivolts(100 + pin)
    said = []
    for label in ("first", "second"):
        wanted = Wanted(virtual.port, "A2,A0", 200, seconds=0.2, label=label)
        recorded = record(wanted, tmp_path / "rec", said.append)
        rows = recorded.path.read_text().splitlines()[1:]
        assert [row.split(",", 1)[1] for row in rows] == [f"102,100,{label}"] * 40
    assert sum("loading the recording firmware" in words for words in said) == 1


LONG = (test_upload_verify_stream, test_a_program_is_replaced)
