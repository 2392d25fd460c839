"""Several targets through the whole route: one command to the model, its rows, its board."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from servo_rows import servo

from tinygen import cli
from tinygen.commands._options import Selection
from tinygen.commands._spec import defaults
from tinygen.commands.explain import explain
from tinygen.commands.predict import predict
from tinygen.commands.stream import stream
from tinygen.commands.train import TrainRequest, train
from tinygen.common.boards import BOARDS
from tinygen.common.errors import UsageError
from tinygen.common.files import ladder_path
from tinygen.data import load_table, prepare
from tinygen.model.fixedpoint import MISSING
from tinygen.model.model import load
from tinygen.search import comparators, several
from tinygen.search.ladder import load_ladders
from tinygen.target import build as building
from tinygen.target.bare import ModelCost
from tinygen.target.build import Budget

TRAIN = "train rows.csv --target pan --target tilt --family ridge -o head.json"


@pytest.fixture(scope="module")
def head(simavr, tmp_path_factory):
    """The trained model of a camera head, and where it lies."""
    folder = tmp_path_factory.mktemp("head")
    (folder / "rows.csv").write_text(servo())
    rows = Selection(folder / "rows.csv", "pan", beside=("tilt",))
    request = TrainRequest(rows, folder / "head.json", "ridge", 100.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparators, "compare", lambda *rows: ())  # seconds of large models
        found = train(request)
    return SimpleNamespace(folder=folder, found=found, path=folder / "head.json")


@pytest.fixture
def at_rows(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text(servo())
    monkeypatch.chdir(tmp_path)


def test_each_target_has_the_model_that_it_has_alone(head, tmp_path):
    pan, tilt = load(head.path).singles
    rows = Selection(head.folder / "rows.csv", "tilt", drop=("pan",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparators, "compare", lambda *rows: ())
        alone = train(TrainRequest(rows, tmp_path / "tilt.json", "ridge")).model
    assert (alone.nodes, alone.inputs) == (tilt.nodes, tilt.inputs)
    assert alone.training["metrics"] == tilt.training["metrics"]
    assert pan.threshold == 1000 and tilt.threshold is None
    assert "beside" not in alone.training and tilt.training["beside"] == ["pan"]


def test_rows_split_and_inputs_are_those_of_all_targets(tmp_path):
    lines = servo().splitlines()
    lines[7] = lines[7].rpartition(",")[0] + ","  # no tilt
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    table = load_table(tmp_path / "rows.csv")
    for kind in ("random", "time"):
        pan = prepare(table, "pan", split=kind, beside=["tilt"])
        tilt = prepare(table, "tilt", split=kind, beside=["pan"])
        assert pan.inputs == tilt.inputs and np.array_equal(pan.x, tilt.x) and len(pan.x) == 239
        assert [q.name for q in pan.inputs] == ["left", "right", "top", "temp"]
        for side in ("train", "test"):
            assert np.array_equal(getattr(pan, side), getattr(tilt, side))


def test_the_board_answers_all_targets(head, monkeypatch):
    """Twin, file and simulated Uno give the same integers for every row; LEDs follow the first."""
    monkeypatch.setattr(building, "measure_firmware", lambda *arguments: None)
    out = head.folder / "answers.csv"
    told = stream(head.path, head.folder / "rows.csv", "sim", out=out)
    assert told.good and told.verdict.rows == 240 and told.verdict.red > 0
    twin = predict(head.path, head.folder / "rows.csv", None)
    assert [reply.result.prediction for reply in told.replies] == twin.raw.tolist()
    assert [reply.result.more for reply in told.replies] == list(map(tuple, twin.more.tolist()))
    assert "pan 28.7 deg .. 148.8 deg, tilt 23.9" in twin.text()
    assert not (twin.raw == MISSING).any() and len(set(twin.more[:, 0].tolist())) > 100
    assert out.read_text().splitlines()[0].endswith(",raw tilt")


def test_explain_takes_each_output_apart(head):
    """The parts of a row add up to what each output answers, as for models of one output."""
    found = explain(head.path, head.folder / "rows.csv", row=9)
    answers = predict(head.path, head.folder / "rows.csv", None)
    raw = [answers.raw[7], answers.more[7, 0]]
    assert [one.row.answer for one in found.each] == raw
    for one in found.each:
        assert one.row.base + sum(c.value for c in one.row.contributions) == one.row.answer
        assert one.background == "training rows of rows.csv"
    assert max(found.each[1].sensitivities, key=lambda s: s.share).name == "top"
    assert found.text().count("output 2 of 2: tilt") == 1
    assert list(found.plain()["outputs"]) == ["pan", "tilt"]
    assert len(explain(head.path).each) == 2


def test_what_is_said_and_kept(head):
    text, model = head.found.text(), head.found.model
    cost = model.training["together"]
    for words in (
        "2 outputs, inputs left, right, top, temp",
        f"together {cost['flash_bytes']} bytes of flash",
        "alarm    of pan alone, the first target",
        "output   1 of 2: pan, by ridge",
        "output   2 of 2: tilt, by ridge",
    ):
        assert words in text
    plain = json.loads(json.dumps(head.found.plain()))
    assert [one["name"] for one in plain["outputs"]] == ["pan", "tilt"]
    assert all(one["verdict"]["sentence"] in text for one in plain["outputs"])
    ladders = load_ladders(ladder_path(head.path))
    assert several.Joined(ladders, head.found.joined.cost).model == model == load(head.path)
    assert model.training["together"]["flash_bytes"] >= max(
        ladder.rungs[ladder.chosen].cost.flash_bytes for ladder in ladders
    )


REFUSED = {
    "--target pan": "column 'pan' is named twice as a target",
    "--inputs left,tilt": "column 'tilt' is a target and an input",
    "--drop tilt": "column 'tilt' is a target",
    "--categories tilt": "column 'tilt' is a target",
    "--max-inputs 2": "--max-inputs ranks the inputs for one target",
    "--reject 0.1": "reject is for classes, the target 'pan' is a number",
    "--task classification": "target 'pan' holds classes",
    "--target wind": "rows.csv has no column 'wind'",
    "--max-flash 300": "pan, tilt together need",
}


@pytest.mark.parametrize("options", [o for o in REFUSED if "flash" not in o])
def test_what_makes_no_sense_is_one_line(options, run, at_rows, tmp_path):
    told = run(f"{TRAIN} {options}")
    assert told.code == 2 and not told.out and len(told.err.splitlines()) == 1
    assert REFUSED[options] in told.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.csv"]


def test_distil_and_pick_ask_for_one_target(head, run, at_rows, tmp_path):
    told = run("distil rows.csv --teacher forest --target pan --target tilt -o m.json")
    assert told.code == 2 and "distil takes one" in told.err
    ladders = ladder_path(head.path)
    told = run(f"pick {ladders} 1 -o other.json")
    assert told.code == 2 and "no --target says whose rung: one of 'pan', 'tilt'" in told.err
    told = run(f"pick {ladders} 1 --target roll -o other.json")
    assert told.code == 2 and "there is no target 'roll'" in told.err
    assert run(f"pick {ladders} 1 --target tilt -o other.json").code == 0
    assert load(tmp_path / "other.json") == replace(
        load(head.path), name=load(tmp_path / "other.json").name
    )


def test_the_spec_file_names_several(run, at_rows, tmp_path):
    (tmp_path / "tinygen.toml").write_text('data = "rows.csv"\ntarget = ["pan", "tilt"]\n')
    for name in ("train", "data", "convert"):
        given = defaults(cli.main.commands[name], tmp_path / "tinygen.toml")
        assert given["target"] == ["pan", "tilt"]
    watched = defaults(cli.main.commands["guard"], tmp_path / "tinygen.toml")
    assert watched["drop"] == ["pan", "tilt"]  # a guard watches inputs only
    assert "column 'pan' is named twice" in run("train --target pan --target pan -o m.json").err
    (tmp_path / "tinygen.toml").write_text("target = [3]\n")
    told = run("train rows.csv -o m.json")
    assert told.code == 2 and "target[0] is 3: expected" in told.err


# ---- the budget ----


def cost(flash, cycles=10, ram=0, stack=5):
    return ModelCost(flash, ram, stack, cycles, cycles)


def test_each_may_have_an_equal_part_of_what_is_left():
    whole = Budget(300, 60, 900)
    assert several.share(whole, [], 3) == Budget(100, 60, 300)
    assert several.share(whole, [cost(40, 500, 8)], 2) == Budget(130, 52, 200)
    assert several.share(whole, [cost(400, 1000, 70)], 1) == Budget(0, 0, 0)
    assert several.share(Budget(), [cost(40)], 1) == Budget()


def test_what_calling_the_outputs_costs_is_taken_off(head, monkeypatch):
    """`within` asks again for less by what all outputs together are over, and gives up in words."""
    model, asked = head.found.model, []

    def make(budget):
        asked.append(budget.flash_bytes)
        if budget.flash_bytes < 80:
            raise UsageError("nothing so small")
        return budget.flash_bytes, model

    monkeypatch.setattr(several, "measure_cost", lambda *_: cost(asked[-1] + 12))
    assert several.within(Budget(100), BOARDS["uno"], make)[0] == 88 and asked == [100, 88]
    with pytest.raises(UsageError, match=r"pan, tilt together need 97 bytes of .* is 85 bytes"):
        several.within(Budget(85), BOARDS["uno"], make)
    with pytest.raises(UsageError, match="nothing so small"):
        several.within(Budget(70), BOARDS["uno"], make)


def test_the_first_that_fits_no_part_takes_the_smallest(head):
    """Each in turn: the best within its part, else the smallest within all that is left."""
    pan, tilt = (ladder.rungs[0] for ladder in head.found.joined.ladders)
    small, large = (
        replace(pan, cost=cost(flash), error=error) for flash, error in ((90, 2.0), (120, 1.0))
    )
    dataset = prepare(load_table(head.folder / "rows.csv"), "pan", beside=["tilt"])
    found = [
        several.Searched(dataset, None, [], [large, small]),
        several.Searched(dataset, None, [], [replace(tilt, cost=cost(40))]),
    ]
    chosen = lambda flash: [r.cost.flash_bytes for r in several._chosen(found, Budget(flash), 2)]
    assert chosen(240) == [120, 40] and chosen(200) == [90, 40] and chosen(150) == [90, 40]
    with pytest.raises(UsageError, match="'pan', behind the targets before it: none of 1 finalist"):
        chosen(125)
