"""Pages and cards of models that answer with several numbers, or that may be not sure."""

import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from browser import chromium, complaints, show
from family_models import KINDS, street
from page_reader import Page
from quick import quick_model
from servo_rows import servo

from tinygen import data
from tinygen.commands.report import report
from tinygen.common.files import ladder_path
from tinygen.model.confidence.not_sure import Answered, leads_of
from tinygen.model.fixedpoint import MISSING, NOT_SURE
from tinygen.report.dossier import gather as gathering
from tinygen.report.dossier.figures import figures
from tinygen.report.dossier.gather import Dossier, gather
from tinygen.report.page import html
from tinygen.report.page.card import markdown
from tinygen.report.page.html import render
from tinygen.report.plots.svg import Plot
from tinygen.search.ladder import Ladder, Rung, save_ladders
from tinygen.search.several import Joined
from tinygen.target import build as building
from tinygen.target.bare import ModelCost
from tinygen.target.build import Cost

COST = ModelCost(480, 0, 18, 789, 798)
OWN = ModelCost(240, 0, 16, 400, 458)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Folder of a model of two outputs, its rows and its ladders; costs are made up."""
    folder = tmp_path_factory.mktemp("head")
    (folder / "rows.csv").write_text(servo())
    table, ladders = data.load_table(folder / "rows.csv"), []
    for target, other, level in (("pan", "tilt", 100.0), ("tilt", "pan", None)):
        dataset = data.prepare(table, target, beside=[other])
        rungs = tuple(
            Rung(quick_model(dataset, kind, level), 1.5 + k, OWN, (1.0, 2.0))
            for k, kind in enumerate(("ridge", "tree"))
        )
        ladders.append(Ladder(rungs, 0, "uno"))
    joined = Joined(tuple(ladders), COST)
    joined.model.save(folder / "head.json")
    save_ladders(joined.ladders, ladder_path(folder / "head.json"))
    return folder


@pytest.fixture(scope="module")
def page(head) -> tuple[Dossier, str]:
    made = report(head / "head.json", head / "head.html", head / "rows.csv", with_board=False)
    return made.dossier, made.path.read_text(encoding="utf-8")


def test_every_output_has_its_parts(page):
    d, text_of_page = page
    ids = re.findall(r'<section id="([^"]+)"', text_of_page)
    for part in ("predicted", "range", "histogram", "ladder", "conversion", "failures"):
        assert [i for i in ids if i.startswith(part)] == [f"{part}-1", f"{part}-2"]
    assert "alarm-1" in ids and "alarm-2" not in ids and len(d.outputs) == 2
    places = re.findall(r' id="([^"]+)"', text_of_page)
    assert len(places) == len(set(places))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text_of_page))
    assert used <= set(places)


def test_a_drawing_beside_another_has_other_ids_and_the_same_words():
    svg = '<svg><g id="a-1"></g><use xlink:href="#a-1"/><g clip="url(#a-2)"/><text> id="x</text>'
    changed = Plot(svg, "").renamed("o2").svg
    assert changed.count("#o2-a") == 2 and ' id="o2-a-1"' in changed and '<text> id="x<' in changed


def test_figures_are_those_of_each_output(page):
    d, text_of_page = page
    shown = {f.key: f.value for f in figures(d)}
    text = Page(text_of_page).text
    for k, one in enumerate(d.model.singles, 1):
        mae = f"{one.training['metrics']['mae']:.4g} deg"
        assert shown[f"error-{k}"] == mae and f"{one.output.name} to within {mae}" in text
        assert len(d.outputs[k - 1].tests) == one.training["rows_test"]
        assert np.array_equal(d.outputs[k - 1].tests.answers, one.answer(d.outputs[k - 1].tests.x))
    assert (shown["flash"], shown["alarm-1"]) == ("480 bytes", shown["alarm-1"])
    assert "alarm-2" not in shown and f"{COST.cycles_max} cycles at most" in text


def test_the_card_has_figures_and_failures_of_each(page):
    text = markdown(page[0])
    assert text.startswith("# Model card of quick: pan, tilt\n")
    for part in ("Figures: pan", "Known failures: pan", "Figures: tilt", "Known failures: tilt"):
        assert text.count(f"## {part}\n") == 1
    assert "by pan alone" in text and "| flash" in text.lower()


def test_the_ladders_of_another_model_are_left_out(head, page, tmp_path):
    """Negative control: a ladder in another output's place is not taken, and the page says so."""
    (tmp_path / "head.json").write_bytes((head / "head.json").read_bytes())
    swapped = [one.ladder for one in reversed(page[0].outputs)]
    save_ladders(swapped, ladder_path(tmp_path / "head.json"))
    other = gather(tmp_path / "head.json", with_board=False)
    assert [one.ladder for one in other.outputs] == [None, None]
    assert any("is of another training" in gap for gap in other.gaps)


# ---- not sure ----


@pytest.fixture(scope="module")
def unsure(tmp_path_factory):
    """Path of a classifier that may be not sure; its counts are made up."""
    folder, made = tmp_path_factory.mktemp("unsure"), street("classification")
    lines = [f"{','.join(map(str, x))},{KINDS[y]}" for x, y in zip(made.x.tolist(), made.y)]
    (folder / "rows.csv").write_text("\n".join(["sensor,heat,damp,kind", *lines, ""]))
    dataset = data.prepare(data.load_table(folder / "rows.csv"), "kind")
    model = quick_model(dataset, "logistic")
    columns = [dataset.inputs.index(q) for q in model.inputs]
    scores = replace(model, scores=True).values(dataset.x[:, columns])[:, 1:]
    told = {
        "rate": 0.05,
        "unseen": asdict(Answered(320, 240, 11)),
        "test": asdict(Answered(80, 60, 3)),
    }
    facts = {**model.training, "reject": told}
    margin = int(np.median(leads_of(scores)))
    sure = replace(model, scores=True, sure_margin=margin, training=facts)
    sure.save(folder / "kind.json")
    return folder / "kind.json"


def test_a_page_tells_where_the_model_is_not_sure(unsure):
    d = gather(unsure, with_board=False)
    by_key = {f.key: f for f in figures(d)}
    assert by_key["not_sure"].value == "25.00% of the test rows"
    assert by_key["sure_error"].value == "5.00%" and "wanted 5.00%" in by_key["sure_error"].note
    text = Page(render(d)).text
    assert (
        f"leads by less than {d.model.sure_margin}" in text
        and "at most 5.00% of the answers are wrong" in text
    )
    for words in ("left out of a fit", "4.58%", "25.00%", "5.00%"):
        assert words in text
    assert 'answers "not sure" where' in markdown(d)


# ---- the board in the page ----


@pytest.mark.parametrize("kind", ["outputs", "scores"])
def test_the_board_answers_with_all_numbers(
    kind, head, unsure, simavr, monkeypatch, tmp_path, level
):
    """Answer, further numbers and LEDs of the chip in the page are the twin's."""
    if kind == "scores" and level != "release":
        pytest.skip("a second firmware in the browser: --level release")
    monkeypatch.setattr(gathering, "profile", lambda *_: ())
    monkeypatch.setattr(html, "sections", lambda _: ())  # drawings take their time
    monkeypatch.setattr(building, "measure_firmware", lambda *_: Cost(100, 789, 798))
    d = gather(head / "head.json" if kind == "outputs" else unsure)
    rows = np.vstack([d.model.sample_rows(60), d.model.sample_rows(2)])
    rows[-1, 0] = MISSING
    (tmp_path / "page.html").write_text(render(d), encoding="utf-8")
    with chromium() as window:
        show(window, tmp_path / "page.html")
        got = window.execute_script(
            "return arguments[0].map(row => tinygen.panel.board.ask(row))", rows.tolist()
        )
        value, more = window.execute_script(
            "const p = tinygen.panel; p.show(arguments[0]); "
            "return [p.value.textContent, p.more.textContent]",
            rows[0].tolist(),
        )
        tally = window.execute_async_script(PLAY)
        assert complaints(window) == []
    answers = d.model.answers(rows)
    assert [[a["raw"], *a["more"]] for a in got] == answers.tolist()
    first = d.model.outputs
    if kind == "outputs":
        words = [f"{q.name} {float(q.to_physical(v)):.1f} deg" for q, v in zip(first, answers[0])]
        assert [value, more] == words
        lit = [[False, False] if m else [a, not a] for a, m in alarms(d.model, rows, answers)]
    else:
        assert more.startswith("scores: ") and NOT_SURE in answers[:, 0]
        lit = [[k == a for k in range(len(d.model.labels))] for a in answers[:, 0]]
    assert [a["leds"] for a in got] == lit
    count = f"{len(d.model.sample_rows(64))}"
    assert tally.startswith(f"{count} of {count} answers equal the integer model's")


def alarms(model, rows, answers):
    """(alarm, missing) of each row."""
    return zip(model.alarm(answers[:, 0]).tolist(), (rows == MISSING).any(axis=1).tolist())


PLAY = """
    const done = arguments[arguments.length - 1], p = tinygen.panel;
    p.pace.value = 2;
    p.button.click();
    const t = setInterval(() => {
        if (p.timer === null) { clearInterval(t); done(p.tally.textContent) }
    }, 20)"""
