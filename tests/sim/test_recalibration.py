"""A board that is told gain and offset: what it answers, keeps, refuses, and what a power cut while
it writes leaves.
"""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from elftools.elf.elffile import ELFFile
from random_models import random_models
from tinygen.host import calibration
from tinygen.host.check import Alarm, check, expect
from tinygen.host.framing import fcs
from tinygen.host.link import open_link
from tinygen.host.protocol import Trait
from tinygen.host.samples import CALIBRATION, CalibrationCommand, CalibrationState, calibrate
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url

from tinygen.cli import main
from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.common.errors import LinkError, UsageError
from tinygen.model.fixedpoint import MISSING
from tinygen.model.outputs import adjustable, calibrated

UNO, MEGA = BOARDS["uno"], BOARDS["megaatmega2560"]
MODEL = replace(random_models()["linear8"], training={})
OLD, NEW = (3900, 1_500_000), (4500, -2_000_001)
SLOT = 14  # bytes
NONE, IN_FORCE = CalibrationState.NONE, CalibrationState.IN_FORCE


def built(firmware_elf, tmp_path_factory, model, board):
    return firmware_elf(emit_project(model, tmp_path_factory.mktemp("adjustable"), [board]), board)


@pytest.fixture(scope="module")
def elf(firmware_elf, tmp_path_factory):
    return built(firmware_elf, tmp_path_factory, adjustable(MODEL), UNO)


@contextmanager
def linked(elf, board=UNO, model=MODEL):
    with open_link(avr_url(board.pio_id, elf), model, board) as link:
        yield link


def tail(link) -> bytes:
    """Both slots."""
    return bytes(link.port.board.eeprom[-2 * SLOT :])


def put(link, content: bytes) -> None:
    """Content for both slots, and a reset."""
    link.port.board.eeprom[-2 * SLOT :] = content
    reset(link)


def reset(link) -> None:
    link.port.board.reset()
    link.hello()


def record(sequence: int, model_id: int, gain: int, offset: int) -> bytes:
    body = bytes([sequence]) + CALIBRATION.pack(0, gain, offset, 0)[2:8]
    body = body[:1] + model_id.to_bytes(4, "little") + body[1:]
    return b"\1" + body + fcs(body).to_bytes(2, "little")


def answers_as(link, model, rows=200) -> bool:
    raw = model.sample_rows(rows, 5)
    raw[3::40, 0] = MISSING
    expected = expect(model, raw, Alarm.of(model, link.info))
    return check(stream(link, raw.tolist()), expected).passed


def held(link) -> tuple:
    found = calibration.held(link)
    return (found.gain, found.offset) if found.state == IN_FORCE else found.state


# ---- told, kept, taken back ----


@pytest.mark.parametrize("board", (UNO, MEGA), ids=lambda board: board.pio_id)
def test_a_board_answers_as_the_recalibrated_model_and_keeps_it(
    elf, firmware_elf, tmp_path_factory, board, level
):
    if board is MEGA and level != "release":
        pytest.skip("the Mega: --level release")
    if board is MEGA:
        elf = built(firmware_elf, tmp_path_factory, adjustable(MODEL), MEGA)
    changed = calibrated(MODEL, *NEW)
    rows = MODEL.sample_rows(200, 5)
    assert (changed.predict(rows) != MODEL.predict(rows)).mean() > 0.3
    with linked(elf, board) as link:
        assert held(link) == NONE and answers_as(link, MODEL)
        calibration.set_to(link, *NEW)
        assert Trait.CALIBRATED in link.info.traits and answers_as(link, changed)
        assert not answers_as(link, MODEL)  # negative control
        reset(link)
        assert held(link) == NEW and answers_as(link, calibration.twin(link, MODEL))
        assert (
            calibration.twin(link, MODEL).predict(rows).tolist() == changed.predict(rows).tolist()
        )
        calibration.set_to(link, *OLD)
        reset(link)
        assert held(link) == OLD and answers_as(link, calibrated(MODEL, *OLD))
        calibration.undo(link)
        assert link.info.traits == Trait(0) and answers_as(link, MODEL)
        reset(link)
        assert held(link) == NONE and answers_as(link, MODEL)


@pytest.mark.parametrize(
    "ends", [(2048, 0), (8192, 0), (4096, 2**29 - 1), (4096, 1 - 2**29)], ids=str
)
def test_the_ends_of_the_range_are_computed_as_the_twin_does(elf, ends):
    with linked(elf) as link:
        calibration.set_to(link, *ends)
        assert answers_as(link, calibrated(MODEL, *ends), 60)


@pytest.mark.parametrize("beyond", [(2047, 0), (8193, 0), (4096, 2**29), (4096, -(2**29))], ids=str)
def test_beyond_the_proven_range_nothing_is_stored(elf, beyond):
    with linked(elf) as link:
        calibration.set_to(link, *OLD)
        before = tail(link)
        with pytest.raises(LinkError, match="refuses gain"):
            calibration.set_to(link, *beyond)
        assert tail(link) == before and held(link) == OLD


def test_what_is_stored_is_not_written_again(elf):
    with linked(elf) as link:
        calibration.set_to(link, *OLD)
        before = tail(link)
        calibration.set_to(link, *OLD)
        assert tail(link) == before


def test_the_sequence_wraps(elf):
    with linked(elf) as link:
        put(link, record(253, MODEL.model_id, *NEW) + b"\xff" * SLOT)
        for number in range(6):
            calibration.set_to(link, 4000 + number, number)
            reset(link)
            assert held(link) == (4000 + number, number)
        assert {tail(link)[1], tail(link)[SLOT + 1]} == {2, 3}


def test_only_its_own_slots_are_written(elf):
    with linked(elf) as link:
        link.port.board.eeprom[:] = bytes(k & 0xFF for k in range(1024))
        before = bytes(link.port.board.eeprom[: -2 * SLOT])
        calibration.set_to(link, *OLD)
        calibration.set_to(link, *NEW)
        calibration.undo(link)
        assert bytes(link.port.board.eeprom[: -2 * SLOT]) == before


# ---- what is not for it ----


def test_a_recalibration_of_another_model_is_ignored_and_said(elf):
    with linked(elf) as link:
        put(link, record(7, MODEL.model_id ^ 1, *NEW) + b"\xff" * SLOT)
        assert Trait.FOREIGN in link.info.traits and answers_as(link, MODEL)
        found = calibration.held(link)
        assert found.state == CalibrationState.FOREIGN and found.model_id == MODEL.model_id ^ 1
        assert "not for this model" in calibration.note_of(link)[0]
        calibration.set_to(link, *NEW)
        assert held(link) == NEW and calibration.note_of(link)[0].startswith("the board is recal")
        put(link, record(7, MODEL.model_id, *NEW) + b"\xff" * SLOT)
        assert held(link) == NEW  # control: the record is as the board writes it


@pytest.mark.parametrize("beyond", [(2047, 0), (4096, 2**29)], ids=str)
def test_a_record_out_of_range_is_not_used(elf, beyond):
    with linked(elf) as link:
        put(link, b"\xff" * SLOT + record(7, MODEL.model_id, *beyond))
        assert held(link) == CalibrationState.UNUSABLE and answers_as(link, MODEL)


def test_no_flipped_bit_of_a_record_is_taken(elf, level):
    good = record(7, MODEL.model_id, *NEW)
    with linked(elf) as link:
        for bit in range(0, 8 * SLOT, 1 if level == "release" else 5):
            wrong = bytearray(good)
            wrong[bit // 8] ^= 1 << bit % 8
            put(link, bytes(wrong) + b"\xff" * SLOT)
            assert held(link) == NONE, bit


def test_the_later_of_two_good_slots_counts(elf):
    both = {seq: record(seq, MODEL.model_id, 4000 + seq, seq) for seq in (0, 1, 128, 255)}
    with linked(elf) as link:
        for first, second, later in ((0, 1, 1), (1, 0, 1), (255, 0, 0), (0, 255, 0), (1, 128, 128)):
            put(link, both[first] + both[second])
            assert held(link) == (4000 + later, later)


@pytest.mark.parametrize(
    "told",
    [
        {"gain": 2047},
        {"offset": 2**29},
        {"state": CalibrationState.NONE},
        {"model_id": MODEL.model_id ^ 1},
    ],
    ids=str,
)
def test_a_board_that_tells_what_cannot_be_is_not_believed(elf, monkeypatch, told):
    with linked(elf) as link:
        calibration.set_to(link, *NEW)
        true = calibration.held(link)
        assert calibration.twin(link, MODEL) != MODEL
        monkeypatch.setattr(calibration, "held", lambda link: replace(true, **told))
        with pytest.raises(LinkError, match="and then tells"):
            calibration.twin(link, MODEL)


# ---- power cuts ----


def states(link, command, gain=4096, offset=0) -> list[bytes]:
    """Both slots after each byte that is written, the first as they were."""
    sim, seen = link.port.board, [tail(link)]
    link.send(calibrate(link.session, 9, link.version, command, gain, offset, MODEL.model_id))
    end = sim.cycle + 25 * 640 + 60_000
    while sim.cycle < end:
        sim.run(16)
        if (now := tail(link)) != seen[-1]:
            assert sum(a != b for a, b in zip(now, seen[-1])) == 1, "two bytes at once"
            seen.append(now)
    link.receive(0.05)
    return seen


def torn(seen: list[bytes]):
    """What a cut leaves: each state, and within the byte that is written next anything."""
    for now, after in zip(seen, [*seen[1:], seen[-1]]):
        yield now
        for place in (k for k in range(len(now)) if now[k] != after[k]):
            for value in (0x00, 0x55, 0xFE, 0xFF, now[place] & after[place]):
                yield now[:place] + bytes([value]) + now[place + 1 :]


def outcomes(link, seen: list[bytes]) -> list:
    found = []
    for content in torn(seen):
        put(link, content)
        found.append(held(link))
    return found


@pytest.mark.parametrize("before", [None, OLD], ids=["empty", "old"])
def test_a_cut_while_writing_leaves_the_old_or_the_new(elf, before):
    with linked(elf) as link:
        if before:
            calibration.set_to(link, 4000, 7)  # so that the slot that is written held one as well
            calibration.set_to(link, *before)
        seen = states(link, CalibrationCommand.SET, *NEW)
        found = outcomes(link, seen)
    assert len(seen) > 10 and found[0] == (before or NONE) and found[-1] == NEW
    assert set(found) == {before or NONE, NEW}
    first = found.index(NEW)
    assert set(found[first:]) <= {NEW, before or NONE} and len(found) - first < 8, "mark is last"


def test_a_cut_while_taking_back_leaves_the_old_or_none(elf):
    with linked(elf) as link:
        calibration.set_to(link, *NEW)
        calibration.set_to(link, *OLD)
        found = outcomes(link, states(link, CalibrationCommand.UNDO))
    assert found[0] == OLD and found[-1] == NONE and set(found) == {OLD, NONE}


def test_a_slot_written_in_place_would_lose_the_old_one(elf):
    """Negative control: a writer that goes over the slot in force is seen."""
    old, new = (record(7, MODEL.model_id, *values) for values in (OLD, NEW))
    seen = [new[:k] + old[k:] + b"\xff" * SLOT for k in range(SLOT + 1)]
    with linked(elf) as link:
        assert NONE in outcomes(link, seen)


# ---- builds, commands ----


def test_a_firmware_without_it_says_what_to_build(firmware_elf, tmp_path_factory):
    elf = built(firmware_elf, tmp_path_factory, MODEL, UNO)
    with linked(elf) as link:
        with pytest.raises(LinkError, match="tinygen build --recalibrate"):
            calibration.set_to(link, *NEW)
        assert bytes(link.port.board.eeprom) == b"\xff" * 1024
    assert not of_eeprom(elf)


def of_eeprom(elf) -> set[str]:
    """What a program has for a recalibration."""
    with open(elf, "rb") as stream:
        names = {s.name for s in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()}
    names = {name for name in names if not name.startswith("__")}  # the linker's own
    return {name for name in names if "eeprom" in name or "stored" in name or "calib" in name}


def test_what_a_firmware_without_it_is_looked_through_for_is_there_with_it(elf):
    """Negative control."""
    assert {"eeprom_read_block", "_ZL6stored"} <= of_eeprom(elf)


def test_a_board_takes_a_base_only():
    with pytest.raises(UsageError, match="recalibrated already"):
        adjustable(calibrated(MODEL, *NEW))
    assert adjustable(MODEL).model_id == MODEL.model_id != calibrated(MODEL, *NEW).model_id


def test_the_command_tells_a_board(elf, tmp_path):
    model, rows = tmp_path / "model.json", tmp_path / "rows.csv"
    MODEL.save(model)
    raw = MODEL.saturate(MODEL.sample_rows(400, 8))[0]  # readings beyond its range are refused
    answers = calibrated(MODEL, 3700, 900_000).predict(raw)
    raw, answers = raw[answers < 400][:60], answers[answers < 400][:60]
    header = ",".join([*(q.name for q in MODEL.inputs), MODEL.output.name])
    physical = np.column_stack([raw, answers / 10])
    lines = [",".join(f"{v:g}" for v in row) for row in physical.tolist()]
    rows.write_text("\n".join([header, *lines]) + "\n")
    url = avr_url("uno", elf)
    done = CliRunner().invoke(
        main, ["recalibrate", str(model), str(rows), "--hours-apart", "24", "--port", url]
    )
    assert done.exit_code == 0, done.output
    assert "written to the EEPROM of the Arduino Uno" in done.output
    undone = CliRunner().invoke(main, ["recalibrate", str(model), "--undo", "--port", url])
    assert undone.exit_code == 0 and "taken back" in undone.output
