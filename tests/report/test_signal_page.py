"""The report of a model of signals: every channel drawn or told, gaps left out, wrong windows
marked, the distances of a guard; with the right numbers in the drawings.
"""

from dataclasses import replace

import numpy as np
import pytest
from signal_board_model import COST, LABELS, MODEL, RATE, course

from tinygen.data.dataset import Provenance
from tinygen.data.recordings import Recording, Recordings
from tinygen.model.fixedpoint import MISSING, Quantity
from tinygen.model.signals import FrontEnd
from tinygen.model.signals.features import Mean, Range
from tinygen.model.signals.filters import design_band
from tinygen.report import signal_drawings, signal_page
from tinygen.report.plots import signals as plots
from tinygen.report.plots.svg import in_legend
from tinygen.report.signal_drawings import amplitude, recordings_section, response, spectra_section

FIGURES = {
    "recordings_train": 3,
    "recordings_test": 3,
    "windows_train": 9,
    "windows_test": 9,
    "error_rate": 0.1,
    "window_error_rate": 0.1,
    "recordings_wrong": 0,
    "confusion": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
    "forest": {"trees": 100, "error_rate": 0.1, "recordings_wrong": 0},
    "random_windows": {"error_rate": 0.0, "forest_error_rate": 0.0},
    "recordings": [],
}


def recordings_of(model, each, train=()):
    """each: (name, label, raw)."""
    found = tuple(Recording(name, label, name, np.array(raw)) for name, label, raw in each)
    test = tuple(k for k in range(len(found)) if k not in train)
    return Recordings(
        model.channels, model.rate_hz, found, model.labels, train, test, Provenance("made")
    )


def classified(labels=LABELS):
    window = replace(MODEL.window_model, labels=tuple(labels))
    return replace(MODEL, window_model=window).with_facts(signals={**FIGURES, **COST})


def drawn(monkeypatch):
    """What is handed to the drawings: a list that fills."""
    calls = []

    def course_seen(name, samples, channels, rate_hz, strips, alt, distances=None):
        calls.append((samples, channels, strips, distances))
        return plots.course(name, samples, channels, rate_hz, strips, alt, distances)

    monkeypatch.setattr(signal_drawings, "course", course_seen)
    return calls


def test_wrong_windows_are_marked_and_counted(monkeypatch):
    model, calls = classified(), drawn(monkeypatch)
    raw = course(200)  # still for 60 samples, then high, then moving
    section = recordings_section(
        model, recordings_of(model, [("right", "still", raw[:60]), ("mixed", "still", raw)])
    )
    decided = model.predict(raw)
    ends = model.windows([raw])[0].ends
    wrong = int((decided[ends] != 0).sum())
    assert 5 < wrong < len(ends)
    captions = [drawing.caption for drawing in section.drawings]
    assert captions == [
        f"mixed: still; {wrong} of {len(ends)} windows wrong",
        "right: still; 0 of 5 windows wrong",
    ]
    strips = {strip.title: strip.numbers for strip in calls[0][2]}
    assert (strips["wrong"] == np.where((decided != MISSING) & (decided != 0), 0, -1)).all()
    assert [strip.title for strip in calls[1][2]] == ["label", "decided"]
    assert (strips["decided"] == np.where(decided == MISSING, -1, decided)).all()
    assert "the numbers are the classes: 1 still, 2 high, 3 moving" in section.lead.lower()


def test_the_last_samples_and_those_beside_gaps_are_drawn():
    """1,999 samples in steps of 4 end with 3 more; a gap takes its own samples only."""
    samples = np.zeros((1999, 1))
    samples[-1], samples[800], samples[801] = 9.0, 7.0, np.nan
    samples[1200:1240] = np.nan
    svg = plots.course("n", samples, ["a"], 100.0, [], "alt").svg
    flat = plots.course("n", np.where(samples == 9, 0, samples), ["a"], 100.0, [], "alt").svg
    spike = plots.course("n", np.where(samples == 7, 0, samples), ["a"], 100.0, [], "alt").svg
    assert len({svg, flat, spike}) == 3
    assert plots.course("n", samples[:0], ["a"], 100.0, [], "alt").svg


def test_every_channel_is_drawn_or_told(monkeypatch):
    names = [f"c{k}" for k in range(8)]
    channels = tuple(Quantity(name, "", 1.0, 100.0, 900.0) for name in names)
    limits = tuple(q.limits for q in channels)
    front = FrontEnd(limits, 10, 2, 1, (), (Mean(7), Range(1)))
    model = replace(classified(), channels=channels, front=front)
    calls = drawn(monkeypatch)
    raw = np.tile(course(100), 4)
    section = recordings_section(model, recordings_of(model, [("one", "still", raw)]))
    assert calls[0][1] == ["c0", "c1", "c2", "c3", "c4", "c7"]  # used ones first, in their order
    assert "2 channels more of each not drawn" in section.lead
    svg = section.drawings[0].plot.svg
    assert all(f">{name}<" in svg for name in calls[0][1])
    assert len(spectra_section(model, recordings_of(model, [("o", "still", raw)])).drawings) == 2


@pytest.mark.parametrize("labels", [("_still", "high", "_moving")])
def test_labels_and_channels_that_begin_with_an_underscore_are_in_the_legends(labels):
    model = classified(labels)
    channels = (replace(model.channels[0], name="_a"), model.channels[1])
    model = replace(model, channels=channels)
    raw = course(400)
    recordings = recordings_of(model, [(name, name, raw) for name in labels])
    assert " _a<" in recordings_section(model, recordings).drawings[0].plot.svg
    svg = spectra_section(model, recordings).drawings[0].plot.svg
    assert all(f">{name}<" in svg for name in in_legend(labels))


# ---- frequencies ----


def test_an_amplitude_is_that_of_the_sine_and_gaps_change_nothing():
    at = np.arange(1024)
    sine = 5 + 3 * np.sin(2 * np.pi * 16 * at / 256)
    whole = amplitude([sine], 256)
    assert abs(whole[15] - 3.0) < 0.01 and whole[40:].max() < 1e-4
    gapped = sine.copy()
    gapped[300:303] = np.nan
    assert np.allclose(amplitude([gapped], 256), whole, atol=0.01)
    assert amplitude([np.nan_to_num(gapped)], 256)[40:].max() > 0.01  # a gap that is filled
    assert np.isnan(amplitude([gapped[200:400]], 256)).all()


def test_spectra_are_of_the_recordings_that_test(monkeypatch):
    model, seen = classified(), []
    monkeypatch.setattr(
        signal_drawings, "spectrum", lambda *given: seen.append(given) or plots.spectrum(*given)
    )
    at = np.arange(512)
    sine = lambda hertz, size: np.column_stack(
        [500 + np.round(size * np.sin(2 * np.pi * hertz * at / RATE)), np.full(512, 500)]
    ).astype(int)
    each = [
        ("t", "still", sine(50, 300)),
        ("a", "still", sine(25, 100)),
        ("b", "high", sine(75, 50)),
    ]
    section = spectra_section(model, recordings_of(model, each, train=(0,)))
    _, hertz, lines, *_ = seen[0]
    assert [label for label, _ in lines] == ["still", "high"]
    peaks = {label: (hertz[power.argmax()], power.max()) for label, power in lines}
    assert peaks["still"] == (25.0, pytest.approx(100, rel=0.02))
    assert peaks["high"] == (75.0, pytest.approx(50, rel=0.02))
    assert "not learned from" in section.lead


def test_what_a_filter_leaves_is_what_the_twin_leaves():
    limits = MODEL.channels[0].limits
    band = design_band(0, 20.0, 40.0, RATE, limits)
    at = np.arange(2000)
    for hertz in (10.0, 28.0, 60.0):
        x = np.round(500 + 300 * np.sin(2 * np.pi * hertz * at / RATE)).astype(np.int64)
        y = band.apply([x[:, None]])[500:, 0] / 2.0**band.gain
        left = np.sqrt(2 * np.mean((y - y.mean()) ** 2)) / 300
        assert response(band, np.array([hertz]), RATE)[0] == pytest.approx(left, abs=0.02)


def test_bands_of_the_model_have_a_drawing(monkeypatch):
    limits = tuple(q.limits for q in MODEL.channels)
    band = design_band(0, 20.0, 40.0, RATE, limits[0])
    front = FrontEnd(limits, 10, 2, 1, (band,), (Mean(0), Range(2)))
    model = replace(classified(), front=front)
    section = spectra_section(model, recordings_of(model, [("one", "still", course(400))]))
    captions = [drawing.caption for drawing in section.drawings]
    assert captions == ["a: mean amplitude by frequency", "behind the filter: 20 to 40 Hz of a"]


# ---- a guard ----


@pytest.fixture
def guard():
    """An alarm where the range of b and the mean of a are high: its number is 0, 1 or 2."""
    nodes = MODEL.window_model.nodes
    window = replace(
        MODEL.window_model,
        nodes=nodes,
        labels=(),
        threshold=1,
        output=Quantity("distance", "deviations", 1.0, 0.0, 2.0),
    )
    each = [("calm", "ok", True), ("quiet", "ok", False), ("loud", "bad", False)]
    facts = {
        "alarms_per_day": 1.0,
        "hours_learned": 1.0,
        "recordings": [
            {"name": n, "label": c, "learned": k, "windows": 9, "alarms": 0} for n, c, k in each
        ],
    }
    return replace(MODEL, window_model=window, votes=1).with_facts(signals={**facts, **COST})


def test_the_distances_of_a_guard_are_drawn_against_its_level(guard, monkeypatch):
    calls = drawn(monkeypatch)
    still, moving = course(60), course(180)[120:]
    each = [("calm", "ok", still), ("quiet", "ok", still), ("loud", "bad", moving)]
    section = recordings_section(guard, recordings_of(guard, each, train=(0,)))
    captions = [drawing.caption for drawing in section.drawings]
    assert captions == ["loud: bad; 5 of 5 windows an alarm", "quiet: ok; 0 of 5 windows an alarm"]
    (*_, loud), (*_, quiet) = calls
    assert loud.level == quiet.level == 1.0 and loud.unit == "deviations"
    assert loud.values.tolist() == [2.0] * 5 and quiet.values.tolist() == [0.0] * 5
    assert loud.seconds.tolist() == [0.1, 0.15, 0.2, 0.25, 0.3]
    page = signal_page.render_signals(guard, None, recordings_of(guard, each, train=(0,)))
    assert "1 window farther out than 1 deviations; asked for at most 1 false alarm a day" in page


def test_the_tiles_tell_cost_and_board(guard):
    for model in (classified(), guard):
        told = {f.key: (f.value, f.note) for f in signal_page.figures(model)}
        assert told["load"] == ("1.2%", "Arduino Uno, 16 MHz")
        assert told["flash"] == ("1,234", "of 32,256, Arduino Uno")
        assert told["ram"] == ("123", "of 2,048, Arduino Uno")
        assert told["cycles"] == ("700", "3,000 where a window ends")
    keys = [f.key for f in signal_page.figures(MODEL.with_facts(signals=FIGURES))]
    assert "load" not in keys and "windows" in keys
