"""An alarm below a threshold or outside a band: the firmware compiled for the host, its LEDs and
the twin's agree on every row, at every end of the range.
"""

import ctypes
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from host_c import STRICT
from native_board import NativeBoard, compile_board, native_link
from native_rows import Noise
from random_models import random_models
from tinygen.host.check import START, Alarm, check, expect
from tinygen.host.protocol import Flag, Pin
from tinygen.host.stream import stream

from tinygen.codegen.emit import emit_project
from tinygen.model.fixedpoint import MISSING, RAW_MAX, RAW_MIN

PLAIN = random_models()["linear_wide"]
ENDS = np.percentile(PLAIN.predict(PLAIN.sample_rows(4000, 1)), (30, 40, 60, 70)).astype(int)
LOW, INNER_LOW, INNER_HIGH, HIGH = ENDS.tolist()
STEPS = min(INNER_LOW - LOW, HIGH - INNER_HIGH)  # raw, of the hysteresis used here
MODELS = {
    "below": replace(PLAIN, threshold=None, alarm_below=LOW),
    "outside": replace(PLAIN, threshold=HIGH, alarm_below=LOW),
}
OPTIONS = (f"-DTINYGEN_ALARM_HYSTERESIS={STEPS}", "-DTINYGEN_ALARM_DEBOUNCE=1")
INCLUDE = Path(__file__).parents[2] / "firmware" / "include"


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    made = {}

    def make(side: str, flags: tuple = OPTIONS, **edits):
        key = side, flags, str(edits)
        if key not in made:
            folder = tmp_path_factory.mktemp("sides")
            made[key] = compile_board(MODELS[side], folder, flags, **edits)
        return made[key]

    return make


def near_rows(n: int, seed: int = 1) -> np.ndarray:
    """Rows whose answers stand on both sides of every end that counts, and exactly at the ends,
    with repeated rows, missing values and values outside among them.
    """
    rng, rows = np.random.default_rng(seed), PLAIN.sample_rows(8000, seed)
    answers = PLAIN.answer(rows)
    edges = [RAW_MIN, LOW, LOW + STEPS, HIGH - STEPS, HIGH + 1, RAW_MAX + 1]
    kinds = [rows[(answers >= a) & (answers < b)] for a, b in pairwise(edges)]
    kinds += [rows[answers == end] for end in (LOW, HIGH)]
    kinds = [kind for kind in kinds if len(kind)]
    near = np.array([rng.choice(kinds[rng.integers(len(kinds))]) for _ in range(n)])
    near[7::20] = near[6::20]
    near[9::25, 3] = MISSING
    near[4::17, 1] = 32767
    return near


def run(library, model, rows, fault=lambda direction, data: data):
    with native_link(NativeBoard(library, fault=fault), model) as link:
        if isinstance(fault, Noise):
            fault.on = True
        expected = expect(model, rows, Alarm.of(model, link.info))
        replies = list(stream(link, rows.tolist(), timeout=0.02))
    return expected, replies, check(replies, expected)


@pytest.mark.parametrize("flags", [(), OPTIONS], ids=["plain", "hysteresis and debounce"])
@pytest.mark.parametrize("side", MODELS)
def test_leds_are_as_the_twin_says(firmware, side, flags):
    model, rows = MODELS[side], near_rows(600)
    expected, replies, verdict = run(firmware(side, flags), model, rows)
    assert verdict.passed, verdict
    assert tuple(reply.result.pins for reply in replies) == expected.pins
    assert {Pin.RED, Pin.GREEN, Pin(0)} == set(expected.pins)
    known = model.answer(rows) != MISSING
    red = np.array([Pin.RED in pins for pins in expected.pins])
    assert (red == model.alarm(model.answer(rows)))[known].all() == (not flags)


@pytest.mark.parametrize("side", MODELS)
def test_noise_and_retries_do_not_change_the_alarm(firmware, side):
    verdict = run(firmware(side), MODELS[side], near_rows(600), Noise(3, flip=5e-4, drop=1e-3))[2]
    assert (verdict.wrong, verdict.led_wrong) == (0, 0) and verdict.retries > 20, verdict


@pytest.mark.parametrize(
    "side, mistake",
    [
        ("below", f"alarm_state.red = y < {LOW}"),
        ("below", f"tinygen_alarm_below(&alarm_state, y, {LOW + 1})"),
        ("below", f"tinygen_alarm_step(&alarm_state, y, {LOW})"),
        ("outside", f"tinygen_alarm_step(&alarm_state, y, {HIGH})"),
        ("outside", f"tinygen_alarm_below(&alarm_state, y, {LOW})"),
        ("outside", f"tinygen_alarm_outside(&alarm_state, y, {LOW}, {HIGH - 1})"),
    ],
)
def test_a_wrong_alarm_is_caught(firmware, side, mistake):
    """Negative control: another side, another threshold, or one that forgets."""
    library = firmware(side, main={"model_alarm(&alarm_state, y)": mistake})
    assert run(library, MODELS[side], near_rows(600))[2].led_wrong > 0


def every_step(folder: Path, hysteresis: int, call: str):
    """`tinygen_alarm_...` of the C header as a function (state, y, red afterwards) -> None, over
    whole arrays; the sanitizer ends the process where a sum overflows.
    """
    library = folder / f"{len(list(folder.iterdir()))}.so"
    source = (
        '#include "tinygen_alarm.h"\n'
        "void every(const uint8_t *red, const int16_t *y, uint8_t *after, int32_t n)\n"
        "{\n    for (int32_t i = 0; i < n; i++) {\n"
        "        tinygen_alarm state = { red[i], 0 };\n"
        f"        after[i] = {call};\n    }}\n}}\n"
    )
    flags = [*STRICT, "-Wno-unused-function", "-fsanitize=undefined", "-fno-sanitize-recover"]
    command = ["gcc", "-xc", "-std=c99", "-O1", *flags, "-Wno-missing-prototypes", "-shared"]
    command += ["-fPIC", f"-I{INCLUDE}", f"-DTINYGEN_ALARM_HYSTERESIS={hysteresis}", "-"]
    subprocess.run([*command, "-o", library], input=source.encode(), check=True)
    return ctypes.CDLL(str(library)).every


@pytest.mark.parametrize("hysteresis", [0, 1, 65535])
@pytest.mark.parametrize("side", ["below", "outside"])
def test_no_threshold_at_an_end_of_the_range_overflows(side, hysteresis, tmp_path):
    """Every int16 answer from both states, with thresholds at the ends and beyond the hysteresis:
    C as the twin.
    """
    ends = [(end, None) for end in (RAW_MIN, 0, RAW_MAX)]
    if side == "outside":
        ends = [(RAW_MIN, RAW_MAX), (RAW_MIN, RAW_MIN + 1), (RAW_MAX - 1, RAW_MAX), (-1, 1)]
    y = np.tile(np.arange(-32768, 32768, dtype=np.int16), 2)
    red = np.repeat(np.array([0, 1], dtype=np.uint8), len(y) // 2)
    shown = range(0, len(y), 97)
    for low, high in ends:
        call = f"tinygen_alarm_{side}(&state, y[i], {low}{'' if high is None else f', {high}'})"
        after = np.empty(len(y), dtype=np.uint8)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (red, y, after)]
        every_step(tmp_path, hysteresis, call)(*pointers, len(y))
        inwards = np.where(red == 1, hysteresis, 0)
        right = y < low + inwards
        right |= False if high is None else y > high - inwards
        assert (after == right).all()
        alarm = Alarm(high, hysteresis, below=low)
        assert all(alarm.step((bool(red[i]), 0), int(y[i]))[0] == after[i] for i in shown)


def test_the_alarm_below_by_hand():
    alarm = Alarm(None, hysteresis=10, debounce=1, below=100)
    state, seen = START, []
    for answer in (99, 100, 99, 99, 105, 109, 110, 109, 110, 110):
        state = alarm.step(state, answer)
        seen.append(state[0])
    assert seen == [False, False, False, True, True, True, True, True, True, False]
    assert alarm.light(state, MISSING, Flag.MISSING) == (state, Pin(0))


def test_the_alarm_outside_by_hand():
    """From one side of the band to the other without a green row between: still the same alarm."""
    alarm = Alarm(20, hysteresis=3, below=10)
    state, seen = START, []
    for answer in (10, 20, 21, 18, 9, 12, 13, 17, 20, 9, 12, 17, 18):
        state = alarm.step(state, answer)
        seen.append(int(state[0]))
    assert seen == [0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("steps, good", [((HIGH - LOW) // 2, True), ((HIGH - LOW) // 2 + 1, False)])
def test_a_hysteresis_wider_than_the_band_does_not_compile(steps, good, tmp_path):
    emit_project(MODELS["outside"], tmp_path)
    done = subprocess.run(
        ["g++", "-E", f"-I{tmp_path / 'include'}", f"-DTINYGEN_ALARM_HYSTERESIS={steps}", "-xc++"]
        + ["-"],
        input='#include "tinygen_model.h"\n#include "tinygen_alarm.h"\n',
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == good
    assert good or "more than half of the band: an alarm could never end" in done.stderr
