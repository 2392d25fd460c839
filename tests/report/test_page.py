"""The report: one number in three places, the same bytes everywhere, nothing gets through."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from page_files import made_report, station, trained
from page_reader import HOSTILE, ORDER, Page, text_of_card

from tinygen import cli
from tinygen.commands._trained import TrainedModel
from tinygen.commands.card import card
from tinygen.commands.report import Reported
from tinygen.commands.report import report as write_report
from tinygen.common.errors import TinygenError
from tinygen.common.tables import cell as shown
from tinygen.model.model import load
from tinygen.report import ladder as ladder_words
from tinygen.report import words
from tinygen.report.dossier.figures import figures
from tinygen.report.page.card import markdown
from tinygen.report.page.html import render
from tinygen.report.page.sections import sections
from tinygen.report.page.webboard import script
from tinygen.report.plots.svg import draw
from tinygen.search.conversion import conversion_lines, conversion_sentence, read_conversion

ROOT = Path(__file__).parents[2]


# ---- one number, three places ----


def test_terminal_page_and_card_say_the_same(made, page):
    d = made.dossier
    told = tuple(conversion_lines(read_conversion(d.model)))
    terminal = TrainedModel(made.model_path, d.model, (), d.ladder, told).text()
    card_text = markdown(d)
    for figure in figures(d):
        assert figure.value in page.text and figure.value in text_of_card(card_text), figure
        if figure.key not in ("flash", "ram", "cycles", "folds"):
            assert figure.value in terminal, figure
    for said in (
        conversion_sentence(read_conversion(d.model)),
        words.alarms(d.model),
        words.level(d.model),
        words.rows_used(d.model),
    ):
        assert said in terminal and said in page.text and said in text_of_card(card_text)
    _headers, rows = ladder_words.ladder_table(d.ladder)
    for value in (cell for row in rows for cell in map(shown, row) if cell not in ("", "->")):
        assert value in terminal and value in page.text
    for row in ladder_words.baseline_table(d.ladder.comparators, d.model)[1]:
        assert all(shown(value) in terminal and shown(value) in page.text for value in row)


def test_a_changed_figure_would_be_seen_in_the_page(made, page):
    """Negative control: the figures are not there by chance."""
    training = {
        **made.model.training,
        "metrics": {**made.model.training["metrics"], "rmse": 123.456},
    }
    other = replace(made.dossier, model=replace(made.model, training=training))
    assert "123.5 ppm" in Page(render(other)).text and "123.5 ppm" not in page.text


def test_the_command_prints_the_first_lines_of_the_page(made, page):
    printed = Reported(made.dossier, made.page, figures(made.dossier)).text().splitlines()
    assert printed.pop() == f"written to {made.page}" and len(printed) > 10
    for line in printed:
        parts = re.split(r"\s\s+| \(|\)", line.removeprefix("note: "))
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
    drawings = page.all("svg")
    assert len(drawings) == len(page.all("figure")) == 9
    assert all(a["role"] == "img" and len(a["aria-label"]) > 30 for a in drawings)


def test_what_is_written_in_a_plot_is_not_rounded(tmp_path):
    """The drawing's coordinates are; its words are those of the terminal."""
    made = made_report(tmp_path, rows=900)  # an error whose fourth digit is no zero
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
        "import sys; from pathlib import Path; from tinygen.commands.report import report; "
        "from tinygen.commands.card import card; "
        "model, csv, note = map(Path, sys.argv[1:]); "
        "report(model, Path('p.html'), csv, None, note, with_board=False); "
        "card(model, Path('c.md'), csv, note=note)"
    )
    note = made.page.with_name("note.txt")
    subprocess.run(
        [sys.executable, "-c", program, str(made.model_path), str(made.csv), str(note)],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    for name, here in (("p.html", made.page.read_text("utf-8")), ("c.md", markdown(made.dossier))):
        there = (tmp_path / name).read_bytes()
        assert hashlib.sha256(there).hexdigest() == hashlib.sha256(here.encode()).hexdigest()
        assert str(tmp_path).encode() not in there and b"/tmp" not in there


def test_the_board_in_the_page_is_the_same_bytes_too(with_board, level):
    """That its program is, a commit sees in tests/target/test_build.py."""
    assert '"program"' in with_board[0]
    assert "On a battery, an estimate: the ATmega328P alone" in with_board[0]
    if level == "release":
        assert with_board[0] == with_board[1]


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


def test_the_page_says_that_a_loaded_board_holds_its_model_alone(with_board):
    """Also one that had a firmware of several models."""
    words = " ".join(with_board[0].split())
    several = "a firmware of several models: <code>tinygen build</code> loads them again."
    assert f" alone, also where it had {several}" in words


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
    told = read_conversion(load(made.model_path))
    assert (
        conversion_lines(told) == conversion_lines(made.dossier.verdict)
        and told.model == made.model
    )


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
