"""What the report says of a model and of a recorded stream."""

import csv
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from page_files import ROWS, made_report, station, trained
from page_reader import Page, text_of_card, write_run
from tinygen.host.record import HEADER

from tinygen.commands.explain import explain
from tinygen.common.errors import BuildError, DataError, ModelError, UsageError
from tinygen.common.files import ladder_path
from tinygen.common.tables import cell as shown
from tinygen.data.dataset import Finding
from tinygen.families import FAMILIES
from tinygen.model.alarm_threshold import AlarmBand, AlarmCost, learned
from tinygen.report import words
from tinygen.report.dossier.figures import doubts, weak_parts
from tinygen.report.dossier.gather import curve, gather
from tinygen.report.dossier.runs import read_run
from tinygen.report.dossier.slices import sensor_faults
from tinygen.report.page.card import markdown
from tinygen.report.page.html import render
from tinygen.report.page.sections import sections
from tinygen.report.page.webboard import settings
from tinygen.search.cross_validation import Trained
from tinygen.search.ladder import load_ladders, save_ladders
from tinygen.search.quantization import quantize

# ---- what is said of the model ----


def test_without_the_file_the_page_says_what_is_missing(made, tmp_path):
    d = gather(made.model_path, with_board=False)
    page = Page(render(d))
    assert "add --data station.csv" in page.text and "--no-board" in page.text
    ids = [section.id for section in sections(d)]
    assert "predicted" not in ids and {
        "ladder",
        "alarm",
        "curves",
        "sensitivity",
        "conversion",
    } <= set(ids)


def test_without_a_compiler_the_page_has_no_board_and_says_so(made, monkeypatch):
    def absent(install):
        raise BuildError("no avr-gcc: run `tinygen setup`")

    monkeypatch.setattr("tinygen.report.dossier.gather.ensure", absent)
    d = gather(made.model_path)
    page = Page(render(d))
    assert (
        d.firmware is None
        and "are left out: no avr-gcc: run `tinygen setup`" in page.text
        and page.all("script") == []
    )


def test_without_the_ladder_too(made, tmp_path):
    alone = tmp_path / "alone.json"
    alone.write_bytes(made.model_path.read_bytes())
    d = gather(alone, with_board=False)
    assert d.ladder is None and any("alone.search.json" in gap for gap in d.gaps)
    assert "ppm" in Page(render(d)).text and markdown(d)


def test_a_ladder_of_another_training_is_refused(made, tmp_path):
    path = tmp_path / "station.json"
    path.write_bytes(made.model_path.read_bytes())
    ladder = load_ladders(ladder_path(made.model_path))[0]
    save_ladders([replace(ladder, rungs=ladder.rungs[1:])], ladder_path(path))
    d = gather(path, with_board=False)
    assert d.ladder is None and any("another training" in gap for gap in d.gaps)


LEAK = Finding("high", "code", ("heat",), "heat alone tells it", "it is a copy", "leave it")


def with_findings(made, folder, findings):
    """The dossier of the model had `train` found this in its rows; with the file beside it too."""
    path = folder / "station.json"
    kept = {**made.model.training, "findings": findings}
    replace(made.model, training=kept).save(path)
    return [gather(path, csv, with_board=False) for csv in (None, made.csv)]


def test_what_train_found_is_in_the_verdict(made, tmp_path):
    """With and without the training file, once; the audit's own findings come on top."""
    told = "Heat alone tells it: it is a copy"
    alone, beside = with_findings(made, tmp_path, [asdict(LEAK)])
    assert {d.text for d in doubts(alone)} - {d.text for d in doubts(made.dossier)} == {told}
    for dossier in (alone, beside):
        page = Page(render(dossier))
        assert [d.text for d in doubts(dossier)].count(told) == 1
        assert any(section.id == "data" for section in sections(dossier))
        assert page.text.count("eat alone tells it") >= 2 and "high: heat alone" in markdown(
            dossier
        )
    assert len(beside.findings) == len(made.dossier.audit.findings) + 1
    assert told not in [d.text for d in doubts(made.dossier)]
    twice = with_findings(made, tmp_path, [asdict(made.dossier.audit.findings[0])])[1]
    assert twice.findings == made.dossier.findings


def test_damaged_findings_are_no_defect(made, tmp_path):
    for damaged in ([{"severity": "high"}], [7], 7):
        with pytest.raises(ModelError, match=r"train it again|training\.findings"):
            with_findings(made, tmp_path, damaged)[0].findings  # noqa: B018


def test_explain_and_the_report_say_the_same(made, tmp_path):
    """Of the training file its training rows; of another file its own."""
    told = explain(made.model_path, made.csv)
    assert told.sensitivities == made.dossier.sensitivities
    assert told.background == "training rows of station.csv"
    assert explain(made.model_path).sensitivities == gather(made.model_path, None).sensitivities
    other = tmp_path / "other.csv"
    other.write_text("\n".join(made.csv.read_text().splitlines()[:600]) + "\n")
    elsewhere = explain(made.model_path, other)
    assert elsewhere.background == "rows of other.csv"
    assert elsewhere.sensitivities != told.sensitivities


def test_other_rows_than_the_training_file_are_refused(made, tmp_path):
    other = station(tmp_path / "other.csv", rows=300)
    with pytest.raises(UsageError, match="sha256"):
        gather(made.model_path, other, with_board=False)


def test_the_stored_error_must_be_found_again(made, tmp_path):
    training = {**made.model.training, "metrics": {**made.model.training["metrics"], "mae": 0.5}}
    path = tmp_path / "m.json"
    replace(made.model, training=training).save(path)
    with pytest.raises(ModelError, match="not found again"):
        gather(path, made.csv, with_board=False)


def test_a_bad_season_is_found_and_a_good_year_has_none(made, tmp_path):
    assert [p for p in weak_parts(made.dossier) if p.kind == "time"] == []
    bad = made_report(tmp_path, bad_months=(7, 8), rows=2000)
    found = [p.name for p in weak_parts(bad.dossier) if p.kind == "time"]
    assert sorted(found) == ["2023-07", "2023-08"]
    assert any("2023-07" in doubt.text for doubt in doubts(bad.dossier)) and "2023-07" in markdown(
        bad.dossier
    )


def test_a_broken_sensor_costs_what_the_model_says(made):
    d = made.dossier
    fault = sensor_faults(d.model, d.tests)[2]
    x = d.tests.x.copy()
    x[:, 2] = d.model.inputs[2].limits[0]
    assert fault.low_error == pytest.approx(
        np.abs(d.model.answer(x) - d.tests.y).mean() * d.model.output.scale
    )
    assert fault.low_error > 5 * d.model.training["metrics"]["mae"]


def test_curves_are_the_integer_model_s_answers(made):
    d = made.dossier
    rows = d.tests.x[:7]
    c = curve(d.model, 1, rows)
    k = len(c.raw) // 3
    asked = rows.copy()
    asked[:, 1] = c.raw[k]
    answers = d.model.output.to_physical(d.model.answer(asked))
    assert c.mean[k] == pytest.approx(answers.mean()) and c.one[k] in answers
    assert (c.raw[0], c.raw[-1]) == d.model.inputs[1].limits


def test_an_alarm_outside_a_band_is_told(made, tmp_path):
    """Both levels, with the rows beyond them, on page and card and beside the LEDs of the page's
    board.
    """
    model = replace(made.model, alarm_below=200, training={**made.model.training})
    model.save(tmp_path / "band.json")
    d = gather(
        tmp_path / "band.json",
        made.csv,
        write_run(tmp_path / "run.csv", model, made.csv),
        with_board=False,
    )
    page, card_text = Page(render(d)).text, text_of_card(markdown(d))
    told = f"Red LED outside 20 .. {model.threshold / 10:g} ppm, green at either end or between"
    assert told in page and told in card_text
    lit, asked = model.alarm(d.tests.answers), model.beyond(d.tests.y)
    assert (lit == (d.tests.answers < 200) | (d.tests.answers > model.threshold)).all()
    right, missed = int((lit & asked).sum()), int((~lit & asked).sum())
    assert f"truly outside {right} {missed}" in page
    assert f"truth outside 20 .. {model.threshold / 10:g} ppm in " in page
    leds = {"red": told.split(",")[0].removeprefix("Red LED "), "green": "at either end or between"}
    told = settings(replace(d, programs={"uno": ""}))["leds"]
    assert {led["name"]: led["says"] for led in told} == leds


def test_a_learned_threshold_is_not_the_level(made, tmp_path):
    """Truth is judged at the level, the LED at the threshold; both are said, with the costs they
    come from.
    """
    dataset = made.tests.dataset
    family, rows = FAMILIES["ridge"], dataset.training
    config = family.candidates(rows)[0]
    fitted = Trained(family, config, family.fit_all(rows, [config], 0)[0])
    weighting = {"robust": {"left_out": 7, "less_than_half": 31}}
    alarm = learned(
        AlarmCost(9, 1),
        AlarmBand(high=400),
        dataset.y[dataset.train] - 40,
        dataset.y[dataset.train],
    )
    model = quantize(
        fitted,
        replace(dataset, provenance=replace(dataset.provenance, weighting=weighting)),
        "moved",
        40.0,
        alarm,
    )
    assert (model.levels.high, model.threshold) == (400, alarm.band.high) and alarm.band.high < 390
    model.save(tmp_path / "moved.json")
    d = gather(
        tmp_path / "moved.json",
        made.csv,
        write_run(tmp_path / "run.csv", model, made.csv),
        with_board=False,
    )
    page, card_text = Page(render(d)).text, text_of_card(markdown(d))
    told = f"{words.red(model)}, green at it or below"
    assert (
        "a miss costs 9, a false alarm 1" in told
        and f"red LED above {float(model.output.to_physical(model.threshold)):.4g} ppm" in told
    )
    assert told in page and told in card_text
    assert all(shown(value) in page for row in words.learned_table(model)[1] for value in row)
    assert "7 left out as faulty, 31 count less than half" in page
    truth, lit = d.tests.y > 400, d.tests.answers > model.threshold
    missed, false = int((truth & ~lit).sum()), int((~truth & lit).sum())
    assert (
        model.training["alarm"] == {"false": false, "missed": missed}
        and f"{false} false, {missed} missed" in page
    )
    assert f"truth above 40 ppm in {int((d.run.truth > 400).sum()):,}" in page


def test_the_card_tells_how_often_each_class_is_found(tmp_path):
    """And that one is never found, also where the training file is not given."""
    rows = [f"{k % 40},{k * 7 % 31},{'high' if k % 40 > 20 else 'low'}" for k in range(400)]
    for k in range(0, 400, 25):
        rows[k] = f"{k % 40},{k * 7 % 31},hot!"
    (tmp_path / "rooms.csv").write_text("a,b,room\n" + "\n".join(rows) + "\n")
    path, model = trained(tmp_path, tmp_path / "rooms.csv", "tree", target="room")
    confusion = [[40, 0, 0], [2, 1, 0], [0, 0, 0]]
    for found, last in ((1, "1 of 3 rows"), (0, "0 of 2 rows")):
        confusion[1] = [2, found, 0]
        metrics = {**model.training["metrics"], "confusion": confusion}
        replace(model, training={**model.training, "metrics": metrics}).save(path)
        text = text_of_card(markdown(gather(path, with_board=False)))
        assert model.labels == ("high", "hot!", "low") and "found: high" in text
        assert last in text and "40 of 40 rows" in text
        never = "Class hot! is never found: 0 of 2 test rows." in text
        assert never == (not found) and "Others were not looked for" in text
        assert "No test row is of class low: whether it is found is not known." in text


def test_classes_have_a_page_too(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(20, 5, 500).round(1), rng.uniform(0, 100, 500).round()
    (tmp_path / "rooms.csv").write_text(
        "a,b,room\n"
        + "".join(
            f"{x},{y:g},{'hot <b>' if x > 23 else 'wet' if y > 60 else 'good'}\n"
            for x, y in zip(a, b)
        )
    )
    path, model = trained(tmp_path, tmp_path / "rooms.csv", "tree", target="room")
    d = gather(path, tmp_path / "rooms.csv", with_board=False)
    page = Page(render(d))
    assert (
        model.labels
        and "Error rate" in page.text
        and "hot <b>" in page.text
        and page.all("b") == []
    )
    assert f"{model.training['metrics']['error_rate']:.2%}" in page.text
    assert [section.id for section in sections(d)] == [
        "predicted",
        "range",
        "ladder",
        "sensitivity",
        "curves",
        "conversion",
        "failures",
        "data",
    ]


# ---- a recorded stream ----


def test_a_stream_shows_leds_against_truth(made, tmp_path):
    run = write_run(tmp_path / "run.csv", made.model, made.csv)
    d = gather(made.model_path, made.csv, run, with_board=False)
    html = Page(render(d)).text
    above = int((d.run.truth > d.model.threshold).sum())
    red = int((d.run.red == 1).sum())
    assert (
        d.run.good
        and f"Red LED in {red:,} rows; truth above 40 ppm in {above:,}" in html
        and "0 wrong, 0 lost" in html
    )
    assert "half within 5 ms, 99 % within 6 ms" in html


def test_a_stream_as_json_lines_is_the_same(made, tmp_path):
    path = write_run(tmp_path / "run.csv", made.model, made.csv)
    lines = [
        dict(zip(HEADER, (None if cell == "" else cell for cell in row)))
        for row in csv.reader(path.open(encoding="utf-8"))
    ][1:]
    for line in lines:
        line |= {
            key: None if line[key] is None else int(line[key])
            for key in HEADER
            if key not in ("flags", "verdict", "physical")
        }
    (tmp_path / "run.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )
    one, other = (read_run(tmp_path / name, made.model) for name in ("run.csv", "run.jsonl"))
    assert len(one) == ROWS and all(
        np.array_equal(getattr(one, k), getattr(other, k))
        for k in ("raw", "red", "green", "cycles", "tries", "latency_ms")
    )
    assert one.verdicts == other.verdicts and one.good


def test_a_bad_stream_is_the_first_thing_said(made, tmp_path):
    run = write_run(
        tmp_path / "run.csv",
        made.model,
        made.csv,
        lambda k, cells: [*cells[:9], "WRONG" if k == 5 else "OK", cells[10]],
    )
    d = gather(made.model_path, made.csv, run, with_board=False)
    assert (
        any(f"1 of {ROWS:,} streamed rows" in doubt.text for doubt in doubts(d))
        and "1 wrong" in Page(render(d)).text
    )


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda text: text.replace("expected_raw", "wanted"), "expected_raw"),
        (lambda text: "\n".join(text.splitlines()[:1] + text.splitlines()[3:]), "numbered"),
        (lambda text: text.replace(",OK,", ",OK,x", 1).replace("\n1,", "\n1,x"), "whole number"),
        (lambda text: "", "row"),
    ],
)
def test_damaged_streams_are_refused_in_one_line(made, tmp_path, damage, words):
    run = write_run(tmp_path / "run.csv", made.model, made.csv)
    run.write_text(damage(run.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=words) as caught:
        read_run(run, made.model)
    assert "\n" not in str(caught.value)


def test_a_stream_of_another_model_is_refused(made, tmp_path):
    run = write_run(
        tmp_path / "run.csv", made.model, made.csv, lambda k, cells: [*cells[:8], 1, *cells[9:]]
    )
    with pytest.raises(DataError, match="other answers"):
        gather(made.model_path, made.csv, run, with_board=False)
