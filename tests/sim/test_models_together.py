"""Several models on one board: a regression with an alarm, classes with scores and an LED each, and
a model of two outputs, of different inputs, in one firmware.

Twin, the firmware on this computer, virtual Uno and virtual Mega give the same answers, one model
at a time and in turn; noise makes no wrong row; another model is refused by name.
"""

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from changed_models import changes
from native_board import NativeBoard, compile_board, compile_project, native_link
from random_models import random_models
from tinygen.host import protocol
from tinygen.host.check import Alarm, Lights, check, expect
from tinygen.host.link import TO_BOARD, LinkLost
from tinygen.host.protocol import Flag, Pin
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import render_header
from tinygen.codegen.projects import together
from tinygen.codegen.projects.together import emit_together, require_together
from tinygen.commands.build import BuiltTogether, build
from tinygen.commands.stream import stream as stream_command
from tinygen.commands.stream import stream_rows
from tinygen.common.boards import BOARDS
from tinygen.common.errors import CheckError, LinkError, UsageError
from tinygen.model.confidence.error_bars import ErrorBars
from tinygen.model.fixedpoint import MISSING
from tinygen.model.model import load
from tinygen.model.outputs import side_by_side
from tinygen.target import build as building
from tinygen.target import together as costs
from tinygen.target.build import Budget, Cost
from tinygen.target.together import build_together, run_in_turn

CHIPS = ("uno", "megaatmega2560")


def with_threshold_in_the_middle(model):
    return replace(model, threshold=int(np.median(model.predict(model.sample_rows(401, 3)))))


def stored(name: str):
    """A model of the golden layer: nothing is fitted here."""
    return load(Path(__file__).parents[1] / "golden" / "house" / f"{name}.json")


BARS = ErrorBars(90, 5, 8, 918, 102)  # which leave the alarm of some rows open
ALARM = replace(with_threshold_in_the_middle(random_models()["linear16"]), bars=BARS)
KINDS = replace(stored("forest-classification"), scores=True, sure_margin=60, name="kinds")
RIDGE = stored("ridge-regression")
OTHER_GAS = replace(RIDGE, threshold=None, output=replace(RIDGE.output, name="gas 2"))
PAIR = replace(
    side_by_side([stored("polynomial-regression"), OTHER_GAS], RIDGE.inputs), name="pair"
)
MODELS = (ALARM, KINDS, PAIR)
STRANGER = replace(stored("mlp-regression"), name="stranger")
EACH = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def rows_of(model, n: int = 300, seed: int = 1) -> np.ndarray:
    """Rows inside, at and outside the accepted range; every 50th lacks a value."""
    rows = model.sample_rows(n, seed)
    rows[7::50, 1] = MISSING
    return rows


# ---- the firmware on the simulated boards ----


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The model files, in the order of their numbers."""
    folder = tmp_path_factory.mktemp("models")
    for model in MODELS:
        model.save(folder / f"{model.name}.json")
    return [folder / f"{model.name}.json" for model in MODELS]


@pytest.fixture(scope="module")
def built(simavr, files, tmp_path_factory) -> BuiltTogether:
    """What `tinygen build` makes of them for an Uno."""
    return build(files, "uno", tmp_path_factory.mktemp("together") / "out")


@pytest.fixture(scope="module")
def program(built, firmware_elf, tmp_path_factory):
    """`program(board_id)`: the same firmware for a board."""
    folder = tmp_path_factory.mktemp("program")

    def make(board_id: str):
        if board_id == "uno":
            return built.firmware.elf
        board = BOARDS[board_id]
        return firmware_elf(emit_together(MODELS, folder, [board]), board)

    return make


@EACH
@pytest.mark.parametrize("board_id", CHIPS)
def test_a_board_answers_for_each_model(program, board_id, model):
    rows, board = rows_of(model), BOARDS[board_id]
    url = avr_url(board_id, program(board_id))
    streamed = stream_rows(model, rows, url, board, progress=lambda words: None)
    assert streamed.good and streamed.verdict.passed and streamed.pins_right
    got = np.array([reply.result.values for reply in streamed.replies])
    assert np.array_equal(got, model.answers(rows))
    assert streamed.verdict.retries == 0 and streamed.verdict.missing == 6


@pytest.mark.parametrize("board_id", CHIPS)
def test_rows_of_all_models_in_one_session(program, board_id):
    """In any order: each answer is its model's, and the LEDs are the last answer's."""
    board, rng = BOARDS[board_id], random.Random(3)
    rows = [rows_of(model, 150).tolist() for model in MODELS]
    expected = [expect(model, some) for model, some in zip(MODELS, rows)]
    order = [number for number in range(3) for _ in range(150)]
    rng.shuffle(order)
    seeds = {k: protocol.model_seed(model.model_id) for k, model in enumerate(MODELS)}
    decoder, places, lit = protocol.Decoder(version=3, seeds=seeds), [0, 0, 0], set()
    with SimBoard(board, program(board_id)) as chip:

        def said(kind):
            while True:
                for event in decoder.process(chip.read(1, board.f_cpu_hz // 1000)):
                    if isinstance(event, protocol.Frame) and event.kind == kind:
                        return event

        session = said(protocol.Kind.INFO).session
        for seq, number in enumerate(order):
            place, right = places[number], expected[number]
            places[number] += 1
            row = rows[number][place]
            chip.write(
                protocol.encode_row(
                    session, seq % 256, row, seeds[number], version=3, number=number
                )
            )
            frame = said(protocol.Kind.RESULT)
            assert frame.payload[0] == number and frame.seq == seq % 256
            told = protocol.parse(frame, 3)
            assert told.prediction == right.prediction[place]
            assert told.flags == right.flags[place] and told.digest == right.digest[place]
            assert told.more == (right.more[place] if right.more else ())
            assert told.pins == right.pins[place]
            levels = [chip.pin(port) for port in board.led_ports]
            assert [bool(told.pins & pin) for pin in Pin][: len(levels)] == levels
            lit.add((number, told.pins))
        assert chip.stack_bytes < board.ram_bytes // 4
    assert {(0, Pin.RED), (0, Pin.GREEN), (0, Pin(0)), (1, Pin.THIRD), (2, Pin.GREEN)} <= lit


def test_a_board_without_the_model_is_refused_by_name(program):
    url = avr_url("uno", program("uno"))
    with pytest.raises(LinkError) as refused:
        stream_rows(STRANGER, rows_of(STRANGER), url, BOARDS["uno"], progress=lambda words: None)
    told = str(refused.value)
    for model in MODELS:
        assert f"'{model.name}' ({model.model_id:08X})" in told
    assert f"not 'stranger' ({STRANGER.model_id:08X})" in told and "\n" not in told


def with_one_leaf_changed(model):
    """The model with one number changed by one, so that some score differs."""
    rows = model.sample_rows(256, 0)
    for place, node in enumerate(model.nodes):
        for other in changes(node):
            changed = replace(model, nodes=(*model.nodes[:place], other, *model.nodes[place + 1 :]))
            if (changed.answers(rows) != model.answers(rows)).any():
                return changed
    raise AssertionError("no leaf matters on these rows")


def test_one_changed_coefficient_is_seen(simavr, firmware_elf, tmp_path):
    """Negative control: the header of the second model has another number in one place."""
    board = BOARDS["uno"]
    project = emit_together(MODELS, tmp_path, [board])
    changed = with_one_leaf_changed(KINDS)
    text = render_header(replace(changed, name="kinds"))
    mask = f"0x{changed.model_id:08X}UL", f"0x{KINDS.model_id:08X}UL"
    (tmp_path / "include" / "kinds.h").write_text(text.replace(*mask))
    with pytest.raises(CheckError, match=r"'kinds', row \d+: "):
        run_in_turn(MODELS, board, firmware_elf(project, board), simavr, lambda words: None)


# ---- what is said of it ----


def test_the_cost_of_each_and_of_what_they_share(built):
    firmware = built.firmware
    assert [(part.name, part.number) for part in firmware.parts] == [
        ("linear16", 0),
        ("kinds", 1),
        ("pair", 2),
    ]
    assert all(part.flash_bytes > 100 and part.cycles_max > 300 for part in firmware.parts)
    together = sum(part.flash_bytes for part in firmware.parts) - firmware.shared_flash_bytes
    assert 0 < together == firmware.models_flash_bytes < firmware.flash_bytes
    plain, text = built.plain(), built.text()
    assert [part["name"] for part in plain["models"]] == ["linear16", "kinds", "pair"]
    assert plain["shared_flash_bytes"] == firmware.shared_flash_bytes
    for part in firmware.parts:
        assert f"model {part.number}      {part.name}: flash {part.flash_bytes:,} bytes" in text
    assert f"without them flash {firmware.flash_bytes - together:,} bytes" in text


@pytest.fixture
def project(built, monkeypatch):
    """The project that is built and measured already."""
    directory = built.firmware.elf.parents[3]

    def programs(folder, board, tools, progress, twins):
        return tuple(folder / ".pio/build" / f"uno{twin}" / "firmware.elf" for twin in twins)

    firmware = built.firmware
    measured = [
        Cost(firmware.stack_bytes, part.cycles_median, part.cycles_max, part.cycles_seen)
        for part in firmware.parts
    ]
    monkeypatch.setattr(costs, "compile_project", programs)
    monkeypatch.setattr(costs, "run_in_turn", lambda *_: measured)
    return SimpleNamespace(directory=directory, models=MODELS)


def test_each_model_has_a_bound_of_its_own(built):
    """The walk goes through the pointer that the firmware keeps of the model at hand."""
    for part in built.firmware.parts:
        assert part.cycles_median <= part.cycles_seen <= part.cycles_max < 1.4 * part.cycles_seen
    assert len({part.cycles_max for part in built.firmware.parts}) == len(MODELS)


def test_a_budget_holds_for_the_models(built, project):
    limit = built.firmware.models_flash_bytes
    assert build_together(project, BOARDS["uno"], Budget(flash_bytes=limit)) == built.firmware
    with pytest.raises(CheckError, match="bytes of flash, the budget is"):
        build_together(project, BOARDS["uno"], Budget(flash_bytes=limit - 1))
    slowest = max(part.cycles_max for part in built.firmware.parts)
    with pytest.raises(CheckError, match=f"{slowest} cycles, the budget is"):
        build_together(project, BOARDS["uno"], Budget(cycles=slowest - 1))


def test_what_does_not_fit_is_said_with_the_figures_of_each(built, project):
    small = replace(BOARDS["uno"], ram_bytes=built.firmware.ram_bytes - 1)
    with pytest.raises(CheckError) as refused:
        build_together(project, small)
    told = str(refused.value)
    assert f"needs {small.ram_bytes + 1} bytes of RAM" in told and "1 too many" in told
    for part in built.firmware.parts:
        assert f"'{part.name}' {part.flash_bytes:,} and {part.ram_bytes:,}" in told


def test_stream_puts_further_models_on_the_virtual_board(built, files, tmp_path, monkeypatch):
    """The project is the one that is built; a compiler's second run would make the same of it."""
    seen = []

    def program(folder, board, progress):
        same = [path.name for path in (folder / "include").iterdir()]
        assert {f"{model.name}.h" for model in MODELS} < set(same)
        seen.append((folder / "include" / "tinygen_model.h").read_text())
        return built.firmware.elf

    monkeypatch.setattr(building, "build_program", program)
    rows = PAIR.sample_rows(60, 2)
    names = [q.name for q in PAIR.inputs]
    values = [[q.to_physical(v) for q, v in zip(PAIR.inputs, row)] for row in rows.tolist()]
    csv = tmp_path / "rows.csv"
    lines = [",".join(names), *(",".join(map(str, row)) for row in values)]
    csv.write_text("\n".join(lines) + "\n")
    streamed = stream_command(files[2], csv, "sim", beside=files[:2])
    assert streamed.good and streamed.verdict.rows == 60
    project = built.firmware.elf.parents[3]
    assert seen == [(project / "include" / "tinygen_model.h").read_text()]
    with pytest.raises(UsageError, match="--with is for --port sim"):
        stream_command(files[2], csv, "/dev/ttyACM9", beside=files[:2])


# ---- the same firmware on this computer ----


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    emit_together(MODELS, folder, [BOARDS["uno"]])
    return compile_project(folder)


@EACH
def test_the_firmware_on_this_computer_answers_for_each_model(native, model):
    rows = rows_of(model, 600, 5)
    link = native_link(NativeBoard(native), model)
    assert (link.version, link.number) == (3, MODELS.index(model))
    assert (link.info.models, link.info.model) == (3, model.name)
    assert check(stream(link, rows.tolist()), expect(model, rows)).passed
    assert link.status().rows == 600


@EACH
def test_noise_makes_no_wrong_row(native, model, level):
    """Bits flip in both directions, bytes get lost; what is answered is right."""
    rng, rows = random.Random(7), rows_of(model, 400 if level == "commit" else 20_000, 6)

    def noisy(direction: str, data: bytes) -> bytes:
        out = bytearray()
        for octet in data:
            if rng.random() < 0.002:
                octet ^= 1 << rng.randrange(8)
            if rng.random() > 0.0005:
                out.append(octet)
        return bytes(out)

    board = NativeBoard(native)
    link = native_link(board, model)
    board.fault = noisy
    verdict = check(stream(link, rows.tolist()), expect(model, rows))
    assert verdict.wrong == verdict.led_wrong == 0 and verdict.lost <= verdict.rows // 100
    assert verdict.retries > 10


def test_a_number_that_is_damaged_on_the_wire_answers_nothing(native):
    """Every value of number and complement: only the row that was sent is ever answered."""
    link = native_link(NativeBoard(native), ALARM)
    row = ALARM.sample_rows(1, 4)[0].tolist()
    wire = protocol.encode_row(link.session, 1, row, link.seed, 3, 0)
    answered = []
    for number in range(256):
        for complement in {number ^ 0xFF, 0xFF, number, *range(0, 256, 37)}:
            data = bytearray(wire)
            data[6] ^= number
            data[7] ^= 0xFF ^ complement
            if not data[6] or not data[7]:
                continue
            link.port.write(bytes(data))
            replies = link.receive(0.005)
            answered += [(number, complement) for r in replies if isinstance(r, protocol.Result)]
    assert answered == [(0, 0xFF)]


def test_a_reset_in_the_stream_of_a_later_model(native):
    """After a reset the board tells of its first model, and is asked for the one that is meant."""
    board, rows = NativeBoard(native), rows_of(PAIR, 200)
    link, replies = native_link(board, PAIR), []
    for reply in stream(link, rows.tolist()):
        replies.append(reply)
        if reply.index in (50, 120):
            board.boot(0.3)
    assert check(replies, expect(PAIR, rows)).passed
    assert {reply.result.session for reply in replies} == {1, 2, 3}
    assert link.info.number == 2 and link.info.booted


HYSTERESIS = 40
SHARED_ALARM = {
    "#define alarm_state alarm_states[MODEL_NUMBER]": "#define alarm_state alarm_states[0]"
}


@pytest.mark.parametrize("mistakes", [{}, SHARED_ALARM], ids=["right", "one alarm for all"])
def test_each_model_has_an_alarm_with_a_memory_of_its_own(tmp_path, mistakes):
    """Red by the first model; a green row of the third; the first one's is still red, by the
    hysteresis. Negative control: a firmware whose models have one alarm.
    """
    emit_together(MODELS, tmp_path, [BOARDS["uno"]])
    flags = (f"-DTINYGEN_ALARM_HYSTERESIS={HYSTERESIS}",)
    board = NativeBoard(compile_project(tmp_path, flags, main=mistakes))
    rows = ALARM.sample_rows(4000, 8)
    answers = ALARM.predict(rows)
    inside = (answers <= ALARM.threshold) & (answers > ALARM.threshold - HYSTERESIS)
    others = PAIR.sample_rows(400, 8)
    green = others[PAIR.predict(others)[:, 0] < PAIR.threshold - HYSTERESIS][:3]
    first, lights, found = native_link(board, ALARM), None, []
    assert first.info.window == 1 and first.info.hysteresis == HYSTERESIS
    for some in (rows[answers > ALARM.threshold][:2], rows[inside][:3]):
        expected = expect(ALARM, some, Alarm.of(ALARM, first.info))
        lights = lights or Lights(expected.alarm)
        found.append(check(stream(first, some.tolist()), expected, lights))
        third = native_link(board, PAIR)
        expected = expect(PAIR, green, Alarm.of(PAIR, third.info))
        assert check(stream(third, green.tolist()), expected).passed
    assert (found[0].passed, found[0].red) == (True, 2)
    assert (found[1].led_wrong, found[1].red) == ((3, 0) if mistakes else (0, 3))


def test_a_host_hears_which_version_a_board_speaks(native, tmp_path_factory):
    alone = compile_board(KINDS, tmp_path_factory.mktemp("alone"))
    board = NativeBoard(native)
    link = native_link(board, KINDS)
    assert (link.version, link.model_version) == (3, 2)
    board.library = alone  # loaded with the one model meanwhile
    board.boot(0.0)
    link.reopen_port = lambda: board
    link.reopen(1.0)
    assert (link.version, link.info.protocol, link.info.models) == (2, 2, 1)
    rows = rows_of(KINDS, 50)
    assert check(stream(link, rows.tolist()), expect(KINDS, rows)).passed


def test_a_firmware_that_answers_with_another_model_is_seen(tmp_path):
    """Negative control: the second model's rows are worked out by the third one."""
    emit_together(MODELS, tmp_path, [BOARDS["uno"]])
    table = tmp_path / "include" / "tinygen_model.h"
    text = table.read_text()
    assert "kinds_scores(x, values + 1);" in text
    table.write_text(
        text.replace("kinds_scores(x, values + 1);", "pair_predict_all(x, values + 1);")
    )
    rows = rows_of(KINDS)
    link = native_link(NativeBoard(compile_project(tmp_path)), KINDS)
    assert check(stream(link, rows.tolist()), expect(KINDS, rows)).wrong > 100


def test_an_answer_for_another_model_is_not_taken(native):
    """A board's answer whose number is replaced on its way is damage, whatever else is right."""
    board = NativeBoard(native)
    link = native_link(board, KINDS)
    rows = rows_of(KINDS, 20)

    def renumbered(direction: str, data: bytes) -> bytes:
        if direction == TO_BOARD or len(data) < 20:
            return data
        return data[:6] + bytes((data[6] ^ 3, data[7] ^ 3)) + data[8:]

    board.fault = renumbered
    with pytest.raises(LinkLost, match="fell silent at row 0"):
        list(stream(link, rows.tolist()))
    assert link.decoder.damaged > 5


# ---- which models go together ----


SIGNALS = SimpleNamespace(name="motor")


@pytest.mark.parametrize(
    "models, words",
    [
        ([ALARM, ALARM], "the same model twice, 'linear16'"),
        ([ALARM, replace(KINDS, name="Linear16")], "two models are called"),
        ([ALARM, SIGNALS], "'motor' is a model of signals"),
        ([ALARM], "1 models for one board: 2 .. 8"),
        ([ALARM] * 9, "9 models for one board: 2 .. 8"),
    ],
)
def test_models_that_cannot_share_a_board(models, words):
    with pytest.raises(UsageError, match=words.replace("..", r"\.\.")) as refused:
        require_together(models)
    assert "\n" not in str(refused.value)


def test_a_model_too_wide_for_a_frame_with_a_number_is_refused(monkeypatch):
    assert together.INPUTS_BESIDE == 123
    assert protocol.row_bytes(123, 3) == protocol.PAYLOAD_MAX == protocol.row_bytes(124)
    monkeypatch.setattr(together, "INPUTS_BESIDE", 6)
    with pytest.raises(UsageError, match="'linear16' has 7 inputs: beside another model 6 fit"):
        require_together([ALARM, KINDS])


def test_two_headers_that_define_one_name_are_refused():
    inputs = (replace(STRANGER.inputs[0], name="x inputs"), *STRANGER.inputs[1:])
    one, other = replace(STRANGER, name="raw", inputs=inputs), replace(KINDS, name="raw_raw_x")
    with pytest.raises(UsageError, match="both define RAW_RAW_X_INPUTS"):
        require_together([one, other])


def test_a_pair_that_the_check_sum_does_not_tell_apart_is_refused(monkeypatch):
    monkeypatch.setattr(together, "bound_to", lambda number, model_id: model_id & 0)
    with pytest.raises(UsageError, match="cannot be told from one for 'kinds'"):
        require_together([ALARM, KINDS])


def test_a_build_of_several_refuses_what_is_for_one(files, tmp_path):
    with pytest.raises(UsageError, match="--recalibrate is for the firmware of one model"):
        build(files, "uno", tmp_path / "out", recalibrate=True)
    with pytest.raises(UsageError, match="self-test is of one model"):
        build(files, "attiny85", tmp_path / "out")
    with pytest.raises(UsageError, match="the same model twice"):
        build([files[0], files[0]], "uno", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_flags_are_what_the_rows_ask_for():
    """The rows of these tests: each kind of flag is among them."""
    flags = [set(expect(model, rows_of(model)).flags) for model in MODELS]
    assert all(Flag.MISSING in found and Flag.CLAMPED in found for found in flags)
    assert any(Flag.NOT_SURE & flag for flag in flags[1])
