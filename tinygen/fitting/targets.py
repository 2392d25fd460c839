"""One fit for each of several targets, put side by side in one model.

Each target has the family and the size that serve it best, and reads the inputs that it needs. An
output that a program does not ask for takes no flash, and kernels that two outputs share are there
once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array

from ..common.errors import UsageError
from ..model.model import MAX_VALUES, Model
from ..model.outputs import side_by_side


def fit_each(estimator: Any, X: Any, Y: Any, sample_weight: Any) -> list[Any]:
    """A fitted copy of the estimator for each column of Y (n, k). Each has an equal part of the
    flash and of the cycles, since outputs lie and run one after the other; the alarm is the first
    one's.
    """
    names = [str(name) for name in getattr(Y, "columns", ())]
    Y = check_array(Y, dtype=np.float64)
    outputs = Y.shape[1]
    if outputs > MAX_VALUES:
        raise UsageError(f"{outputs} targets: at most {MAX_VALUES} fit one answer")
    parts = {
        name: limit and limit // outputs
        for name in ("max_flash", "max_cycles")
        if (limit := getattr(estimator, name)) is not None
    }
    found = []
    for k, column in enumerate(Y.T):
        one = clone(estimator).set_params(**parts)
        if k:
            one.set_params(threshold=None, alarm_below=None)
        one.fit(X, column, sample_weight)
        name = names[k] if names else f"y{k}"
        one.model_ = replace(one.model_, output=replace(one.model_.output, name=name))
        found.append(one)
    return found


def joined(fits: list[Any]) -> tuple[Model, tuple[int, ...]]:
    """The model of all outputs, and which columns of X it reads."""
    known = {c: q for one in fits for c, q in zip(one.columns_, one.model_.inputs)}
    columns = tuple(sorted(known))
    return side_by_side([one.model_ for one in fits], [known[c] for c in columns]), columns
