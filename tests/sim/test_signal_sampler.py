"""The sketch that needs no host, on the virtual Uno: no sample is missed while it decides, and
where one is, it says so and begins anew.
"""

from dataclasses import replace

import numpy as np
import pytest
from sampler_board import UNO, priced, sampled, sketch_program
from signal_board_model import LABELS, MODEL, RATE, course
from tinygen.host.virtual.sensors.devices import DEVICES
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.signals.sampler import sampler
from tinygen.common.boards import BOARDS
from tinygen.common.errors import EmitError
from tinygen.common.sensors import SENSORS
from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.search.signals.costs import measure_signals

PERIOD = UNO.f_cpu_hz // RATE
SHOWN = "static void show(int16_t y)\n{\n"


def with_channels(model, *channels):
    limits = tuple(q.limits for q in channels)
    return replace(model, channels=channels, front=replace(model.front, limits=limits))


def told(decisions) -> list[str]:
    """What the sketch prints of these decisions."""
    known = decisions[decisions != MISSING]
    return [LABELS[d] for d in known[np.flatnonzero(np.diff(known, prepend=-1))]]


@pytest.fixture(scope="module")
def measured(simavr):
    cost = measure_signals(MODEL, UNO)
    return MODEL.with_facts(signals=cost.facts(UNO))


def test_a_sketch_samples_its_pins_misses_none_and_sleeps(firmware_elf, measured, tmp_path):
    run = sampled(sketch_program(firmware_elf, measured, tmp_path), 2.0)
    assert abs(len(run.raw) - 2 * RATE) <= 2
    late = np.diff(run.moments) - PERIOD
    assert np.abs(late).max() < 200  # an interrupt in between, and never a whole sample
    decisions = MODEL.predict(run.raw)
    known = decisions[decisions != MISSING]
    assert run.printed == told(decisions) and len(run.printed) >= 4
    assert run.lights == [int(k == known[-1]) for k in range(3)]
    # two conversions of 1,800 cycles, the rest of what a sample takes, and a window's share
    assert 0.90 < run.asleep < 0.97


SLOW_MS = 22  # more than four periods of 5 ms
SLOW = (SHOWN, SHOWN + f"    delay({SLOW_MS});\n")


def test_samples_wait_while_a_decision_takes_long(firmware_elf, tmp_path):
    """With a ring for what the decision takes, nothing is lost."""
    slow = priced(MODEL, cycles_window=SLOW_MS * 16_000)
    assert "that takes 5 of them" in sampler(slow)
    run = sampled(sketch_program(firmware_elf, slow, tmp_path, [SLOW]), 2.0)
    assert np.abs(np.diff(run.moments) - PERIOD).max() < 200
    assert run.printed == told(MODEL.predict(run.raw))


def test_lost_samples_are_told_and_windows_begin_anew(firmware_elf, tmp_path):
    """Negative control: a decision now and then takes longer than the ring lasts."""
    ring = 4
    seldom = (
        f"    static uint8_t calls;\n    if (++calls % 8 == 5)\n        delay({2 * SLOW_MS});\n"
    )
    elf = sketch_program(firmware_elf, priced(MODEL), tmp_path, [(SHOWN, SHOWN + seldom)])
    run = sampled(elf, 4.0)
    # after each gap only what came behind it counts, and what waited before it does not
    gaps = np.flatnonzero(np.diff(run.moments) > 1.5 * PERIOD)
    assert len(gaps) >= 3
    parts, begun = [], 0
    for gap in gaps:
        parts.append(run.raw[begun : gap + 1 - ring])
        begun = gap + 1
    parts.append(run.raw[begun:])
    missed = np.cumsum(np.round(np.diff(run.moments)[gaps] / PERIOD).astype(int) - 1)
    expected = told(MODEL.predict(parts[0]))
    for count, part in zip(missed, parts[1:]):
        expected += [f"lost {count}", *told(MODEL.predict(part))]
    assert run.printed == expected
    assert len([line for line in run.printed if line in LABELS]) > 4
    assert any(c.pin == UNO.led_ports[1] and not c.level for c in run.changes)


def test_leds_are_dark_after_a_loss(firmware_elf, tmp_path):
    """A window is never full: what is lit was decided before."""
    slower = f"    delay({2 * SLOW_MS});\n"
    elf = sketch_program(firmware_elf, priced(MODEL), tmp_path, [(SHOWN, SHOWN + slower)])
    run = sampled(elf, 0.17)
    assert run.printed[0] == "still" and run.printed[1].startswith("lost ")
    assert run.lights == [0, 0, 0] and {c.pin for c in run.changes if c.level} == {"PB4"}


# ---- sensors ----


@pytest.mark.parametrize("name", SENSORS)
def test_a_recorded_sensor_is_read_by_the_driver_of_the_recorder(name, firmware_elf, tmp_path):
    sensor = SENSORS[name]
    last = sensor.channels[-1]
    channels = (
        Quantity(last.name, last.unit, 1.0, 100.0, 900.0),  # not in the sensor's order
        Quantity("ax", sensor.channels[0].unit, 1.0, 0.0, 1000.0),
    )
    model = priced(with_channels(MODEL, *channels), cycles_window=30_000)
    elf = sketch_program(firmware_elf, model, tmp_path)
    codes, given = course(1000), []

    def feed(cycle):
        row = [1, *range(5, 5 * len(sensor.channels), 5)]
        row[-1], row[0] = codes[len(given)].tolist()
        given.append(row)
        return row

    with SimBoard(UNO, elf) as board:
        device = DEVICES[name](feed=feed)
        board.bus.devices.append(device)
        board.baud = 115_200
        board.run(2 * UNO.f_cpu_hz)
        begin = device.begin
        device.begin = lambda reading, cycle: False  # it falls off the bus
        board.run(UNO.f_cpu_hz // 20)
        dark = [board.pin(port) for port in UNO.led_ports[:3]]
        device.begin, before = begin, len(given)
        board.run(UNO.f_cpu_hz)
        printed = board.read().decode().splitlines()
    late = np.diff(device.cycles[:before]) - PERIOD
    assert abs(before - 2 * RATE) <= 2 and np.abs(late).max() < 300
    rows = np.array(given)[:, [-1, 0]]
    first, second = told(MODEL.predict(rows[:before])), told(MODEL.predict(rows[before:]))
    assert printed == [*first, f"{sensor.title}: no answer", *second]
    assert len(set(first)) == 3 and dark == [0, 0, 0] and len(second) > 2


def test_a_sensor_that_is_not_there_is_told_and_waited_for(firmware_elf, tmp_path):
    channels = [Quantity(c, "1/256 g", 1.0, 0.0, 900.0) for c in ("ax", "ay")]
    elf = sketch_program(firmware_elf, priced(with_channels(MODEL, *channels)), tmp_path)
    with SimBoard(UNO, elf) as board:
        board.baud = 115_200
        board.run(UNO.f_cpu_hz // 2)
        assert board.read().decode() == "ADXL345: error 1\r\n"
        board.bus.devices.append(DEVICES["adxl345"](feed=lambda cycle: [500, 500, 0]))
        board.run(UNO.f_cpu_hz)
        assert board.read().decode().splitlines() == ["still"]


# ---- analog pins ----


def test_pins_that_were_recorded_are_sampled_also_by_a_guard():
    """A guard accepts more than a pin can read."""
    channels = (Quantity("A3", "", 1.0, -200.0, 1300.0), Quantity("A1", "", 1.0, 0.0, 900.0))
    text = sampler(priced(with_channels(MODEL, *channels)))
    assert "{ A3, A1 }" in text and "as in the recordings" in text and "_MV" not in text


def test_a_unit_needs_the_law_of_the_sensor(firmware_elf, tmp_path):
    """Two voltages tell how counts become units: those that the sketch prints when it starts."""
    channels = (Quantity("x*", "g", 0.001, -1.0, 2.0), Quantity("1 b", "", 1.0, 0.0, 1000.0))
    model = priced(with_channels(MODEL, *channels))
    text = sampler(model)
    assert "WRITE YOUR SENSOR'S HERE" in text and "x* [g] on A0" in text
    placeholders = [line for line in text.splitlines() if "define STATE_X_" in line][:2]
    edits = [
        (line, line.split("_MV")[0] + f"_MV {mv}") for line, mv in zip(placeholders, (1650, 330))
    ]
    loop = (
        "void loop()\n{\n",
        (
            "void loop()\n{\n    static int16_t k;\n    if (k < 1024) {\n"
            "        Serial.print(raw_of(0, k)); Serial.print(' ');\n"
            "        Serial.println(raw_of(1, k++));\n"
            "        return;\n    }\n"
        ),
    )
    elf = sketch_program(firmware_elf, model, tmp_path, [*edits, loop])
    with SimBoard(UNO, elf) as board:
        board.baud = 115_200
        board.run(2 * UNO.f_cpu_hz)
        lines = board.read().decode().splitlines()
    assert lines[0] == "x* [g]: 0 at 1650 mV, 1 more for each 330 mV"
    found = np.array([list(map(int, line.split())) for line in lines[1:1025]])
    exact = (np.arange(1024) * 5000 / 1024 - 1650) / 330 / 0.001
    assert np.abs(found[:, 0] - exact).max() < 0.63 and (found[:, 1] == np.arange(1024)).all()


# ---- what is refused ----


@pytest.mark.parametrize(
    "model, board, message",
    [
        (
            replace(priced(MODEL), rate_hz=5000.0),
            "uno",
            "2 analog pins takes .* cycles.*lower rate",
        ),
        (MODEL, "uno", "does not tell what it costs.*train it again"),
        (priced(MODEL, cycles_window=None), "uno", "does not tell what it costs"),
        (priced(MODEL, cycles_window=5 * PERIOD * 10), "uno", "falls behind"),
        (
            replace(priced(MODEL, cycles_window=52 * PERIOD), front=replace(MODEL.front, pane=100)),
            "uno",
            "samples come while a window ends, a sketch keeps 64",
        ),
        (priced(MODEL, ram_bytes=1700), "uno", "bytes of RAM, Arduino Uno has 2,048"),
        (replace(priced(MODEL), rate_hz=0.2), "uno", r"slower than the timer .*0\.238 Hz"),
        (
            with_channels(priced(MODEL), *(Quantity(f"A{k}", "", 1.0, 0, 900) for k in (5, 6))),
            "uno",
            "pin A6, Arduino Uno has A0 to A5",
        ),
    ],
)
def test_what_the_board_cannot_do_is_refused(model, board, message):
    with pytest.raises(EmitError, match=message):
        sampler(model, BOARDS[board])


@pytest.mark.parametrize("rate", [0.9, 0.3])
def test_slow_rates_have_a_longer_period(rate, firmware_elf, tmp_path):
    """Below 0.954 Hz the timer needs its slowest clock."""
    elf = sketch_program(firmware_elf, priced(replace(MODEL, rate_hz=rate)), tmp_path)
    with SimBoard(UNO, elf) as board:
        board.run(round(2.5 / rate * UNO.f_cpu_hz))
        moments = np.array(board.analog.cycles)[::2]
    assert len(moments) == 2
    assert abs(moments[1] - moments[0] - UNO.f_cpu_hz / rate) < 1024
