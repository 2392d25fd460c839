"""scikit-learn's four small sets on both chips: the twin, the host's C and the simulated board
answer every test row alike.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from host_c import compile_header, run_rows
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tinygen.common.boards import BOARDS
from tinygen.data import prepare
from tinygen.families import FAMILIES
from tinygen.search.cross_validation import Trained
from tinygen.search.guard import guard
from tinygen.search.quantization import quantize
from tinygen.target.bare import BareChip

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from sklearn_sets import TARGET, csv_table

# what the benchmark's search chooses, by and large; and every other family that can do it, on one
# set
CHOICES = [
    ("diabetes", "ridge"),
    ("wine", "logistic"),
    ("breast_cancer", "logistic"),
    ("digits", "mlp_classifier"),
    ("digits", "logistic"),
    ("diabetes", "tree"),
    ("diabetes", "forest"),
    ("wine", "tree"),
    ("wine", "forest"),
    ("breast_cancer", "forest"),
]
CHIPS = ("uno", "megaatmega2560")


@pytest.fixture(scope="module")
def chosen():
    """`chosen(set, family)`: the integer model of a family's middle candidate, its dataset, and its
    raw test rows.
    """
    datasets, made = {}, {}

    def make(name: str, family: str):
        if name not in datasets:
            datasets[name] = prepare(csv_table(name), TARGET)
        if (name, family) not in made:
            dataset, kind = datasets[name], FAMILIES[family]
            candidates = kind.candidates(dataset.training)
            config = candidates[len(candidates) // 2]
            trained = Trained(kind, config, kind.fit_all(dataset.training, [config], 0)[0])
            made[name, family] = (
                quantize(trained, dataset, "m"),
                dataset,
                dataset.x[dataset.test][:, list(trained.fitted.columns)],
            )
        return made[name, family]

    return make


@pytest.mark.parametrize("board", CHIPS)
@pytest.mark.parametrize("name, family", CHOICES)
def test_chip_and_host_answer_every_test_row_as_the_twin(
    name, family, board, chosen, simavr, tmp_path
):
    model, _, rows = chosen(name, family)
    twin = model.predict(rows)
    assert (run_rows(compile_header(model, tmp_path), rows) == twin).all()
    with BareChip(model, BOARDS[board], timed=False) as chip:
        assert (chip.predict(rows) == twin).all()


@pytest.mark.parametrize("family", ["box", "mahalanobis"])
def test_guards_on_the_chip(family, chosen, simavr):
    _, dataset, _ = chosen("wine", "logistic")
    model = guard(dataset.x[dataset.train], dataset.inputs, family, 0.01)
    rows = np.vstack([dataset.x[dataset.test], model.sample_rows(100)])
    with BareChip(model, BOARDS["uno"], timed=False) as chip:
        assert (chip.predict(rows) == model.predict(rows)).all()


def test_a_changed_weight_is_seen_on_the_chip(chosen, simavr):
    model, _, rows = chosen("digits", "logistic")
    dense = model.nodes[1]
    bias = (dense.bias[0] + 20_000, *dense.bias[1:])
    changed = replace(model, nodes=(model.nodes[0], replace(dense, bias=bias), model.nodes[2]))
    with BareChip(changed, BOARDS["uno"]) as chip:
        assert (chip.predict(rows) != model.predict(rows)).any()


@pytest.mark.parametrize("name, family", CHOICES[:4])
def test_as_good_as_a_float_model_of_the_same_kind(name, family, chosen):
    model, dataset, rows = chosen(name, family)
    x, test = dataset.x[dataset.train].astype(float), dataset.x[dataset.test].astype(float)
    peer = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=2000) if dataset.labels else Ridge(1.0)
    )
    answers, y = (
        np.floor(peer.fit(x, dataset.y[dataset.train]).predict(test) + 0.5),
        dataset.y[dataset.test],
    )
    if dataset.labels:
        assert (model.answer(rows) != y).mean() <= (answers != y).mean() + 0.02
    else:
        assert np.abs(model.answer(rows) - y).mean() <= 1.02 * np.abs(answers - y).mean()
