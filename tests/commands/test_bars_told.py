"""What `predict`, `monitor`, `report` and `card` tell of a model's error bars."""

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from tinygen import data
from tinygen.commands.monitor import monitor
from tinygen.commands.predict import predict
from tinygen.commands.report import report
from tinygen.common.boards import BOARDS
from tinygen.common.files import ladder_path
from tinygen.report.dossier.gather import gather
from tinygen.report.page.card import markdown
from tinygen.report.page.error_sections import bars_section
from tinygen.search.finalists import SearchRequest
from tinygen.search.ladder import save_ladders
from tinygen.search.model_search import find_ladder

ROWS = 500


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder of a model with bars, and without, its rows, and a log with gaps in both columns."""
    folder, rng = tmp_path_factory.mktemp("told"), np.random.default_rng(5)
    lines = ["when,a,b,gas [ppb]"]
    for k in range(ROWS):
        when = datetime(2025, 1, 1) + timedelta(hours=4 * k)
        a, b = rng.integers(0, 1000), rng.integers(0, 300)
        lines.append(f"{when.isoformat()},{a},{b},{0.3 * a + 0.1 * b + rng.normal(0, 9):.1f}")
    (folder / "rows.csv").write_text("\n".join([*lines, ""]))
    log = [line.split(",") for line in lines[1:201]]
    for k in range(0, 200, 9):
        log[k][3] = ""
    log[4][1] = ""
    text = "\n".join([lines[0], *map(",".join, log), ""])
    (folder / "log.csv").write_text(text)
    (folder / "bare.csv").write_text("\n".join(line.rpartition(",")[0] for line in text.split()))
    dataset = data.prepare(
        data.load_table(folder / "rows.csv"), "gas", inputs=("a", "b"), split="time"
    )
    request = SearchRequest(
        "gas", BOARDS["uno"], "ridge", threshold=150.0, choice_only=True, error_bars=90
    )
    ladder = find_ladder(dataset, request)
    ladder.model.save(folder / "gas.json")
    save_ladders((ladder,), ladder_path(folder / "gas.json"))
    replace(ladder.model, bars=None).save(folder / "plain.json")
    return folder, ladder.model


def test_predict_writes_the_half_width_and_where_it_is_unsure(made, tmp_path):
    folder, model = made
    said = predict(folder / "gas.json", (folder / "log.csv",), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0])[-4:] == ["flag", "alarm", "half-width [ppb]", "unsure"]
    half = f"{model.bars.half_width / 10:.1f}"
    assert {line["half-width [ppb]"] for line in lines} == {half, ""}
    assert lines[4]["half-width [ppb]"] == lines[4]["unsure"] == ""
    unsure = [int(line["unsure"]) for k, line in enumerate(lines) if k != 4]
    raw = [int(line["raw"]) for k, line in enumerate(lines) if k != 4]
    assert unsure == model.unsure(raw).astype(int).tolist() and 0 < sum(unsure) < 100
    assert f"bars of +- {half} ppb for 90% of the references; in {sum(unsure)} rows" in said.text()
    plain = json.loads(json.dumps(said.plain()))
    assert plain["half_width"]["raw"] == model.bars.half_width and plain["unsure"][4] is None
    assert sum(filter(None, plain["unsure"])) == sum(unsure)


def test_predict_without_bars_is_as_it_was(made, tmp_path):
    folder, _ = made
    said = predict(folder / "plain.json", (folder / "log.csv",), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[0].endswith("flag,alarm")
    assert "bars of" not in said.text() and not {"half_width", "unsure"} & set(said.plain())


def test_monitor_counts_the_references_within(made, tmp_path):
    folder, model = made
    files = {name: tmp_path / name for name in ("markdown", "html", "prometheus")}
    found = monitor(folder / "gas.json", folder / "log.csv", files=files)
    table = data.load_table(folder / "log.csv")
    there = ~np.isnan(table.columns["gas"]) & ~np.isnan(table.columns["a"])
    x = np.column_stack([table.columns[name][there] for name in ("a", "b")]).astype(int)
    off = np.abs(model.answer(x) - np.rint(table.columns["gas"][there] * 10))
    inside, rows = int((off <= model.bars.half_width).sum()), int(there.sum())
    assert rows == 176 and inside < rows
    line = f"error bars as they are: {inside / rows:.2%} of {rows} rows within"
    assert line in found.text() and "error bars told a reference a day: " in found.text()
    assert line in files["html"].read_text() and line in files["markdown"].read_text()
    share = f'tinygen_monitor_covered{{model="gas"}} {inside / rows!r}'
    assert share in files["prometheus"].read_text()
    told = json.loads(json.dumps(found.plain()))["error_bars"]
    assert told["as they are"]["inside"] == inside
    assert told["told a reference a day"]["readings"] == 34


@pytest.mark.parametrize("model, log", [("gas", "bare"), ("plain", "log")])
def test_monitor_without_bars_or_references_says_nothing_of_them(made, model, log):
    folder, _ = made
    found = monitor(folder / f"{model}.json", folder / f"{log}.csv")
    assert "error bars" not in found.text() and "error_bars" not in found.plain()


def test_the_page_and_the_card_tell(made, tmp_path):
    folder, model = made
    told = model.training["error_bars"]
    page = report(folder / "gas.json", tmp_path / "gas.html", folder / "rows.csv", with_board=False)
    text = page.path.read_text(encoding="utf-8")
    share = f"{told['test']['inside'] / told['test']['rows']:.2%}"
    assert 'id="bars"' in text and share in text
    assert f"a step of {model.bars.up} up after a miss" in text
    card = markdown(gather(folder / "gas.json", folder / "rows.csv", with_board=False))
    half = f"+- {model.bars.half_width / 10:.4g} ppb"
    assert f"90% of the references should lie within its answer {half}." in card
    told = f"So many of the test rows do: {share} with the bars as they are; "
    assert told in card and "% with the bars told a reference a day." in card
    plain = gather(folder / "plain.json", with_board=False)
    assert bars_section(plain) is None and "should lie within" not in markdown(plain)
