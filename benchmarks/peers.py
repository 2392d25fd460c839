"""What other generators' C costs on the same rows: compiled alone, with the same options, on the
same simulated chip.

    pip install m2cgen emlearn
    TINYGEN_DATA=FOLDER python benchmarks/peers.py [--json FILE] [--text FILE]

Each peer gets a scikit-learn model of the kind it supports, fitted to raw int16 readings, as a
sensor gives them; turning these into what its code takes (float, scaled for a net) is part of the
cost. tinygen's figures of the same splits are in results/goals.txt. A peer that is not installed is
named and left out. converted.py gives each generator the same fitted estimator, and micromlgen too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from goals import TASKS, find_data
from peer_code import Code, absent, as_array, elsewhere, listed, run_code, version
from result_files import write_results
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tinygen.common.tables import table
from tinygen.data import Dataset, load_table, prepare
from tinygen.target.bare import ModelCost


@dataclass(frozen=True)
class Peer:
    """A generator and a model for it: what it is called, and the C text that it makes from training
    rows.
    """

    task: str
    package: str
    title: str
    code: Callable[[np.ndarray, np.ndarray], Code]


@dataclass(frozen=True)
class Measured:
    """A peer's model on the test rows of one split, as the simulated chip answers them."""

    peer: Peer
    version: str  # of the package
    error: float  # mean absolute, in the target's unit
    cost: ModelCost


# ---- the peers ----


def m2cgen_tree(x: np.ndarray, y: np.ndarray) -> Code:
    return _m2cgen(DecisionTreeRegressor(max_depth=8, random_state=0).fit(x, y))


def m2cgen_linear(x: np.ndarray, y: np.ndarray) -> Code:
    return _m2cgen(LinearRegression().fit(x, y))


def _m2cgen(estimator) -> Code:
    import m2cgen

    return Code(m2cgen.export_to_c(estimator), f"{as_array('double')}    double y = score(v);")


def emlearn_tree(x: np.ndarray, y: np.ndarray) -> Code:
    import emlearn

    estimator = DecisionTreeRegressor(max_depth=8, random_state=0).fit(x, y)
    converted = emlearn.convert(
        estimator, method="inline", dtype="int16_t", return_type="regressor"
    )
    text = converted.save(name="tree", format="c")
    return Code(text, "    float y = tree_predict(x, PEER_INPUTS);")


def emlearn_net(x: np.ndarray, y: np.ndarray) -> Code:
    import emlearn

    scaler, spread = StandardScaler().fit(x), y.std()
    estimator = MLPRegressor(hidden_layer_sizes=(16,), max_iter=500, random_state=0).fit(
        scaler.transform(x), y / spread
    )
    frame = (
        f"static const float mean[] = {{{listed(scaler.mean_)}}}, factor[] = "
        f"{{{listed(1 / scaler.scale_)}}};\n"
    )
    text = frame + emlearn.convert(estimator, return_type="regressor").save(name="net")
    copied = as_array("float", "(x[i] - mean[i]) * factor[i]")
    return Code(text, f"{copied}    float y = net_regress1(v, PEER_INPUTS) * {spread:.9g}f;")


PEERS = (
    Peer("A", "m2cgen", "decision tree, depth 8", m2cgen_tree),
    Peer("A", "emlearn", "decision tree, depth 8, int16", emlearn_tree),
    Peer("A", "emlearn", "net of 16 units, float", emlearn_net),
    Peer("B", "m2cgen", "linear regression, float", m2cgen_linear),
    Peer("B", "emlearn", "net of 16 units, float", emlearn_net),
    Peer("C", "emlearn", "net of 16 units, float", emlearn_net),
)


# ---- run ----


def measured(peer: Peer, dataset: Dataset) -> Measured:
    """A peer's model, fitted to the training rows, on the simulated Uno."""
    x, y = (v[dataset.train].astype(float) for v in (dataset.x, dataset.y))
    with elsewhere():
        code = peer.code(x, y)
    told = run_code(code, dataset.inputs, dataset.target, dataset.x[dataset.test])
    error = np.abs(told.answers - dataset.y[dataset.test]).mean() * dataset.target.scale
    return Measured(peer, version(peer.package), float(error), told.cost)


def as_text(results: list[Measured], missing: list[str]) -> str:
    headers = ["task", "package", "model", "error", "flash B", "static RAM B", "stack B", "cycles"]
    body = [
        [
            m.peer.task,
            f"{m.peer.package} {m.version}",
            m.peer.title,
            f"{m.error:.4g}",
            m.cost.flash_bytes,
            m.cost.ram_bytes,
            m.cost.stack_bytes,
            m.cost.cycles_max,
        ]
        for m in results
    ]
    lines = [
        table(headers, body),
        "",
        "Random split, seed 0; error: mean absolute on its test rows, as the chip answers them; "
        "cycles: the worst of 256 rows.",
    ]
    return (
        "\n".join([*lines, *(f"not measured: {name} is not installed" for name in missing)]) + "\n"
    )


def as_json(results: list[Measured]) -> str:
    plain = [
        {
            "task": m.peer.task,
            "package": m.peer.package,
            "version": m.version,
            "model": m.peer.title,
            "error": float(f"{m.error:.6g}"),
            **vars(m.cost),
        }
        for m in results
    ]
    return "[\n" + ",\n".join(map(json.dumps, plain)) + "\n]\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Other generators' C on the air-quality data, on the simulated Uno."
    )
    parser.add_argument("--json", type=Path, help="write the results as JSON")
    parser.add_argument("--text", type=Path, help="write the table as text")
    asked = parser.parse_args(arguments)
    missing = absent({p.package for p in PEERS})
    data, results = load_table(find_data()), []
    for peer in (p for p in PEERS if p.package not in missing):
        inputs, target, _ = TASKS[peer.task]
        print(f"task {peer.task}: {peer.package}, {peer.title}", file=sys.stderr)
        results.append(measured(peer, prepare(data, target, inputs=inputs, split="random", seed=0)))
    write_results(as_text(results, missing), as_json(results), asked.text, asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
