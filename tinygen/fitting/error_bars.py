"""Error bars for a model, and how many test rows they cover.

    with_bars(model, columns, 90, errors, dataset) -> Model

errors: of training rows that a fit of the same configuration had not seen (`held_out`). The bars
stand around the answers of the model that all training rows were fitted to: one model and one
width are what a chip has room for. That is the jackknife+ and CV+ of Barber et al. 2021 without
their worst-case guarantee, which asks for every fold's model on the chip; as stable a fit as a
tenth more rows leave alone covers what it should.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset, folds
from ..model.confidence.error_bars import Covered, ErrorBars
from ..model.model import Model
from ..model.nodes import Integers

ENOUGH = 1000  # rows: with so many the coverage is off by 0.01, one standard error, at 0.9
FOLDS = 5
LAST = 0.3  # part of the training rows, as of all rows for the test
FACT = "error_bars"  # the training fact that tells what they cover


def held_out(dataset: Dataset) -> list[tuple[Integers, Integers]]:
    """(fit, unseen) positions of training rows: in time order the last ones behind all others, else
    folds, as many as give ENOUGH unseen rows.
    """
    if dataset.split.by_time:
        cut = len(dataset.train) - round(LAST * len(dataset.train))
        return [(dataset.train[:cut], dataset.train[cut:])]
    cuts = folds(dataset, FOLDS)
    seen = np.cumsum([len(unseen) for _, unseen in cuts])
    return cuts[: 1 + int(np.searchsorted(seen, min(ENOUGH, seen[-1])))]


def with_bars(
    model: Model, columns: list[int], level: int, errors: Integers, dataset: Dataset
) -> Model:
    """The model with bars for `level` per cent; its facts tell how many of the test rows they
    cover. columns: the inputs that it uses; QuantizeError as of `ErrorBars.of`.
    """
    bars = ErrorBars.of(level, errors)
    found, test = replace(model, bars=bars), dataset.test
    told: dict[str, Any] = {"rows": len(errors)}
    if len(test):
        answers, y = found.answer(dataset.x[test][:, columns]), dataset.y[test]
        told["test"] = asdict(covered(found, answers, y))
        time = dataset.provenance.time
        if dataset.split.by_time and time is not None:
            readings = one_a_day(time[test], dataset.split.seed)
            told["followed"] = asdict(covered(found, answers, y, readings))
    return replace(found, training={**model.training, FACT: told})


def covered(
    model: Model, answers: Integers, y: Integers, readings: NDArray[np.bool_] | None = None
) -> Covered:
    """How many of n rows the model's bars cover. readings: the rows, in the order of time, whose
    reference the rule is told; None: the bar stays as it is.
    """
    bars = model.bars
    assert bars is not None, "only a model with error bars is asked what they cover"
    told = np.zeros(len(y), dtype=bool) if readings is None else readings
    half = bars.followed(answers, y, told)
    return Covered(
        len(y),
        int((np.abs(y - answers) <= half).sum()),
        int(model.band.straddled_by(answers, half).sum()),
        int(told.sum()),
        int(half.min(initial=bars.half_width)),
        int(half.max(initial=bars.half_width)),
    )


def one_a_day(time: NDArray[np.datetime64], seed: int = 0) -> NDArray[np.bool_]:
    """One row of each day, at an hour that is drawn anew every day: bool (n,) for rows in the order
    of their time. A reading that always comes at night says nothing of the errors by day.
    """
    rng, days = np.random.default_rng(seed), time.astype("datetime64[D]")
    found = np.zeros(len(time), dtype=bool)
    for day in np.unique(days[~np.isnat(days)]):
        found[rng.choice(np.flatnonzero(days == day))] = True
    return found
