"""The report in a real browser: accessible, readable on a phone, and with the firmware in it that
answers as the twin does.
"""

import json
import struct

import numpy as np
import pytest
import vectors
from browser import DESKTOP, PHONE, axe, chromium, complaints, look, show
from tinygen.host import protocol
from tinygen.host.check import expect
from tinygen.host.protocol import Flag, Pin
from tinygen.host.virtual.simavr import SimBoard

from tinygen.codegen.emit import emit_project
from tinygen.common.boards import BOARDS
from tinygen.model.fixedpoint import MISSING
from tinygen.report.page.webboard import script
from tinygen.target.build import build_firmware

TEST_ROWS = 200


@pytest.fixture(scope="module")
def window():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(made_with_board):
    return made_with_board


@pytest.fixture
def open_page(window, made):
    look(window, DESKTOP, False)
    show(window, made.page)
    return window


# ---- the page ----


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_axe_finds_nothing_serious(window, made, width, dark, level):
    """A commit looks at a bright phone and a dark desk."""
    if level == "commit" and dark != (width == DESKTOP):
        pytest.skip("each width in each light: --level release")
    look(window, width, dark)
    show(window, made.page)
    window.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in axe(window)] == []


def test_axe_would_find_what_is_wrong(open_page):
    open_page.execute_script("""document.querySelector('main').insertAdjacentHTML('beforeend',
        '<p style="color:#aaa;background:#fff">pale</p><img src="data:,"><button></button>')""")
    assert {"color-contrast", "image-alt", "button-name"} <= {v["id"] for v in axe(open_page)}


@pytest.mark.parametrize("width", [360, PHONE, 768, DESKTOP])
def test_nothing_is_wider_than_the_screen(window, made, width):
    look(window, width, False)
    show(window, made.page)
    assert window.execute_script("return document.documentElement.scrollWidth") <= width


def test_the_letters_of_a_plot_can_be_read_on_a_phone(window, made):
    look(window, PHONE, False)
    show(window, made.page)
    heights = window.execute_script(
        "return [...document.querySelectorAll('figure svg text')].map(t => "
        "parseFloat(getComputedStyle(t).fontSize) * "
        "t.ownerSVGElement.getBoundingClientRect().width "
        "/ t.ownerSVGElement.viewBox.baseVal.width)"
    )
    assert len(heights) > 50 and min(heights) > 8.5


OVERLAPS = """
        const found = [];
        for (const svg of document.querySelectorAll('figure svg')) {
          const boxes = [...svg.querySelectorAll('text')]
            .filter(t => !/rotate\\(-?[1-9]/.test(t.getAttribute('transform') || ''))
            .map(t => [t.textContent, t.getBoundingClientRect()]);
          boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
            const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            const plot = svg.getAttribute('aria-label').slice(0, 40);
            if (w > 1 && h > 4) found.push([plot, one, other, w, h]);
          }));
        }
        return found;"""


def test_labels_of_a_plot_do_not_lie_on_each_other(open_page):
    assert open_page.execute_script(OVERLAPS) == []


def test_overlaps_and_width_would_be_seen(open_page):
    """Negative control: a second text on a label, and a box wider than the screen."""
    open_page.execute_script("""
        const t = document.querySelector('figure svg text'), main = document.querySelector('main');
        t.after(t.cloneNode(true));
        main.insertAdjacentHTML('beforeend', '<div style="width:5000px">wide</div>')""")
    assert len(open_page.execute_script(OVERLAPS)) == 1
    assert open_page.execute_script("return document.documentElement.scrollWidth") > DESKTOP


def test_the_page_asks_for_nothing_and_complains_of_nothing(open_page):
    assert complaints(open_page) == []
    assert (
        open_page.execute_script(
            "return performance.getEntriesByType('resource').map(e => e.name)"
            ".filter(n => !n.startsWith('data:'))"
        )
        == []
    )


def test_everything_but_the_board_works_without_javascript(made):
    with chromium(script=False) as window:
        show(window, made.page)
        from selenium.webdriver.common.by import By

        text = window.find_element(By.TAG_NAME, "body").text
        assert (
            made.headline in text
            and "Model card" in text
            and "needs JavaScript" in text
            and "Play the rows" not in text
        )
        assert all(
            figure.size["height"] > 50
            for figure in window.find_elements(By.CSS_SELECTOR, "figure svg")
        )


# ---- the board ----


def ask(window, rows) -> list[dict]:
    """The answers of the board in the page to raw rows."""
    return window.execute_script(
        "return arguments[0].map(row => tinygen.panel.board.ask(row))", np.asarray(rows).tolist()
    )


def test_the_board_answers_as_the_twin_does(open_page, made):
    """Test rows, corners of the ranges, and rows with a missing value: answer, flags, digest and
    both LEDs.
    """
    model = made.model
    missing = model.sample_rows(8)
    missing[:, 0] = MISSING
    rows = np.vstack([made.tests.x[:TEST_ROWS], model.sample_rows(200), missing])
    assert len(made.tests.x) >= TEST_ROWS
    wanted = expect(model, rows)
    got = ask(open_page, rows)
    assert [a["raw"] for a in got] == list(wanted.prediction)
    assert [(a["clamped"], a["missing"]) for a in got] == [
        (Flag.CLAMPED in f, Flag.MISSING in f) for f in wanted.flags
    ]
    assert [a["digest"] for a in got] == list(wanted.digest)
    lights = [(Pin.RED in p, Pin.GREEN in p) for p in wanted.pins]
    assert [tuple(a["leds"]) for a in got] == lights == [(a["red"], a["green"]) for a in got]
    assert set(lights) == {(True, False), (False, True), (False, False)} and any(
        a["clamped"] for a in got
    )


def test_its_cycles_are_those_of_the_other_simulator(open_page, made, tmp_path):
    """Two simulators that share no code count the same cycles for each row."""
    rows, uno = made.model.sample_rows(60), BOARDS["uno"]
    firmware = build_firmware(emit_project(made.model, tmp_path, [uno]), uno)
    seed = protocol.model_seed(made.model.model_id)
    with SimBoard(uno, firmware.elf) as sim:
        sim.run(uno.f_cpu_hz // 4)
        session = next(
            e.session
            for e in protocol.Decoder(seed).process(sim.read())
            if isinstance(e, protocol.Frame)
        )
        for k, row in enumerate(rows.tolist()):
            sim.write(protocol.encode_row(session, k, row, seed))
            sim.run(uno.f_cpu_hz // 100)
        theirs = [None if i.interrupted else i.cycles for i in sim.inferences]
    ours = [a["cycles"] for a in ask(open_page, rows)]
    assert len(theirs) == len(ours) and theirs.count(None) < 30
    assert [a for a, b in zip(ours, theirs) if b is not None] == [
        b for b in theirs if b is not None
    ]
    assert max(ours) <= firmware.cycles_max + 20  # interrupts are taken off here too


def test_a_wrong_board_is_seen(open_page):
    """Negative control: another model's rows and a program with a flipped bit get no answer."""
    start = (
        "const s = {...tinygen.settings, ...arguments[0]}; const b = new tinygen.Board(s); "
        "return b.ask(s.rows[0])"
    )
    settings = open_page.execute_script("return tinygen.settings")
    row = open_page.execute_script(start, {})
    assert [row["raw"]] == settings["answers"][0]
    with pytest.raises(Exception, match="does not answer"):
        open_page.execute_script(start, {"id": settings["id"] ^ 1})
    lines = settings["program"].splitlines()
    count, rest = int(lines[20][1:3], 16), bytearray.fromhex(lines[20][1:-2])
    rest[6] ^= 4
    lines[20] = ":" + rest.hex().upper() + f"{-sum(rest) & 0xFF:02X}"
    assert count == 16
    with pytest.raises(Exception, match=r"does not answer|board"):
        open_page.execute_script(start, {"program": "\n".join(lines)})


def test_a_slider_moves_the_answer_and_play_reaches_the_end(open_page, made):
    script_ = """
        const p = tinygen.panel, s = p.sliders[0].range;
        s.value = arguments[0];
        s.dispatchEvent(new Event('input'));
        const words = [p.value, p.leds[0].state, p.leds[1].state, p.flag].map(x => x.textContent);
        return [...words, p.sliders.map(x => Number(x.range.value))]"""
    low, high = made.model.inputs[0].limits
    for raw in (low, high, high + 1):
        value, red, green, flag, row = open_page.execute_script(script_, raw)
        answer = int(made.model.answer(np.array([row]))[0])
        assert float(value.split()[0]) == pytest.approx(
            float(made.model.output.to_physical(answer))
        )
        assert (red == "on") == (answer > made.model.threshold) == (green == "off")
        assert ("accepted range" in flag) == (raw > high)
    tally = open_page.execute_async_script("""
        const done = arguments[arguments.length - 1], p = tinygen.panel;
        p.pace.value = 2;
        p.button.click();
        const t = setInterval(() => {
            if (p.timer === null) { clearInterval(t); done(p.tally.textContent) }
        }, 20)""")
    rows = f"{len(made.tests):,}"
    assert tally.startswith(f"{rows} of {rows} answers equal the integer model's")
    assert f"mean absolute error so far {made.model.training['metrics']['mae']:.4g} " in tally


# ---- the wire ----


@pytest.fixture(scope="module")
def wire(window, tmp_path_factory):
    """Calls a function of the page's wire format."""
    page = tmp_path_factory.mktemp("wire") / "wire.html"
    page.write_text(
        f"<!DOCTYPE html><html lang=en><title>wire</title><script>{script()}</script></html>",
        encoding="utf-8",
    )

    def call(name: str, *values):
        show(window, page)
        return window.execute_script(f"return tinygen.wire.{name}(...arguments)", *values)

    return call


def test_the_wire_format_is_that_of_the_shared_vectors(wire):
    seed = wire("seedOf", vectors.MODEL_ID)
    assert seed == protocol.model_seed(vectors.MODEL_ID)
    for frame in vectors.FRAMES:
        assert (
            bytes(wire("encode", frame.kind, frame.session, frame.seq, list(frame.payload), seed))
            == frame.wire
        ), frame.name
        assert wire("decode", list(frame.wire[1:-1]), seed) == {
            "kind": frame.kind,
            "session": frame.session,
            "seq": frame.seq,
            "payload": list(frame.payload),
        }
    row = struct.unpack("<3h", vectors.BY_NAME["row 136, -1, 0"].payload)
    assert bytes(wire("packRow", list(row))) == vectors.BY_NAME["row 136, -1, 0"].payload


def test_damage_on_the_wire_is_refused(wire):
    seed = protocol.model_seed(vectors.MODEL_ID)
    for stream in vectors.STREAMS:
        pieces = [piece for piece in stream.data.split(b"\0")[:-1] if piece]
        events = list(stream.events)
        heard = [wire("decode", list(piece), seed) for piece in pieces]
        assert [h is not None for h in heard] == [isinstance(event, str) for event in events], (
            stream.name
        )
    assert json.dumps(wire("decode", [], seed)) == "null"
