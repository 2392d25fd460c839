"""What forests take at least on an AVR as compare-and-branch code: figures for README.md.

    python benchmarks/tree_limits.py [--sets wine,breast_cancer]

An instruction set's limit, not a program: trees one after the other, every split a comparison of a
16-bit input and a branch that is not taken, inputs in up to 30 registers that nobody has to save,
the best leaf of each tree for nothing, no call and no end. Of the bytes and of the cycles each is
found alone, so that one program may well reach neither.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable

import numpy as np
from converted_models import SETS, fitted_models

import tinygen
from tinygen.common.arithmetic import pin
from tinygen.common.tables import table
from tinygen.model.model import Model
from tinygen.model.operations.forest import Forest

REGISTERS = 30
BYTE = 254  # limits so close together that one byte of an input tells them apart
LOAD = 4  # cycles and bytes of both bytes of an input
# bytes and cycles of a split: both bytes loaded for it, in two registers, in one
MEMORY, TWO, ONE = (10, 7), (6, 3), (4, 2)
ADD, VOTE, JUMP = 4, 2, 2  # bytes of a leaf's sum, of its vote, of the jump behind it
PER_BYTE = 18  # cycles of a split that is read from flash: LPM takes 3 for each of 3 bytes


def least(model: Model, rows: np.ndarray) -> tuple[int, int, int]:
    """(bytes, cycles of the worst row, splits of the row that asks most)."""
    node = model.nodes[0]
    assert isinstance(node, Forest)
    limits: dict[int, list[int]] = {}
    for source, limit, *_ in node.splits:
        limits.setdefault(source, []).append(limit)
    asked = {source: len(found) for source, found in limits.items()}
    ways = [_asked(node, row) for row in rows.tolist()]
    cycles = max(_least(limits, way, 1) for way in ways)
    return (
        _least(limits, asked, 0) + _leaf_bytes(node),
        cycles,
        max(sum(way.values()) for way in ways),
    )


def _asked(node: Forest, row: list[int]) -> Counter[int]:
    """How often a row's way asks for each input."""
    found: Counter[int] = Counter()
    for at in node.roots:
        while at >= 0:
            source, limit, left, right = node.splits[at]
            found[source] += 1
            at = left if row[source] <= limit else right
    return found


def _least(limits: dict[int, list[int]], asked: dict[int, int], which: int) -> int:
    """Bytes (0) or cycles (1) of splits, with the inputs in registers where that takes least."""
    best = [0] * (REGISTERS + 1)  # by registers that may be taken
    for source, number in asked.items():
        close = max(limits[source]) - min(limits[source]) <= BYTE
        ways = [(0, MEMORY[which] * number), (2, LOAD + TWO[which] * number)]
        ways += [(1, LOAD + ONE[which] * number)] if close else []
        best = [
            min(best[room - taken] + cost for taken, cost in ways if taken <= room)
            for room in range(REGISTERS + 1)
        ]
    return best[-1]


def _leaf_bytes(node: Forest) -> int:
    """Of the different leaves of each tree but one, and the jumps behind all but one of these."""
    least_leaf = VOTE if len(node.bias) > 1 else ADD
    counts = [len(set(_leaves(node, root))) - 1 for root in node.roots]
    return sum(least_leaf * n + JUMP * max(n - 1, 0) for n in counts)


def _leaves(node: Forest, at: int) -> Iterable[tuple[int, ...]]:
    if at < 0:
        yield node.leaves[-1 - at]
        return
    for side in node.splits[at][2:]:
        yield from _leaves(node, side)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Least bytes and cycles of forests as branches.")
    parser.add_argument("--sets", default="wine,breast_cancer", help="which, by commas")
    body = []
    for name in parser.parse_args(arguments).sets.split(","):
        (fitted,) = fitted_models(SETS[name], ["forest"])
        rows = fitted.training_rows
        scales = [1.0] * rows.shape[1]
        model = tinygen.convert(fitted.original, rows, fitted.training_targets, input_scales=scales)
        asked = fitted.rows[:, [int(q.name[1:]) for q in model.inputs]]
        code_bytes, cycles, splits = least(model, asked)
        body.append(
            [name, len(model.nodes[0].splits), splits, code_bytes, cycles, PER_BYTE * splits]
        )
    headers = ["set", "splits", "of a row", "least bytes", "least cycles", "cycles as bytes"]
    print(table(headers, body))
    return 0


if __name__ == "__main__":
    pin()
    sys.exit(main())
