"""How far the emitted code is from what an AVR's instructions allow.

A sum of products takes, for each pair of a weight's and an input's byte, a multiplication of two
cycles, two additions and one more for each byte of the sum above; a weight from flash three cycles
a byte (LPM), an input from RAM two (LD). That is a floor for products one after the other, with
nothing around them: no loop, no sign extension, no scaling of inputs, no rounding of the sum. A
kernel that uses a loaded input for several units comes below `loaded`, never below `held`. A split
of a tree takes the comparison of a 16-bit input with a constant and a branch that is taken every
other time: SUBI, SBCI and BRGE, two LDD before them; from registers that keep the input CPI, LDI,
CPC. (Cycles: AVR instruction set manual, AVRe+ with 16-bit PC.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygen.model.model import Model
from tinygen.model.operations.argmax import Trees
from tinygen.model.operations.dense import Dense
from tinygen.model.operations.forest import Forest
from tinygen.model.operations.quantized import QuantizedDense

MUL, ADD, LPM, LD = 2, 1, 3, 2
BRANCH = 1.5  # one where it is not taken, two where it is
SPLIT_LOADED, SPLIT_HELD = 2 * LD + 2 + BRANCH, 3 + BRANCH


@dataclass(frozen=True)
class Limit:
    """What a model's answer has to do, and the cycles that this takes at least."""

    weights: int = 0
    splits: float = 0.0  # on average over rows
    loaded: float = 0.0  # cycles, operands from flash and RAM
    held: float = 0.0  # cycles, operands in registers

    def __add__(self, other: Limit) -> Limit:
        return Limit(*(a + b for a, b in zip(vars(self).values(), vars(other).values())))


def product_cycles(weight_bytes: int, input_bytes: int, sum_bytes: int) -> tuple[int, int]:
    """Least cycles of one product and its addition: operands loaded, operands held."""
    held = 0
    for low in (w + x for w in range(weight_bytes) for x in range(input_bytes)):
        above = max(sum_bytes - low - 2, 0)
        held += MUL + 2 * ADD + above * ADD
    return held + LPM * weight_bytes + LD * input_bytes, held


def limit_of(model: Model, rows: np.ndarray) -> Limit:
    """Of an answer to one of the raw rows."""
    found, values = Limit(), model.saturate(rows)[0]
    proven = model.bounds
    for k, node in enumerate(model.nodes):
        if isinstance(node, (Dense, QuantizedDense)):
            source = proven[k - 1].c_type if k else "int16_t"
            found += _products(node, 1 if "8" in source else 2, proven[k].acc_bits // 8)
        elif isinstance(node, (Forest, Trees)):
            asked = splits_asked(node, values)
            found += Limit(0, asked, asked * SPLIT_LOADED, asked * SPLIT_HELD)
        values = node.apply(values)
    return found


def _products(node: Dense | QuantizedDense, input_bytes: int, sum_bytes: int) -> Limit:
    weights = [w for row in node.weights for w in row]
    wide = 1 if all(abs(w) <= 127 for w in weights) else 2
    loaded, held = product_cycles(wide, input_bytes, sum_bytes)
    return Limit(len(weights), 0.0, len(weights) * loaded, len(weights) * held)


def splits_asked(node: Forest | Trees, values: np.ndarray) -> float:
    """Splits that the answer to a row asks, on average."""
    splits, asked = np.array(node.splits, dtype=np.int64).reshape(-1, 4), 0
    for root in node.roots:
        at = np.full(len(values), root)
        while (inner := np.flatnonzero(at >= 0)).size:
            asked += inner.size
            split = splits[at[inner]]
            left = values[inner, split[:, 0]] <= split[:, 1]
            at[inner] = np.where(left, split[:, 2], split[:, 3])
    return asked / len(values)
