"""A model of signals on the whole virtual board: streamed to, and sampling pins of its own."""

from dataclasses import replace

import numpy as np
import pytest
from signal_board_model import LABELS, MODEL, RATE, course, samples
from tinygen.host.check import check, expect
from tinygen.host.link import open_link
from tinygen.host.stream import stream
from tinygen.host.virtual.protocol_avr import avr_url
from tinygen.host.virtual.sensors.analog import millivolts
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_library, emit_project
from tinygen.codegen.signals.sampler import sampler
from tinygen.common.boards import BOARDS
from tinygen.common.errors import EmitError
from tinygen.model.fixedpoint import MISSING

UNO = BOARDS["uno"]


@pytest.fixture(scope="module")
def streaming(firmware_elf, tmp_path_factory):
    return firmware_elf(emit_project(MODEL, tmp_path_factory.mktemp("signal"), [UNO]), UNO)


def answered(elf, raw, fault=None):
    with open_link(avr_url(UNO.pio_id, elf), MODEL, UNO) as link:
        link.port.board.fault = fault
        return list(stream(link, raw.tolist()))


def test_every_sample_gets_the_decision_so_far(streaming):
    raw = samples()
    expected = expect(MODEL, raw)
    assert set(expected.prediction) == {MISSING, 0, 1, 2}
    verdict = check(answered(streaming, raw), expected)
    assert verdict.passed and verdict.not_sure > 0 and verdict.missing == 2
    assert verdict.clamped == 1 and verdict.retries == 0
    other = expect(replace(MODEL, votes=1), raw)  # the check can fail
    assert check(answered(streaming, raw), other).wrong > 0


def test_a_sample_that_is_sent_again_counts_once(streaming):
    count = 0

    def spoilt(direction, byte, cycle):
        nonlocal count
        count += 1
        return bytes([byte ^ 0x10]) if count % 331 == 0 else bytes([byte])

    raw = samples()
    verdict = check(answered(streaming, raw, spoilt), expect(MODEL, raw))
    assert verdict.passed and verdict.retries >= 10


# ---- without a host ----


@pytest.fixture(scope="module")
def standing_alone(firmware_elf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampler")
    project = emit_project(MODEL, folder, [UNO])
    emit_library(MODEL, folder / "library")
    sketch = folder / "library" / "examples" / "state_sampler" / "state_sampler.ino"
    (folder / "src" / "main.cpp").write_text("#include <Arduino.h>\n" + sketch.read_text())
    return firmware_elf(project, UNO)


def sampled(elf, seconds, rate=RATE):
    """(counts of every sample, moments of their first conversions, LEDs, what was printed)."""
    codes = course(2000)
    with SimBoard(UNO, elf) as board:

        def feed(pin, cycle):
            place = cycle * rate // UNO.f_cpu_hz
            return millivolts(int(codes[place % len(codes)][min(pin, 1)]))

        board.analog.feed = feed
        board.baud = 115_200
        board.run(round(seconds * UNO.f_cpu_hz))
        cycles, inputs = (
            np.array(board.analog.cycles, dtype=np.int64),
            np.array(board.analog.inputs),
        )
        lights = [board.pin(f"{port}") for port in UNO.led_ports[:3]]
        printed = board.read().decode()
    whole = len(inputs) // 2 * 2
    assert (inputs[:whole].reshape(-1, 2) == [0, 1]).all()
    places = cycles[:whole].reshape(-1, 2) * rate // UNO.f_cpu_hz % len(codes)
    raw = np.column_stack([codes[places[:, 0], 0], codes[places[:, 1], 1]])
    return raw, cycles[:whole:2], lights, printed


def test_a_sketch_samples_its_pins_and_misses_none(standing_alone):
    raw, moments, lights, printed = sampled(standing_alone, 2.0)
    period = UNO.f_cpu_hz // RATE
    assert abs(len(raw) - 2 * RATE) <= 2
    late = np.diff(moments) - period
    assert np.abs(late).max() < 200  # an interrupt in between, and never a whole sample
    decisions = MODEL.predict(raw)
    known = decisions[decisions != MISSING]
    names = [LABELS[d] for d in known[np.flatnonzero(np.diff(known, prepend=-1))]]
    assert printed.split() == names and len(names) >= 4
    assert lights == [int(k == known[-1]) for k in range(3)]


def test_a_rate_that_is_too_high_is_refused():
    fast = replace(MODEL, rate_hz=5000.0)
    with pytest.raises(EmitError, match=r"2 analog pins takes .* cycles.*lower rate"):
        sampler(fast)
