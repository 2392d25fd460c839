"""The board in the report of a model of signals plays recordings, and decides as the twin does."""

import numpy as np
import pytest
from browser import DESKTOP, PHONE, axe, chromium, complaints, look, show
from signal_board_model import LABELS, course
from test_signal_page import classified, recordings_of

from tinygen.model.fixedpoint import MISSING
from tinygen.report.page.signal_board import program_of, settings_of
from tinygen.report.signal_page import render_signals

SAMPLES = 150
PLAY = """
    const done = arguments[arguments.length - 1], p = tinygen.panel;
    p.choice.value = arguments[0];
    p.choice.dispatchEvent(new Event('change'));
    p.pace.value = 2;
    p.button.click();
    const t = setInterval(() => {
        if (p.timer === null) {
            clearInterval(t);
            done([p.tally.textContent, p.value.textContent, p.bar.value, p.bar.max,
                  p.leds.map(l => l.state.textContent)]);
        }
    }, 20)"""


def made_recordings(model):
    raw = course(2 * SAMPLES)
    lost = raw[SAMPLES:].copy()
    lost[70] = MISSING
    return recordings_of(model, [("a.csv", "still", raw[:SAMPLES]), ("b.csv", "moving", lost)])


@pytest.fixture(scope="module")
def program(simavr):
    text, why = program_of(classified())
    assert text and not why
    return text


@pytest.fixture(scope="module")
def window():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(program, tmp_path_factory):
    model = classified()
    path = tmp_path_factory.mktemp("page") / "state.html"
    path.write_text(render_signals(model, None, made_recordings(model), program), "utf-8")
    return path


@pytest.fixture
def open_page(window, page):
    look(window, DESKTOP, False)
    show(window, page)
    return window


def test_every_sample_gets_the_decision_of_the_twin(open_page):
    model = classified()
    settings = open_page.execute_script("return tinygen.settings")
    rows = np.array(settings["rows"])
    assert len(rows) == 2 * (SAMPLES + 1) and (rows[0] == MISSING).all()
    twin = model.predict(rows)
    assert set(twin) == {MISSING, 0, 1, 2}
    assert settings["answers"] == model.answers(rows).tolist()
    got = open_page.execute_script(
        "return arguments[0].map(row => tinygen.panel.board.ask(row))", rows.tolist()
    )
    assert [a["raw"] for a in got] == twin.tolist()
    lights = [[bool(d == k) for k in range(3)] for d in twin]
    assert [a["leds"] for a in got] == lights
    # before the first recording, within it, and before the second
    assert [k for k, a in enumerate(got) if a["missing"]] == [0, 71, SAMPLES + 1]


def test_a_recording_is_played_to_its_end(open_page):
    model = classified()
    settings = open_page.execute_script("return tinygen.settings")
    parts = settings["signals"]["parts"]
    assert sorted(p["name"] for p in parts) == ["a.csv: still", "b.csv: moving"]
    for k, part in enumerate(parts):
        rows = np.array(settings["rows"])[part["first"] :][: part["count"]]
        decided = model.predict(rows)
        known = decided != MISSING
        truth = LABELS.index(part["name"].split(": ")[1])
        tally, value, at, most, leds = open_page.execute_async_script(PLAY, str(k))
        assert at == most == SAMPLES + 1
        assert tally == (
            f"{most} of {most} answers equal the integer model's; {(decided == truth).sum()} of "
            f"{known.sum()} decisions name the true class."
        )
        assert value == LABELS[decided[-1]]
        assert leds == ["on" if j == decided[-1] else "off" for j in range(3)]


def test_a_wrong_answer_and_a_wrong_board_are_seen(open_page):
    """Negative control: another list of answers, and another model's rows."""
    open_page.execute_script("tinygen.settings.answers.forEach(a => { a[0] ^= 1 })")
    tally, *_ = open_page.execute_async_script(PLAY, "0")
    assert tally.startswith(f"0 of {SAMPLES + 1} answers equal")
    with pytest.raises(Exception, match="does not answer"):
        open_page.execute_script(
            "const s = {...tinygen.settings, id: tinygen.settings.id ^ 1};"
            "return new tinygen.Board(s).ask(s.rows[1])"
        )


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_can_be_used_by_everybody(window, page, width):
    look(window, width, False)
    show(window, page)
    assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in axe(window)] == []
    assert window.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(window) == []


def test_without_recordings_made_up_samples_are_played():
    model = classified()
    settings = settings_of(model, ":00", None)
    assert settings["truth"] is None and len(settings["rows"]) > model.front.window
    assert settings["answers"] == model.answers(np.array(settings["rows"])).tolist()
