"""Other generators' code on the simulated Uno: the one place that compiles and measures it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from goals import UNO

from tinygen.model.fixedpoint import Quantity
from tinygen.model.model import Model
from tinygen.model.operations.outside import Outside
from tinygen.target.bare import BareChip, ModelCost, measure_cost

# GCC gives no warnings in a system header: a peer's style is not what is measured.
FRAME = """#pragma GCC system_header
#ifndef PEER_H
#define PEER_H
#include <stdint.h>
#define PEER_INPUTS {inputs}
#define PEER_MODEL_ID 0UL
{code}
static inline int16_t peer_predict(const int16_t x[PEER_INPUTS])
{{
{body}
}}
#endif
"""
ROUNDED = "    return (int16_t)(y + (y < 0 ? -0.5f : 0.5f));"
# C++ warns of the option for C that stands before these
CPLUSPLUS = ("-x", "c++", "-std=gnu++11", "-Wno-error")
ROWS_TIMED = 256


@dataclass(frozen=True)
class Code:
    """What a generator wrote, and the lines that call it with `x`, raw int16 readings.

    body: C lines that end in `return`, or that leave the answer in `y`, which is then rounded.
    """

    text: str
    body: str
    options: tuple[str, ...] = ()  # of the compiler

    def header(self, inputs: int) -> str:
        """The text as a header that `BareChip` takes in place of a model's."""
        body = self.body if "return" in self.body else f"{self.body}\n{ROUNDED}"
        return FRAME.format(inputs=inputs, code=self.text, body=body)


@dataclass(frozen=True)
class Answered:
    """What the chip answers to rows, and what the code alone costs on it."""

    answers: np.ndarray  # int64 (n,)
    cost: ModelCost


def as_array(ctype: str, value: str = "x[i]") -> str:
    """C lines that copy the readings into an array `v` of another type."""
    return (
        f"    {ctype} v[PEER_INPUTS];\n    for (uint8_t i = 0; i < PEER_INPUTS; ++i) {{\n"
        f"        v[i] = {value};\n    }}\n"
    )


def listed(values) -> str:
    """Floats as the elements of a C array."""
    return ", ".join(f"{float(v):.9e}f" for v in np.ravel(values))


def run_code(
    code: Code, inputs: tuple[Quantity, ...], target: Quantity, rows: np.ndarray
) -> Answered:
    """The code on the simulated Uno: answers to all rows, cycles of the first 256. BuildError with
    the compiler's first error, DoesNotFit where the chip is too small.
    """
    limits = Outside(*zip(*(q.limits for q in inputs)))
    carrier, header = Model("peer", "peer", inputs, target, (limits,)), code.header(len(inputs))
    cost = measure_cost(carrier, UNO, rows[:ROWS_TIMED], header, code.options)
    with BareChip(carrier, UNO, header, timed=False, options=code.options) as chip:
        return Answered(chip.predict(rows), cost)


def absent(packages: set[str]) -> list[str]:
    """Those that are not installed; the compiler finds the headers of those that are."""
    missing = sorted(p for p in packages if not importlib.util.find_spec(p))
    if "emlearn" in packages and "emlearn" not in missing:
        import emlearn

        os.environ["C_INCLUDE_PATH"] = emlearn.includedir  # its code includes headers of its own
    return missing


@contextmanager
def elsewhere() -> Iterator[None]:
    """In a folder that is gone afterwards: emlearn compiles in one of the current folder."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


def version(package: str) -> str:
    return importlib.metadata.version(package)
