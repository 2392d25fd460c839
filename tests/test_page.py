"""The report and the card: the same figures as the terminal, the same bytes again, and nothing
hostile gets through.
"""

import base64
import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from page_files import ROWS, made_report, station, trained
from tinygen.host.record import HEADER

from tinygen import cli
from tinygen.commands.pipeline import TrainedModel, ladder_path
from tinygen.common.errors import BuildError, DataError, ModelError, TinygenError, UsageError
from tinygen.data import dataset as data
from tinygen.families import FAMILIES
from tinygen.model.alarm_threshold import AlarmCost, learned
from tinygen.model.fixedpoint import MISSING
from tinygen.model.model import load
from tinygen.report import words as report
from tinygen.report.page.card import card, markdown
from tinygen.report.page.dossier import curve, gather
from tinygen.report.page.figures import doubts, figures, weak_parts
from tinygen.report.page.html import Reported, render, sections, text
from tinygen.report.page.html import report as write_report
from tinygen.report.page.plots import draw
from tinygen.report.page.runs import read_run
from tinygen.report.page.slices import sensor_faults
from tinygen.report.page.webboard import script
from tinygen.search import search as ladders
from tinygen.search.conversion import lines as verdict_lines
from tinygen.search.conversion import read as read_verdict
from tinygen.search.conversion import sentence
from tinygen.search.cross_validation import Trained, training_rows
from tinygen.search.quantize import quantize

ROOT = Path(__file__).parent.parent
ORDER = [
    "predicted",
    "range",
    "histogram",
    "ladder",
    "alarm",
    "sensitivity",
    "curves",
    "cost",
    "conversion",
    "run",
    "failures",
    "data",
]
HOSTILE = (
    "Date",
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    "{{7*7}}$x^2$ | `b`\\_[a](http://b)",
    "gas [ppm]",
)


class Page(HTMLParser):
    """The words of a page, its elements, and what each of them carries."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, words):
        if not self.hidden:
            self.words.append(words)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    note = folder / "note.txt"
    note.write_text("Mounted at the north wall.\n- Ask Kim before moving it.\n", encoding="utf-8")
    return made_report(folder, note=note)


@pytest.fixture(scope="module")
def page(made) -> Page:
    return Page(made.page.read_text(encoding="utf-8"))


# ---- one number, three places ----


def test_terminal_page_and_card_say_the_same(made, page):
    d = made.dossier
    terminal = report.trained(
        TrainedModel(
            made.model_path, d.model, (), d.ladder, tuple(verdict_lines(read_verdict(d.model)))
        )
    )
    card_text = markdown(d)
    for figure in figures(d):
        assert figure.value in page.text and figure.value in text_of_card(card_text), figure
        if figure.key not in ("flash", "ram", "cycles", "folds"):
            assert figure.value in terminal, figure
    for words in (
        sentence(read_verdict(d.model)),
        report.alarms(d.model),
        report.level(d.model),
        report.rows_used(d.model),
    ):
        assert words in terminal and words in page.text and words in text_of_card(card_text)
    headers, rows = report.ladder_table(d.ladder)
    for value in (cell for row in rows for cell in map(report.cell, row) if cell not in ("", "->")):
        assert value in terminal and value in page.text
    for row in report.baseline_table(d.ladder.baselines, d.model)[1]:
        assert all(
            report.cell(value) in terminal and report.cell(value) in page.text for value in row
        )


def text_of_card(markdown_: str) -> str:
    """The card without what Markdown needs."""
    return re.sub(r"\\(.)", r"\1", markdown_)


def test_a_changed_figure_would_be_seen_in_the_page(made, page):
    """Negative control: the figures are not there by chance."""
    training = {
        **made.model.training,
        "metrics": {**made.model.training["metrics"], "rmse": 123.456},
    }
    other = replace(made.dossier, model=replace(made.model, training=training))
    assert "123.5 ppm" in Page(render(other)).text and "123.5 ppm" not in page.text


def test_the_command_prints_the_first_lines_of_the_page(made, page):
    printed = text(Reported(made.dossier, made.page, figures(made.dossier))).splitlines()
    assert printed.pop() == f"written to {made.page}" and len(printed) > 10
    for line in printed:
        parts = re.split(r"\s\s+| \(|\)", line.removeprefix("note: ").removeprefix("left out: "))
        assert all(part in page.text for part in parts), line


def test_json_of_both_commands(tmp_path):
    csv = station(tmp_path / "rows.csv", rows=300)
    path, model = trained(tmp_path, csv)
    for command, out in (("report", "r.html"), ("card", "c.md")):
        arguments = [
            command,
            str(path),
            "--data",
            str(csv),
            "-o",
            str(tmp_path / out),
            "--json",
            *(["--no-board"] if command == "report" else []),
        ]
        done = CliRunner().invoke(cli.main, arguments)
        told = json.loads(done.stdout)
        assert told["id"] == f"{model.model_id:08x}" and told[command] == str(tmp_path / out)


def test_sections_stand_in_their_order(made):
    ids = [section.id for section in sections(made.dossier)]
    assert ids == [name for name in ORDER if name in ids]
    assert set(ORDER) - set(ids) == {"cost", "run"}  # no compiler and no stream here


def test_every_plot_tells_what_it_shows(made, page):
    drawings = [a for a in page.all("svg")]
    assert len(drawings) == len(page.all("figure")) == 9
    assert all(a["role"] == "img" and len(a["aria-label"]) > 30 for a in drawings)


def test_what_is_written_in_a_plot_is_not_rounded(made):
    """The drawing's coordinates are; its words are those of the terminal."""
    svgs = re.findall(r"<svg.*?</svg>", made.page.read_text(encoding="utf-8"), re.DOTALL)
    mae = made.model.training["metrics"]["mae"]
    assert f">all rows: {mae:.4g}</text>" in svgs[1] and f"{mae:.2f}" != f"{mae:.4g}"
    plot = draw(
        "p",
        "four small ticks",
        2.0,
        lambda axes: axes.set(yticks=[0, 0.001, 0.0025, 0.004], ylim=(0, 0.004)),
    )
    assert [t for t in re.findall(r">([\d.]+)</text>", plot.svg) if t.startswith("0.00")] == [
        "0.0000",
        "0.0010",
        "0.0025",
        "0.0040",
    ]
    assert not re.search(r' d="[^"]*\d\.\d{3}', plot.svg)


# ---- the same bytes ----


def test_two_reports_in_two_folders_are_the_same_bytes(made, tmp_path):
    """Other folder, other process, other order of hashing."""
    program = (
        "import sys; from pathlib import Path; from tinygen.report.page.html import report; from tinygen.report.page.card import card; "
        "report(Path(sys.argv[1]), Path('p.html'), Path(sys.argv[2]), with_board=False); "
        "card(Path(sys.argv[1]), Path('c.md'), Path(sys.argv[2]))"
    )
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        subprocess.run(
            [sys.executable, "-c", program, str(made.model_path), str(made.csv)],
            cwd=tmp_path / seed,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
    for name in ("p.html", "c.md"):
        one, other = ((tmp_path / seed / name).read_bytes() for seed in ("1", "2"))
        assert hashlib.sha256(one).hexdigest() == hashlib.sha256(other).hexdigest()
        assert str(tmp_path).encode() not in one and b"/tmp" not in one


@pytest.fixture(scope="module")
def with_board(simavr, tmp_path_factory) -> list[str]:
    """Two pages with the board in it, built one after the other; a column has a hostile name."""
    folder = tmp_path_factory.mktemp("board")
    csv = station(
        folder / "rows.csv",
        header=("Date", "</script><script>alert(1)</script>", "b", "c", "gas"),
        rows=300,
    )
    path, _ = trained(folder, csv)
    return [render(gather(path, csv)) for _ in range(2)]


def test_the_board_in_the_page_is_the_same_bytes_too(with_board):
    assert with_board[0] == with_board[1] and '"program"' in with_board[0]


# ---- nothing gets through ----


def test_hostile_column_names_are_words_and_nothing_else(tmp_path):
    made = made_report(tmp_path, header=HOSTILE)
    page = Page(made.page.read_text(encoding="utf-8"))
    assert all(
        "<script>alert(1)</script>" in words
        for words in (page.text, text_of_card(markdown(made.dossier)))
    )
    assert page.all("script") == []  # no board here, so no script at all
    assert not [a for _, attributes in page.elements for a in attributes if a.startswith("on")]
    assert "{{7*7}}$x^2$" in page.text and "49" not in page.text.split("{{7*7}}")[0][-5:]
    card_text = markdown(made.dossier)
    assert "<script" not in card_text.replace(
        "\\<script", ""
    ) and "](http" not in card_text.replace("\\]", "")
    assert not [
        line
        for line in card_text.splitlines()
        if line.startswith("|") and len(re.findall(r"(?<!\\)\|", line)) not in (3, 4, 6)
    ]


def test_settings_of_the_board_cannot_end_the_script(with_board):
    scripts = Page(with_board[0]).all("script")
    assert [s.get("type") for s in scripts] == [
        "application/json",
        None,
    ] and "</script>" not in script()
    settings = re.search(r'id="settings">(.*?)</script>', with_board[0], re.DOTALL)[1]
    assert json.loads(settings)["inputs"][0]["name"] == "</script><script>alert(1)</script>"


def test_the_page_loads_nothing(made, page):
    html = made.page.read_text(encoding="utf-8")
    assert not [
        a
        for _, attributes in page.elements
        for key, a in attributes.items()
        if key in ("src", "href", "xlink:href", "action", "data") and a and not a.startswith("#")
    ]
    assert (
        set(re.findall(r"url\(([^)]{1,2})", html))
        <= {"#c", "#p", "#r", "#h", "#l", "#s", "#f", "#t"}
        and "@import" not in html
    )
    policy = next(
        a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")


def test_the_policy_names_the_script_that_runs(with_board):
    body = re.findall(r"<script>(.*?)</script>", with_board[0], re.DOTALL)
    wanted = "sha256-" + base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode()
    assert len(body) == 1 and f"script-src '{wanted}'" in with_board[0]


def test_ids_are_given_once_and_every_reference_leads_somewhere(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    goals = {a["href"][1:] for a in page.all("a")} | {a["xlink:href"][1:] for a in page.all("use")}
    assert goals <= set(ids) and len(goals) > 12


# ---- colours ----


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    return sum(
        w * (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4)
        for w, p in zip((0.2126, 0.7152, 0.0722), parts)
    )


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_told_from_the_paper_in_both_schemes(made):
    style = (ROOT / "templates" / "report" / "page.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6})", part))
        for part in style.split("prefers-color-scheme: dark")[:2]
    )
    assert light.keys() == dark.keys()
    for scheme in (light, dark):
        for paper in ("paper", "wash"):
            assert all(
                contrast(scheme[name], scheme[paper]) >= 4.5 for name in ("ink", "muted", "link")
            )
            assert all(
                contrast(scheme[name], scheme[paper]) >= 3
                for name in ("blue", "orange", "green", "purple", "lit-red", "lit-green")
            )
    assert (
        contrast("#777777", "#ffffff") < 4.5 < contrast("#767676", "#ffffff")
    )  # the published border case
    svg = "".join(re.findall(r"<svg.*?</svg>", made.page.read_text(encoding="utf-8"), re.DOTALL))
    assert not re.findall(r"#[0-9a-f]{6}\b", svg) and "var(--blue)" in svg


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

    monkeypatch.setattr("tinygen.report.page.dossier.ensure", absent)
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
    ladder = ladders.load(ladder_path(made.model_path))
    ladders.save(replace(ladder, rungs=ladder.rungs[1:]), ladder_path(path))
    d = gather(path, with_board=False)
    assert d.ladder is None and any("another training" in gap for gap in d.gaps)


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


def test_a_learned_threshold_is_not_the_level(made, tmp_path):
    """Truth is judged at the level, the LED at the threshold; both are said, with the costs they
    come from.
    """
    dataset = made.tests.dataset
    family, rows = FAMILIES["ridge"], training_rows(dataset)
    config = family.candidates(rows)[0]
    fitted = Trained(family, config, family.fit_all(rows, [config], 0)[0])
    alarm = learned(AlarmCost(9, 1), 400, dataset.y[dataset.train] - 40, dataset.y[dataset.train])
    model = quantize(
        fitted,
        replace(dataset, weighting={"robust": {"left_out": 7, "less_than_half": 31}}),
        "moved",
        40.0,
        alarm,
    )
    assert (model.level, model.threshold) == (400, alarm.threshold) and alarm.threshold < 390
    model.save(tmp_path / "moved.json")
    d = gather(
        tmp_path / "moved.json",
        made.csv,
        write_run(tmp_path / "run.csv", model, made.csv),
        with_board=False,
    )
    page, card_text = Page(render(d)).text, text_of_card(markdown(d))
    told = f"{report.red_above(model)}, green at it or below"
    assert (
        "a miss costs 9, a false alarm 1" in told
        and f"red LED above {float(model.output.to_physical(model.threshold)):.4g} ppm" in told
    )
    assert told in page and told in card_text
    assert all(
        report.cell(value) in page for row in report.learned_table(model)[1] for value in row
    )
    assert "7 left out as faulty, 31 count less than half" in page
    truth, lit = d.tests.y > 400, d.tests.answers > model.threshold
    missed, false = int((truth & ~lit).sum()), int((~truth & lit).sum())
    assert (
        model.training["alarm"] == {"false": false, "missed": missed}
        and f"{false} false, {missed} missed" in page
    )
    assert f"truth above 40 ppm in {int((d.run.truth > 400).sum()):,}" in page


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


def write_run(path: Path, model, csv: Path, change=lambda k, cells: cells) -> Path:
    raw, _ = data.rows_for(model.inputs, data.load(csv))
    answers, alarm = model.answer(raw), model.alarm(model.answer(raw))
    rows = [
        [k, y, y / 10, "OK", int(on), int(not on), 500 + k % 9, 1, y, "OK", 4 + k % 3]
        for k, (y, on) in enumerate(zip(answers.tolist(), alarm.tolist()))
    ]
    rows = [
        change(k, ["" if cell == MISSING else cell for cell in row]) for k, row in enumerate(rows)
    ]
    path.write_text(
        "\n".join(",".join(map(str, row)) for row in [list(HEADER), *rows]) + "\n", encoding="utf-8"
    )
    return path


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


# ---- files ----


def test_nothing_is_written_where_it_fails(made, tmp_path):
    for call in (
        lambda: write_report(made.model_path, tmp_path / "no" / "r.html"),
        lambda: card(tmp_path / "absent.json", tmp_path / "c.md"),
        lambda: card(made.model_path, tmp_path / "c.md", note=tmp_path / "absent.txt"),
    ):
        with pytest.raises(TinygenError) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_note_is_in_the_card_and_in_the_page(made, page):
    assert (
        "Ask Kim before moving it." in page.text
        and "- Ask Kim before moving it." in text_of_card(markdown(made.dossier))
    )


def test_a_verdict_survives_the_model_file(made):
    told = read_verdict(load(made.model_path))
    assert verdict_lines(told) == verdict_lines(made.dossier.verdict) and told.model == made.model


def test_the_bundle_is_that_of_the_sources():
    """web/build.sh was run after the last change."""
    sources = (
        b"".join(path.read_bytes() for path in sorted((ROOT / "web" / "src").glob("*.js")))
        + (ROOT / "web" / "package.json").read_bytes()
    )
    bundle = script()
    assert f"sources {hashlib.sha256(sources).hexdigest()} */" in bundle
    assert (ROOT / "tinygen" / "report" / "page" / "web" / "avr8js.LICENSE").read_text(
        encoding="utf-8"
    ).strip() in bundle
