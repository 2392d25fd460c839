"""What other generators' C costs on the same rows: compiled alone, with the same options, on the
same simulated chip.

    pip install m2cgen emlearn
    TINYGEN_DATA=FOLDER python benchmarks/peers.py [--json FILE] [--text FILE]

Each peer gets a scikit-learn model of the kind it supports, fitted to raw int16 readings, as a
sensor gives them; turning these into what its code takes (float, scaled for a net) is part of the
cost. tinygen's figures of the same splits are in results/goals.txt. A peer that is not installed is
named and left out. Not measured: micromlgen, whose C++ tree is the same chain of float comparisons
as m2cgen's.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from goals import TASKS, UNO, find_data
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tinygen.common.tables import table
from tinygen.data import Dataset, load_table, prepare
from tinygen.model.model import Model
from tinygen.model.operations.outside import Outside
from tinygen.target.bare import BareChip, ModelCost, measure_cost

# GCC gives no warnings in a system header: a peer's style is not what is measured.
HEADER = """#pragma GCC system_header
#ifndef PEER_H
#define PEER_H
#include <stdint.h>
#define PEER_INPUTS {inputs}
#define PEER_MODEL_ID 0UL
{code}
static inline int16_t peer_predict(const int16_t x[PEER_INPUTS])
{{
{body}
    return (int16_t)(y + (y < 0 ? -0.5f : 0.5f));
}}
#endif
"""
AS_FLOATS = (
    "    {type} v[PEER_INPUTS];\n    for (uint8_t i = 0; i < PEER_INPUTS; ++i) {{\n        v[i] "
    "= {value};\n    }}\n"
)


@dataclass(frozen=True)
class Peer:
    """A generator and a model for it: what it is called, and the C text that it makes from training
    rows.
    """

    task: str
    package: str
    title: str
    header: Callable[[np.ndarray, np.ndarray], str]


@dataclass(frozen=True)
class Measured:
    """A peer's model on the test rows of one split, as the simulated chip answers them."""

    peer: Peer
    version: str  # of the package
    error: float  # mean absolute, in the target's unit
    cost: ModelCost


# ---- the peers ----


def m2cgen_tree(x: np.ndarray, y: np.ndarray) -> str:
    return _m2cgen(DecisionTreeRegressor(max_depth=8, random_state=0).fit(x, y), x.shape[1])


def m2cgen_linear(x: np.ndarray, y: np.ndarray) -> str:
    return _m2cgen(LinearRegression().fit(x, y), x.shape[1])


def _m2cgen(estimator, inputs: int) -> str:
    import m2cgen

    body = AS_FLOATS.format(type="double", value="x[i]") + "    double y = score(v);"
    return HEADER.format(inputs=inputs, code=m2cgen.export_to_c(estimator), body=body)


def emlearn_tree(x: np.ndarray, y: np.ndarray) -> str:
    import emlearn

    estimator = DecisionTreeRegressor(max_depth=8, random_state=0).fit(x, y)
    converted = emlearn.convert(
        estimator, method="inline", dtype="int16_t", return_type="regressor"
    )
    return HEADER.format(
        inputs=x.shape[1],
        code=converted.save(name="tree", format="c"),
        body="    float y = tree_predict(x, PEER_INPUTS);",
    )


def emlearn_net(x: np.ndarray, y: np.ndarray) -> str:
    import emlearn

    scaler, spread = StandardScaler().fit(x), y.std()
    estimator = MLPRegressor(hidden_layer_sizes=(16,), max_iter=500, random_state=0).fit(
        scaler.transform(x), y / spread
    )
    frame = (
        f"static const float mean[] = {{{_listed(scaler.mean_)}}}, factor[] = "
        f"{{{_listed(1 / scaler.scale_)}}};\n"
    )
    body = (
        AS_FLOATS.format(type="float", value="(x[i] - mean[i]) * factor[i]")
        + f"    float y = net_regress1(v, PEER_INPUTS) * {spread:.9g}f;"
    )
    return HEADER.format(
        inputs=x.shape[1], code=frame + emlearn.convert(estimator).save(name="net"), body=body
    )


def _listed(values) -> str:
    return ", ".join(f"{float(v):.9e}f" for v in values)


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
    header = peer.header(
        dataset.x[dataset.train].astype(float), dataset.y[dataset.train].astype(float)
    )
    carrier = Model(
        "peer",
        "peer",
        dataset.inputs,
        dataset.target,
        (Outside(*zip(*(q.limits for q in dataset.inputs))),),
    )
    rows = dataset.x[dataset.test]
    with BareChip(carrier, UNO, header) as chip:
        error = np.abs(chip.predict(rows) - dataset.y[dataset.test]).mean() * dataset.target.scale
    return Measured(
        peer,
        importlib.metadata.version(peer.package),
        float(error),
        measure_cost(carrier, UNO, rows[:256], header),
    )


def as_text(results: list[Measured], absent: list[str]) -> str:
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
        "\n".join([*lines, *(f"not measured: {name} is not installed" for name in absent)]) + "\n"
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
    absent = sorted({p.package for p in PEERS if not importlib.util.find_spec(p.package)})
    if "emlearn" not in absent:
        import emlearn

        os.environ["C_INCLUDE_PATH"] = emlearn.includedir  # its code includes headers of its own
    data, results = load_table(find_data()), []
    for peer in (p for p in PEERS if p.package not in absent):
        inputs, target, _ = TASKS[peer.task]
        print(f"task {peer.task}: {peer.package}, {peer.title}", file=sys.stderr)
        results.append(measured(peer, prepare(data, target, inputs=inputs, split="random", seed=0)))
    print(as_text(results, absent), end="")
    for path, text in ((asked.json, as_json(results)), (asked.text, as_text(results, absent))):
        if path:
            path.write_text(text, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
