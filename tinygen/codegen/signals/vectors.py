"""A run of samples and the decision after each, for a model of signals: a table, and a self-test.

A chip has no room for the samples of some windows: it makes them as `samples` does, and keeps the
decision of each window.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice

import numpy as np

from ... import __version__
from ...common.jinja import environment
from ...model.fixedpoint import RAW_MAX
from ...model.nodes import Integers, integers
from ...model.signals import SignalModel

WINDOWS = 8  # in the run, or as many as end within MOST_SAMPLES
MOST_SAMPLES = 60_000  # which a chip counts in 16 bits
FACTOR, STEP = 1664525, 1013904223  # a generator modulo 2**32 (Numerical Recipes, 2nd ed., 7.1)
QUIETER = 3  # bits by which the noise of each hop has another size, modulo 16


def run_length(model: SignalModel) -> int:
    """Samples of the run."""
    front = model.front
    more = min(WINDOWS - 1, (MOST_SAMPLES - front.window) // front.hop)
    return front.window + more * front.hop


def samples(model: SignalModel) -> Integers:
    """int64 (samples, channels): noise around the middle of each channel, of another size in every
    hop, first beyond the accepted range.
    """
    front = model.front
    middle = np.array([(low + high) >> 1 for low, high in front.limits])
    length = run_length(model)
    noise = integers(list(islice(_noise(), length * len(middle)))).reshape(length, -1)
    shift = np.arange(length) // front.hop * QUIETER % 16
    return integers(np.clip(middle + (noise >> shift[:, None]), -RAW_MAX, RAW_MAX))


def _noise():
    """int16 values without end: the upper half of the generator's state."""
    state = 1
    for _ in count():
        state = (state * FACTOR + STEP) % 2**32
        high = state >> 16
        yield high - 2**16 if high >= 2**15 else high


def signal_vectors(model: SignalModel) -> dict[str, str]:
    """The run as a CSV file, and as a header with a self-test."""
    rows = samples(model)
    decisions = model.predict(rows)
    ends = model.windows([rows])[0].ends
    text = (
        environment("c")
        .get_template("signals/vectors.h.j2")
        .render(
            name=model.name,
            upper=model.name.upper(),
            version=__version__,
            samples=len(rows),
            hop=model.front.hop,
            quieter=QUIETER,
            factor=FACTOR,
            step=STEP,
            decisions=decisions[ends].tolist(),
        )
    )
    return {
        f"{model.name}_vectors.csv": vectors_csv(rows, decisions[:, None], ["raw"]),
        f"{model.name}_vectors.h": text,
    }


def vectors_csv(rows: Integers, answers: Integers, names: Sequence[str]) -> str:
    """Raw rows and answers as CSV text."""
    lines = [",".join([*(f"x{i}" for i in range(rows.shape[1])), *names])]
    lines += [
        ",".join(map(str, [*row, *answer])) for row, answer in zip(rows.tolist(), answers.tolist())
    ]
    return "\n".join(lines) + "\n"
